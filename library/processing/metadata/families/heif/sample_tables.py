"""A track's tables: where its samples are, how long each is shown, which stand alone (ISO/IEC 14496-12)."""

from collections.abc import Iterator
from itertools import pairwise

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.fields import (
    Extent,
    Fields,
    fields_of,
    full_box,
    needed,
    words,
)
from library.processing.metadata.values import UncleanableError

MAX_SAMPLES = 50_000


def samples_of(data: FileWindow, tables: dict[bytes, Part]) -> list[Extent]:
    """Return where each sample is."""
    sizes = _sizes(fields_of(data, needed(tables, b"stsz")))
    samples: list[Extent] = []
    for start, count in _chunks(data, tables):
        if len(samples) + count > len(sizes):
            raise UncleanableError("more samples in chunks than there are")
        behind = start
        for size in sizes[len(samples) : len(samples) + count]:
            samples.append(Extent(behind, behind + size))
            behind += size
        if behind > len(data):
            raise UncleanableError("a sample is outside the file")
    if len(samples) != len(sizes):
        raise UncleanableError("fewer samples in chunks than there are")
    return samples


def _chunks(data: FileWindow, tables: dict[bytes, Part]) -> Iterator[tuple[int, int]]:
    """Yield where each chunk begins, and how many samples it has."""
    if b"co64" in tables:
        rows = _rows(fields_of(data, tables[b"co64"]), 2)
        starts = [high << 32 | low for high, low in rows]
    else:
        starts = [start for (start,) in _rows(fields_of(data, needed(tables, b"stco")), 1)]
    runs = _rows(fields_of(data, needed(tables, b"stsc")), 3)
    if runs[0][0] != 1:
        raise UncleanableError("chunks that are not told of")
    for (first, count, kind), (behind, _, _) in pairwise([*runs, [len(starts) + 1, 0, 1]]):
        if kind != 1 or not first < behind <= len(starts) + 1 or not count:
            raise UncleanableError("chunks out of order")
        for start in starts[first - 1 : behind - 1]:
            yield start, count


def _sizes(fields: Fields) -> list[int]:
    fields.full()
    size, count = fields.numbers(2, 4)
    if not 0 < count <= MAX_SAMPLES:
        raise UncleanableError("no samples, or more than there can be")
    return [size] * count if size else fields.numbers(count, 4)


def _rows(fields: Fields, columns: int) -> list[list[int]]:
    fields.full()
    count = fields.number(4)
    if not 0 < count <= MAX_SAMPLES:
        raise UncleanableError("a table that is empty, or longer than its samples")
    return [fields.numbers(columns, 4) for _ in range(count)]


def times(fields: Fields, kind: bytes, count: int) -> bytes:
    """Return a new `stts` or `ctts` box, for so many samples."""
    version, _ = fields.full()
    rows = fields.number(4)
    if version > (kind == b"ctts") or rows > MAX_SAMPLES:
        raise UncleanableError("an unknown table of times")
    values = fields.numbers(2 * rows, 4)
    if sum(values[::2]) != count or not all(values[::2]):
        raise UncleanableError("a table of times for other samples")
    return full_box(kind, words(rows, *values), version=version)


def sync_samples(fields: Fields, count: int) -> bytes:
    """Return a new `stss` box, for so many samples."""
    fields.full()
    rows = fields.number(4)
    if rows > count:
        raise UncleanableError("more sync samples than samples")
    values = fields.numbers(rows, 4)
    if any(one >= other for one, other in pairwise([0, *values, count + 1])):
        raise UncleanableError("sync samples out of order")
    return full_box(b"stss", words(rows, *values))
