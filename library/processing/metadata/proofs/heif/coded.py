"""Coded pictures, and what lies beside them: only units that are picture (ITU-T H.265, AV1)."""

from typing import NamedTuple

from library.processing.metadata.proofs.heif.walk import Walk
from library.processing.metadata.values import UnexplainedError

PARAMETER_SETS, _END_OF_SEQUENCE = frozenset((32, 33, 34)), 36
_HEVC_UNITS = frozenset((*range(10), *range(16, 22), *PARAMETER_SETS, _END_OF_SEQUENCE))
_AV1_UNITS = frozenset((1, 3, 4, 6, 7))


class Body(NamedTuple):
    """Where bytes are, and as what: an item's kind. `length_size` is of HEVC's units, 0 for AV1."""

    start: int
    size: int
    kind: bytes
    length_size: int = 0


def read_body(walk: Walk, body: Body) -> None:
    """Read one item or sample from the media data, every unit of it as a piece of its own."""
    outer, end = walk.stop, body.start + body.size
    if not walk.at < end <= outer:
        raise UnexplainedError(f"something at {walk.at} is empty, or goes on behind the media data")
    walk.stop = end
    if body.kind == b"Exif":
        walk.zeros(4)
        walk.skip(walk.left, "exif")
    elif body.kind == b"mime":
        walk.skip(walk.left, "xmp")
    elif body.length_size:
        _hevc(walk, body.length_size)
    else:
        _av1(walk)
    walk.stop = outer


def _hevc(walk: Walk, length_size: int) -> None:
    while walk.left:
        start = walk.at + length_size
        head = walk.data[walk.at : start + 2]
        size = int.from_bytes(head[:length_size], "big")
        check_nal(head[length_size:], size, _HEVC_UNITS)
        walk.skip(length_size + size, "coded")


def check_nal(head: bytes, size: int, kinds: frozenset[int]) -> None:
    """Refuse an HEVC unit of so many bytes that is of none of these kinds, or of a second layer."""
    if len(head) < 2 or size < 2 or head[0] >> 1 not in kinds or head[0] & 1 or head[1] >> 3:
        raise UnexplainedError("an HEVC unit that is no picture")
    if head[0] >> 1 == _END_OF_SEQUENCE and size > 2:
        raise UnexplainedError("an HEVC end of sequence with more in it")


def _av1(walk: Walk) -> None:
    while walk.left:
        read_obu(walk, _AV1_UNITS)


def read_obu(walk: Walk, kinds: frozenset[int]) -> None:
    """Read an AV1 unit, which must be of one of these kinds."""
    at, header = walk.at, walk.data[walk.at]
    if header >> 3 not in kinds:
        raise UnexplainedError("an AV1 unit that is no picture")
    at += 2 if header & 4 else 1
    size, shift, more = 0, 0, header & 2 != 0
    while more and shift < 56:
        size |= (walk.data[at] & 127) << shift
        shift, more, at = shift + 7, walk.data[at] > 127, at + 1
    if more:
        raise UnexplainedError("an AV1 unit without a size")
    walk.skip(at + size - walk.at if header & 2 else walk.left, "coded")
