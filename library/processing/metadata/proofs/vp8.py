"""The parts of a VP8 picture, by its frame header (RFC 6386, sections 7, 9.2 to 9.6 and 9.11)."""

from typing import NamedTuple

from library.processing.metadata.values import UnexplainedError

_TAG_BYTES, _START_BYTES = 3, 10
_SIZE_BYTES = 3
_EVEN = 128  # as likely as not


class Parts(NamedTuple):
    """Where in a key frame its first partition stands, and the others; sizes of these stand between."""

    first: tuple[int, int]
    others: list[tuple[int, int]]


def parts(frame: bytes) -> Parts:
    """Return the parts of a key frame.

    Raises:
        UnexplainedError: it says of a partition that it goes on behind the frame.
    """
    first_end = _START_BYTES + (int.from_bytes(frame[:_TAG_BYTES], "little") >> 5)
    number = 1 << _number_bits(frame[_START_BYTES:first_end])
    at = first_end + _SIZE_BYTES * (number - 1)
    others = []
    for place in range(first_end, at, _SIZE_BYTES):
        size = int.from_bytes(frame[place : place + _SIZE_BYTES], "little")
        others.append((at, at + size))
        at += size
    if at > len(frame):
        raise UnexplainedError("a partition that goes on behind its picture")
    return Parts((_START_BYTES, first_end), [*others, (at, len(frame))])


def shortened(frame: bytes, part: tuple[int, int], by: int) -> bytes:
    """Return a key frame without the last bytes of one of its parts, and with the right size of it."""
    start, stop = part
    found = parts(frame)
    changed = bytearray(frame)
    if part == found.first:
        tag = int.from_bytes(frame[:_TAG_BYTES], "little") - (by << 5)
        changed[:_TAG_BYTES] = tag.to_bytes(_TAG_BYTES, "little")
    elif part != found.others[-1]:
        at = found.first[1] + _SIZE_BYTES * found.others.index(part)
        changed[at : at + _SIZE_BYTES] = (stop - start - by).to_bytes(_SIZE_BYTES, "little")
    del changed[stop - by : stop]
    return bytes(changed)


def _number_bits(partition: bytes) -> int:
    """Read a frame header as far as the number of partitions, as a power of two."""
    bits = _Bits(partition)
    bits.number(2)  # color space, clamping
    if bits.number(1):
        _pass_segments(bits)
    bits.number(1 + 6 + 3)  # the loop filter
    if bits.number(1) and bits.number(1):
        bits.optional([7] * 8)
    return bits.number(2)


def _pass_segments(bits: "_Bits") -> None:
    has_map, has_features = bits.number(1), bits.number(1)
    if has_features:
        bits.number(1)
        bits.optional([8] * 4 + [7] * 4)
    if has_map:
        bits.optional([8] * 3)


class _Bits:
    """The boolean decoder of section 7.3, for bits that are as likely as not; behind the end are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 2
        self._value = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
        self._range = 255
        self._shifts = 0

    def number(self, width: int) -> int:
        """Take a number of so many bits, the highest first."""
        value = 0
        for _ in range(width):
            value = 2 * value + self._bit()
        return value

    def optional(self, widths: list[int]) -> None:
        """Pass fields of these widths, each behind a bit that says whether it is there."""
        for width in widths:
            if self.number(1):
                self.number(width)

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * _EVEN >> 8)
        is_set = self._value >= split << 8
        if is_set:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < _EVEN:
            self._value <<= 1
            self._range <<= 1
            self._shifts += 1
            if self._shifts == 8:
                self._shifts = 0
                self._value |= self._data[self._at] if self._at < len(self._data) else 0
                self._at += 1
        return int(is_set)
