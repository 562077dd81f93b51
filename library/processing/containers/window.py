"""A file read by place, through a small buffer: no mapping, so that its size costs no memory."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

BUFFER_BYTES = 64 << 10
SEARCH_BYTES = 256 << 10


class FileWindow:
    """Bytes of a file by index, slice and search, as if they were all in memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = self._file.seek(0, 2)
        self._start, self._held = 0, b""
        self._far: dict[tuple[re.Pattern[bytes], int], int] = {}  # where long searches ended

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

    def starts(self, wanted: bytes, at: int) -> bool:
        """Tell whether these bytes stand there."""
        return self._read(at, at + len(wanted)) == wanted

    def find(self, wanted: bytes, at: int) -> int:
        """Return where these bytes come first, from there on; -1 when they do not."""
        return self._first(lambda held, place: held.find(wanted, place), at, len(wanted))

    def search(self, pattern: re.Pattern[bytes], at: int, *, length: int) -> int:
        """Return where a pattern of so many bytes first matches, from there on; -1 when it does not.

        A search that went far is remembered: a second walk over the same file makes none of it anew.
        """
        if (pattern, at) in self._far:
            return self._far[pattern, at]

        def first(held: bytes, place: int) -> int:
            match = pattern.search(held, place)
            return match.start() if match else -1

        found = self._first(first, at, length)
        if found - at > SEARCH_BYTES:
            self._far[pattern, at] = found
        return found

    def _first(self, first: Callable[[bytes, int], int], at: int, length: int) -> int:
        """Search what is held, then fetch more and hold it: searches alone read no more than one does."""
        while 0 <= at <= self._size - length:
            if not self._start <= at <= self._start + len(self._held) - length:
                self._start, self._held = at, self._fetch(at, SEARCH_BYTES)
                if len(self._held) < length:  # the file has become shorter meanwhile
                    break
            found = first(self._held, at - self._start)
            if found >= 0:
                return self._start + found
            at = self._start + len(self._held) - length + 1
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
