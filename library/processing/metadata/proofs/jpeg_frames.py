"""How many blocks scans of a JPEG have (ITU-T T.81, A.1.1 and A.2), and the one kind whose length follows.

That is the scan of a progressive picture that brings one more bit of each block's mean: it has one bit for
each block, and nothing else. Whether that bit is read can't be seen: it may change a pixel by an eighth.
"""

import struct
from collections.abc import Iterable


class Frame:
    """What the header of a frame says: the size of the picture, and of its components."""

    def __init__(self, content: bytes) -> None:
        self._height, self._width = struct.unpack_from(">HH", content, 1)
        self._across = {content[at]: content[at + 1] >> 4 for at in range(6, len(content), 3)}
        self._down = {content[at]: content[at + 1] & 15 for at in range(6, len(content), 3)}

    @property
    def pixels(self) -> int:
        """Return how many pixels the picture has."""
        return int(self._width * self._height)

    def parts(self, header: bytes, restart_units: int) -> int:
        """Return how many parts a scan has at most, with a restart behind every so many units (MCUs)."""
        units, _ = self._units(header[1 : 1 + 2 * header[0] : 2])
        return _up(units, restart_units or units)

    def has_length_of_bits(self, header: bytes, parts: Iterable[bytes], restart_units: int) -> bool:
        """Tell whether the data of a scan, by its parts between restarts, is one bit for each block."""
        units, blocks = self._units(header[1 : 1 + 2 * header[0] : 2])
        for part in parts:
            here = min(units, restart_units or units)
            units -= here
            if len(part.replace(b"\xff\0", b"\xff")) != _up(here * blocks, 8):
                return False
        return units == 0

    def _units(self, components: bytes) -> tuple[int, int]:
        """Return how many units a scan of these components has, and how many blocks are in each."""
        across, down = max(self._across.values()), max(self._down.values())
        if len(components) > 1:
            blocks = sum(self._across[each] * self._down[each] for each in components)
            return _up(self._width, 8 * across) * _up(self._height, 8 * down), blocks
        width = _up(self._width * self._across[components[0]], across)
        height = _up(self._height * self._down[components[0]], down)
        return _up(width, 8) * _up(height, 8), 1


def is_one_bit_each(header: bytes) -> bool:
    """Tell by its header whether a scan brings one more bit of each block's mean."""
    first, high = header[-3], header[-1] >> 4
    return first == 0 and high > 0


def _up(number: int, by: int) -> int:
    return -(-number // by)
