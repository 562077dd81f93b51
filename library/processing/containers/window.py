"""A file read by place, through a small buffer: no mapping, so that its size costs no memory."""

import struct
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

BUFFER_BYTES = 64 << 10
SEARCH_BYTES = 1 << 20


class FileWindow:
    """Bytes of a file by index, slice and search, as if they were all in memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = self._file.seek(0, 2)
        self._start, self._held = 0, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        """Return one byte, or those of a slice without a step, counted from the start.

        Raises:
            IndexError: the one byte lies behind the end. A slice is shorter there, as ever.
        """
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._size)
            return self._read(start, max(start, stop))
        if not 0 <= place < self._size:
            raise IndexError(place)
        return self._read(place, place + 1)[0]

    def unpack(self, layout: str, at: int) -> tuple[Any, ...]:
        """Return the fields of a struct layout that starts there.

        Raises:
            struct.error: the file ends before they do.
        """
        return struct.unpack(layout, self._read(at, at + struct.calcsize(layout)))

    def find(self, wanted: bytes, at: int) -> int:
        """Return where these bytes come first, from there on; -1 when they do not."""
        while at < self._size:
            piece = self._read(at, min(at + SEARCH_BYTES, self._size))
            found = piece.find(wanted)
            if found >= 0:
                return at + found
            at += max(1, len(piece) - len(wanted) + 1)
        return -1

    def _read(self, start: int, stop: int) -> bytes:
        if stop - start > BUFFER_BYTES:
            return self._fetch(start, stop - start)
        if not self._start <= start or stop > self._start + len(self._held):
            self._start, self._held = start, self._fetch(start, BUFFER_BYTES)
        return self._held[start - self._start : stop - self._start]

    def _fetch(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(max(0, min(size, self._size - start))) or b""
