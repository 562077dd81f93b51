"""The compressed stream of a PNG's picture: how long it has to be, and that it is no longer."""

import zlib
from typing import NamedTuple

from library.processing.metadata.values import UncleanableError

COPY_BYTES = 1 << 20
MAX_INFLATED_BYTES = 2 << 30  # of all frames; 100 megapixels of the deepest kind are 0.8 GB
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
DEPTHS = {
    GRAY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GRAY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}

_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


class Form(NamedTuple):
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


class Stream:
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
            rows = inflated(self._inflater, piece, most)
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


def inflated(inflater: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    """Inflate the next piece to at most so many bytes.

    Raises:
        UncleanableError: it does not inflate.
    """
    try:
        return inflater.decompress(piece, most)
    except zlib.error as error:
        raise UncleanableError("compressed data that is broken") from error
