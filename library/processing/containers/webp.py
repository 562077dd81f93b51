"""WebP by its chunks (RFC 9649); a part's kind is the chunk's FourCC, its end behind the padding."""

import struct
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

_RIFF_HEADER_BYTES = 12


def parts(data: FileWindow) -> Iterator[Part]:
    """Yield the RIFF header, and each chunk up to the end that it tells.

    Raises:
        DamagedMediaError: there is no end to its chunks.
    """
    at, end = _RIFF_HEADER_BYTES, min(_end(data), len(data))
    yield Part(b"RIFF", 0, 8, at, at)
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        kind, length = data.unpack("<4sI", at)
        part = Part(kind, at, at + 8, at + 8 + length, at + 8 + length + length % 2)
        yield part
        at = part.end
    raise DamagedMediaError(TOO_MANY_PARTS)


def read_header(data: FileWindow) -> Header:
    """Read size, frames and how long they play, EXIF block, and whether all of it is there."""
    header = Header(complete=_end(data) <= len(data) + 1)  # some leave the last padding out
    frames, duration_ms = 0, 0
    for part in parts(data):
        if not header.width_px:
            start = data[part.start : part.start + 10]
            header.width_px, header.height_px = _size(part.kind, start)
        if part.kind == b"ANMF":
            frames += 1
            duration_ms += int.from_bytes(data[part.start + 12 : part.start + 15], "little")
        elif part.kind == b"EXIF":
            header.exif = data[part.start : min(part.stop, part.start + MAX_EXIF_BYTES)]
    if frames > 1:
        header.frames, header.duration_ms = frames, duration_ms
    return header


def _end(data: FileWindow) -> int:
    (size,) = data.unpack("<I", 4)
    return 8 + int(size)


def _size(kind: bytes, start: bytes) -> tuple[int, int]:
    """Read the size from the start of a WebP's first chunk, whichever of the three kinds it is."""
    if kind == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") for at in (4, 7))
        return width + 1, height + 1
    if kind == b"VP8L" and start[:1] == b"\x2f":
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", start, 6)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0
