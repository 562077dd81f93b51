"""Where every byte of an archive lies, and how to make any range of them.

Members are stored, not compressed (media does not shrink), sizes and CRC stand in the local header,
and ZIP64 appears only where a number does not fit without it.
"""

import hashlib
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import TypeAlias

# (index of entry, start, stop) -> the bytes [start, stop) of that entry, in pieces of any size.
ReadEntry: TypeAlias = Callable[[int, int, int], Iterator[bytes]]

_FORMAT = b"stored-1"  # part of every ETag: raise it when the same entries give other bytes
_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF
_VERSION = 20
_VERSION_ZIP64 = 45
_MADE_BY_UNIX = 3 << 8
_FLAG_UTF8 = 1 << 11
_STORED = 0
_REGULAR_FILE = 0o100644 << 16
_RECORDS_PER_PIECE = 512

_LOCAL = struct.Struct("<4s5H3I2H")
_RECORD = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_ZIP64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_ZIP64 = struct.Struct("<4sIQI")
_FINGERPRINT = struct.Struct("<HQI2H")


class EntryChangedError(ValueError):
    """A file gave more or fewer bytes than its entry says, so the archive can't be completed.

    Not an OSError: a server takes that for a broken connection and may pass over it.
    """


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive. Its name is safe and unique already; its time is wall clock."""

    name: str
    size_bytes: int
    crc32: int
    modified_at: datetime

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or not 0 <= self.crc32 <= _MAX_32:
            raise ValueError(f"No file has size {self.size_bytes} and CRC-32 {self.crc32}.")
        if len(self.name.encode()) > _MAX_16:
            raise ValueError("A member name in a ZIP archive has at most 65,535 bytes.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every byte of an archive comes from. `etag` is a strong one, without quotes."""

    entries: tuple[Entry, ...]
    size_bytes: int
    etag: str
    # Where each entry's local header begins, and after the last one the directory.
    _starts: tuple[int, ...] = field(repr=False)
    # Where each entry's record in the directory begins, and after the last one the end record.
    _record_starts: tuple[int, ...] = field(repr=False)

    def pieces(self, start: int, stop: int, read_entry: ReadEntry) -> Iterator[bytes]:
        """Make the bytes [start, stop) of the archive, reading no entry outside of them.

        Raises:
            ValueError: at once, when the archive has no such range.
            EntryChangedError: while iterating, when `read_entry` gives more or fewer bytes than
                it was asked for.
        """
        if not 0 <= start <= stop <= self.size_bytes:
            raise ValueError(f"No range {start}-{stop} in an archive of {self.size_bytes} bytes.")
        return self._pieces(start, stop, read_entry)

    def _pieces(self, start: int, stop: int, read_entry: ReadEntry) -> Iterator[bytes]:
        if start == stop:
            return
        first = bisect_right(self._starts, start) - 1
        for index in range(first, bisect_left(self._starts, stop, hi=len(self.entries))):
            yield from self._member_pieces(index, start, stop, read_entry)
        yield from self._directory_pieces(start, stop)
        directory_at, end_at = self._starts[-1], self._record_starts[-1]
        if stop > end_at:
            yield _clip(_end(len(self.entries), directory_at, end_at), end_at, start, stop)

    def _member_pieces(
        self, index: int, start: int, stop: int, read_entry: ReadEntry
    ) -> Iterator[bytes]:
        entry, header_at = self.entries[index], self._starts[index]
        header = _local_header(entry, header_at)
        if clipped := _clip(header, header_at, start, stop):
            yield clipped
        data_at = header_at + len(header)
        data_start, data_stop = max(start - data_at, 0), min(stop - data_at, entry.size_bytes)
        if data_start >= data_stop:
            return
        left = data_stop - data_start
        for piece in read_entry(index, data_start, data_stop):
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left:
            # The index, not the name: this goes to logs, and names of photos are personal.
            due = data_stop - data_start
            raise EntryChangedError(f"Entry {index} gave {due - left} bytes where {due} were due.")

    def _directory_pieces(self, start: int, stop: int) -> Iterator[bytes]:
        first = max(bisect_right(self._record_starts, start) - 1, 0)
        last = bisect_left(self._record_starts, stop, hi=len(self.entries))
        for index in range(first, last, _RECORDS_PER_PIECE):
            upto = min(index + _RECORDS_PER_PIECE, last)
            records = map(_record, self.entries[index:upto], self._starts[index:upto])
            yield _clip(b"".join(records), self._record_starts[index], start, stop)


