"""A file read forward, byte by byte; whatever is read is remembered as what it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from library.processing.metadata.values import Piece, UnexplainedError


class Walk:
    """Reads forward within the box that it is in; `pieces` are what it has read so far.

    Raises:
        UnexplainedError: the box ends before what is to be read there, as with every method.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.stop = data, 0, len(data)
        self.pieces: list[Piece] = []

    @property
    def left(self) -> int:
        """Return the bytes of the box that are still unread."""
        return self.stop - self.at

    def skip(self, size: int, kind: str = "frame") -> None:
        """Read so many bytes as a piece of a kind."""
        if size > self.left:
            raise UnexplainedError(f"the box at {self.at} ends too early")
        start, self.at = self.at, self.at + size
        if kind == "frame" and self.pieces and self.pieces[-1].kind == "frame":
            start = self.pieces.pop().start
        if start < self.at:
            content = self.data[start : self.at] if kind in ("exif", "xmp", "icc") else b""
            self.pieces.append(Piece(kind, start, self.at, content))

    def take(self, size: int, kind: str = "frame") -> bytes:
        """Read so many bytes as a piece of a kind, and return them."""
        self.skip(size, kind)
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Read an unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def numbers(self, count: int, size: int) -> list[int]:
        """Read so many numbers of one size."""
        content = self.take(count * size)
        return [int.from_bytes(content[n : n + size], "big") for n in range(0, len(content), size)]

    def exact(self, wanted: bytes) -> None:
        """Read these very bytes."""
        if self.take(len(wanted)) != wanted:
            raise UnexplainedError(f"bytes before {self.at} are not what they must be")

    def zeros(self, count: int) -> None:
        """Read so many zeros."""
        self.exact(bytes(count))

    def next_kind(self) -> bytes:
        """Return the kind of the box that comes next, empty at the end."""
        return self.data[self.at + 4 : self.at + 8] if self.left >= 8 else b""

    @contextmanager
    def box(self, *kinds: bytes) -> Iterator[bytes]:
        """Read a box of one of these kinds, which must be read to its end."""
        outer, end = self.stop, self.at + self.number(4)
        kind = self.take(4)
        if kind not in kinds or not self.at <= end <= outer:
            raise UnexplainedError(f"a box that is not known here: {kind!r} before {self.at}")
        self.stop = end
        yield kind
        if self.at != end:
            raise UnexplainedError(f"bytes at {self.at} that no field explains")
        self.stop = outer


def one_of(value: int, allowed: tuple[int, ...]) -> int:
    """Return a value that must be one of these."""
    if value not in allowed:
        raise UnexplainedError(f"a field of {value} that may be {allowed}")
    return value
