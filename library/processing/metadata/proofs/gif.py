"""GIF byte by byte (GIF89a): screen, images with their control, one loop, and the end."""

import struct
from collections.abc import Iterator

from library.processing.metadata.values import Piece, UnexplainedError

_LOOP_NAMES = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield all bytes of a GIF as pieces.

    Raises:
        UnexplainedError: a clean GIF has not such bytes at this place.
        struct.error, IndexError: it is cut short.
    """
    _expect(data[:6] in (b"GIF87a", b"GIF89a"), "no GIF")
    at = 13 + _table_bytes(data[10])
    yield Piece("frame", 0, 13)
    yield from _coded(13, at)
    loops: set[bytes] = set()
    has_image = False
    while data[at] != 0x3B:
        stop = at + 19
        if data[at : at + 2] == b"!\xff":
            name = _loop_name(data[at:stop])
            _expect(name not in loops, "a second loop")
            loops.add(name)
            yield Piece("frame", at, stop)
        else:
            if data[at] == 0x21:
                _expect(_is_control(data[at : at + 8]), "an extension that is no graphic control")
                yield Piece("frame", at, at + 8)
                at += 8
            stop = _image_end(data, at)
            yield Piece("frame", at, at + 10)
            yield from _coded(at + 10, stop)
            has_image = True
        at = stop
    yield Piece("frame", at, at + 1)
    _expect(has_image, "no picture")
    _expect(at + 1 == len(data), "bytes behind the end")


def _coded(start: int, stop: int) -> Iterator[Piece]:
    if start < stop:
        yield Piece("coded", start, stop)


def _loop_name(block: bytes) -> bytes:
    """Read an application extension of eleven letters and one sub-block of three bytes."""
    size, name, length, index, end = struct.unpack("<2xB11sBB2xB", block)
    is_loop = (size, length, index, end) == (11, 3, 1, 0) and name in _LOOP_NAMES
    _expect(is_loop, "an extension that is no loop")
    return bytes(name)


def _is_control(block: bytes) -> bool:
    """Tell whether it is a graphic control of four bytes, without reserved bits."""
    label, size, flags, end = struct.unpack("<xBBB3xB", block)
    return (label, size, end) == (0xF9, 4, 0) and flags < 0x20


def _image_end(data: bytes, at: int) -> int:
    """Return where an image that begins here ends, behind its empty sub-block."""
    separator, width, height, flags = struct.unpack_from("<B4xHHB", data, at)
    _expect(separator == 0x2C, "a block that is no image")
    _expect(not flags & 0x18, "reserved bits of an image")
    start = at + 10 + _table_bytes(flags)
    _expect(0 < data[start] < 12, "an image of an unknown code size")
    end = start + 1
    while data[end]:
        end += 1 + data[end]
    _expect(end + 1 - start <= 2 * width * height + 1024, "more in an image than its pixels")
    return end + 1


def _table_bytes(flags: int) -> int:
    """Return the length of the color table that a screen or an image says it has."""
    return 3 * 2 ** (flags % 8 + 1) if flags >= 0x80 else 0


def _expect(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not is_so:
        raise UnexplainedError(otherwise)
