"""JPEG and what is built on it: what it tells, and how it is written without that."""

from library.processing.metadata.families.jpeg.cleaning import clean
from library.processing.metadata.families.jpeg.listing import blocks

__all__ = ["blocks", "clean"]
