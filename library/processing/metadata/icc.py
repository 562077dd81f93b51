"""ICC profiles (ICC.1): what is known to be the same in millions of files stays, of others the colours.

A profile can name a monitor with its serial number, a printer, a person or a day. Of one that is not
known the tags that turn numbers into colours are written anew, under a neutral name.
"""

import hashlib
import struct

from library.processing.metadata.icc_tags import COLOR_TAGS, numbers_alone
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

_DEVICES = (b"mntr", b"scnr", b"prtr", b"spac")
_SPACES = (b"RGB ", b"GRAY", b"CMYK", b"Lab ", b"XYZ ")
_VERSIONS = frozenset(major << 24 | minor << 20 for major in (2, 4) for minor in range(5))
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
    version &= 0xFFF00000  # the rest is the number of a correction, and reserved
    if device not in _DEVICES or space not in _SPACES or between not in (b"XYZ ", b"Lab "):
        raise UncleanableError("a color profile of a rare kind")
    if version not in _VERSIONS:
        raise UncleanableError("a color profile of a rare version")
    if count > MAX_TAGS or len(profile) > MAX_PROFILE_BYTES:
        raise UncleanableError("a color profile with more in it than colors")
    is_new = version >= 0x04000000
    colors = _color_tags(profile, count)
    if not colors.keys() & {b"A2B0", b"kTRC", b"rTRC"}:
        raise UncleanableError("a color profile without colors")
    (intent,) = struct.unpack_from(">I", profile, 64)
    head = (
        struct.pack(">I4s4s4s", version, device, space, between)
        + _MADE
        + b"acsp"
        + bytes(24)
        + struct.pack(">I", intent & 3)
        + _D50
    )
    texts = [(b"desc", _name_tag(_name(profile, count), is_new)), (b"cprt", _text_tag(is_new))]
    return _assembled(head, [*texts, *sorted(colors.items())])


def _color_tags(profile: bytes, count: int) -> dict[bytes, bytes]:
    """Return the tags that turn numbers into colors, written anew, by name.

    Tags may share their place, and else not lie over each other: so no profile grows by being read.

    Raises:
        UncleanableError: one is not in order, or stands there twice.
    """
    made, written, total = dict[bytes, bytes](), dict[tuple[int, int], bytes](), 0
    for n in range(count):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name not in COLOR_TAGS:
            continue
        if name in made:
            raise UncleanableError("a color profile with a tag that stands there twice")
        _check_place(profile, name, start, size)
        if (start, size) not in written:
            total += size
            if total > len(profile):
                raise UncleanableError("a color profile with tags that lie over each other")
            written[start, size] = numbers_alone(profile[start : start + size])
        made[name] = written[start, size]
    return {name: content for name, content in made.items() if content}


def _check_place(profile: bytes, name: bytes, start: int, size: int) -> None:
    kind = profile[start : start + 4]
    if start + size > len(profile) or kind not in COLOR_TAGS[name]:
        raise UncleanableError("a color profile with a tag of a wrong type")
    if start % 4 and kind in (b"mAB ", b"mBA "):  # some count the bytes that fill up from elsewhere
        raise UncleanableError("a color profile with a tag on an odd place")


def _assembled(head: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """Put header, table and tags together; the same content is written once.

    Raises:
        UncleanableError: it has become too long.
    """
    at = 132 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), bytearray(), dict[bytes, int]()
    for name, content in tags:
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    size = at + len(body)
    if size > MAX_PROFILE_BYTES:
        raise UncleanableError("a color profile with more in it than colors")
    return struct.pack(">II", size, 0) + head.ljust(120, b"\0") + table + body


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
