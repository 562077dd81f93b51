"""JPEG (ITU-T T.81) with what cameras put behind it: MPO, Ultra HDR and Apple's gain maps.

What a decoder needs is copied: tables, frames, scans. JFIF, Adobe and the profile are written anew, and
so is the index of the pictures behind the first one (CIPA DC-007). Of those stay gain maps and the other
views of a stereo picture or panorama, each cleaned in the same way; all else goes.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from library.processing.containers import jpeg
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.icc import MAX_PROFILE_BYTES, clean_icc
from library.processing.metadata.values import Block, Level, UncleanableError
from library.processing.metadata.xmp import (
    gain_map_xmp,
    hdrgm_version,
    is_apple_gain_map,
    primary_xmp,
)

COPY_BYTES = 1 << 20
TAIL_BYTES = 4096
MAX_BLOCK_BYTES = 1 << 20
MAX_PICTURES = 16
MAX_BEHIND_BYTES = 256 << 20  # of all the pictures behind the first one

EXIF, XMP, LONG_XMP = (
    b"Exif\0\0",
    b"http://ns.adobe.com/xap/1.0/\0",
    b"http://ns.adobe.com/xmp/extension/\0",
)
ICC, MPF, ISO_GAIN_MAP = b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0"
JFIF, ADOBE, PHOTOSHOP = b"JFIF\0", b"Adobe", b"Photoshop 3.0\0"

_APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDD))  # DHT, DAC, DQT, DRI
_CODING = _TABLES | jpeg.FRAMES | {jpeg.SOS}
_SEGMENT_BYTES = 65_533
_VERSION_BYTES = 4  # of ISO 21496-1, in the first picture
_VIEWS = frozenset(
    (0x020002,)
)  # of a stereo picture; single shots of a panorama show what it does not
_ISO_SIZES = frozenset(
    (61, 141, 37, 77)
)  # one or three channels, with denominators of their own or common


@dataclass(slots=True)
class _Picture:
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
        return len(self.gain_map) in _ISO_SIZES or bool(gain_map_xmp(self.xmp))


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:
    """Write the picture, and the gain map or other views behind it, without anything else.

    Raises:
        UncleanableError: it has no end, or an order that is not known.
    """
    picture = _survey(data, jpeg.parts(data))
    behind = list(_behind(data, picture))
    gain_map = next((other for other, _ in behind if other.is_gain_map), None)
    headroom = gain_map is not None and is_apple_gain_map(gain_map.xmp)
    exif = kept_exif(picture.exif, level, headroom=headroom)
    written = [
        (_written(data, other, b"", gain_map_xmp(other.xmp)), kind) for other, kind in behind
    ]
    xmp = b""
    if gain_map is not None and (version := hdrgm_version(picture.xmp)):
        at = next(n for n, (other, _) in enumerate(behind) if other is gain_map)
        xmp = primary_xmp(version, len(written[at][0]))
    index = _index([len(content) for content, _ in written], [kind for _, kind in written])
    out.writelines(_pieces(data, picture, exif, xmp, index))
    out.writelines(content for content, _ in written)


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside its picture, what stands behind it included."""
    parts = list(jpeg.parts(data))
    end = parts[-1].end
    for part in parts:
        marker = part.kind[0] if part.kind else 0
        if 0xE0 <= marker <= 0xEF or marker == _COMMENT:
            content = data[part.start : min(part.stop, part.start + MAX_BLOCK_BYTES)]
            yield from _told(marker, content)
    for other, _ in _behind(data, _survey(data, parts, lenient=True)):
        end = max(end, other.end)
        if other.exif:
            yield Block("exif", "Exif of a second picture", other.exif)
        if other.xmp and not other.is_gain_map:
            yield Block("xmp", "XMP of a second picture", other.xmp)
    if end < len(data):
        rest = data[end : end + MAX_BLOCK_BYTES]
        kind = "motion" if rest[4:8] == b"ftyp" else "other"
        yield Block(kind, f"{len(data) - end:,} bytes behind the picture", rest)


