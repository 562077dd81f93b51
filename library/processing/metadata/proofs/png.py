"""PNG and APNG byte by byte (W3C PNG, third edition): each chunk in its place, of its size."""

import struct
import zlib
from collections.abc import Callable, Iterator

from library.processing.metadata.values import Piece, UnexplainedError

MAX_PROFILE_BYTES = 16 << 20
MAX_EXIF_BYTES = 1 << 20
MAX_ROW_BYTES = 2 << 30  # of all frames together, before compression
READ_BYTES = 256 << 10

# No chunk stands behind one of a higher rank; those of rank None anywhere before the pixels
_RANKS: dict[bytes, int | None] = {
    b"IHDR": 0,
    **dict.fromkeys((b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP"), 1),
    **dict.fromkeys((b"mDCV", b"mDCv", b"cLLI", b"cLLi"), 1),
    b"PLTE": 2,
    **dict.fromkeys((b"tRNS", b"bKGD", b"hIST", b"eXIf", b"pHYs", b"acTL"), None),
    b"IDAT": 3,
    b"fdAT": 4,
    b"IEND": 5,
}
_PIXELS = 3
_OF_PALETTE = frozenset((b"tRNS", b"bKGD", b"hIST"))
_REPEATED = (b"IDAT", b"fdAT", b"fcTL")
_LENGTHS = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"mDCV": 24,
    b"mDCv": 24,
    b"cLLI": 8,
    b"cLLi": 8,
    b"pHYs": 9,
    b"acTL": 8,
    b"fcTL": 26,
    b"IHDR": 13,
    b"IEND": 0,
}
# Of each color type its channels, and the bits that a channel may have
_COLOR_TYPES = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}
# Adam7: where each pass begins and how far its columns and rows lie apart
_PASS_COLUMNS = ((0, 8), (4, 8), (0, 4), (2, 4), (0, 2), (1, 2), (0, 1))
_PASS_ROWS = ((0, 8), (0, 8), (4, 8), (0, 4), (2, 4), (0, 2), (1, 2))


class _Rows:
    """A frame's rows as they come out of its stream: each begins with a filter of 0 to 4."""

    def __init__(self, passes: list[tuple[int, int]]) -> None:
        """Take a pass as its rows and their length in bytes, filter included."""
        self._passes = [(rows * length, length) for rows, length in reversed(passes)]
        self._left, self._length, self._filter_in = 0, 1, 0
        self._inflater = zlib.decompressobj()

    def take(self, packed: bytes) -> None:
        """Check the next bytes of the stream."""
        while packed:
            _expect(not self._inflater.eof, "bytes behind a compressed picture")
            self._check(self._inflater.decompress(packed, READ_BYTES))
            packed = self._inflater.unconsumed_tail or self._inflater.unused_data

    def end(self) -> None:
        """Check that stream and rows have ended together."""
        is_whole = not self._left and not self._passes and self._inflater.eof
        _expect(is_whole, "a compressed picture without all of its rows")

    def _check(self, rows: bytes) -> None:
        at = 0
        while at < len(rows):
            if not self._left:
                _expect(bool(self._passes), "more rows than the picture has")
                (self._left, self._length), self._filter_in = self._passes.pop(), 0
            here = rows[at : at + self._left]
            filters = here[self._filter_in :: self._length]
            _expect(not filters.translate(None, b"\0\1\2\3\4"), "a row with an unknown filter")
            self._filter_in = (self._filter_in - len(here)) % self._length
            self._left -= len(here)
            at += len(here)


