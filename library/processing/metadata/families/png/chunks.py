"""The chunks of a PNG that may stay, where they may stand, and how long they are (W3C PNG, third edition)."""

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.png.stream import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
)

SIZES = {
    b"IHDR": 13,
    b"IEND": 0,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"cICP": 4,
    b"acTL": 8,
    b"fcTL": 26,
    **dict.fromkeys((b"mDCV", b"mDCv"), 24),
    **dict.fromkeys((b"cLLI", b"cLLi"), 8),
}

SIZES_BY_COLOR = {
    b"sBIT": {GRAY: 1, RGB: 3, PALETTE: 3, GRAY_ALPHA: 2, RGB_ALPHA: 4},
    b"bKGD": {GRAY: 2, RGB: 6, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 6},
    b"tRNS": {GRAY: 2, RGB: 6},
}

BEFORE_PALETTE = frozenset(
    (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi")
)

BEHIND_PALETTE = frozenset((b"tRNS", b"bKGD", b"hIST"))
BEFORE_PIXELS = BEFORE_PALETTE | BEHIND_PALETTE | {b"PLTE", b"pHYs", b"acTL"}
CODED = frozenset((b"IDAT", b"fdAT"))
KEPT = BEFORE_PIXELS | CODED | {b"IHDR", b"fcTL", b"IEND"}


def content_of(data: FileWindow, part: Part, most: int) -> bytes:
    """Return a chunk's content, at most so much of it."""
    return data[part.start : min(part.stop, part.start + most)]
