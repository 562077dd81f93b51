"""The box structure of HEIC, AVIF, MP4 and MOV files (ISO/IEC 14496-12, 23008-12), by bytes alone.

Every count and length comes from the file, so each is checked against what is there.
"""

import struct
from collections.abc import Iterator

from library.processing.containers.values import Header, Part
from library.processing.containers.window import FileWindow

MAX_BOXES = 250_000  # on one level; what lies behind them is not looked at

_KIND_BYTES = bytes((*range(0x20, 0x7F), 0xA9))  # what a box's name is made of
# A box of these kinds must lie in the file whole; anything else at the end may be a trailer.
_ESSENTIAL = frozenset((b"ftyp", b"mdat", b"meta", b"moov", b"moof"))
# The four rotating numbers of a display matrix, as the EXIF orientation that does the same.
_TURNS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def parts(data: FileWindow, start: int, end: int) -> Iterator[Part]:
    """Yield the boxes between two offsets; a box may claim to end after `end`.

    Stops without complaint where no box header follows (padding, trailers, junk).
    """
    at = start
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        size, kind = data.unpack(">I4s", at)
        content = at + 8
        if size == 1 and at + 16 <= end:
            (size,) = data.unpack(">Q", content)
            content = at + 16
        stop = end if size == 0 else at + size
        if stop < content or kind.translate(None, _KIND_BYTES):
            return
        yield Part(kind, at, content, stop, stop)
        at = stop


def read_header(data: FileWindow) -> Header:
    """Read what a HEIC or AVIF picture's boxes tell; size and frames are their decoder's to tell."""
    return Header(
        duration_ms=track_duration_ms(data),
        largest=largest_picture_pixels(data),
        complete=is_complete(data, needed=frozenset((b"meta", b"moov"))),
    )


def read_movie_header(data: FileWindow) -> Header:
    """Tell whether a MP4 or MOV is whole; everything else is its demuxer's to tell."""
    return Header(complete=is_complete(data, needed=frozenset((b"moov",))))


def is_complete(data: FileWindow, *, needed: frozenset[bytes]) -> bool:
    """Tell whether the file holds its boxes whole, and at least one of those that it needs."""
    seen = set()
    for box in parts(data, 0, len(data)):
        if box.end > len(data):
            if box.kind in _ESSENTIAL:
                return False
            break
        seen.add(box.kind)
    return not seen.isdisjoint(needed)


def largest_picture_pixels(data: FileWindow) -> int:
    """Return the pixels of the largest picture that a HEIC or AVIF file declares."""
    return max(
        (
            int.from_bytes(data[box.start + 4 : box.start + 8], "big")
            * int.from_bytes(data[box.start + 8 : box.start + 12], "big")
            for box in _find(data, (b"meta", b"iprp", b"ipco", b"ispe"))
        ),
        default=0,
    )


def track_duration_ms(data: FileWindow) -> int | None:
    """Return how long the first track plays, as its media header says (`mvhd` counts repeats)."""
    for box in _find(data, (b"moov", b"trak", b"mdia", b"mdhd")):
        form, at = (">IQ", 20) if data[box.start] == 1 else (">II", 12)
        if box.start + at + struct.calcsize(form) <= box.end:
            scale, duration = data.unpack(form, box.start + at)
            unknown = duration >= (1 << 64) - 1 or (form == ">II" and duration == (1 << 32) - 1)
            return None if unknown or not scale else round(1000 * duration / scale)
    return None


def track_orientation(data: FileWindow, track_id: int) -> int:
    """Return how a track is to be turned, as an EXIF orientation; odd angles count as upright."""
    for box in _find(data, (b"moov", b"trak", b"tkhd")):
        late = 12 if data[box.start] == 1 else 0  # version 1 has three 64-bit times
        if box.start + 76 + late > box.end:
            continue
        (found,) = data.unpack(">I", box.start + 12 + (8 if late else 0))
        if found == track_id:
            a, b, _, c, d = data.unpack(">5i", box.start + 40 + late)
            return _TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)), 1)
    return 1


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _find(data: FileWindow, route: tuple[bytes, ...]) -> Iterator[Part]:
    """Yield the boxes at the end of a route of kinds, each whole within its parent."""
    level = [Part(b"", 0, 0, len(data), len(data))]
    for kind in route:
        level = [
            found
            for parent in level
            for found in parts(data, parent.start + _preamble(parent), parent.end)
            if found.kind == kind and found.end <= parent.end and found.start < found.end
        ]
    yield from level


def _preamble(box: Part) -> int:
    """Return the bytes before a container's first box: `meta` carries a version and flags."""
    return 4 if box.kind == b"meta" else 0