def _told(marker: int, content: bytes) -> Iterator[Block]:
    if marker == _APP1 and content.startswith(EXIF):
        yield Block("exif", "Exif", content[len(EXIF) :])
    elif marker == _APP1 and content.startswith(XMP):
        yield Block("xmp", "XMP", content[len(XMP) :])
    elif marker == _APP2 and content.startswith(ICC):
        yield Block("icc", "ICC", content[len(ICC) + 2 :])
    elif marker == _APP13 and content.startswith(PHOTOSHOP):
        yield from _resources(content[len(PHOTOSHOP) :])
    elif marker == _COMMENT:
        yield Block("text", "Comment", content)
    elif not (
        (marker == _APP0 and content.startswith(JFIF))
        or (marker == _APP2 and content.startswith((MPF, ISO_GAIN_MAP)))
        or (marker == _APP14 and content.startswith(ADOBE))
    ):
        name = content[:40].split(b"\0")[0].decode("latin-1")
        yield Block("other", f"APP{marker - _APP0} {name}".strip(), content)


def _resources(content: bytes) -> Iterator[Block]:
    """Yield Photoshop's image resources: IPTC, thumbnails, and others by their number."""
    at = 0
    while content[at : at + 4] == b"8BIM" and at + 12 <= len(content):
        (number,) = struct.unpack_from(">H", content, at + 4)
        start = at + 7 + content[at + 6] + (content[at + 6] + 1) % 2
        if start + 4 > len(content):
            return
        (size,) = struct.unpack_from(">I", content, start)
        kind = {0x0404: "iptc", 0x0409: "thumbnail", 0x040C: "thumbnail", 0x0424: "xmp"}.get(number)
        yield Block(kind or "other", f"8BIM {number:04x}", content[start + 4 : start + 4 + size])
        at = start + 4 + size + size % 2


def _survey(data: FileWindow, parts: Iterable[Part], *, lenient: bool = False) -> _Picture:
    """Read one picture's segments.

    Raises:
        UncleanableError: it has no end or no scan, or a segment that changes how it is decoded and is
            not known.
    """
    picture = _Picture()
    for part in parts:
        marker = part.kind[0] if part.kind else 0
        if not part.kind or marker in _CODING:
            picture.coding.append(part if part.kind else _without_fill(data, part))
        elif marker == jpeg.EOI:
            picture.end = part.end
        elif _APP0 <= marker <= _APP14:
            _note(picture, marker, part, data)
        elif not (lenient or marker in (jpeg.SOI, _COMMENT, 0xEF)):
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


def _note(picture: _Picture, marker: int, part: Part, data: FileWindow) -> None:
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


def _note_color_or_index(picture: _Picture, start: int, content: bytes) -> None:
    if content.startswith(ICC) and len(content) > len(ICC) + 2:
        if sum(map(len, picture.icc.values())) < MAX_PROFILE_BYTES:
            picture.icc.setdefault(content[len(ICC)], content[len(ICC) + 2 :])
    elif content.startswith(MPF) and not picture.index[0]:
        picture.index = (start + len(MPF), content[len(MPF) :])
    elif content.startswith(ISO_GAIN_MAP):
        picture.gain_map = picture.gain_map or content[len(ISO_GAIN_MAP) :]


def _behind(data: FileWindow, first: _Picture) -> Iterator[tuple[_Picture, int]]:
    """Yield the pictures that the index names and that are picture, each with its type in the index."""
    left = MAX_BEHIND_BYTES
    for kind, start, size in _named(first):
        left -= size
        if start < first.end or start + size > len(data) or left < 0:
            continue
        if not data.starts(b"\xff\xd8\xff", start):
            continue
        picture = _survey(data, jpeg.parts(data, start), lenient=True)
        if picture.is_whole and (picture.is_gain_map or kind in _VIEWS):
            yield picture, kind if kind in _VIEWS else 0


def _named(first: _Picture) -> Iterator[tuple[int, int, int]]:
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


