"""The tags of an ICC profile that turn numbers into colors, each written anew (ICC.1:2022, chapter 10).

A new tag has the numbers of the old one in one fixed form: what is reserved is zero, and nothing is copied
that stands between the numbers, before them or behind them.
"""

import struct
from collections.abc import Callable
from math import prod

from library.processing.metadata.values import UncleanableError

MAX_CHANNELS = 4  # four inks are the most of all color spaces that stay

_XYZ, _CURVES = (b"XYZ ",), (b"curv", b"para")
_TO_COLORS, _FROM_COLORS = (b"mft1", b"mft2", b"mAB "), (b"mft1", b"mft2", b"mBA ")
COLOR_TAGS: dict[bytes, tuple[bytes, ...]] = {
    **dict.fromkeys((b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"lumi"), _XYZ),
    **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC", b"kTRC"), _CURVES),
    **dict.fromkeys((b"A2B0", b"A2B1", b"A2B2"), _TO_COLORS),
    **dict.fromkeys((b"B2A0", b"B2A1", b"B2A2", b"gamt"), _FROM_COLORS),
    b"chad": (b"sf32",),
    b"chrm": (b"chrm",),
    b"cicp": (b"cicp",),
    **dict.fromkeys((b"rig0", b"rig2"), (b"sig ",)),
}
_PARA_NUMBERS = (1, 3, 4, 5, 7)  # of the functions 0 to 4 (table 68)
_LUT_HEAD_BYTES = 32
_REFERENCE_GAMUT = b"prmg"  # the only one that there is (9.2.38)


def numbers_alone(content: bytes) -> bytes:
    """Return a tag with its numbers alone; b"" where it changes no color and is not in order.

    Raises:
        UncleanableError: it changes colors, and is not in order or of a type that is not known.
        struct.error, IndexError: it ends before its counts do.
    """
    write = _WRITERS.get(content[:4])
    if write is None:
        raise UncleanableError("a color profile with a tag of a wrong type")
    return write(content)


def _cut(content: bytes, start: int, stop: int) -> bytes:
    if stop > len(content):
        raise UncleanableError("a color profile with a tag that is cut short")
    return content[start:stop]


def _numbers(content: bytes) -> bytes:
    """Write one XYZ number, or the nine of a matrix."""
    return content[:4] + bytes(4) + _cut(content, 8, 20 if content[:4] == b"XYZ " else 44)


def _chromaticity(content: bytes) -> bytes:
    """Write three channels' x and y, each from 0 to 1, and the number of a phosphor (10.2)."""
    channels, phosphor, *numbers = struct.unpack_from(">HH6I", content, 8)
    if channels != 3 or phosphor > 4 or max(numbers) > 0x10000:
        return b""
    return b"chrm" + bytes(4) + content[8:36]


def _code_points(content: bytes) -> bytes:
    """Write the numbers of primaries, transfer function, matrix and range (10.3, ITU-T H.273)."""
    codes = content[8:12]
    is_sound = len(codes) == 4 and max(codes[:3]) < 32 and codes[3] <= 1
    return b"cicp" + bytes(4) + codes if is_sound else b""


def _signature(content: bytes) -> bytes:
    return b"sig " + bytes(4) + _REFERENCE_GAMUT if content[8:12] == _REFERENCE_GAMUT else b""


def _curve(content: bytes, at: int = 0) -> bytes:
    """Write the curve that stands there: a table, or a function's parameters (10.6, 10.18)."""
    kind, count = struct.unpack_from(">4s4xI", content, at)
    if kind == b"curv":
        return b"curv" + bytes(4) + _cut(content, at + 8, at + 12 + 2 * count)
    function = count >> 16  # what follows it is reserved
    if kind != b"para" or function >= len(_PARA_NUMBERS):
        raise UncleanableError("a color profile with a curve of a rare kind")
    numbers = _cut(content, at + 12, at + 12 + 4 * _PARA_NUMBERS[function])
    return b"para" + bytes(4) + struct.pack(">HH", function, 0) + numbers


