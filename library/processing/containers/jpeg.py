"""JPEG by its marker segments (ITU-T T.81, annex B); a part's kind is the byte after FF."""

import re
from collections.abc import Iterator

from library.processing.containers.values import MAX_PARTS, TOO_MANY_PARTS, Header, Part
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError

SOI, EOI, SOS, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
# C0 to CF begin a frame, but for the tables DHT and DAC and the reserved JPG
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BASELINE = frozenset((0xC0, 0xC1))
# FF before these begins no segment: a stuffed FF, TEM, a restart, SOI, or another FF, which is fill
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)
# Coded data holds stuffed FFs and restarts; any other marker ends it
BEHIND_CODED = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)

_EXIF = b"Exif\0\0"


def parts(data: FileWindow, start: int = 0) -> Iterator[Part]:
    """Yield the start, each segment, after each SOS its coded data as kind b"", and the end.

    A file can hold several pictures, one behind the other: each begins at a `start` of its own.

    What lies between segments belongs to none. Coded data is searched for its end only when the
    walk goes on behind it.

    Raises:
        DamagedMediaError: there is no end to its segments.
    """
    at = start + 2
    yield Part(bytes((SOI,)), start, at, at, at)
    for _ in range(MAX_PARTS):
        at = data.search(MARKER, at, length=2)
        head = data[at : at + 4] if at >= 0 else b""
        if head[1:2] == bytes((EOI,)):
            yield Part(head[1:2], at, at + 2, at + 2, at + 2)
            return
        if len(head) < 4:
            return
        end = at + 2 + int.from_bytes(head[2:], "big")
        yield Part(head[1:2], at, at + 4, max(at + 4, end), end)
        at = end
        if head[1] == SOS:
            found = data.search(BEHIND_CODED, end, length=2)
            at = max(end, len(data)) if found < 0 else found
            yield Part(b"", end, end, at, at)
    raise DamagedMediaError(TOO_MANY_PARTS)


def read_header(data: FileWindow) -> Header:
    """Read size, EXIF block, and whether the end is there; of coded data only that is looked for."""
    header = Header()
    for part in parts(data):
        marker = part.kind[0]
        if marker in FRAMES:
            header.height_px, header.width_px = data.unpack(">HH", part.start + 1)
            header.reducible = marker in BASELINE
        elif marker == APP1 and not header.exif and data.starts(_EXIF, part.start):
            header.exif = data[part.start + len(_EXIF) : part.stop]
        elif marker == SOS:
            # Within coded data every FF is followed by 00 or a restart mark, so this is the end.
            header.complete = data.find(bytes((0xFF, EOI)), part.at) > 0
            break
    return header
