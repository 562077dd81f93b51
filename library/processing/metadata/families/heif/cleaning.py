"""HEIC, HEIF and AVIF without what they tell: built anew from what is known to be picture.

Coded pictures are copied as they are; everything around them is written field by field.
"""

from collections.abc import Iterator
from typing import BinaryIO

from library.processing.containers.boxes import parts
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.coded import Budget
from library.processing.metadata.families.heif.fields import (
    Extent,
    box,
    content_of,
    needed,
    single,
    words,
)
from library.processing.metadata.families.heif.items import read_meta
from library.processing.metadata.families.heif.stills import clean_items
from library.processing.metadata.families.heif.tracks import clean_movie
from library.processing.metadata.families.heif.writing import MAX_OFFSET, NewMeta
from library.processing.metadata.values import Level, UncleanableError

COPY_BYTES = 256 << 10
MAX_BRANDS = 100

_STILL_BRANDS = frozenset(
    b"mif1 mif2 heic heix heim heis avif miaf tmap 1pic MA1A MA1B MiHA MiHB MiHE MiPr MiAB MiAn".split()
)
_SEQUENCE_BRANDS = frozenset(
    b"msf1 hevc hevx hevm hevs avis avio iso3 iso4 iso5 iso6 iso7 iso8 iso9 isom mp41 mp42".split()
)


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:
    """Write a file without what it tells beyond the level.

    Raises:
        UncleanableError: something in it is not known, or not as its standard says; what has been
            written by then is of no use.
    """
    boxes = top_boxes(data)
    budget = Budget(len(data))
    movie = clean_movie(data, boxes[b"moov"], budget) if b"moov" in boxes else None
    meta = None
    if b"meta" in boxes:
        content_of(data, boxes[b"meta"])
        meta = clean_items(data, read_meta(data, boxes[b"meta"]), level, budget)
    if not meta and not movie:
        raise UncleanableError("there is no picture")
    head = _brands(content_of(data, needed(boxes, b"ftyp")), is_sequence=movie is not None)
    start = len(head) + len(meta.written(0) if meta else b"")
    start += len(movie.written(0) if movie else b"") + 8
    own = sum(item.size for item in meta.items) if meta else 0
    pieces = list(_pieces(meta)) + (list(movie.stretches) if movie else [])
    size = 8 + sum(len(piece) if isinstance(piece, bytes) else _length(piece) for piece in pieces)
    if size > MAX_OFFSET:
        raise UncleanableError("a file too large for its kind")
    out.write(head)
    out.write(meta.written(start) if meta else b"")
    out.write(movie.written(start + own) if movie else b"")
    out.write(words(size) + b"mdat")
    for piece in pieces:
        out.writelines([piece] if isinstance(piece, bytes) else _copied(data, piece))


def top_boxes(data: FileWindow) -> dict[bytes, Part]:
    """Return the boxes that the file is made of, but for media data and what nobody needs.

    Raises:
        UncleanableError: one of them is there twice, or cut short.
    """
    found = list(parts(data, 0, len(data)))
    boxes = single(found, b"ftyp", b"meta", b"moov")
    if any(part.kind in (b"moof", b"mini") for part in found):
        raise UncleanableError("a file in fragments, or of the short form")
    if any(part.stop > len(data) for part in boxes.values()):
        raise UncleanableError("a box is cut short")
    return boxes


def _brands(content: bytes, *, is_sequence: bool) -> bytes:
    known = _STILL_BRANDS | _SEQUENCE_BRANDS if is_sequence else _STILL_BRANDS
    others = [content[at : at + 4] for at in range(8, min(len(content), 8 + 4 * MAX_BRANDS), 4)]
    kept = [brand for brand in dict.fromkeys(others) if brand in known]
    major = next((brand for brand in (content[:4], *kept) if brand in known), None)
    if major is None:
        raise UncleanableError("a file of an unknown brand")
    return box(b"ftyp", major, bytes(4), *(kept or [major]))


def _pieces(meta: NewMeta | None) -> Iterator[bytes | Extent]:
    for item in meta.items if meta else ():
        if item.fresh:
            yield item.fresh
        yield from item.stretches


def _length(extent: Extent) -> int:
    return extent.stop - extent.start


def _copied(data: FileWindow, extent: Extent) -> Iterator[bytes]:
    for at in range(extent.start, extent.stop, COPY_BYTES):
        yield data[at : min(extent.stop, at + COPY_BYTES)]
