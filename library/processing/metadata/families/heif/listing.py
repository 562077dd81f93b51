"""What a HEIC, HEIF or AVIF file tells beside its picture, for its owner to see."""

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from library.processing.containers.boxes import parts
from library.processing.containers.values import MAX_EXIF_BYTES, Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.fields import Fields, children
from library.processing.metadata.families.heif.items import Item, Meta, item_bytes, read_meta
from library.processing.metadata.families.heif.picking import KNOWN as KNOWN_ITEMS
from library.processing.metadata.families.heif.properties import AUXILIARY, auxiliary_type
from library.processing.metadata.families.heif.properties import KNOWN as KNOWN_PROPERTIES
from library.processing.metadata.families.heif.stills import exif_block, is_xmp
from library.processing.metadata.values import Block, UncleanableError

MAX_BLOCK_BYTES = 1 << 20
MAX_BLOCKS = 1000
MAX_BYTES = 64 << 20  # items may overlap

_STRUCTURE = frozenset((b"ftyp", b"meta", b"moov", b"mdat"))
_C2PA = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481")


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells: at most 1000 blocks, each up to 1 MiB, all in all about 64 MiB.

    Raises:
        UncleanableError: it is not built as the standards say, from there on.
    """
    left = MAX_BYTES
    for block in islice(_all(data), MAX_BLOCKS):
        yield block
        left -= len(block.content)
        if left < 0:
            return


def _all(data: FileWindow) -> Iterator[Block]:
    end = 0
    for part in parts(data, 0, len(data)):
        end = min(part.stop, len(data))
        if part.kind == b"meta":
            yield from _of_meta(data, read_meta(data, part))
        elif part.kind == b"moov":
            yield from _of_movie(data, part)
        elif part.kind not in _STRUCTURE:
            yield from _of_box(data, part)
    if end < len(data):
        yield Block("other", "trailer", data[end : end + MAX_BLOCK_BYTES])


def _of_box(data: FileWindow, part: Part) -> Iterator[Block]:
    content = _head(data, part)
    if part.kind == b"mpvd":
        yield Block("motion", "mpvd", content)
    elif part.kind == b"uuid":
        yield Block("other", _uuid(content), content[16:])
    elif part.kind not in (b"free", b"skip") or any(content):
        yield Block("other", _text(part.kind), content)


def _head(data: FileWindow, part: Part) -> bytes:
    return data[part.start : min(part.stop, part.start + MAX_BLOCK_BYTES)]


def _uuid(content: bytes) -> str:
    if len(content) < 16:
        return "uuid"
    name = UUID(bytes=content[:16])
    return "C2PA" if name == _C2PA else f"uuid {name}"


def _of_movie(data: FileWindow, moov: Part) -> Iterator[Block]:
    boxes = children(data, moov.start, moov.stop)
    for track in [part for part in boxes if part.kind == b"trak"]:
        boxes += children(data, track.start, track.stop)
    for part in boxes:
        if part.kind in (b"udta", b"meta", b"uuid"):
            yield Block("other", _text(part.kind), _head(data, part))


def _of_meta(data: FileWindow, meta: Meta) -> Iterator[Block]:
    for item in meta.items.values():
        if b"thmb" in item.references or item.kind not in KNOWN_ITEMS:
            yield _of_item(item, _first_bytes(data, meta, item))
    for part in meta.properties:
        yield from _of_property(part.kind, _head(data, part))


def _first_bytes(data: FileWindow, meta: Meta, item: Item) -> bytes:
    try:
        return item_bytes(data, meta, item, most=MAX_BLOCK_BYTES)
    except UncleanableError:
        return b""  # it is in another file, or nowhere


def _of_item(item: Item, content: bytes) -> Block:
    if b"thmb" in item.references:
        return Block("thumbnail", _text(item.kind), content)
    if item.kind == b"Exif":
        return Block("exif", "Exif", exif_block(content)[:MAX_EXIF_BYTES])
    if is_xmp(item):
        return Block("xmp", "XMP", content)
    return Block("other", item.media_type or _text(item.kind), content)


def _of_property(kind: bytes, content: bytes) -> Iterator[Block]:
    if kind == b"colr" and content[:4] in (b"prof", b"rICC"):
        yield Block("icc", "colr", content[4:])
    elif kind == b"auxC":
        name = auxiliary_type(content)
        if name not in AUXILIARY:
            yield Block("other", _text(name), content)
    elif kind == b"udes":
        yield from _description(content)
    elif kind == b"uuid":
        yield Block("other", _uuid(content), content[16:])
    elif kind not in KNOWN_PROPERTIES:
        yield Block("other", _text(kind), content)


def _description(content: bytes) -> Iterator[Block]:
    """Yield the texts of a user description: its language is no text, its name and tags are."""
    fields = Fields(content)
    fields.take(4)
    fields.text()
    for name in ("name", "description", "tags"):
        if fields.left and (text := fields.text()):
            yield Block("text", name, text)


def _text(name: bytes) -> str:
    return name.decode("latin-1").strip()