class _Walk:
    """What the chunks so far have said about those to come."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[bytes] = set()
        self._rank, self._last = -1, b""
        self._size, self._bits, self._color, self._interlaced = (0, 0), 0, 0, False
        self._palette = 0  # colors in it
        self._frames = self._number = self._row_bytes = 0
        self._rows, self._rows_in = _Rows([]), b""  # and the kind of chunk that they go on in

    def chunk(self, kind: bytes, start: int, stop: int) -> Iterator[Piece]:
        """Check a chunk, and yield its content in pieces."""
        self._place(kind)
        readers: dict[bytes, Callable[[bytes, int, int], Iterator[Piece]]] = {
            b"IDAT": self._pixels,
            b"fdAT": self._pixels,
            b"iCCP": self._profile,
            b"eXIf": self._exif,
        }
        yield from readers.get(kind, self._small)(kind, start, stop)
        self._seen.add(kind)
        self._last = kind

    def _place(self, kind: bytes) -> None:
        _expect(kind in _RANKS or kind == b"fcTL", f"a chunk {kind!r}")
        _expect(kind in _REPEATED or kind not in self._seen, f"a second {kind!r}")
        _expect((kind == b"IHDR") == (self._rank < 0), "no header at the start")
        rank = _RANKS.get(kind)
        if kind != b"fcTL":
            is_late = self._rank >= (_PIXELS if rank is None else rank + 1)
            _expect(not is_late, f"{kind!r} behind its place")
        if kind == b"PLTE":
            _expect(not self._seen & _OF_PALETTE, "a palette behind what is about it")
        elif kind == b"IDAT":
            _expect(self._last == b"IDAT" or self._rank < _PIXELS, "pixels in two places")
        if rank is not None:
            self._rank = rank

    def _small(self, kind: bytes, start: int, stop: int) -> Iterator[Piece]:
        length = stop - start
        if kind in _LENGTHS:
            _expect(length == _LENGTHS[kind], f"{kind!r} of a wrong length")
        else:
            self._check_length(kind, length)
        content = self._data[start:stop]
        if kind == b"IHDR":
            self._header(content)
        elif kind == b"acTL":
            (self._frames,) = struct.unpack_from(">I", content)
            _expect(self._frames > 0, "an animation without frames")
        elif kind == b"fcTL":
            self._frame(content)
        elif kind == b"IEND":
            self._end()
        if length:
            yield Piece("coded" if kind in (b"PLTE", b"tRNS", b"hIST") else "frame", start, stop)

    def _check_length(self, kind: bytes, length: int) -> None:
        """Check those whose length depends on the color type."""
        channels = _COLOR_TYPES[self._color][0]
        indexed, gray = self._color == 3, self._color in (0, 4)
        if kind == b"PLTE":
            most = 3 << self._bits if indexed else 768
            self._palette = length // 3
            fits = not gray and 0 < length <= most and length % 3 == 0
        elif kind == b"hIST":
            fits = length == 2 * self._palette > 0
        elif kind == b"sBIT":
            fits = length == (3 if indexed else channels)
        elif indexed:
            fits = 0 < length <= (self._palette if kind == b"tRNS" else min(1, self._palette))
        else:
            fits = length == (2 if gray else 6) and (kind == b"bKGD" or self._color in (0, 2))
        _expect(fits, f"{kind!r} of a wrong length")

    def _header(self, content: bytes) -> None:
        width, height, self._bits, self._color, *ways = struct.unpack(">II5B", content)
        self._size, self._interlaced = (width, height), ways[2] == 1
        _expect(min(self._size) > 0 and max(self._size) < 1 << 31, "a picture of no size")
        _expect(self._color in _COLOR_TYPES, "an unknown color type")
        _expect(self._bits in _COLOR_TYPES[self._color][1], "an unknown depth")
        _expect(ways[:2] == [0, 0] and ways[2] < 2, "an unknown compression")

    def _frame(self, content: bytes) -> None:
        number, width, height, left, top, _, _, dispose, blend = struct.unpack(">5I2H2B", content)
        _expect(b"acTL" in self._seen, "a frame of no animation")
        self._count(number)
        self._frames -= 1
        _expect(self._frames >= 0, "more frames than there should be")
        _expect(dispose < 3 and blend < 2, "a frame drawn in an unknown way")
        _expect(width > 0 and height > 0, "a frame of no size")
        across, down = self._size
        _expect(left + width <= across and top + height <= down, "a frame beside the picture")
        if self._rank < _PIXELS:
            _expect((width, height) == self._size, "a first frame of another size")
            _expect(b"fcTL" not in self._seen, "a frame without pixels")
        else:
            self._rows.end()
            self._open(b"fdAT", width, height)

    def _end(self) -> None:
        _expect(self._rank >= _PIXELS, "no picture")
        self._rows.end()
        _expect(self._frames == 0, "fewer frames than there should be")

    def _open(self, kind: bytes, width_px: int, height_px: int) -> None:
        passes = list(_passes(width_px, height_px, self._pixel_bits(), interlaced=self._interlaced))
        self._row_bytes += sum(rows * length for rows, length in passes)
        _expect(self._row_bytes <= MAX_ROW_BYTES, "more pixels than can be looked through")
        self._rows, self._rows_in = _Rows(passes), kind

    def _pixel_bits(self) -> int:
        return self._bits * _COLOR_TYPES[self._color][0]

    def _count(self, number: int) -> None:
        _expect(number == self._number, "frames in a wrong order")
        self._number += 1

    def _pixels(self, kind: bytes, start: int, stop: int) -> Iterator[Piece]:
        coded = start
        if kind == b"fdAT":
            coded += 4
            _expect(coded <= stop, "a frame's chunk without its number")
            self._count(*struct.unpack_from(">I", self._data, start))
            yield Piece("frame", start, coded)
        elif b"IDAT" not in self._seen:
            _expect(self._color != 3 or self._palette > 0, "no palette")
            self._open(kind, *self._size)
        _expect(self._rows_in == kind, f"{kind!r} of no frame")
        for at in range(coded, stop, READ_BYTES):
            self._rows.take(self._data[at : min(at + READ_BYTES, stop)])
        if coded < stop:
            yield Piece("coded", coded, stop)

    def _profile(self, _: bytes, start: int, stop: int) -> Iterator[Piece]:
        _expect(self._data[start : start + 5] == b"icc\0\0", "a color profile with a name")
        _expect(stop - start < MAX_PROFILE_BYTES, "a color profile of no size that one has")
        inflater = zlib.decompressobj()
        profile = inflater.decompress(self._data[start + 5 : stop], MAX_PROFILE_BYTES)
        is_whole = inflater.eof and not inflater.unused_data
        _expect(is_whole, "a color profile that does not end with its chunk")
        yield Piece("frame", start, start + 5)
        yield Piece("icc", start + 5, stop, profile)

    def _exif(self, _: bytes, start: int, stop: int) -> Iterator[Piece]:
        _expect(0 < stop - start <= MAX_EXIF_BYTES, "an EXIF block of no size that one has")
        yield Piece("exif", start, stop, self._data[start:stop])


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield all bytes of a PNG as pieces.

    Raises:
        UnexplainedError: a clean PNG has not such bytes at this place.
        struct.error, zlib.error: it is cut short, or its pixels do not inflate.
    """
    _expect(data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG")
    yield Piece("frame", 0, 8)
    walk, at, kind = _Walk(data), 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        start, stop = at + 8, at + 8 + length
        (told,) = struct.unpack_from(">I", data, stop)
        yield Piece("frame", at, start)
        yield from walk.chunk(kind, start, stop)
        _expect(told == _crc(data, at + 4, stop), f"a wrong CRC of {kind!r}")
        at = stop + 4
        yield Piece("frame", stop, at)
    _expect(at == len(data), "bytes behind the end")


def _expect(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not is_so:
        raise UnexplainedError(otherwise)


def _crc(data: bytes, start: int, stop: int) -> int:
    crc = 0
    for at in range(start, stop, READ_BYTES):
        crc = zlib.crc32(data[at : min(at + READ_BYTES, stop)], crc)
    return crc


def _passes(
    width_px: int, height_px: int, pixel_bits: int, *, interlaced: bool
) -> Iterator[tuple[int, int]]:
    """Yield of each pass how many rows it has, and their length in bytes with the filter."""
    if not interlaced:
        yield height_px, 1 + (width_px * pixel_bits + 7) // 8
        return
    for columns, rows in zip(_PASS_COLUMNS, _PASS_ROWS, strict=True):
        across = len(range(columns[0], width_px, columns[1]))
        down = len(range(rows[0], height_px, rows[1]))
        if across and down:
            yield down, 1 + (across * pixel_bits + 7) // 8
