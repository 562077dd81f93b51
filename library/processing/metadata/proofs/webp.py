"""WebP byte by byte (RFC 9649): every chunk in its place, reserved bits and padding zero."""

import struct
from collections.abc import Iterator

from library.processing.metadata.values import Piece, UnexplainedError

MAX_EXIF_BYTES = 1 << 20
MAX_PROFILE_BYTES = 16 << 20

_HAS_ICC, _HAS_ALPHA, _HAS_EXIF, _IS_ANIMATED = 0x20, 0x10, 0x08, 0x02
_LOSSY, _LOSSLESS, _ALPHA = b"VP8 ", b"VP8L", b"ALPH"


class _Reader:
    """Reads chunk after chunk between two places, and the pieces that they are made of."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self._at, self._end = data, at, end

    def peek(self) -> bytes:
        """Return the kind of the next chunk; empty at the end."""
        return self._data[self._at : min(self._at + 4, self._end)]

    def header(self) -> tuple[int, int, Piece]:
        """Go past the next chunk's kind and length, and return where its content is."""
        at = self._at
        (length,) = struct.unpack_from("<I", self._data, at + 4)
        start, stop = at + 8, at + 8 + length
        _expect(stop + length % 2 <= self._end, "a chunk that is cut short")
        self._at = stop
        return start, stop, Piece("frame", at, start)

    def padding(self) -> Iterator[Piece]:
        """Go past the zero behind a content of an odd length; chunks begin at even places."""
        if self._at % 2:
            _expect(self._data[self._at] == 0, "padding that is not zero")
            yield Piece("frame", self._at, self._at + 1)
            self._at += 1

    def chunk(self, piece_kind: str) -> Iterator[Piece]:
        """Yield the next chunk, its content as one piece; exif and icc carry its bytes."""
        start, stop, header = self.header()
        yield header
        if piece_kind in ("exif", "icc"):
            most = MAX_EXIF_BYTES if piece_kind == "exif" else MAX_PROFILE_BYTES
            _expect(0 < stop - start <= most, f"{piece_kind} of no size that one has")
            yield Piece(piece_kind, start, stop, self._data[start:stop])
        elif start < stop:
            yield Piece(piece_kind, start, stop)
        yield from self.padding()

    def picture(self, size: tuple[int, int] | None, flags: int) -> Iterator[Piece]:
        """Yield one picture of this size: VP8L, or VP8 with its transparency before it.

        Without a size it is the only chunk of a file, and may have any.
        """
        alpha: tuple[int, int] | None = None
        if self.peek() == _ALPHA:
            _expect(bool(flags & _HAS_ALPHA), "transparency that is not announced")
            at = self._at
            yield from self.chunk("coded")
            alpha = at + 8, at + 8 + int(struct.unpack_from("<I", self._data, at + 4)[0])
        kind, at = self.peek(), self._at
        _expect(kind == _LOSSY or (kind == _LOSSLESS and alpha is None), f"{kind!r} as a picture")
        (length,) = struct.unpack_from("<I", self._data, at + 4)
        start = self._data[at + 8 : at + 8 + min(length, 10)]
        found = _lossy_size(start, length) if kind == _LOSSY else _lossless_size(start)
        _expect(size in (None, found), "a picture of another size")
        if alpha is not None:
            self._check_alpha(*alpha, pixels=found[0] * found[1])
        yield from self.chunk("coded")

    def _check_alpha(self, start: int, stop: int, *, pixels: int) -> None:
        _expect(start < stop, "transparency of no bytes")
        reserved, preprocessing, compression = (self._data[start] >> at & 3 for at in (6, 4, 0))
        _expect(not reserved and preprocessing < 2, "transparency of an unknown kind")
        is_bare = compression == 0
        _expect(is_bare or compression == 1, "transparency of an unknown kind")
        _expect(not is_bare or stop - start == 1 + pixels, "more transparency than pixels")

    def frame(self, canvas: tuple[int, int], flags: int) -> Iterator[Piece]:
        """Yield one ANMF: its header, and one picture within the canvas."""
        _expect(self.peek() == b"ANMF", f"{self.peek()!r} in an animation")
        start, stop, header = self.header()
        yield header
        _expect(stop - start > 16, "a frame without a picture")
        left, top, width, height, _ = (_number(self._data, start + at) for at in range(0, 15, 3))
        _expect(self._data[start + 15] < 4, "reserved bits of a frame")
        is_inside = 2 * left + width < canvas[0] and 2 * top + height < canvas[1]
        _expect(is_inside, "a frame beside the picture")
        yield Piece("frame", start, start + 16)
        inner = _Reader(self._data, start + 16, stop)
        yield from inner.picture((width + 1, height + 1), flags)
        _expect(not inner.peek(), "something behind a frame's picture")
        yield from self.padding()


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield all bytes of a WebP as pieces.

    Raises:
        UnexplainedError: a clean WebP has not such bytes at this place.
        struct.error, IndexError: it is cut short.
    """
    _expect(data[:4] == b"RIFF" and data[8:12] == b"WEBP", "no WebP")
    (size,) = struct.unpack_from("<I", data, 4)
    _expect(8 + size == len(data) and size % 2 == 0, "another length than it says")
    yield Piece("frame", 0, 12)
    reader = _Reader(data, 12, len(data))
    if reader.peek() == b"VP8X":
        yield from _extended(data, reader)
    else:
        yield from reader.picture(None, 0)
    _expect(not reader.peek(), f"{reader.peek()!r} behind the picture")


def _extended(data: bytes, reader: _Reader) -> Iterator[Piece]:
    start, stop, header = reader.header()
    _expect(stop - start == 10, "a header of another length")
    flags = data[start]
    known = _HAS_ICC | _HAS_ALPHA | _HAS_EXIF | _IS_ANIMATED
    _expect(not flags & ~known and data[start + 1 : start + 4] == bytes(3), "reserved bits")
    canvas = 1 + _number(data, start + 4), 1 + _number(data, start + 7)
    yield header
    yield Piece("frame", start, stop)
    _expect((reader.peek() == b"ICCP") == bool(flags & _HAS_ICC), "a color profile or none")
    if flags & _HAS_ICC:
        yield from reader.chunk("icc")
    if flags & _IS_ANIMATED:
        yield from _animation(reader, canvas, flags)
    else:
        yield from reader.picture(canvas, flags)
    _expect((reader.peek() == b"EXIF") == bool(flags & _HAS_EXIF), "EXIF or none")
    if flags & _HAS_EXIF:
        yield from reader.chunk("exif")


def _animation(reader: _Reader, canvas: tuple[int, int], flags: int) -> Iterator[Piece]:
    _expect(reader.peek() == b"ANIM", f"{reader.peek()!r} in the place of a loop")
    start, stop, header = reader.header()
    _expect(stop - start == 6, "a loop of another length")
    yield header
    yield Piece("frame", start, stop)
    yield from reader.frame(canvas, flags)
    while reader.peek() not in (b"EXIF", b""):
        yield from reader.frame(canvas, flags)


def _expect(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not is_so:
        raise UnexplainedError(otherwise)


def _number(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low) | int(high) << 16


def _lossy_size(start: bytes, length: int) -> tuple[int, int]:
    """Read the frame header of a VP8: a key frame that is shown, of a known version."""
    low, high, code, width, height = struct.unpack("<HB3sHH", start)
    is_inter, version, is_shown = low & 1, low >> 1 & 7, low >> 4 & 1
    first_partition = (low | high << 16) >> 5
    _expect(code == b"\x9d\x01\x2a" and not is_inter and is_shown == 1, "no VP8 picture")
    _expect(version < 4 and first_partition <= length - 10, "no VP8 picture")
    _expect(bool(width & 0x3FFF and height & 0x3FFF), "a picture of no size")
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(start: bytes) -> tuple[int, int]:
    """Read the image header of a VP8L, version 0."""
    signature, bits = struct.unpack_from("<BI", start)
    _expect(signature == 0x2F and bits >> 29 == 0, "no VP8L picture")
    return 1 + bits % (1 << 14), 1 + (bits >> 14) % (1 << 14)
