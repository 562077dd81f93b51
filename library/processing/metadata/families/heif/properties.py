"""What is known of an image item and of a sample entry: rebuilt field by field, or left out.

Of ISO/IEC 23008-12, 14496-12, 14496-15, the AV1 image format and ISO/IEC 23000-22.
"""

from collections.abc import Callable

from library.processing.metadata.families.heif.coded import nal_stays
from library.processing.metadata.families.heif.fields import Fields, words
from library.processing.metadata.icc import clean_icc
from library.processing.metadata.values import UncleanableError

ALPHA = frozenset((b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"))
DEPTH = frozenset((b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", b"urn:mpeg:hevc:2015:auxid:2"))
APPLE_GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"
SAMSUNG_GAIN_MAP = b"urn:com:samsung:photo:2024:aux:hdrgainmap"
ADOBE_GAIN_MAP = b"urn:com:photo:aux:hdrgainmap"  # in AVIF
GAIN_MAPS = frozenset((APPLE_GAIN_MAP, SAMSUNG_GAIN_MAP, ADOBE_GAIN_MAP))
AUXILIARY = ALPHA | DEPTH | GAIN_MAPS

# Nearer to each other than this, in micrometers, are the two cameras of a stereo pair.
MAX_BASELINE_UM = 1_000_000

MAX_DEPTH_BITS = 32

_PARAMETER_SETS = (32, 33, 34)
_SEQUENCE_HEADER = 1
# What Apple's first spatial photos call the two properties of a stereo pair's cameras.
_EARLY_NAMES = {
    bytes.fromhex("22cc04c7d6d94e079d904eb6ecbaf3a3"): b"cmin",
    bytes.fromhex("4363e9145b7d4aab97aebea69803b434"): b"cmex",
}
_FIXED_SIZES = {
    b"pasp": 8,
    b"clap": 32,
    b"lsel": 2,
    b"a1op": 1,
    b"clli": 4,
    b"mdcv": 24,
    b"amve": 8,
}


def clean_property(kind: bytes, content: bytes) -> bytes | None:
    """Return the content of a property without what it could tell; None for one that is not kept.

    Raises:
        UncleanableError: a known property is not laid out as its standard says.
    """
    if kind in _FIXED_SIZES:
        if len(content) != _FIXED_SIZES[kind]:
            raise UncleanableError(f"a property is of a wrong size: {kind!r}")
        return content
    rebuild = _REBUILT.get(kind)
    return rebuild(content) if rebuild else None


def standard_form(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Return kind and content of a property, under its later name where it has an early one."""
    early = _EARLY_NAMES.get(content[:16]) if kind == b"uuid" else None
    return (early, content[16:]) if early else (kind, content)


def auxiliary_type(content: bytes) -> bytes:
    """Return the name in an `auxC` property or an `auxi` box."""
    fields = Fields(content)
    fields.take(4)
    return fields.text()


def _ispe(content: bytes) -> bytes:
    fields = _version_0(content)
    size = fields.take(8)
    fields.finish()
    return bytes(4) + size


def _rloc(content: bytes) -> bytes:
    return _ispe(content)


def _pixi(content: bytes) -> bytes:
    fields = Fields(content)
    if fields.number(1):
        raise UncleanableError("an unknown version of a property")
    extended = fields.number(3) & 1
    depths = fields.take(fields.number(1))
    if not extended:
        fields.finish()
    if not depths or not all(0 < depth <= MAX_DEPTH_BITS for depth in depths):
        raise UncleanableError("channels of an unknown depth")
    return bytes(4) + bytes((len(depths),)) + depths


def _irot(content: bytes) -> bytes:
    return bytes((_byte(content) & 3,))


def _imir(content: bytes) -> bytes:
    return bytes((_byte(content) & 1,))


def _colr(content: bytes) -> bytes | None:
    kind, rest = content[:4], content[4:]
    if kind in (b"prof", b"rICC"):
        profile = clean_icc(rest)
        return kind + profile if profile else None
    if kind == b"nclx" and len(rest) == 7:
        return kind + rest[:6] + bytes((rest[6] & 0x80,))
    if kind == b"nclc" and len(rest) == 6:
        return content
    raise UncleanableError("colours told in an unknown way")


def _hvcc(content: bytes) -> bytes:
    fields = Fields(content)
    head = fields.take(22)
    if head[0] != 1 or head[21] & 3 == 2:
        raise UncleanableError("an unknown version of the HEVC configuration")
    arrays = []
    for _ in range(fields.number(1)):
        kind = fields.number(1) & 0xBF
        units = [fields.take(fields.number(2)) for _ in range(fields.number(2))]
        if kind & 0x3F not in _PARAMETER_SETS:
            if any(unit[:1] and unit[0] >> 1 in _PARAMETER_SETS for unit in units):
                raise UncleanableError("HEVC parameter sets that are called something else")
            continue
        for unit in units:
            if len(unit) < 2 or unit[0] >> 1 != kind & 0x3F or not nal_stays(unit, len(unit)):
                raise UncleanableError("HEVC parameter sets are not what they are said to be")
        parts = [words(len(unit), size=2) + unit for unit in units]
        arrays.append(bytes((kind,)) + words(len(parts), size=2) + b"".join(parts))
    return head + bytes((len(arrays),)) + b"".join(arrays)


def nal_length_size(hvcc: bytes) -> int:
    """Return how many bytes the lengths of NAL units have, by a rebuilt HEVC configuration."""
    return (hvcc[21] & 3) + 1


def _av1c(content: bytes) -> bytes:
    fields = Fields(content)
    head, kept = fields.take(4), []
    if head[0] != 0x81:
        raise UncleanableError("an unknown version of the AV1 configuration")
    while fields.left:
        header = fields.number(1)
        if header & 0x86 != 2:
            raise UncleanableError("AV1 units in the configuration without a size")
        size, coded_size = _leb128(fields)
        unit = fields.take(size)
        if header >> 3 == _SEQUENCE_HEADER:
            kept.append(bytes((header,)) + coded_size + unit)
    return head + b"".join(kept)


def _leb128(fields: Fields) -> tuple[int, bytes]:
    coded, value = b"", 0
    while len(coded) < 8:
        byte = fields.number(1)
        value |= (byte & 127) << 7 * len(coded)
        coded += bytes((byte,))
        if byte < 128:
            return value, coded
    raise UncleanableError("a number without an end")


def _auxc(content: bytes) -> bytes | None:
    name = auxiliary_type(content)
    return bytes(4) + name + b"\0" if name in AUXILIARY else None


def _a1lx(content: bytes) -> bytes:
    fields = Fields(content)
    large = fields.number(1) & 1
    sizes = fields.take(12 if large else 6)
    fields.finish()
    return bytes((large,)) + sizes


def _cclv(content: bytes) -> bytes:
    fields = Fields(content)
    flags = fields.number(1) & 0x3C
    values = fields.take(24 * (flags >> 5 & 1) + 4 * (flags >> 2 & 7).bit_count())
    fields.finish()
    return bytes((flags,)) + values


def _cmin(content: bytes) -> bytes:
    """Rebuild a camera's intrinsic matrix: focal length and principal point, by flags."""
    fields = Fields(content)
    version, flags = fields.full()
    if version:
        raise UncleanableError("an unknown version of a property")
    values = fields.take(20 if flags & 1 else 12)
    fields.finish()
    return bytes(1) + words(flags & 0x1F1F01, size=3) + values


def _cmex(content: bytes) -> bytes | None:
    """Rebuild where a camera stands beside the other one; farther away it would be a place."""
    fields = Fields(content)
    version, flags = fields.full()
    if version:
        raise UncleanableError("an unknown version of a property")
    position = fields.take(4 * (flags & 7).bit_count())
    turn = fields.take((12 if flags & 16 else 6) if flags & 8 else 0)
    fields.take(4 if flags & 32 else 0)  # the number of a world, shared by pictures
    fields.finish()
    for at in range(0, len(position), 4):
        if abs(int.from_bytes(position[at : at + 4], "big", signed=True)) > MAX_BASELINE_UM:
            return None
    return bytes(1) + words(flags & 31, size=3) + position + turn


def _version_0(content: bytes) -> Fields:
    fields = Fields(content)
    if fields.number(4):
        raise UncleanableError("an unknown version of a property")
    return fields


def _byte(content: bytes) -> int:
    fields = Fields(content)
    value = fields.number(1)
    fields.finish()
    return value


_REBUILT: dict[bytes, Callable[[bytes], bytes | None]] = {
    b"ispe": _ispe,
    b"rloc": _rloc,
    b"pixi": _pixi,
    b"irot": _irot,
    b"imir": _imir,
    b"colr": _colr,
    b"hvcC": _hvcc,
    b"av1C": _av1c,
    b"auxC": _auxc,
    b"a1lx": _a1lx,
    b"cclv": _cclv,
    b"cmin": _cmin,
    b"cmex": _cmex,
}
KNOWN = frozenset(_FIXED_SIZES) | frozenset(_REBUILT)
