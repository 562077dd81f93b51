"""The tables that a JPEG's scans use (ITU-T T.81, B.2.4): others are left out, for they may hold anything.

Some cameras write a table for each color into previews in gray, or the same ones twice.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from library.processing.containers import jpeg
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.values import UncleanableError

DHT, DQT = 0xC4, 0xDB
MAX_TABLES = 10_000  # of one picture: one that refines its scans often has a hundred

# Frames that are coded by Huffman's way
_SEQUENTIAL, _PROGRESSIVE, _LOSSLESS = (0xC0, 0xC1), (0xC2,), (0xC3,)

Key = tuple[int, int, int]  # DHT or DQT, the class of a Huffman table, and its number
Coded = Part | bytes  # as it stands in the file, or written anew


@dataclass(slots=True)
class _Segment:
    """A segment of tables: each with its key and its bytes; `used` are the places of those that stay."""

    part: Part
    tables: list[tuple[Key, bytes]]
    used: set[int] = field(default_factory=set)

    def written(self) -> Coded | None:
        """Return it as it is while all of it is used, else written anew; None for nothing."""
        if len(self.used) == len(self.tables):
            return self.part
        kept = b"".join(table for at, (_, table) in enumerate(self.tables) if at in self.used)
        return struct.pack(">BBH", 0xFF, self.part.kind[0], 2 + len(kept)) + kept if kept else None


class _Use:
    """What the segments so far have defined and used."""

    def __init__(self) -> None:
        self._current: dict[Key, tuple[_Segment, int]] = {}
        self._quantizers: dict[int, int] = {}  # of each component that no scan has begun with yet
        self._frame = 0
        self._left = MAX_TABLES

    def take(self, data: FileWindow, part: Part) -> Coded | _Segment:
        """Take the next segment; return what becomes of it, or what will tell that in the end."""
        marker = part.kind[0] if part.kind else 0
        content = data[part.start : part.stop] if marker else b""
        if marker in (DHT, DQT) and (tables := _tables_in(marker, content)):
            self._left -= len(tables)
            if self._left < 0:
                raise UncleanableError("more tables than any picture has")
            segment = _Segment(part, tables)
            for at, (key, _) in enumerate(tables):
                self._current[key] = segment, at
            return segment
        if marker in jpeg.FRAMES:
            self._frame = marker
            rows = range(6, len(content) - 2, 3)
            self._quantizers = {content[at]: content[at + 2] for at in rows}
        elif marker == jpeg.SOS and len(content) > 3:
            self._scan(content)
        return part

    def _scan(self, header: bytes) -> None:
        for at in range(1, min(1 + 2 * header[0], len(header) - 1), 2):
            component, codes = header[at], (header[at + 1] >> 4, header[at + 1] & 15)
            for kind in _huffman_classes(self._frame, header[-3:]):
                self._use((DHT, kind, codes[kind]))
            if component in self._quantizers:  # it is quantized as when its first scan begins
                self._use((DQT, 0, self._quantizers.pop(component)))

    def _use(self, key: Key) -> None:
        if key in self._current:
            segment, at = self._current[key]
            segment.used.add(at)


def used_only(data: FileWindow, coding: Iterable[Part]) -> Iterator[Coded]:
    """Yield what a picture is coded in, without the tables that none of its scans uses.

    Raises:
        UncleanableError: there are more than any picture has.
    """
    use = _Use()
    for taken in [use.take(data, part) for part in coding]:
        written = taken.written() if isinstance(taken, _Segment) else taken
        if written is not None:
            yield written


def _huffman_classes(frame: int, spectrum: bytes) -> tuple[int, ...]:
    """Return of which classes a scan's tables are: 0 for means and for lossless data, 1 for the rest."""
    if frame in _SEQUENTIAL:
        return (0, 1)
    if frame in _LOSSLESS:
        return (0,)
    if frame in _PROGRESSIVE and spectrum[0]:
        return (1,)
    return (0,) if frame in _PROGRESSIVE and not spectrum[2] >> 4 else ()


def _tables_in(marker: int, content: bytes) -> list[tuple[Key, bytes]]:
    """Return a segment's tables; none where it is not made of whole ones, which the proof then finds."""
    tables: list[tuple[Key, bytes]] = []
    at = 0
    while at < len(content):
        kind, number = content[at] >> 4, content[at] & 15
        if marker == DQT:
            size, kind = 129 if kind else 65, 0
        else:
            size = 17 + sum(content[at + 1 : at + 17])
        if at + size > len(content):
            return []
        tables.append(((marker, kind, number), content[at : at + size]))
        at += size
    return tables
