"""ICC profiles (ICC.1): what is known to be the same in millions of files stays, of others the colours.

A profile can name a monitor with its serial number, a printer, a person or a day. Of one that is not
known the tags that turn numbers into colours are written anew, under a neutral name.
"""

import hashlib
import struct

from library.processing.metadata.values import UncleanableError

MAX_PROFILE_BYTES = 16 << 20
MAX_TAGS = 100
NOT_STATED = "Not stated"
NEUTRAL_NAME = "Color profile"

# Profiles that cameras, phones and programs put into every picture, by SHA-256
KNOWN = frozenset(
    (
        # Display P3
        "e468e89239fc0493d5e8fb9b014e91b210c6caa73c81edf04c3d21a734f377cc",
        # DCI-P3 D65 Gamut with sRGB Transfer
        "d77bd8c4008f1813dca5e67762872667734f796a188b52123db65fd5fda262a9",
        # Display P3
        "20789fdbea9835251a4f0796c8bf45cbd964896044886540da21ffc7457af0ab",
        # sRGB IEC61966-2.1
        "2e2fd04e0c28295bdd854a04a640a2c95b9950e73d25b48d157f7e27fb6e8c6b",
        # sRGB IEC61966-2.1
        "33c34ecfeb998459e0075ba26a0f1ea5042e20e2419c5962e495eba3208576f2",
        # eciRGB v2
        "362761d7c9d7b3ae4323d03cb80993b4eb56b70a6bbdc463fa2f42556b8653b6",
        # Display P3
        "ae333404b2162270c292a4ed6aab27a89d87dc38fb84ac4dbf20017fcf4f5404",
        # Adobe RGB (1998)
        "e5f6ffb83b6d3491301dd750975684cc5cc2a1951c994a14b08cfdaa0d75a041",
        # sRGB IEC61966-2.1
        "2b3aa1645779a9e634744faf9b01e9102b0c9b88fd6deced7934df86b949af7e",
        # Display P3 Gamut with sRGB Transfer
        "b5ff90cbab6d61fe6b6fe7bc9be835bd92838c02754ed606af7814353f801903",
        # sRGB v4 ICC preference perceptual intent beta
        "83174717332326ddc198d9df188a4daec27b8979ba152cebbfc470c793d0bb11",
        # Display P3
        "7efd051e77576db8014e4f73e5fb1580007825b60263b7b9b9ec1160c19e9df6",
    )
)
# Names that say nothing about anybody; others become `NEUTRAL_NAME`
NAMES = (
    "sRGB IEC61966-2.1",
    "sRGB built-in",
    "sRGB",
    "Display P3",
    "DCI-P3 D65 Gamut with sRGB Transfer",
    "Display P3 Gamut with sRGB Transfer",
    "Adobe RGB (1998)",
    "Apple RGB",
    "ProPhoto RGB",
    "eciRGB v2",
    "ISO Coated v2 (ECI)",
    "Rec. ITU-R BT.2020-1",
    "Rec. ITU-R BT.709-5",
    "Dot Gain 20%",
    "Gray Gamma 2.2",
)

