"""What a photo's own header says, read by bytes alone, without a decoder.

Each reader walks the parts of its format up to the end of the picture, so it also finds files
that were cut short. What follows the end (motion photos, trailers, padding) is not looked at.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from library.processing.containers import boxes
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError
from library.processing.values import Format

MAX_PARTS = 1_000_000
CUT_SHORT = "This file is cut short: its end is missing. Copy it again from the camera or phone."
DAMAGED = "This picture is damaged and can't be shown. Copy it again from the camera or phone."


@dataclass(slots=True)
class Header:
    """Sizes as stored, before any rotation. `largest` is the pixels of the largest frame.

    HEIC and AVIF leave width and height at 0: their decoder knows them. A picture is `reducible`
    when it can be decoded at a fraction of its size; a progressive JPEG is first held whole.
    """

    width_px: int = 0
    height_px: int = 0
    frames: int = 1
    duration_ms: int | None = None
    largest: int = 0
    exif: bytes = field(default=b"", repr=False)
    complete: bool = False
    reducible: bool = False

    @property
    def pixels(self) -> int:
        """Return what decoding every frame would come to."""
        return self.frames * max(self.largest, self.width_px * self.height_px)


def read_header(path: Path, form: Format) -> Header:
    """Read a photo's or video's structure; `complete` tells whether its end is there.

    Raises:
        DamagedMediaError: there is no picture size in it.
    """
    with FileWindow(path) as data:
        try:
            header = _READERS[form.name](data)
        except (struct.error, IndexError):  # a part that ends before its own fields
            raise DamagedMediaError(DAMAGED) from None
    if form.name in ("jpeg", "png", "webp", "gif") and header.width_px * header.height_px == 0:
        raise DamagedMediaError(DAMAGED)
    return header


def check_complete(path: Path, form: Format) -> None:
    """Check that a file of this format is not cut short; nothing is decoded.

    Raises:
        DamagedMediaError: its end is missing.
    """
    if not read_header(path, form).complete:
        raise DamagedMediaError(CUT_SHORT)


def _read_jpeg(data: FileWindow) -> Header:
    header = Header()
    at = 2
    for _ in range(MAX_PARTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            break
        marker = data[at + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = data.unpack(">H", at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            header.height_px, header.width_px = data.unpack(">HH", at + 5)
            header.reducible = marker in (0xC0, 0xC1)
        elif marker == 0xE1 and not header.exif and data[at + 4 : at + 10] == b"Exif\0\0":
            header.exif = data[at + 10 : at + 2 + length]
        elif marker in (0xD9, 0xDA):
            # Within coded data every FF is followed by 00 or a restart mark, so this is the end.
            header.complete = marker == 0xDA and data.find(b"\xff\xd9", at) > 0
            break
        at += 2 + length
    return header


def _read_png(data: FileWindow) -> Header:
    header = Header()
    at, frames, seconds = 8, 0, 0.0
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            break
        length, kind = data.unpack(">I4s", at)
        if kind == b"IHDR":
            header.width_px, header.height_px = data.unpack(">II", at + 8)
        elif kind == b"fcTL":
            delay, per_second = data.unpack(">HH", at + 28)
            frames, seconds = frames + 1, seconds + delay / (per_second or 100)
        elif kind == b"eXIf":
            header.exif = data[at + 8 : at + 8 + min(length, 1 << 20)]
        elif kind == b"IEND":
            header.complete = True
            break
        at += 12 + length
    if frames > 1:
        header.frames, header.duration_ms = frames, round(1000 * seconds)
    return header


def _read_webp(data: FileWindow) -> Header:
    (size,) = data.unpack("<I", 4)
    header = Header(complete=8 + size <= len(data) + 1)
    at, end, frames, duration_ms = 12, min(8 + size, len(data)), 0, 0
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            break
        kind, length = data.unpack("<4sI", at)
        if not header.width_px:
            header.width_px, header.height_px = _webp_size(kind, data[at + 8 : at + 18])
        if kind == b"ANMF":
            frames += 1
            duration_ms += int.from_bytes(data[at + 20 : at + 23], "little")
        elif kind == b"EXIF":
            header.exif = data[at + 8 : at + 8 + min(length, 1 << 20)]
        at += 8 + length + length % 2
    if frames > 1:
        header.frames, header.duration_ms = frames, duration_ms
    return header


def _webp_size(kind: bytes, start: bytes) -> tuple[int, int]:
    """Read the size from a WebP's first chunk, whichever of the three kinds it is."""
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


def _read_gif(data: FileWindow) -> Header:
    """Read a GIF; where the first frame is larger than the screen, it is the size."""
    header = Header(frames=0, duration_ms=0)
    header.width_px, header.height_px = data.unpack("<HH", 6)
    at = 13 + _table_bytes(data[10])
    for _ in range(MAX_PARTS):
        if at >= len(data) or data[at] == 0x3B:
            break
        at = _read_gif_block(data, at, header)
    header.complete = at < len(data) and data[at] == 0x3B
    if header.frames < 2:
        header.frames, header.duration_ms = 1, None
    return header


def _read_gif_block(data: FileWindow, at: int, header: Header) -> int:
    """Read one frame or extension; return where the next block starts."""
    if data[at] == 0x2C:
        left, top, width, height, flags = data.unpack("<HHHHB", at + 1)
        header.largest = max(header.largest, (left + width) * (top + height))
        if not header.frames:
            header.width_px = max(header.width_px, left + width)
            header.height_px = max(header.height_px, top + height)
        header.frames += 1
        return _after_blocks(data, at + 11 + _table_bytes(flags))
    if data[at] == 0x21:
        if data[at + 1] == 0xF9:
            hundredths = int.from_bytes(data[at + 4 : at + 6], "little")
            header.duration_ms = (header.duration_ms or 0) + 10 * hundredths
        return _after_blocks(data, at + 2)
    return at + 1  # a stray byte between blocks: decoders pass over it


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: FileWindow, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _read_picture_boxes(data: FileWindow) -> Header:
    return Header(
        duration_ms=boxes.track_duration_ms(data),
        largest=boxes.largest_picture_pixels(data),
        complete=boxes.is_complete(data, needed=frozenset((b"meta", b"moov"))),
    )


def _read_movie_boxes(data: FileWindow) -> Header:
    return Header(complete=boxes.is_complete(data, needed=frozenset((b"moov",))))


_READERS: dict[str, Callable[[FileWindow], Header]] = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "gif": _read_gif,
    "heic": _read_picture_boxes,
    "avif": _read_picture_boxes,
    "mp4": _read_movie_boxes,
    "mov": _read_movie_boxes,
}
