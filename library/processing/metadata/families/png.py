"""PNG and APNG by a list of chunks that may stay (W3C PNG, third edition); coded pixels are copied.

The compressed stream of a picture may hold more than the picture, such as the rows that a crop was
to remove: it is inflated, piece by piece, and one that does not end with the last row is refused.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

from library.processing.containers import png
from library.processing.containers.values import MAX_EXIF_BYTES, Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.icc import MAX_PROFILE_BYTES, clean_icc
from library.processing.metadata.values import Block, Level, UncleanableError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COPY_BYTES = 1 << 20
MAX_BLOCK_BYTES = 1 << 20
MAX_BLOCKS = 200
MAX_INFLATED_BYTES = 2 << 30  # of all frames; 100 megapixels of the deepest kind are 0.8 GB

_SIZES = {
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
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_SIZES_BY_COLOR = {
    b"sBIT": {_GRAY: 1, _RGB: 3, _PALETTE: 3, _GRAY_ALPHA: 2, _RGB_ALPHA: 4},
    b"bKGD": {_GRAY: 2, _RGB: 6, _PALETTE: 1, _GRAY_ALPHA: 2, _RGB_ALPHA: 6},
    b"tRNS": {_GRAY: 2, _RGB: 6},
}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _RGB_ALPHA: (8, 16),
}
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGB_ALPHA: 4}
_BEFORE_PALETTE = frozenset(
    (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi")
)
_BEHIND_PALETTE = frozenset((b"tRNS", b"bKGD", b"hIST"))
_BEFORE_PIXELS = _BEFORE_PALETTE | _BEHIND_PALETTE | {b"PLTE", b"pHYs", b"acTL"}
_CODED = frozenset((b"IDAT", b"fdAT"))
_KEPT = _BEFORE_PIXELS | _CODED | {b"IHDR", b"fcTL", b"IEND"}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)

_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = re.compile(rb"\s{0,4}[\w -]{1,40}\n {0,20}\d{1,10}\n([0-9A-Fa-f\s]*)")
_RAW_KINDS = {"exif": "exif", "app1": "exif", "iptc": "iptc", "8bim": "iptc", "xmp": "xmp"}
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"


class _Form(NamedTuple):
    """The picture's IHDR; `depth` is bits of a channel, `color` the color type."""

    width_px: int
    height_px: int
    depth: int
    color: int
    interlaced: int

    def inflated_bytes(self, width_px: int, height_px: int) -> int:
        """Return the length of a frame's rows, each with its filter byte, before compression."""
        bits = self.depth * _CHANNELS[self.color]
        total = 0
        for left, top, across, down in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            columns, rows = -(-(width_px - left) // across), -(-(height_px - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + (columns * bits + 7) // 8)
        return total


class _Stream:
    """One frame's compressed rows: inflated to see where they end, and never held."""

    def __init__(self, length: int) -> None:
        self._left = length
        self._inflater = zlib.decompressobj()

    def feed(self, piece: bytes) -> None:
        """Inflate the next piece.

        Raises:
            UncleanableError: it does not inflate, or to more than the frame's rows, or there is
                more of it than its stream.
        """
        if self._inflater.eof and piece:
            raise UncleanableError("bytes behind the compressed picture")
        while piece:
            most = min(self._left + 1, COPY_BYTES)
            rows = _inflated(self._inflater, piece, most)
            self._left -= len(rows)
            if self._left < 0 or self._inflater.unused_data:
                raise UncleanableError("more in the compressed picture than its rows")
            piece = self._inflater.unconsumed_tail

    def close(self) -> None:
        """Check that all rows were there.

        Raises:
            UncleanableError: the stream is cut short.
        """
        if self._left or not self._inflater.eof:
            raise UncleanableError("a compressed picture that is not as long as its rows")


class _Cleaner:
    """Takes the chunks of a file in order, and writes those that stay."""

    def __init__(self, data: FileWindow, out: BinaryIO, exif: bytes) -> None:
        self._data, self._out, self._exif = data, out, exif
        self._form = _Form(0, 0, 0, 0, 0)
        self._seen: set[bytes] = set()
        self._before = b""  # the kind of the chunk before this one, kept or not
        self._stream, self._coding = _Stream(0), b""  # and the kind of chunk that it goes on in
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
        if kind in _KEPT:
            self._check_place(kind)
            if kind in _CODED:
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
        if kind in seen and kind not in (*_CODED, b"fcTL"):
            raise UncleanableError(f"a second {kind!r}")
        late = (
            (kind in _BEFORE_PIXELS and b"IDAT" in seen)
            or (kind in _BEFORE_PALETTE and b"PLTE" in seen)
            or (kind == b"PLTE" and seen & _BEHIND_PALETTE)
            or (kind == b"IDAT" and b"IDAT" in seen and self._before != b"IDAT")
        )
        needs_colors = kind == b"hIST" or (
            self._form.color == _PALETTE and kind in (*_BEHIND_PALETTE, b"IDAT")
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
            most = 1 << self._form.depth if color == _PALETTE else 256
            return size % 3 == 0 and 3 <= size <= 3 * most and color not in (_GRAY, _GRAY_ALPHA)
        if kind == b"hIST":
            return size == 2 * self._colors
        if kind == b"tRNS" and color == _PALETTE:
            return 1 <= size <= self._colors
        if kind in _SIZES_BY_COLOR:
            return size == _SIZES_BY_COLOR[kind].get(color)
        return kind == b"iCCP" or size == _SIZES[kind]

    def _begin(self, content: bytes) -> None:
        width, height, depth, color, compression, filters, interlaced = struct.unpack(
            ">IIBBBBB", content
        )
        if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
            raise UncleanableError("a picture of no size")
        if depth not in _DEPTHS.get(color, ()):
            raise UncleanableError("an unknown kind of pixels")
        if compression or filters or interlaced > 1:
            raise UncleanableError("an unknown compression")
        self._form = _Form(width, height, depth, color, interlaced)

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
        self._stream, self._coding = _Stream(length), kind

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
    cleaner = _Cleaner(data, out, kept_exif(_exif(data), level))
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
            exif = _content(data, part, MAX_EXIF_BYTES)
    return exif or b""


def _content(data: FileWindow, part: Part, most: int) -> bytes:
    return data[part.start : min(part.stop, part.start + most)]


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _inflated(inflater: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return inflater.decompress(piece, most)
    except zlib.error as error:
        raise UncleanableError("compressed data that is broken") from error


def _profile_chunk(content: bytes) -> bytes:
    """Return an iCCP's content with a cleaned profile and a neutral name; empty when it is none."""
    _, _, rest = content.partition(b"\0")
    inflater = zlib.decompressobj()
    profile = _inflated(inflater, rest[1:], MAX_PROFILE_BYTES)
    if rest[:1] != b"\0" or not inflater.eof:
        raise UncleanableError("a color profile that can't be read")
    cleaned = clean_icc(profile)
    return b"icc\0\0" + zlib.compress(cleaned, 9) if cleaned else b""


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside and behind its picture: at most `MAX_BLOCKS`."""
    return islice(_blocks(data), MAX_BLOCKS)


def _blocks(data: FileWindow) -> Iterator[Block]:
    end, has_profile = 0, False
    for part in png.parts(data):
        end = part.end
        if part.kind in _TEXTS:
            yield _text(part.kind, _content(data, part, MAX_BLOCK_BYTES))
        elif part.kind == b"iCCP" and not has_profile:
            has_profile = True
            keyword, _, rest = _content(data, part, MAX_PROFILE_BYTES).partition(b"\0")
            yield Block("icc", _name(keyword), _inflated_text(rest[1:], MAX_PROFILE_BYTES))
        elif part.kind == b"eXIf":
            content = _content(data, part, MAX_EXIF_BYTES)
            yield Block("exif", "eXIf", content.removeprefix(b"Exif\0\0"))
        elif part.kind and part.kind not in _KEPT:
            kind = "text" if part.kind == b"tIME" else "other"
            yield Block(kind, _name(part.kind), _content(data, part, MAX_BLOCK_BYTES))
    if end < len(data):
        name = f"{len(data) - end:,} bytes behind the picture"
        yield Block("other", name, data[end : end + MAX_BLOCK_BYTES])


def _name(keyword: bytes) -> str:
    return keyword[:79].decode("latin-1")


def _inflated_text(packed: bytes, most: int) -> bytes:
    """Inflate as far as it goes; nothing where it is broken."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


def _text(kind: bytes, content: bytes) -> Block:
    """Read a tEXt, zTXt or iTXt: what cameras' programs pack into one is unpacked."""
    keyword, _, text = content.partition(b"\0")
    name, is_packed = _name(keyword), kind == b"zTXt"
    if kind == b"iTXt":
        is_packed = text[:1] == b"\1"
        text = [*text[2:].split(b"\0", 2), b"", b""][2]
    elif is_packed:
        text = text[1:]
    if is_packed:
        text = _inflated_text(text, MAX_BLOCK_BYTES)
    if name == _XMP_KEYWORD:
        return Block("xmp", name, text)
    return _raw_profile(name, text) or Block("text", name, text)


def _raw_profile(name: str, text: bytes) -> Block | None:
    """Read one of ImageMagick's profiles: a name, a length, and the block in hexadecimal."""
    kind = _RAW_KINDS.get(name.lower().removeprefix("raw profile type "))
    match = _RAW_PROFILE.match(text)
    if not name.lower().startswith("raw profile type ") or kind is None or match is None:
        return None
    digits = b"".join(match[1].split())
    content = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    if content.startswith(_XMP_PREFIX):
        return Block("xmp", name, content.removeprefix(_XMP_PREFIX))
    if content.startswith(b"8BIM\x04\x04\0\0"):  # Photoshop's resource of bare records
        content = content[12 : 12 + int.from_bytes(content[8:12], "big")]
    return Block(kind, name, content.removeprefix(b"Exif\0\0"))
