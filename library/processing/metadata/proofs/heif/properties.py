"""The properties of items, and the boxes of sample entries, each with its exact fields."""

from collections.abc import Callable

from library.processing.metadata.proofs.heif.coded import PARAMETER_SETS, check_nal, read_obu
from library.processing.metadata.proofs.heif.walk import Walk, one_of
from library.processing.metadata.values import UnexplainedError

# Decoders go by it, so that the maker's name in it is not one that the file tells of its camera.
SAMSUNG_GAIN_MAP = b"urn:com:samsung:photo:2024:aux:hdrgainmap"
AUXILIARY = frozenset(
    (
        b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
        b"urn:mpeg:hevc:2015:auxid:1",
        b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth",
        b"urn:mpeg:hevc:2015:auxid:2",
        b"urn:com:apple:photo:2020:aux:hdrgainmap",
        SAMSUNG_GAIN_MAP,
        b"urn:com:photo:aux:hdrgainmap",
    )
)
FARTHEST_UM = 1_000_000  # how far from each other the two cameras of a stereo pair can be


def _fixed(size: int) -> Callable[[Walk], None]:
    return lambda walk: walk.skip(size)


def _sizes(walk: Walk) -> None:
    walk.zeros(4)
    walk.skip(8)


def _depths(walk: Walk) -> None:
    walk.zeros(4)
    for depth in walk.take(walk.number(1)):
        one_of(depth, tuple(range(1, 33)))


def _color(walk: Walk) -> None:
    kind = walk.take(4)
    if kind == b"nclx":
        walk.skip(6)
        one_of(walk.number(1), (0, 0x80))
    elif kind == b"nclc":
        walk.skip(6)
    elif kind in (b"prof", b"rICC") and walk.left:
        walk.skip(walk.left, "icc")
    else:
        raise UnexplainedError("colors told in an unknown way")


def _hevc_configuration(walk: Walk) -> int:
    """Return how many bytes the lengths of units have."""
    head = walk.take(22, "coded")
    if head[0] != 1 or head[21] & 3 == 2:
        raise UnexplainedError("an unknown HEVC configuration")
    for _ in range(walk.number(1)):
        kind = walk.number(1) & 0x7F  # the highest bit tells that all of its kind are here
        for _ in range(walk.number(2)):
            size = walk.number(2)
            check_nal(walk.take(size, "coded")[:2], size, PARAMETER_SETS & {kind})
    return (head[21] & 3) + 1


def _av1_configuration(walk: Walk) -> None:
    if walk.take(4, "coded")[0] != 0x81:
        raise UnexplainedError("an unknown AV1 configuration")
    while walk.left:
        read_obu(walk, frozenset((1,)))


def auxiliary_type(walk: Walk) -> None:
    """Read what an auxiliary picture is for, which must be a known use and nothing behind it."""
    walk.zeros(4)
    name = walk.data[walk.at : walk.stop - 1]
    walk.skip(len(name), "coded" if name == SAMSUNG_GAIN_MAP else "frame")
    if name not in AUXILIARY:
        raise UnexplainedError("an auxiliary picture of an unknown kind")
    walk.zeros(1)


def _layer_sizes(walk: Walk) -> None:
    walk.skip(12 if one_of(walk.number(1), (0, 1)) else 6)


def _color_volume(walk: Walk) -> None:
    flags = walk.number(1)
    if flags & 0xC3:
        raise UnexplainedError("a color volume with more in it")
    walk.skip(24 * (flags >> 5) + 4 * (flags >> 2 & 7).bit_count())


def _intrinsics(walk: Walk) -> None:
    walk.zeros(1)
    flags = walk.number(3)
    if flags & ~0x1F1F01:
        raise UnexplainedError("a camera with more in it")
    walk.skip(20 if flags & 1 else 12)


def _extrinsics(walk: Walk) -> None:
    walk.zeros(3)
    flags = walk.number(1)
    for _ in range((flags & 7).bit_count()):
        if abs(int.from_bytes(walk.take(4), "big", signed=True)) > FARTHEST_UM:
            raise UnexplainedError("a camera that is far away")
    walk.skip((12 if flags & 16 else 6) if flags & 8 else 0)
    if flags & 0xE0:
        raise UnexplainedError("a camera in a world of its own")


PROPERTIES: dict[bytes, Callable[[Walk], int | None]] = {
    b"ispe": _sizes,
    b"rloc": _sizes,
    b"pixi": _depths,
    b"pasp": _fixed(8),
    b"colr": _color,
    b"hvcC": _hevc_configuration,
    b"av1C": _av1_configuration,
    b"irot": lambda walk: one_of(walk.number(1), (0, 1, 2, 3)),
    b"imir": lambda walk: one_of(walk.number(1), (0, 1)),
    b"clap": _fixed(32),
    b"auxC": auxiliary_type,
    b"lsel": _fixed(2),
    b"a1op": _fixed(1),
    b"a1lx": _layer_sizes,
    b"clli": _fixed(4),
    b"mdcv": _fixed(24),
    b"cclv": _color_volume,
    b"amve": _fixed(8),
    b"cmin": _intrinsics,
    b"cmex": _extrinsics,
}
