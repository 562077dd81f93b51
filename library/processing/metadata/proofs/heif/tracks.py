"""The `moov` box: tracks of pictures, without times and names, each in one chunk."""

from collections.abc import Callable
from itertools import pairwise

from library.processing.metadata.proofs.heif.coded import Body
from library.processing.metadata.proofs.heif.properties import PROPERTIES, auxiliary_type
from library.processing.metadata.proofs.heif.walk import Walk, one_of
from library.processing.metadata.values import UnexplainedError

CONFIGURATIONS = {b"hvc1": b"hvcC", b"av01": b"av1C"}


def read_movie(walk: Walk) -> list[Body]:
    """Read the `moov` box; return its tracks' samples."""
    bodies: list[Body] = []
    with walk.box(b"moov"):
        with walk.box(b"mvhd"):
            size = _times(walk)
            walk.skip(4 + size)
            walk.exact(b"\0\1\0\0\1\0" + bytes(10))
            walk.skip(36)
            walk.zeros(24)
            behind = walk.number(4)
        for number in range(1, behind):
            bodies += _track(walk, number)
    return bodies


def _times(walk: Walk) -> int:
    """Read version, flags and times of a header; return the size of its duration in bytes."""
    size = 8 if one_of(walk.number(1), (0, 1)) else 4
    walk.zeros(3 + 2 * size)
    return size


def _track(walk: Walk, number: int) -> list[Body]:
    with walk.box(b"trak"):
        with walk.box(b"tkhd"):
            size = 8 if one_of(walk.number(1), (0, 1)) else 4
            one_of(walk.number(3), tuple(range(8)))
            walk.exact(bytes(2 * size) + number.to_bytes(4, "big") + bytes(4))
            walk.skip(size)
            walk.zeros(8)
            walk.skip(4)
            walk.zeros(4)
            walk.skip(44)
        _track_references(walk)
        _edits(walk)
        with walk.box(b"mdia"):
            with walk.box(b"mdhd"):
                walk.skip(4 + _times(walk))
                walk.exact(b"\x55\xc4\0\0")
            with walk.box(b"hdlr"):
                walk.zeros(8)
                handler = walk.take(4)
                walk.zeros(13)
                if handler not in (b"pict", b"vide", b"auxv"):
                    raise UnexplainedError("a track that is no picture")
            with walk.box(b"minf"):
                walk.exact(b"\0\0\0\x14vmhd\0\0\0\1" + bytes(8))
                walk.exact(b"\0\0\0\x24dinf\0\0\0\x1cdref\0\0\0\0\0\0\0\1\0\0\0\x0curl \0\0\0\1")
                return _tables(walk)


def _track_references(walk: Walk) -> None:
    if walk.next_kind() == b"tref":
        with walk.box(b"tref"):
            while walk.left:
                with walk.box(b"auxl", b"prem"):
                    walk.skip(walk.left // 4 * 4)


def _edits(walk: Walk) -> None:
    if walk.next_kind() == b"edts":
        with walk.box(b"edts"), walk.box(b"elst"):
            size = 20 if one_of(walk.number(1), (0, 1)) else 12
            one_of(walk.number(3), (0, 1))
            walk.skip(walk.number(4) * size)


def _tables(walk: Walk) -> list[Body]:
    with walk.box(b"stbl"):
        with walk.box(b"stsd"):
            walk.exact(b"\0\0\0\0\0\0\0\1")
            kind, length_size = _sample_entry(walk)
        counts = [_time_table(walk, b"stts")]
        if walk.next_kind() == b"ctts":
            counts.append(_time_table(walk, b"ctts"))
        if walk.next_kind() == b"stss":
            with walk.box(b"stss"):
                walk.zeros(4)
                sync = walk.numbers(walk.number(4), 4)
        else:
            sync = []
        with walk.box(b"stsz"):
            walk.zeros(8)
            sizes = walk.numbers(walk.number(4), 4)
        with walk.box(b"stsc"):
            walk.exact(b"\0\0\0\0\0\0\0\1\0\0\0\1")
            counts += [walk.number(4)]
            walk.exact(b"\0\0\0\1")
        with walk.box(b"stco"):
            walk.exact(b"\0\0\0\0\0\0\0\1")
            at = walk.number(4)
    rising = all(one < other for one, other in pairwise([0, *sync, len(sizes) + 1]))
    if set(counts) != {len(sizes)} or not rising:
        raise UnexplainedError("tables of other samples")
    bodies = []
    for size in sizes:
        bodies.append(Body(at, size, kind, length_size))
        at += size
    return bodies


def _time_table(walk: Walk, kind: bytes) -> int:
    """Return how many samples it is of."""
    with walk.box(kind):
        one_of(walk.number(1), (0, 1) if kind == b"ctts" else (0,))
        walk.zeros(3)
        return sum(walk.numbers(2 * walk.number(4), 4)[::2])


def _sample_entry(walk: Walk) -> tuple[bytes, int]:
    seen: dict[tuple[bytes, int], int] = {}
    with walk.box(*CONFIGURATIONS) as kind:
        walk.exact(bytes(6) + b"\0\1" + bytes(16))
        walk.skip(4)
        walk.exact(b"\0\x48\0\0\0\x48\0\0\0\0\0\0\0\1" + bytes(32))
        walk.skip(2)
        walk.exact(b"\xff\xff")
        while walk.left:
            with walk.box(*_IN_ENTRY) as name:
                value = _IN_ENTRY[name](walk) or 0
            if (name, value) in seen and name != b"colr":
                raise UnexplainedError("samples that are told of twice")
            seen[name, value] = value
    values = [value for (name, _), value in seen.items() if name == CONFIGURATIONS[kind]]
    if len(values) != 1:
        raise UnexplainedError("samples without their configuration")
    return kind, values[0]


def _coding_constraints(walk: Walk) -> None:
    walk.zeros(4)
    if walk.number(4) & 0x3FFFFFF:
        raise UnexplainedError("coding constraints with more in them")


_IN_ENTRY: dict[bytes, Callable[[Walk], int | None]] = {
    b"ccst": _coding_constraints,
    b"auxi": auxiliary_type,
    **{
        kind: PROPERTIES[kind]
        for kind in (b"hvcC", b"av1C", b"colr", b"pasp", b"clli", b"mdcv", b"amve")
    },
}