_XYZ, _CURVES = (b"XYZ ",), (b"curv", b"para")
_TABLES = (b"mft1", b"mft2", b"mAB ", b"mBA ")
_COLOR_TAGS: dict[bytes, tuple[bytes, ...]] = {
    **dict.fromkeys((b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"lumi"), _XYZ),
    **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC", b"kTRC"), _CURVES),
    **dict.fromkeys((b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt"), _TABLES),
    b"chad": (b"sf32",),
    b"chrm": (b"chrm",),
    b"cicp": (b"cicp",),
    **dict.fromkeys((b"rig0", b"rig2"), (b"sig ",)),
}
_FIXED_BYTES = {b"XYZ ": 20, b"sf32": 44, b"chrm": 36, b"cicp": 12, b"sig ": 12}
_PARA_NUMBERS = (1, 3, 4, 5, 7)
_DEVICES = (b"mntr", b"scnr", b"prtr", b"spac")
_SPACES = (b"RGB ", b"GRAY", b"CMYK", b"Lab ", b"XYZ ")
_D50 = bytes.fromhex("0000f6d6000100000000d32d")
_MADE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)


def clean_icc(profile: bytes) -> bytes:
    """Return a profile that tells colours only, the same bytes where it is a known one; b"" for nonsense.

    Raises:
        UncleanableError: it is a profile, and its colours can't be told apart from the rest.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return b""
    if is_known(profile):
        return profile
    try:
        return _rebuilt(profile)
    except (struct.error, IndexError) as error:
        raise UncleanableError("a color profile that ends before its tags") from error


def is_known(profile: bytes) -> bool:
    """Tell whether a profile is, byte by byte, one that is in millions of files."""
    return hashlib.sha256(profile).hexdigest() in KNOWN


def _rebuilt(profile: bytes) -> bytes:
    version, device, space, between = struct.unpack_from(">I4s4s4s", profile, 8)
    (count,) = struct.unpack_from(">I", profile, 128)
    if device not in _DEVICES or space not in _SPACES or between not in (b"XYZ ", b"Lab "):
        raise UncleanableError("a color profile of a rare kind")
    if count > MAX_TAGS or len(profile) > MAX_PROFILE_BYTES:
        raise UncleanableError("a color profile with more in it than colors")
    is_new = version >= 0x04000000
    tags = [(b"desc", _name_tag(_name(profile, count), is_new)), (b"cprt", _text_tag(is_new))]
    for n in range(count):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name in _COLOR_TAGS:
            tags.append((name, _color_tag(name, profile[start : start + size], size)))
    names = {name for name, _ in tags}
    if len(names) < len(tags):
        raise UncleanableError("a color profile with a tag that stands there twice")
    if not names & {b"A2B0", b"kTRC", b"rTRC"}:
        raise UncleanableError("a color profile without colors")
    (intent,) = struct.unpack_from(">I", profile, 64)
    head = (
        struct.pack(">I4s4s4s", version & 0xFFF00000, device, space, between)
        + _MADE
        + b"acsp"
        + bytes(24)
        + struct.pack(">I", intent & 3)
        + _D50
    )
    return _assembled(head, tags)


def _assembled(head: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """Put header, table and tags together; the same content is written once."""
    at = 132 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, content in tags:
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    size = at + len(body)
    return struct.pack(">II", size, 0) + head.ljust(120, b"\0") + table + body


def _color_tag(name: bytes, content: bytes, size: int) -> bytes:
    """Check one tag's type and size; its reserved bytes become zero.

    Raises:
        UncleanableError: it is not what its name says.
    """
    kind = content[:4]
    if len(content) != size or kind not in _COLOR_TAGS[name]:
        raise UncleanableError("a color profile with a tag of a wrong type")
    wanted = _tag_bytes(kind, content)
    if len(content) < wanted:
        raise UncleanableError("a color profile with a tag that is cut short")
    return kind + bytes(4) + content[8:wanted]


def _tag_bytes(kind: bytes, content: bytes) -> int:
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", content, 8)
        return 12 + 2 * int(count)
    if kind == b"para":
        (function,) = struct.unpack_from(">H", content, 8)
        return 12 + 4 * _PARA_NUMBERS[function]
    if kind in (b"mft1", b"mft2"):
        inputs, outputs, grid = content[8:11]
        width = 1 if kind == b"mft1" else 2
        start, ends = (
            (48, (256, 256)) if width == 1 else (52, struct.unpack_from(">HH", content, 48))
        )
        return start + width * int(inputs * ends[0] + grid**inputs * outputs + outputs * ends[1])
    return _FIXED_BYTES.get(kind, len(content))


def _name(profile: bytes, count: int) -> str:
    for n in range(count):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name == b"desc":
            text = profile[start : start + min(size, 1000)]
            found = [known for known in NAMES if _says(text, known)]
            return max(found, key=len, default=NEUTRAL_NAME)
    return NEUTRAL_NAME


def _says(tag: bytes, name: str) -> bool:
    if tag[:4] == b"mluc":
        return tag[28:].startswith(name.encode("utf-16-be"))
    return tag[12:].startswith(name.encode() + b"\0")


def _name_tag(name: str, is_new: bool) -> bytes:  # noqa: FBT001
    if is_new:
        return _mluc(name)
    text = name.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _text_tag(is_new: bool) -> bytes:  # noqa: FBT001
    return _mluc(NOT_STATED) if is_new else b"text" + bytes(4) + NOT_STATED.encode() + b"\0"


def _mluc(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return (
        b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded
    )
