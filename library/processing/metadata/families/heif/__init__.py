"""HEIC, HEIF and AVIF: what they tell, and how they are written without it."""

from library.processing.metadata.families.heif.cleaning import clean
from library.processing.metadata.families.heif.listing import blocks

__all__ = ["blocks", "clean"]
