"""What a JPEG tells beside its picture, segment by segment, and what stands behind it."""

import struct
from collections.abc import Iterator

from library.processing.containers import jpeg
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.jpeg.survey import (
    ADOBE,
    APP0,
    APP1,
    APP2,
    APP13,
    APP14,
    COMMENT,
    EXIF,
    ICC,
    ISO_GAIN_MAP,
    JFIF,
    MPF,
    PHOTOSHOP,
    XMP,
    pictures_behind,
    survey_of,
)
from library.processing.metadata.values import Block

MAX_BLOCK_BYTES = 1 << 20


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside its picture, what stands behind it included."""
    parts = list(jpeg.parts(data))
    end = parts[-1].end
    for part in parts:
        marker = part.kind[0] if part.kind else 0
        if 0xE0 <= marker <= 0xEF or marker == COMMENT:
            content = data[part.start : min(part.stop, part.start + MAX_BLOCK_BYTES)]
            yield from _told(marker, content)
    for other, _ in pictures_behind(data, survey_of(data, parts, lenient=True)):
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
    if marker == APP1 and content.startswith(EXIF):
        yield Block("exif", "Exif", content[len(EXIF) :])
    elif marker == APP1 and content.startswith(XMP):
        yield Block("xmp", "XMP", content[len(XMP) :])
    elif marker == APP2 and content.startswith(ICC):
        yield Block("icc", "ICC", content[len(ICC) + 2 :])
    elif marker == APP13 and content.startswith(PHOTOSHOP):
        yield from _resources(content[len(PHOTOSHOP) :])
    elif marker == COMMENT:
        yield Block("text", "Comment", content)
    elif not (
        (marker == APP0 and content.startswith(JFIF))
        or (marker == APP2 and content.startswith((MPF, ISO_GAIN_MAP)))
        or (marker == APP14 and content.startswith(ADOBE))
    ):
        name = content[:40].split(b"\0")[0].decode("latin-1")
        yield Block("other", f"APP{marker - APP0} {name}".strip(), content)


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
