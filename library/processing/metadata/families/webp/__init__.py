"""WebP, still and moving: what it tells, and how it is written without that."""

from library.processing.metadata.families.webp.cleaning import clean
from library.processing.metadata.families.webp.listing import blocks

__all__ = ["blocks", "clean"]
