"""PNG by its chunks (W3C PNG, third edition); a part's kind is the chunk's type, its end behind the CRC."""

from collections.abc import Iterator

from library.processing.containers.values import (
    MAX_EXIF_BYTES,
    MAX_PARTS,
    TOO_MANY_PARTS,
    Header,
    Part,
)
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError

_SIGNATURE_BYTES = 8


def parts(data: FileWindow) -> Iterator[Part]:
    """Yield the signature as kind b"", and each chunk up to IEND.

    Raises:
        DamagedMediaError: there is no end to its chunks.
    """
    at = _SIGNATURE_BYTES
    yield Part(b"", 0, 0, at, at)
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            return
        length, kind = data.unpack(">I4s", at)
        part = Part(kind, at, at + 8, at + 8 + length, at + 12 + length)
        yield part
        if kind == b"IEND":
            return
        at = part.end
    raise DamagedMediaError(TOO_MANY_PARTS)


def read_header(data: FileWindow) -> Header:
    """Read size, frames and how long they play, EXIF block, and whether the end is there."""
    header = Header()
    frames, seconds = 0, 0.0
    for part in parts(data):
        if part.kind == b"IHDR":
            header.width_px, header.height_px = data.unpack(">II", part.start)
        elif part.kind == b"fcTL":
            delay, per_second = data.unpack(">HH", part.start + 20)
            frames, seconds = frames + 1, seconds + delay / (per_second or 100)
        elif part.kind == b"eXIf":
            header.exif = data[part.start : min(part.stop, part.start + MAX_EXIF_BYTES)]
        elif part.kind == b"IEND":
            header.complete = True
    if frames > 1:
        header.frames, header.duration_ms = frames, round(1000 * seconds)
    return header
