"""The items of a HEIF or AVIF file, as its `meta` box lists them (ISO/IEC 23008-12, 14496-12)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.fields import (
    Extent,
    Fields,
    children,
    content_of,
    fields_of,
    needed,
    single,
)
from library.processing.metadata.values import UncleanableError

MAX_ITEMS = 20_000
MAX_ASSOCIATIONS = 1_000_000

_BY_OFFSET, _IN_IDAT = 0, 1  # construction methods


@dataclass(slots=True)
class Item:
    """One item. `media_type` is a MIME item's type, or an URI item's URI; `encoding` that of a MIME item.

    `properties` are places in the file's list, from 0, each with whether it is essential;
    `references` go from this item to others, by type.
    """

    kind: bytes
    hidden: bool = False
    protected: bool = False
    media_type: str = ""
    encoding: str = ""
    method: int = 0
    elsewhere: bool = False
    extents: list[Extent] = field(default_factory=list)
    properties: list[tuple[int, bool]] = field(default_factory=list)
    references: dict[bytes, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Entities that belong together, in order: alternatives, or the two pictures of a stereo pair."""

    kind: bytes
    members: list[int]


@dataclass(slots=True)
class Meta:
    """Everything that a `meta` box says of its items; `items` in the order of the file."""

    primary: int
    items: dict[int, Item]
    properties: list[Part]
    groups: list[Group]
    idat: Extent


def read_meta(data: FileWindow, meta: Part) -> Meta:
    """Read the items of a file.

    Raises:
        UncleanableError: the box is not built as the standards say.
    """
    if data[meta.start : meta.start + 4] != bytes(4):
        raise UncleanableError("an unknown version of the meta box")
    found = children(data, meta.start + 4, meta.stop)
    boxes = single(found, b"hdlr", b"pitm", b"iinf", b"iref", b"iprp", b"iloc", b"idat", b"grpl")
    if fields_of(data, needed(boxes, b"hdlr")).take(12)[8:] != b"pict":
        raise UncleanableError("the items are not those of a picture")
    items = dict(_read_entries(data, needed(boxes, b"iinf")))
    _read_locations(fields_of(data, needed(boxes, b"iloc")), items)
    if b"iref" in boxes:
        _read_references(data, boxes[b"iref"], items)
    idat = boxes.get(b"idat")
    return Meta(
        primary=_read_primary(fields_of(data, needed(boxes, b"pitm"))),
        items=items,
        properties=_read_properties(data, needed(boxes, b"iprp"), items),
        groups=_read_groups(data, boxes[b"grpl"]) if b"grpl" in boxes else [],
        idat=Extent(idat.start, idat.stop) if idat else Extent(0, 0),
    )


def item_extents(data: FileWindow, meta: Meta, item: Item) -> list[Extent]:
    """Return where the bytes of an item are; neighbouring stretches are joined.

    Raises:
        UncleanableError: in another file, made of other items, or outside this file.
    """
    if item.elsewhere or item.protected or item.method not in (_BY_OFFSET, _IN_IDAT):
        raise UncleanableError("an item is protected, or lies in another file or item")
    whole = meta.idat if item.method == _IN_IDAT else Extent(0, len(data))
    joined: list[Extent] = []
    for extent in item.extents:
        start, stop = whole.start + extent.start, whole.start + extent.stop
        if stop > whole.stop or start == stop:
            raise UncleanableError("an extent is empty or outside the file")
        if joined and joined[-1].stop == start:
            start = joined.pop().start
        joined.append(Extent(start, stop))
    return joined


def item_bytes(data: FileWindow, meta: Meta, item: Item, *, most: int) -> bytes:
    """Return the first `most` bytes of an item."""
    content, left = [], most
    for extent in item_extents(data, meta, item):
        content.append(data[extent.start : min(extent.stop, extent.start + left)])
        left -= len(content[-1])
        if not left:
            break
    return b"".join(content)


def _read_primary(fields: Fields) -> int:
    version, _ = fields.full()
    return fields.number(4 if version else 2)


