"""A JPEG's pictures by their segments: the first one, and those behind it that are part of it."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from library.processing.containers import jpeg
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.icc import MAX_PROFILE_BYTES
from library.processing.metadata.values import UncleanableError
from library.processing.metadata.xmp import gain_map_xmp

TAIL_BYTES = 4096
MAX_PICTURES = 16
MAX_BEHIND_BYTES = 256 << 20  # of all the pictures behind the first one
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"

ICC, MPF, ISO_GAIN_MAP = b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0"
JFIF, ADOBE, PHOTOSHOP = b"JFIF\0", b"Adobe", b"Photoshop 3.0\0"
APP0, APP1, APP2, APP13, APP14, COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDD))  # DHT, DAC, DQT, DRI
CODING = _TABLES | jpeg.FRAMES | {jpeg.SOS}
VIEWS = frozenset(
    (0x020002,)
)  # of a stereo picture; single shots of a panorama show what it does not

ISO_SIZES = frozenset(
    (61, 141, 37, 77)
)  # one or three channels, with denominators of their own or common


@dataclass(slots=True)
class Picture:
    """One picture of the file, from its SOI to behind its EOI, by its segments."""

    coding: list[Part] = field(default_factory=list)
    jfif: bytes = b""
    adobe: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    icc: dict[int, bytes] = field(default_factory=dict)
    index: tuple[int, bytes] = (0, b"")  # where the TIFF header of its MPF stands, and that block
    gain_map: bytes = (
        b""  # ISO 21496-1: of the first picture its version, of a gain map its numbers
    )
    end: int = 0

    @property
    def is_whole(self) -> bool:
        """Tell whether there is a scan, and an end."""
        return self.end > 0 and any(not part.kind for part in self.coding)

    @property
    def is_gain_map(self) -> bool:
        """Tell whether it says so itself."""
        return len(self.gain_map) in ISO_SIZES or bool(gain_map_xmp(self.xmp))


def survey_of(data: FileWindow, parts: Iterable[Part], *, lenient: bool = False) -> Picture:
    """Read one picture's segments.

    Raises:
        UncleanableError: it has no end or no scan, or a segment that changes how it is decoded and is
            not known.
    """
    picture = Picture()
    for part in parts:
        marker = part.kind[0] if part.kind else 0
        if not part.kind or marker in CODING:
            picture.coding.append(part if part.kind else _without_fill(data, part))
        elif marker == jpeg.EOI:
            picture.end = part.end
        elif APP0 <= marker <= APP14:
            _note(picture, marker, part, data)
        elif not (lenient or marker in (jpeg.SOI, COMMENT, 0xEF)):
            raise UncleanableError(f"a segment FF{marker:02X}")
    if not (picture.is_whole or lenient):
        raise UncleanableError("no picture, or no end of it")
    return picture


def _without_fill(data: FileWindow, part: Part) -> Part:
    """Return a scan's data without the FFs that may stand before the next marker."""
    end = min(part.end, len(data))
    while end > part.start:
        tail = data[max(part.start, end - TAIL_BYTES) : end]
        kept = tail.rstrip(b"\xff")
        end -= len(tail) - len(kept)
        if kept:
            break
    return part._replace(stop=end, end=end)


def _note(picture: Picture, marker: int, part: Part, data: FileWindow) -> None:
    """Keep what may be of use of an application segment: of each kind the first."""
    content = data[part.start : part.stop]
    match marker:
        case 0xE0 if content.startswith(JFIF) and len(content) >= 14:
            picture.jfif = picture.jfif or _jfif(content)
        case 0xEE if content.startswith(ADOBE) and len(content) >= 12:
            picture.adobe = picture.adobe or ADOBE + b"\0\x64" + content[7:12]
        case 0xE1 if content.startswith(EXIF):
            picture.exif = picture.exif or content[len(EXIF) :]
        case 0xE1 if content.startswith(XMP):
            picture.xmp = picture.xmp or content[len(XMP) :]
        case 0xE2:
            _note_color_or_index(picture, part.start, content)


def _jfif(content: bytes) -> bytes:
    """Return JFIF's fields without its thumbnail, in a version and a unit that there are."""
    version = content[5:7] if content[5:7] in (b"\1\0", b"\1\1", b"\1\2") else b"\1\1"
    unit = content[7:8] if content[7] <= 2 else b"\0"
    return JFIF + version + unit + content[8:12] + b"\0\0"


def _note_color_or_index(picture: Picture, start: int, content: bytes) -> None:
    if content.startswith(ICC) and len(content) > len(ICC) + 2:
        if sum(map(len, picture.icc.values())) < MAX_PROFILE_BYTES:
            picture.icc.setdefault(content[len(ICC)], content[len(ICC) + 2 :])
    elif content.startswith(MPF) and not picture.index[0]:
        picture.index = (start + len(MPF), content[len(MPF) :])
    elif content.startswith(ISO_GAIN_MAP):
        picture.gain_map = picture.gain_map or content[len(ISO_GAIN_MAP) :]


def pictures_behind(data: FileWindow, first: Picture) -> Iterator[tuple[Picture, int]]:
    """Yield the pictures that the index names and that are picture, each with its type in the index."""
    left = MAX_BEHIND_BYTES
    for kind, start, size in _named(first):
        left -= size
        if start < first.end or start + size > len(data) or left < 0:
            continue
        if not data.starts(b"\xff\xd8\xff", start):
            continue
        picture = survey_of(data, jpeg.parts(data, start), lenient=True)
        if picture.is_whole and (picture.is_gain_map or kind in VIEWS):
            yield picture, kind if kind in VIEWS else 0


def _named(first: Picture) -> Iterator[tuple[int, int, int]]:
    """Yield type, place and size of each picture of the index but the first; none where it is nonsense."""
    base, block = first.index
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 10:
        return
    (at,) = struct.unpack_from(order + "I", block, 4)
    if at + 2 > len(block):
        return
    (count,) = struct.unpack_from(order + "H", block, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        tag, _, size, place = struct.unpack_from(order + "HHII", block, entry)
        if tag != 0xB002:
            continue
        for n in range(1, min(size // 16, MAX_PICTURES)):
            if place + 16 * (n + 1) > len(block):
                return
            attribute, length, offset = struct.unpack_from(order + "III", block, place + 16 * n)
            yield attribute & 0xFFFFFF, base + offset, length