def _tables(content: bytes) -> bytes:
    """Write a matrix, and tables of 8 or 16 bits: for each input, for all, for each output (10.10, 10.11)."""
    inputs, outputs, grid = struct.unpack_from("3B", content, 8)
    _check_channels(inputs, outputs)
    is_wide = content[:4] == b"mft2"
    first, last = struct.unpack_from(">HH", content, 48) if is_wide else (256, 256)
    numbers = inputs * first + grid**inputs * outputs + outputs * last
    stop = 52 + 2 * numbers if is_wide else 48 + numbers
    return content[:4] + bytes(4) + content[8:11] + b"\0" + _cut(content, 12, stop)


def _lut(content: bytes) -> bytes:
    """Write curves B, a matrix, curves M, a table and curves A, in this order (10.12, 10.13).

    They may stand anywhere in the old tag, and share curves. B and M are on the side of the colors, whose
    channels are the outputs of `mAB ` and the inputs of `mBA `; A is on the side of the device.
    """
    inputs, outputs = struct.unpack_from("2B", content, 8)
    places = struct.unpack_from(">5I", content, 12)
    _check_channels(inputs, outputs)
    if not places[0] or any(0 < place < _LUT_HEAD_BYTES or place % 4 for place in places):
        raise UncleanableError("a color profile with a table that is in disorder")
    if inputs != outputs and not places[3]:
        raise UncleanableError("a color profile with a table of other channels than it says")
    colors, device = (outputs, inputs) if content[:4] == b"mAB " else (inputs, outputs)
    elements = (
        _curves(content, places[0], colors),
        _matrix(content, places[1], colors),
        _curves(content, places[2], colors),
        _grid(content, places[3], inputs, outputs),
        _curves(content, places[4], device),
    )
    head = content[:4] + bytes(4) + bytes((inputs, outputs, 0, 0))
    at = _LUT_HEAD_BYTES
    for element in elements:
        head += struct.pack(">I", at if element else 0)
        at += len(element)
    return b"".join((head, *elements))


def _check_channels(*channels: int) -> None:
    if not all(1 <= number <= MAX_CHANNELS for number in channels):
        raise UncleanableError("a color profile with tables of many channels")


def _curves(content: bytes, at: int, count: int) -> bytes:
    """Write so many curves that follow each other, each filled up to four bytes; none for a place of 0."""
    written = []
    for _ in range(count if at else 0):
        curve = _filled(_curve(content, at))
        written.append(curve)
        at += len(curve)
    return b"".join(written)


def _matrix(content: bytes, at: int, channels: int) -> bytes:
    """Write nine factors and three summands; nothing for a place of 0."""
    if at and channels != 3:
        raise UncleanableError("a color profile with a matrix of a wrong size")
    return _cut(content, at, at + 48) if at else b""


def _grid(content: bytes, at: int, inputs: int, outputs: int) -> bytes:
    """Write a table by its points along each input, in 8 or 16 bits; nothing for a place of 0."""
    if not at:
        return b""
    points, number_bytes = content[at : at + inputs], content[at + 16]
    if min(points) < 2 or number_bytes not in (1, 2):
        raise UncleanableError("a color profile with a table without numbers")
    head = points.ljust(16, b"\0") + bytes((number_bytes, 0, 0, 0))
    size = prod(points) * outputs * number_bytes
    return _filled(head + _cut(content, at + 20, at + 20 + size))


def _filled(element: bytes) -> bytes:
    return element + bytes(-len(element) % 4)


_WRITERS: dict[bytes, Callable[[bytes], bytes]] = {
    **dict.fromkeys((b"XYZ ", b"sf32"), _numbers),
    **dict.fromkeys(_CURVES, _curve),
    **dict.fromkeys((b"mft1", b"mft2"), _tables),
    **dict.fromkeys((b"mAB ", b"mBA "), _lut),
    b"chrm": _chromaticity,
    b"cicp": _code_points,
    b"sig ": _signature,
}
