"""JPEG (ITU-T T.81) with what cameras put behind it: MPO, Ultra HDR and Apple's gain maps.

What a decoder needs is copied: frames, scans and the tables that they use. JFIF, Adobe and the profile are
written anew, and so is the index of the pictures behind the first one (CIPA DC-007). Of those stay gain maps
and the other views of a stereo picture or panorama, each cleaned in the same way; all else goes.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from library.processing.containers import jpeg
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.families.jpeg.survey import (
    APP0,
    APP1,
    APP2,
    APP14,
    EXIF,
    ICC,
    ISO_GAIN_MAP,
    ISO_SIZES,
    MPF,
    VIEWS,
    XMP,
    Picture,
    pictures_behind,
    survey_of,
)
from library.processing.metadata.families.jpeg.tables import Coded, used_only
from library.processing.metadata.icc import clean_icc
from library.processing.metadata.values import Level, UncleanableError
from library.processing.metadata.xmp import (
    gain_map_xmp,
    hdrgm_version,
    is_apple_gain_map,
    location,
    primary_xmp,
)

COPY_BYTES = 256 << 10
_SEGMENT_BYTES = 65_533
_VERSION_BYTES = 4  # of ISO 21496-1, in the first picture


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:
    """Write the picture, and the gain map or other views behind it, without anything else.

    Raises:
        UncleanableError: it has no end, or an order that is not known.
    """
    picture = survey_of(data, jpeg.parts(data))
    behind = list(pictures_behind(data, picture))
    gain_map = next((other for other, _ in behind if other.is_gain_map), None)
    headroom = gain_map is not None and is_apple_gain_map(gain_map.xmp)
    place = location(picture.xmp) if level.keeps_location else None
    exif = kept_exif(picture.exif, level, headroom=headroom, elsewhere=place)
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


def _written(data: FileWindow, picture: Picture, exif: bytes, xmp: bytes) -> bytes:
    return b"".join(_pieces(data, picture, exif, xmp, b""))


def _pieces(
    data: FileWindow, picture: Picture, exif: bytes, xmp: bytes, index: bytes
) -> Iterator[bytes]:
    """Yield a picture's bytes: what is written anew, then all that it is coded in."""
    head = b"\xff\xd8" + b"".join(
        (
            _segment(APP0, picture.jfif),
            _segment(APP1, exif, EXIF),
            _segment(APP1, xmp, XMP),
            *_profile_segments(picture.icc),
            _segment(APP2, _gain_map_part(picture, index), ISO_GAIN_MAP),
            _segment(APP14, picture.adobe),
        )
    )
    yield head
    coded = list(used_only(data, picture.coding))
    if index:
        yield _placed_index(index, len(head), sum(map(_size_of, coded)))
    for piece in coded:
        if isinstance(piece, bytes):
            yield piece
            continue
        for at in range(piece.at, min(piece.end, len(data)), COPY_BYTES):
            yield data[at : min(at + COPY_BYTES, piece.end)]
    yield b"\xff\xd9"


def _gain_map_part(picture: Picture, index: bytes) -> bytes:
    """Return what stays of its ISO segment: a version beside an index, or a gain map's numbers."""
    stays = (
        picture.gain_map == bytes(_VERSION_BYTES) if index else len(picture.gain_map) in ISO_SIZES
    )
    return picture.gain_map if stays else b""


def _size_of(piece: Coded) -> int:
    return piece.end - piece.at if isinstance(piece, Part) else len(piece)


def _profile_segments(chunks: dict[int, bytes]) -> Iterator[bytes]:
    profile = clean_icc(b"".join(chunks[number] for number in sorted(chunks)))
    room = _SEGMENT_BYTES - len(ICC) - 2
    parts = [profile[at : at + room] for at in range(0, len(profile), room)]
    if len(parts) > 255:
        raise UncleanableError("a color profile that is too large for a JPEG")
    for number, part in enumerate(parts, start=1):
        yield _segment(APP2, part, ICC + bytes((number, len(parts))))


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
    first = kinds[0] if kinds[0] in VIEWS else 0x030000
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
    return _segment(APP2, bytes(placed), MPF)
