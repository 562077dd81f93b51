"""PNG and APNG: what they tell, and how they are written without it."""

from library.processing.metadata.families.png.cleaning import clean
from library.processing.metadata.families.png.listing import MAX_BLOCKS, blocks

__all__ = ["MAX_BLOCKS", "blocks", "clean"]
