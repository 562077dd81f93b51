"""Fields and boxes of ISO/IEC 14496-12: read one after another, and written."""

from typing import NamedTuple

from library.processing.containers.boxes import parts
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.values import UncleanableError

MAX_BOX_BYTES = 8 << 20  # of one that is held in memory whole


class Extent(NamedTuple):
    """A stretch [start, stop) of the file."""

    start: int
    stop: int


class Fields:
    """Numbers and strings, read in order from the content of one box; big endian."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        """Return how many bytes are still unread."""
        return len(self._content) - self._at

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            UncleanableError: the box ends before them, as with everything read here.
        """
        if size > self.left:
            raise UncleanableError("a box ends within its fields")
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, size: int) -> int:
        """Return the next unsigned number of so many bytes; one of no bytes is 0."""
        return int.from_bytes(self.take(size), "big")

    def numbers(self, count: int, size: int) -> list[int]:
        """Return so many numbers of one size."""
        content = self.take(count * size)
        return [
            int.from_bytes(content[at : at + size], "big") for at in range(0, len(content), size)
        ]

    def full(self) -> tuple[int, int]:
        """Return the version and the flags that a full box begins with."""
        return self.number(1), self.number(3)

    def text(self) -> bytes:
        """Return a string up to its zero byte, which is read too."""
        end = self._content.find(b"\0", self._at)
        if end < 0:
            raise UncleanableError("a string has no end")
        return self.take(end + 1 - self._at)[:-1]

    def finish(self) -> None:
        """Refuse a box that has more in it than its fields."""
        if self.left:
            raise UncleanableError("a box goes on behind its fields")


def content_of(data: FileWindow, part: Part) -> bytes:
    """Return what is in a box, which must be of a size to be held in memory."""
    if part.stop > len(data) or part.stop - part.start > MAX_BOX_BYTES:
        raise UncleanableError(f"a box is cut short or too large: {part.kind!r}")
    return data[part.start : part.stop]


def fields_of(data: FileWindow, part: Part) -> Fields:
    """Return the fields of a box."""
    return Fields(content_of(data, part))


def children(data: FileWindow, start: int, stop: int) -> list[Part]:
    """Return the boxes that fill a stretch.

    Raises:
        UncleanableError: something else is between them or behind them.
    """
    found, at = list(parts(data, start, stop)), start
    if found:
        at = found[-1].stop
    if at != stop:
        raise UncleanableError("boxes do not fill the box that they are in")
    return found


def single(boxes: list[Part], *kinds: bytes) -> dict[bytes, Part]:
    """Return the boxes of these kinds, of which there may be one each."""
    found = [box for box in boxes if box.kind in kinds]
    if len({box.kind for box in found}) < len(found):
        raise UncleanableError("there are two boxes where one may be")
    return {box.kind: box for box in found}


def needed(boxes: dict[bytes, Part], kind: bytes) -> Part:
    """Return the box of a kind that can't be done without."""
    if kind not in boxes:
        raise UncleanableError(f"a box is missing: {kind!r}")
    return boxes[kind]


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box around its content."""
    joined = b"".join(content)
    return (8 + len(joined)).to_bytes(4, "big") + kind + joined


def full_box(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Return a box with a version and flags."""
    return box(kind, bytes((version,)), flags.to_bytes(3, "big"), *content)


def words(*numbers: int, size: int = 4) -> bytes:
    """Return unsigned numbers of so many bytes each, one behind the other."""
    return b"".join(number.to_bytes(size, "big") for number in numbers)