def plan_archive(entries: Sequence[Entry]) -> Plan:
    """Lay out an archive of these entries, in this order; reads no file."""
    digest = hashlib.sha256(_FORMAT)
    starts, record_sizes_bytes = [0], []
    for entry in entries:
        name = entry.name.encode()
        moment = _dos_time_and_date(entry.modified_at)
        digest.update(_FINGERPRINT.pack(len(name), entry.size_bytes, entry.crc32, *moment) + name)
        sizes, offset = _zip64_numbers(entry, starts[-1])
        header_bytes = _LOCAL.size + len(name) + _extra_bytes(sizes)
        record_sizes_bytes.append(_RECORD.size + len(name) + _extra_bytes(sizes + offset))
        starts.append(starts[-1] + header_bytes + entry.size_bytes)
    record_starts = tuple(accumulate(record_sizes_bytes, initial=starts[-1]))
    size_bytes = record_starts[-1] + len(_end(len(entries), starts[-1], record_starts[-1]))
    etag = digest.hexdigest()[:32]
    return Plan(tuple(entries), size_bytes, etag, tuple(starts), record_starts)


def _zip64_numbers(entry: Entry, header_at: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the sizes and the offset that need 64 bits, each `()` when 32 are enough."""
    sizes = (entry.size_bytes, entry.size_bytes) if entry.size_bytes >= _MAX_32 else ()
    return sizes, (header_at,) if header_at >= _MAX_32 else ()


def _extra_bytes(numbers: tuple[int, ...]) -> int:
    """Tell how long `_extra` is, without making it."""
    return 4 + 8 * len(numbers) if numbers else 0


def _extra(numbers: tuple[int, ...]) -> bytes:
    """Make the ZIP64 field that holds these numbers; nothing for none."""
    count = len(numbers)
    return struct.pack(f"<2H{count}Q", 1, 8 * count, *numbers) if count else b""


def _common(entry: Entry, header_at: int, name: bytes, extra: bytes) -> tuple[int, ...]:
    """Return the fields that the local header and the directory record have in common."""
    version = _VERSION_ZIP64 if any(_zip64_numbers(entry, header_at)) else _VERSION
    moment = _dos_time_and_date(entry.modified_at)
    size = min(entry.size_bytes, _MAX_32)
    sizes = (entry.crc32, size, size, len(name), len(extra))
    return (version, _FLAG_UTF8, _STORED, *moment, *sizes)


def _local_header(entry: Entry, header_at: int) -> bytes:
    name = entry.name.encode()
    sizes, _ = _zip64_numbers(entry, header_at)
    extra = _extra(sizes)
    return _LOCAL.pack(b"PK\x03\x04", *_common(entry, header_at, name, extra)) + name + extra


def _record(entry: Entry, header_at: int) -> bytes:
    name = entry.name.encode()
    sizes, offset = _zip64_numbers(entry, header_at)
    extra = _extra(sizes + offset)
    common = _common(entry, header_at, name, extra)
    made_by = _MADE_BY_UNIX | common[0]
    place = (0, 0, 0, _REGULAR_FILE, min(header_at, _MAX_32))
    return _RECORD.pack(b"PK\x01\x02", made_by, *common, *place) + name + extra


def _end(count: int, directory_at: int, end_at: int) -> bytes:
    """Make all that follows the directory."""
    size = end_at - directory_at
    short = [min(count, _MAX_16)] * 2 + [min(size, _MAX_32), min(directory_at, _MAX_32)]
    end = _END.pack(b"PK\x05\x06", 0, 0, *short, 0)
    if count < _MAX_16 and max(size, directory_at) < _MAX_32:
        return end
    versions = (_MADE_BY_UNIX | _VERSION_ZIP64, _VERSION_ZIP64)
    numbers = (count, count, size, directory_at)
    size_of_rest = _END_ZIP64.size - 12  # the signature and this number itself do not count
    long = _END_ZIP64.pack(b"PK\x06\x06", size_of_rest, *versions, 0, 0, *numbers)
    return long + _LOCATOR_ZIP64.pack(b"PK\x06\x07", 0, end_at, 1) + end


def _dos_time_and_date(moment: datetime) -> tuple[int, int]:
    """Two seconds fine, and clamped to the years that DOS can tell: 1980 to 2107."""
    if moment.year < 1980:
        return 0, 1 << 5 | 1
    if moment.year > 2107:
        return 23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def _clip(piece: bytes, piece_at: int, start: int, stop: int) -> bytes:
    """Return what of a piece that lies at `piece_at` is within [start, stop)."""
    return piece[max(start - piece_at, 0) : max(stop - piece_at, 0)]