def _read_entries(data: FileWindow, iinf: Part) -> Iterator[tuple[int, Item]]:
    version = data[iinf.start]
    entries = children(data, iinf.start + (8 if version else 6), iinf.stop)
    if len(entries) > MAX_ITEMS:
        raise UncleanableError("there are more items than any camera writes")
    seen = set()
    for entry in entries:
        if entry.kind != b"infe":
            raise UncleanableError("something else stands among the items")
        number, item = _read_entry(fields_of(data, entry))
        if number in seen:
            raise UncleanableError("two items have one number")
        seen.add(number)
        yield number, item


def _read_entry(fields: Fields) -> tuple[int, Item]:
    version, flags = fields.full()
    if version not in (2, 3):
        raise UncleanableError("an item without a type")
    number = fields.number(2 if version == 2 else 4)
    item = Item(protected=fields.number(2) != 0, kind=fields.take(4), hidden=bool(flags & 1))
    fields.text()
    if item.kind in (b"mime", b"uri ") and fields.left:
        item.media_type = fields.text().decode("latin-1")
    if item.kind == b"mime" and fields.left:
        item.encoding = fields.text().decode("latin-1")
    return number, item


def _read_locations(fields: Fields, items: dict[int, Item]) -> None:
    version, _ = fields.full()
    sizes = fields.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    if version > 2 or not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise UncleanableError("an unknown version of the iloc box")
    count = fields.number(4 if version == 2 else 2)
    if count > MAX_ITEMS:
        raise UncleanableError("there are more items than any camera writes")
    seen = set()
    for _ in range(count):
        number = fields.number(4 if version == 2 else 2)
        method = fields.number(2) & 15 if version else 0
        elsewhere, base = fields.number(2) != 0, fields.number(base_size)
        extents = _read_extents(fields, index_size, offset_size, length_size, base)
        if number in seen:
            raise UncleanableError("an item lies in two places")
        seen.add(number)
        if number in items:
            item = items[number]
            item.method, item.elsewhere, item.extents = method, elsewhere, extents


def _read_extents(
    fields: Fields, index_size: int, offset_size: int, length_size: int, base: int
) -> list[Extent]:
    count, extents = fields.number(2), []
    if count > 1 and not length_size:
        raise UncleanableError("extents without a length")
    for _ in range(count):
        fields.take(index_size)
        start = base + fields.number(offset_size)
        extents.append(Extent(start, start + fields.number(length_size)))
    return extents


def _read_references(data: FileWindow, iref: Part, items: dict[int, Item]) -> None:
    size = 4 if data[iref.start] else 2
    for part in children(data, iref.start + 4, iref.stop):
        fields = fields_of(data, part)
        origin = fields.number(size)
        targets = fields.numbers(fields.number(2), size)
        if origin in items:
            if part.kind in items[origin].references:
                raise UncleanableError("an item refers twice in one way")
            items[origin].references[part.kind] = targets


def _read_properties(data: FileWindow, iprp: Part, items: dict[int, Item]) -> list[Part]:
    boxes = children(data, iprp.start, iprp.stop)
    ipco = needed(single(boxes, b"ipco"), b"ipco")
    properties = children(data, ipco.start, ipco.stop)
    left = MAX_ASSOCIATIONS
    for part in boxes:
        if part.kind == b"ipma":
            left = _read_associations(fields_of(data, part), items, len(properties), left)
    return properties


def _read_associations(fields: Fields, items: dict[int, Item], known: int, left: int) -> int:
    version, flags = fields.full()
    count, wide = fields.number(4), flags & 1
    for _ in range(count):
        number = fields.number(4 if version else 2)
        found = fields.numbers(fields.number(1), 2 if wide else 1)
        left -= len(found) + 1
        if left < 0:
            raise UncleanableError("there are more properties than any camera writes")
        top = 0x8000 if wide else 0x80
        properties = [(value % top - 1, value >= top) for value in found if value % top]
        if any(place >= known for place, _ in properties):
            raise UncleanableError("an item has a property that there is not")
        if number in items:
            if items[number].properties:
                raise UncleanableError("an item has two lists of properties")
            items[number].properties = properties
    return left


def _read_groups(data: FileWindow, grpl: Part) -> list[Group]:
    groups = []
    for part in children(data, grpl.start, grpl.stop):
        if part.kind in (b"altr", b"ster"):
            fields = Fields(content_of(data, part))
            fields.take(8)
            groups.append(Group(part.kind, fields.numbers(fields.number(4), 4)))
    return groups
