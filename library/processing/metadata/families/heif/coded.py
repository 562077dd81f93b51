"""Coded pictures without what is not picture: the units of HEVC (ITU-T H.265) and AV1, by place.

Units that carry messages, padding or what no decoder knows go; all others stay as they are.
"""

from collections.abc import Iterator

from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.fields import Extent
from library.processing.metadata.values import UncleanableError

MAX_UNITS = 100_000
SMALL_BYTES = 4 << 20  # may be copied of any file: tiles that are alike can share their bytes

# NAL unit types: slices and parameter sets.
_NAL_KEPT = frozenset((*range(10), *range(16, 22), *range(32, 35)))
_END_OF_SEQUENCE = 36  # has two bytes, and tells how the next picture is decoded
# OBU types: sequence header, frame header, tile group, frame, redundant frame header.
_OBU_KEPT = frozenset((1, 3, 4, 6, 7))
_TILE_LIST = 8

Unit = tuple[Extent, bool]  # where it is, and whether it stays


class Budget:
    """What may still be copied: extents may overlap, so that a small file could ask for endless copies."""

    def __init__(self, size: int) -> None:
        self._bytes, self._units = max(2 * size, SMALL_BYTES), MAX_UNITS

    def spend(self, extents: list[Extent]) -> None:
        """Count the bytes of what is about to be copied.

        Raises:
            UncleanableError: all in all it is more than twice the file, and than a small one may be.
        """
        self._bytes -= sum(extent.stop - extent.start for extent in extents)
        if self._bytes < 0:
            raise UncleanableError("the items overlap to more than twice the file")

    def spend_unit(self) -> None:
        """Count one unit of coded data."""
        self._units -= 1
        if self._units < 0:
            raise UncleanableError("there are more coded units than any camera writes")


def picture_stretches(
    data: FileWindow, extents: list[Extent], length_size: int, budget: Budget
) -> list[Extent]:
    """Return the stretches of a coded picture that are picture.

    `length_size` is that of HEVC's unit lengths in bytes; 0 means AV1. It is all of it, as one
    stretch, where nothing goes.

    Raises:
        UncleanableError: the coding is not as its standard says, or a unit lies in two places.
    """
    budget.spend(extents)
    kept: list[Extent] = []
    for extent in extents:
        last = extent is extents[-1]
        units = (
            _nal_units(data, extent, length_size) if length_size else _obus(data, extent, last=last)
        )
        for unit, stays in units:
            budget.spend_unit()
            if stays and kept and kept[-1].stop == unit.start:
                kept[-1] = Extent(kept[-1].start, unit.stop)
            elif stays:
                kept.append(unit)
    if not kept:
        raise UncleanableError("a coded picture is empty")
    return kept


def _nal_units(data: FileWindow, extent: Extent, length_size: int) -> Iterator[Unit]:
    at = extent.start
    while at < extent.stop:
        start = at + length_size
        stop = start + int.from_bytes(data[at:start], "big")
        if stop > extent.stop or stop < start + 2:
            raise UncleanableError("an HEVC unit goes on behind its extent")
        yield Extent(at, stop), nal_stays(data[start : start + 2], stop - start)
        at = stop


def nal_stays(header: bytes, size: int) -> bool:
    """Tell by its two header bytes whether a NAL unit of so many bytes is picture.

    Raises:
        UncleanableError: it is a second layer's, which may or may not be needed.
    """
    kind = header[0] >> 1  # above 63 where the forbidden bit is set
    stays = kind in _NAL_KEPT or (kind == _END_OF_SEQUENCE and size == 2)
    if stays and (header[0] & 1 or header[1] >> 3):
        raise UncleanableError("the picture is coded in layers")
    return stays


def _obus(data: FileWindow, extent: Extent, *, last: bool) -> Iterator[Unit]:
    at = extent.start
    while at < extent.stop:
        header = data[at]
        start = at + (2 if header & 4 else 1)
        if header & 2:
            start, size = _leb128(data, start)
            stop = start + size
        elif last:
            stop = extent.stop
        else:
            raise UncleanableError("an AV1 unit without a size lies in two places")
        if stop > extent.stop:
            raise UncleanableError("an AV1 unit goes on behind its extent")
        yield Extent(at, stop), obu_stays(header)
        at = stop


def obu_stays(header: int) -> bool:
    """Tell by its first byte whether an open bitstream unit is picture."""
    kind = header >> 3
    if kind == _TILE_LIST:
        raise UncleanableError("AV1 as a list of tiles")
    return kind in _OBU_KEPT  # the forbidden bit must not be set: then this is above 15


def _leb128(data: FileWindow, at: int) -> tuple[int, int]:
    """Return where a variable-length number ends, and the number."""
    value = 0
    for place in range(8):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return at + place + 1, value
    raise UncleanableError("a number without an end")
