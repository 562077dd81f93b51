"""What a WebP tells beside and behind its picture, chunk by chunk."""

from collections.abc import Iterator
from itertools import islice

from library.processing.containers import webp
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.webp.survey import (
    IMAGE,
    KEPT,
    MAX_BLOCK_BYTES,
    frame_parts,
)
from library.processing.metadata.icc import MAX_PROFILE_BYTES
from library.processing.metadata.values import Block

MAX_BLOCKS = 200


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside and behind its picture: at most `MAX_BLOCKS`."""
    return islice(_blocks(data), MAX_BLOCKS)


def _blocks(data: FileWindow) -> Iterator[Block]:
    end = 0
    for part in webp.parts(data):
        end = part.end
        if part.kind == b"ANMF":
            inner = frame_parts(data, part)
            yield from (_told(data, other) for other in inner if other.kind not in IMAGE)
        elif part.kind not in KEPT and part.kind != b"RIFF":
            yield _told(data, part)
    if end < len(data):
        name = f"{len(data) - end:,} bytes behind the picture"
        yield Block("other", name, data[end : end + MAX_BLOCK_BYTES])


def _told(data: FileWindow, part: Part) -> Block:
    most = MAX_PROFILE_BYTES if part.kind == b"ICCP" else MAX_BLOCK_BYTES
    content = data[part.start : min(part.stop, part.start + most)]
    if part.kind == b"EXIF":
        return Block("exif", "EXIF", content.removeprefix(b"Exif\0\0"))
    if part.kind == b"XMP ":
        return Block("xmp", "XMP", content)
    if part.kind == b"ICCP":
        return Block("icc", "ICCP", content)
    return Block("other", part.kind.decode("latin-1"), content)
