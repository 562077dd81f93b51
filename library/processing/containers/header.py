"""What a file's own header says, read by bytes alone, without a decoder.

Each reader walks the parts of its format up to the end of the picture, so it also finds files
that were cut short. What follows the end (motion photos, trailers, padding) is not looked at.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from library.processing.containers import boxes, gif, jpeg, png, webp
from library.processing.containers.values import CUT_SHORT, DAMAGED, Header
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError
from library.processing.values import Format

_READERS: dict[str, Callable[[FileWindow], Header]] = {
    "jpeg": jpeg.read_header,
    "png": png.read_header,
    "webp": webp.read_header,
    "gif": gif.read_header,
    "heic": boxes.read_header,
    "avif": boxes.read_header,
    "mp4": boxes.read_movie_header,
    "mov": boxes.read_movie_header,
}
_SIZED = frozenset(("jpeg", "png", "webp", "gif"))


def read_header(path: Path, form: Format) -> Header:
    """Read a photo's or video's structure; `complete` tells whether its end is there.

    Raises:
        DamagedMediaError: there is no picture size in it, or no end to its parts.
    """
    with FileWindow(path) as data:
        try:
            header = _READERS[form.name](data)
        except (struct.error, IndexError):  # a part that ends before its own fields
            raise DamagedMediaError(DAMAGED) from None
    if form.name in _SIZED and header.width_px * header.height_px == 0:
        raise DamagedMediaError(DAMAGED)
    return header


def check_complete(path: Path, form: Format) -> None:
    """Check that a file of this format is not cut short; nothing is decoded.

    Raises:
        DamagedMediaError: its end is missing.
    """
    if not read_header(path, form).complete:
        raise DamagedMediaError(CUT_SHORT)
