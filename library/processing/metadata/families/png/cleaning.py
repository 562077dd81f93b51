"""PNG and APNG by a list of chunks that may stay (W3C PNG, third edition); coded pixels are copied.

The compressed stream of a picture may hold more than the picture, such as the rows that a crop was
to remove: it is inflated, piece by piece, and one that does not end with the last row is refused.
"""

import struct
import zlib
from itertools import islice
from typing import BinaryIO

from library.processing.containers import png
from library.processing.containers.values import MAX_EXIF_BYTES, Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.families.png.chunks import (
    BEFORE_PALETTE,
    BEFORE_PIXELS,
    BEHIND_PALETTE,
    CODED,
    KEPT,
    SIZES,
    SIZES_BY_COLOR,
    content_of,
)
from library.processing.metadata.families.png.listing import xmp_of
from library.processing.metadata.families.png.stream import (
    COPY_BYTES,
    DEPTHS,
    GRAY,
    GRAY_ALPHA,
    MAX_INFLATED_BYTES,
    PALETTE,
    Form,
    Stream,
    inflated,
)
from library.processing.metadata.icc import MAX_PROFILE_BYTES, clean_icc
from library.processing.metadata.values import Level, UncleanableError
from library.processing.metadata.xmp import location

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class _Cleaner:
    """Takes the chunks of a file in order, and writes those that stay."""

    def __init__(self, data: FileWindow, out: BinaryIO, exif: bytes) -> None:
        self._data, self._out, self._exif = data, out, exif
        self._form = Form(0, 0, 0, 0, 0)
        self._seen: set[bytes] = set()
        self._before = b""  # the kind of the chunk before this one, kept or not
        self._stream, self._coding = Stream(0), b""  # and the kind of chunk that it goes on in
        self._inflated_bytes = 0
        self._colors = self._frames = self._sequence = 0

    def take(self, part: Part) -> None:
        """Copy a chunk, write it anew, or leave it out.

        Raises:
            UncleanableError: it is not where or how it has to be, or unknown and not optional.
        """
        kind = part.kind
        if part.end > len(self._data) or not (self._seen or kind == b"IHDR"):
            raise UncleanableError("no PNG, or one that is cut short")
        if kind in KEPT:
            self._check_place(kind)
            if kind in CODED:
                self._copy_coded(part)
            else:
                self._write_small(part)
            self._seen.add(kind)
        elif not kind.isalpha() or kind[:1].isupper():
            raise UncleanableError(f"a chunk {kind!r}, without which it can't be decoded")
        self._before = kind

    def finish(self) -> None:
        """Check that the end was there.

        Raises:
            UncleanableError: it was not.
        """
        if b"IEND" not in self._seen:
            raise UncleanableError("no end of the picture")

    def _check_place(self, kind: bytes) -> None:
        seen = self._seen
        if kind in seen and kind not in (*CODED, b"fcTL"):
            raise UncleanableError(f"a second {kind!r}")
        late = (
            (kind in BEFORE_PIXELS and b"IDAT" in seen)
            or (kind in BEFORE_PALETTE and b"PLTE" in seen)
            or (kind == b"PLTE" and seen & BEHIND_PALETTE)
            or (kind == b"IDAT" and b"IDAT" in seen and self._before != b"IDAT")
        )
        needs_colors = kind == b"hIST" or (
            self._form.color == PALETTE and kind in (*BEHIND_PALETTE, b"IDAT")
        )
        if late or (needs_colors and not self._colors):
            raise UncleanableError(f"{kind!r} in a wrong place")
        if kind in (b"fcTL", b"fdAT") and b"acTL" not in seen:
            raise UncleanableError("frames of what is no animation")

    def _write_small(self, part: Part) -> None:
        """Check and write a chunk that holds no pixels, with what has to follow it."""
        kind, content = part.kind, self._checked(part)
        if kind == b"IHDR":
            self._begin(content)
        elif kind == b"PLTE":
            self._colors = len(content) // 3
        elif kind in (b"acTL", b"fcTL", b"IEND"):
            self._follow_frames(kind, content)
        elif kind == b"iCCP":
            content = _profile_chunk(content)
            if not content:
                return
        self._out.write(_chunk(kind, content))
        if kind == b"IHDR" and self._exif:
            self._out.write(_chunk(b"eXIf", self._exif))

    def _checked(self, part: Part) -> bytes:
        """Return a small chunk's content.

        Raises:
            UncleanableError: its size or its CRC is wrong; decoders may pass over such a one.
        """
        size = part.stop - part.start
        if size > MAX_PROFILE_BYTES or not self._is_sized(part.kind, size):
            raise UncleanableError(f"{part.kind!r} of a wrong size")
        content = self._data[part.start : part.stop]
        if self._data.unpack(">I", part.stop) != (zlib.crc32(content, zlib.crc32(part.kind)),):
            raise UncleanableError(f"a wrong checksum of {part.kind!r}")
        return content

    def _is_sized(self, kind: bytes, size: int) -> bool:
        color = self._form.color
        if kind == b"PLTE":
            most = 1 << self._form.depth if color == PALETTE else 256
            return size % 3 == 0 and 3 <= size <= 3 * most and color not in (GRAY, GRAY_ALPHA)
        if kind == b"hIST":
            return size == 2 * self._colors
        if kind == b"tRNS" and color == PALETTE:
            return 1 <= size <= self._colors
        if kind in SIZES_BY_COLOR:
            return size == SIZES_BY_COLOR[kind].get(color)
        return kind == b"iCCP" or size == SIZES[kind]

    def _begin(self, content: bytes) -> None:
        width, height, depth, color, compression, filters, interlaced = struct.unpack(
            ">IIBBBBB", content
        )
        if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
            raise UncleanableError("a picture of no size")
        if depth not in DEPTHS.get(color, ()):
            raise UncleanableError("an unknown kind of pixels")
        if compression or filters or interlaced > 1:
            raise UncleanableError("an unknown compression")
        self._form = Form(width, height, depth, color, interlaced)

    def _follow_frames(self, kind: bytes, content: bytes) -> None:
        if kind == b"acTL":
            (self._frames,) = struct.unpack_from(">I", content)
            if not self._frames:
                raise UncleanableError("an animation without frames")
            return
        if b"IDAT" in self._seen:
            self._stream.close()
        elif kind == b"IEND":
            raise UncleanableError("no picture")
        if kind == b"fcTL":
            self._open_frame(content)
        elif self._frames:
            raise UncleanableError("fewer frames than there should be")

    def _open_frame(self, content: bytes) -> None:
        """Expect the pixels of the frame that a fcTL tells of; before IDAT they are IDAT."""
        number, width, height, left, top = struct.unpack_from(">5I", content)
        whole = (width, height, left, top) == (*self._form[:2], 0, 0)
        inside = left + width <= self._form.width_px and top + height <= self._form.height_px
        self._count_up(number)
        self._frames -= 1
        is_first = b"IDAT" not in self._seen
        if not (width and height and inside and (whole or not is_first) and self._frames >= 0):
            raise UncleanableError("a frame of a wrong size")
        if content[24] > 2 or content[25] > 1 or (is_first and b"fcTL" in self._seen):
            raise UncleanableError("a frame that is drawn in an unknown way")
        if not is_first:
            self._start_stream(b"fdAT", width, height)

    def _start_stream(self, kind: bytes, width_px: int, height_px: int) -> None:
        length = self._form.inflated_bytes(width_px, height_px)
        self._inflated_bytes += length
        if self._inflated_bytes > MAX_INFLATED_BYTES:
            raise UncleanableError("more pixels than can be looked through")
        self._stream, self._coding = Stream(length), kind

    def _count_up(self, number: int) -> None:
        if number != self._sequence:
            raise UncleanableError("frames in a wrong order")
        self._sequence += 1

    def _copy_coded(self, part: Part) -> None:
        """Copy compressed pixels, and see that stream and checksum are right."""
        start = part.start
        if part.kind == b"fdAT":
            self._count_up(*self._data.unpack(">I", start))
            start += 4
        elif b"IDAT" not in self._seen:
            self._start_stream(b"IDAT", *self._form[:2])
        if self._coding != part.kind or start > part.stop:
            raise UncleanableError(f"{part.kind!r} of no frame")
        head = self._data[part.at : start]
        self._out.write(head)
        check = zlib.crc32(head[4:])
        for at in range(start, part.stop, COPY_BYTES):
            piece = self._data[at : min(at + COPY_BYTES, part.stop)]
            self._stream.feed(piece)
            check = zlib.crc32(piece, check)
            self._out.write(piece)
        if self._data.unpack(">I", part.stop) != (check,):
            raise UncleanableError(f"a wrong checksum of {part.kind!r}")
        self._out.write(struct.pack(">I", check))


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:
    """Write the picture with its colors, and a new eXIf of what this level lets stay.

    Raises:
        UncleanableError: it is no whole PNG, or decoders would not agree on what it shows.
    """
    if not data.starts(SIGNATURE, 0):
        raise UncleanableError("no PNG")
    out.write(SIGNATURE)
    place = location(xmp_of(data)) if level.keeps_location else None
    cleaner = _Cleaner(data, out, kept_exif(_exif(data), level, elsewhere=place))
    for part in islice(png.parts(data), 1, None):
        cleaner.take(part)
    cleaner.finish()


def _exif(data: FileWindow) -> bytes:
    """Return the content of its eXIf, wherever it stands; empty without one."""
    exif: bytes | None = None
    for part in png.parts(data):
        if part.kind == b"eXIf":
            if exif is not None:
                raise UncleanableError("a second b'eXIf'")
            exif = content_of(data, part, MAX_EXIF_BYTES)
    return exif or b""


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _profile_chunk(content: bytes) -> bytes:
    """Return an iCCP's content with a cleaned profile and a neutral name; empty when it is none."""
    _, _, rest = content.partition(b"\0")
    inflater = zlib.decompressobj()
    profile = inflated(inflater, rest[1:], MAX_PROFILE_BYTES)
    if rest[:1] != b"\0" or not inflater.eof:
        raise UncleanableError("a color profile that can't be read")
    cleaned = clean_icc(profile)
    return b"icc\0\0" + zlib.compress(cleaned, 9) if cleaned else b""