def _written(data: FileWindow, picture: _Picture, exif: bytes, xmp: bytes) -> bytes:
    return b"".join(_pieces(data, picture, exif, xmp, b""))


def _pieces(
    data: FileWindow, picture: _Picture, exif: bytes, xmp: bytes, index: bytes
) -> Iterator[bytes]:
    """Yield a picture's bytes: what is written anew, then all that it is coded in."""
    head = b"\xff\xd8" + b"".join(
        (
            _segment(_APP0, picture.jfif),
            _segment(_APP1, exif, EXIF),
            _segment(_APP1, xmp, XMP),
            *_profile_segments(picture.icc),
            _segment(_APP2, _gain_map_part(picture, index), ISO_GAIN_MAP),
            _segment(_APP14, picture.adobe),
        )
    )
    yield head
    if index:
        yield _placed_index(index, len(head), _coded_bytes(picture))
    for part in picture.coding:
        for at in range(part.at, min(part.end, len(data)), COPY_BYTES):
            yield data[at : min(at + COPY_BYTES, part.end)]
    yield b"\xff\xd9"


def _gain_map_part(picture: _Picture, index: bytes) -> bytes:
    """Return what stays of its ISO segment: a version beside an index, or a gain map's numbers."""
    stays = (
        picture.gain_map == bytes(_VERSION_BYTES) if index else len(picture.gain_map) in _ISO_SIZES
    )
    return picture.gain_map if stays else b""


def _coded_bytes(picture: _Picture) -> int:
    return sum(part.end - part.at for part in picture.coding)


def _profile_segments(chunks: dict[int, bytes]) -> Iterator[bytes]:
    profile = clean_icc(b"".join(chunks[number] for number in sorted(chunks)))
    room = _SEGMENT_BYTES - len(ICC) - 2
    parts = [profile[at : at + room] for at in range(0, len(profile), room)]
    if len(parts) > 255:
        raise UncleanableError("a color profile that is too large for a JPEG")
    for number, part in enumerate(parts, start=1):
        yield _segment(_APP2, part, ICC + bytes((number, len(parts))))


def _segment(marker: int, told: bytes, name: bytes = b"") -> bytes:
    """Return a segment, or nothing where it would tell nothing."""
    content = name + told
    if not told:
        return b""
    if len(content) > _SEGMENT_BYTES:
        raise UncleanableError("a segment that is too long")
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _index(sizes: list[int], kinds: list[int]) -> bytes:
    """Return an index of the pictures behind the first, counted from where that one ends; empty for none."""
    if not sizes:
        return b""
    count = 1 + len(sizes)
    first = kinds[0] if kinds[0] in _VIEWS else 0x030000
    at, rows = 0, struct.pack(">IIIHH", (0x20000000 if kinds[0] else 0) | first, 0, 0, 0, 0)
    for size, kind in zip(sizes, kinds, strict=True):
        rows += struct.pack(">IIIHH", kind, size, at, 0, 0)
        at += size
    table = struct.pack(">H", 3)
    table += struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    table += struct.pack(">HHII", 0xB001, 4, 1, count)
    table += struct.pack(">HHII", 0xB002, 7, 16 * count, 8 + 2 + 3 * 12 + 4)
    return b"MM\0*" + struct.pack(">I", 8) + table + bytes(4) + rows


def _placed_index(index: bytes, head_bytes: int, coded_bytes: int) -> bytes:
    """Return the index's segment, for a picture of so many bytes before it and coded behind it."""
    base = head_bytes + 4 + len(MPF)
    first_bytes = base + len(index) + coded_bytes + 2
    placed = bytearray(index)
    start = 8 + 2 + 3 * 12 + 4
    struct.pack_into(">I", placed, start + 4, first_bytes)
    for at in range(start + 16, len(index), 16):
        (offset,) = struct.unpack_from(">I", placed, at + 8)
        struct.pack_into(">I", placed, at + 8, first_bytes - base + offset)
    return _segment(_APP2, bytes(placed), MPF)
