"""Whether a tag of a color profile is numbers alone: every byte of it, by its type (ICC.1:2022, chapter 10).

What is refused here may well be a sound profile: it is not in the one form in which we write it.
"""

import re
import struct
from collections.abc import Callable
from math import prod

from library.processing.metadata.values import UnexplainedError

MAX_CHANNELS = 4

_TYPES = (
    (re.compile(rb"wtpt|bkpt|lumi|[rgb]XYZ"), (b"XYZ ",)),
    (re.compile(rb"[rgbk]TRC"), (b"curv", b"para")),
    (re.compile(rb"A2B[012]"), (b"mft1", b"mft2", b"mAB ")),
    (re.compile(rb"B2A[012]|gamt"), (b"mft1", b"mft2", b"mBA ")),
    (re.compile(rb"chad"), (b"sf32",)),
    (re.compile(rb"chrm"), (b"chrm",)),
    (re.compile(rb"cicp"), (b"cicp",)),
    (re.compile(rb"rig[02]"), (b"sig ",)),
)
# How many parameters each function has (table 68); the lower half of its number is reserved
_PARAMETERS = {0: 1, 1 << 16: 3, 2 << 16: 4, 3 << 16: 5, 4 << 16: 7}


def check_color_tag(name: bytes, tag: bytes) -> None:
    """Check that a tag is of a type that its name allows, and that each byte is a number or zero.

    Raises:
        UnexplainedError: it is not.
        struct.error, LookupError: it ends before its counts do.
    """
    kinds = next((kinds for names, kinds in _TYPES if names.fullmatch(name)), ())
    if tag[:4] not in kinds or tag[4:8] != bytes(4):
        raise UnexplainedError("a profile with more in it than colors")
    if _END_OF[tag[:4]](tag) != len(tag):
        raise UnexplainedError("a profile with a tag that is longer or shorter than its numbers")


def _zeros(tag: bytes, start: int, stop: int) -> int:
    """Check bytes that are reserved or fill up, and return where they end."""
    if tag[start:stop] != bytes(stop - start):
        raise UnexplainedError("a profile with something in its reserved bytes")
    return stop


def _end_of_chromaticity(tag: bytes) -> int:
    channels, phosphor, *numbers = struct.unpack_from(">2H6I", tag, 8)
    if channels != 3 or phosphor > 4 or any(number > 1 << 16 for number in numbers):
        raise UnexplainedError("a profile with chromaticities that are none")
    return 36


def _end_of_code_points(tag: bytes) -> int:
    primaries, transfer, matrix, is_full = struct.unpack_from("4B", tag, 8)
    if max(primaries, transfer, matrix) > 31 or is_full > 1:
        raise UnexplainedError("a profile with code points that are none")
    return 12


def _end_of_signature(tag: bytes) -> int:
    if tag[8:12] != b"prmg":
        raise UnexplainedError("a profile with a signature that is not known")
    return 12


def _end_of_curve(tag: bytes, at: int = 0) -> int:
    kind, reserved, count = struct.unpack_from(">4sII", tag, at)
    if reserved:
        raise UnexplainedError("a profile with something in its reserved bytes")
    if kind == b"curv":
        return int(at + 12 + 2 * count)
    if kind != b"para" or count not in _PARAMETERS:
        raise UnexplainedError("a profile with a curve that is none")
    return at + 12 + 4 * _PARAMETERS[count]


def _end_of_tables(tag: bytes) -> int:
    inputs, outputs, points, _ = struct.unpack_from("4B", tag, 8)
    _check_channels(inputs, outputs)
    _zeros(tag, 11, 12)
    if tag[:4] == b"mft1":
        return int(48 + 256 * (inputs + outputs) + outputs * points**inputs)
    first, last = struct.unpack_from(">2H", tag, 48)
    return int(52 + 2 * (inputs * first + outputs * last + outputs * points**inputs))


def _check_channels(inputs: int, outputs: int) -> None:
    if not (0 < inputs <= MAX_CHANNELS and 0 < outputs <= MAX_CHANNELS):
        raise UnexplainedError("a profile with tables of many channels")


def _end_of_lut(tag: bytes) -> int:
    """Check curves B, a matrix, curves M, a table and curves A: each behind the one before, or absent."""
    inputs, outputs, *places = struct.unpack_from(">BBxx5I", tag, 8)
    _check_channels(inputs, outputs)
    at = _zeros(tag, 10, 12) + 20
    colors, device = (outputs, inputs) if tag[:4] == b"mAB " else (inputs, outputs)
    if not places[0] or (inputs != outputs and not places[3]) or (places[1] and colors != 3):
        raise UnexplainedError("a profile with a table that lacks a part")
    elements: tuple[Callable[[int], int], ...] = (
        lambda start: _end_of_curves(tag, start, colors),
        lambda start: start + 48,
        lambda start: _end_of_curves(tag, start, colors),
        lambda start: _end_of_grid(tag, start, inputs, outputs),
        lambda start: _end_of_curves(tag, start, device),
    )
    for place, end_of in zip(places, elements, strict=True):
        if place not in (0, at):
            raise UnexplainedError("a profile with a table whose parts do not follow each other")
        at = end_of(at) if place else at
    return at


def _end_of_curves(tag: bytes, at: int, count: int) -> int:
    for _ in range(count):
        end = _end_of_curve(tag, at)
        at = _zeros(tag, end, end + -end % 4)
    return at


def _end_of_grid(tag: bytes, at: int, inputs: int, outputs: int) -> int:
    points, number_bytes = tag[at : at + inputs], tag[at + 16]
    if min(points) < 2 or number_bytes not in (1, 2):
        raise UnexplainedError("a profile with a table that has no points")
    _zeros(tag, at + inputs, at + 16)
    end = _zeros(tag, at + 17, at + 20) + prod(points) * outputs * number_bytes
    return _zeros(tag, end, end + -end % 4)


_END_OF: dict[bytes, Callable[[bytes], int]] = {
    b"XYZ ": lambda _: 20,
    b"sf32": lambda _: 44,
    b"curv": _end_of_curve,
    b"para": _end_of_curve,
    b"mft1": _end_of_tables,
    b"mft2": _end_of_tables,
    b"mAB ": _end_of_lut,
    b"mBA ": _end_of_lut,
    b"chrm": _end_of_chromaticity,
    b"cicp": _end_of_code_points,
    b"sig ": _end_of_signature,
}
