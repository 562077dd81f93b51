"""WebP by a list of chunks that may stay (RFC 9649); coded pixels are copied.

Of an animation each frame is looked through too: it is a list of chunks of its own.
"""

import struct
from typing import BinaryIO

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.families.webp.survey import (
    ALPHA,
    ANIMATION,
    EXIF,
    FRAME_BYTES,
    ICC,
    frame_image,
    parts,
    survey_of,
    written_bytes,
)
from library.processing.metadata.icc import clean_icc
from library.processing.metadata.values import Level
from library.processing.metadata.xmp import location

COPY_BYTES = 256 << 10


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:
    """Write the picture or animation with its colors, and a new EXIF of what this level lets stay.

    Raises:
        UncleanableError: it is no whole WebP, or decoders would not agree on what it shows.
    """
    survey = survey_of(data)
    icc = clean_icc(survey.icc) if survey.icc else b""
    place = location(survey.xmp) if level.keeps_location else None
    exif = kept_exif(survey.exif or b"", level, elsewhere=place)
    head = b""
    if survey.is_extended or exif:
        flags = survey.flags & (ALPHA | ANIMATION) | bool(icc) * ICC | bool(exif) * EXIF
        head = _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + b"".join(map(_less_one, survey.size)))
    head += _chunk(b"ICCP", icc) if icc else b""
    head += _chunk(b"ANIM", survey.background) if survey.background else b""
    tail = _chunk(b"EXIF", exif) if exif else b""
    picture_bytes = survey.frame_bytes + sum(map(written_bytes, survey.image))
    size = 4 + len(head) + picture_bytes + len(tail)
    out.write(b"RIFF" + struct.pack("<I", size) + b"WEBP" + head)
    _copy(data, out, survey.image)
    if survey.frames:
        _copy_frames(data, out)
    out.write(tail)


def _less_one(number: int) -> bytes:
    return (number - 1).to_bytes(3, "little")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _copy_frames(data: FileWindow, out: BinaryIO) -> None:
    for part in parts(data):
        if part.kind != b"ANMF":
            continue
        image = frame_image(data, part)
        size = FRAME_BYTES + sum(map(written_bytes, image))
        header = data[part.start : part.start + FRAME_BYTES]
        out.write(b"ANMF" + struct.pack("<I", size) + header[:15] + bytes((header[15] & 3,)))
        _copy(data, out, image)


def _copy(data: FileWindow, out: BinaryIO, image: list[Part]) -> None:
    for part in image:
        places = range(part.at, part.stop, COPY_BYTES)
        out.writelines(data[at : min(at + COPY_BYTES, part.stop)] for at in places)
        out.write(bytes(part.end - part.stop))
