"""The items of a file as they are written anew: the picture as it was, with a new EXIF block beside it."""

from collections.abc import Iterator

from library.processing.containers.values import MAX_EXIF_BYTES
from library.processing.containers.window import FileWindow
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.families.heif.coded import Budget, picture_stretches
from library.processing.metadata.families.heif.fields import Fields, box, content_of
from library.processing.metadata.families.heif.items import (
    Item,
    Meta,
    item_bytes,
    item_extents,
)
from library.processing.metadata.families.heif.picking import CODED, KNOWN, Picked, pick
from library.processing.metadata.families.heif.properties import (
    APPLE_GAIN_MAP,
    AUXILIARY,
    auxiliary_type,
    clean_property,
    nal_length_size,
    standard_form,
)
from library.processing.metadata.families.heif.writing import NewItem, NewMeta, Reference
from library.processing.metadata.values import Level, UncleanableError
from library.processing.metadata.xmp import gain_map_xmp, location

MAX_XMP_BYTES = 1 << 20
MAX_PROPERTIES = 0x7FFF
MAX_PADDING_PX = (
    64  # what a clean aperture may cut off: more would be a crop that others could undo
)
TONE_MAP_BYTES = {0: 62, 0x80: 142}  # by whether it has three channels; ISO 21496-1


def clean_items(data: FileWindow, meta: Meta, level: Level, budget: Budget) -> NewMeta:
    """Return what a new `meta` box says.

    Raises:
        UncleanableError: something that stays is not known, or not as its standard says.
    """
    stills = _Stills(data, meta, budget)
    items = [stills.new_item(number) for number in stills.picked.order]
    new = NewMeta(
        primary=stills.numbers[meta.primary],
        items=items,
        properties=list(stills.properties),
        groups=stills.groups(),
    )
    if len(new.properties) > MAX_PROPERTIES:
        raise UncleanableError("there are more properties than any camera writes")
    new.items += stills.described(level)
    return new


class _Stills:
    """The picked items, their new numbers, and the properties written so far."""

    def __init__(self, data: FileWindow, meta: Meta, budget: Budget) -> None:
        self._data, self._meta, self._budget = data, meta, budget
        self._cleaned: dict[int, tuple[bytes, bytes | None]] = {}
        self.properties: dict[bytes, int] = {}  # whole boxes, with their new numbers
        self.picked: Picked = pick(meta, self._auxiliary_types(), self._pictures())
        self.numbers = {number: new for new, number in enumerate(self.picked.order, 1)}
        self._stereo = {
            number for group in meta.groups if group.kind == b"ster" for number in group.members
        }

    def new_item(self, number: int) -> NewItem:
        """Return a picked item, with its bytes checked."""
        item = self._meta.items[number]
        known = self._known_properties(number)
        new = NewItem(
            item.kind,
            hidden=item.hidden and number != self._meta.primary,
            references=self._references(number),
            properties=[
                (self.properties.setdefault(box(kind, content), len(self.properties) + 1), needed)
                for kind, content, needed in known
            ],
        )
        self._check_clap({kind: content for kind, content, _ in known})
        extents = item_extents(self._data, self._meta, item)
        if item.kind in CODED:
            new.stretches = picture_stretches(
                self._data, extents, _length_size(item, known), self._budget
            )
            if b"a1lx" in (kind for kind, _, _ in known) and new.stretches != extents:
                raise UncleanableError("layers whose sizes would change")
        elif item.kind == b"grid":
            new.inline = self._grid(item)
        elif item.kind == b"tmap":
            new.inline = self._tone_map(item)
        elif extents:
            raise UncleanableError("an identity item with a body")
        return new

    def groups(self) -> list[tuple[bytes, list[int]]]:
        """Return the groups that still have members enough to be some."""
        found = []
        for group in self._meta.groups:
            members = [
                self.numbers[member]
                for member in dict.fromkeys(group.members)
                if member in self.numbers
            ]
            alternatives = group.kind == b"altr" and len(members) > 1
            if alternatives or (group.kind == b"ster" and len(members) == len(group.members) == 2):
                found.append((group.kind, members))
        return found

    def described(self, level: Level) -> list[NewItem]:
        """Return the new EXIF item, and what remains of the XMP of gain maps."""
        apple = APPLE_GAIN_MAP in self.picked.auxiliary.values()
        place = location(self._xmp()) if level.keeps_location else None
        exif = kept_exif(self._exif(), level, headroom=apple, elsewhere=place)
        items = [_description(b"Exif", bytes(4) + exif, self.numbers[self._meta.primary])]
        packets = [
            _description(b"mime", gain_map_xmp(packet), self.numbers[number])
            for number, packet in self._gain_map_packets()
        ]
        return [item for item in items[: bool(exif)] + packets if item.fresh]

    def _gain_map_packets(self) -> Iterator[tuple[int, bytes]]:
        """Yield the XMP of each gain map that has some, with its number in the file."""
        left = set(self.picked.gain_maps)
        for item in self._meta.items.values():
            targets = left.intersection(item.references.get(b"cdsc", ()))
            if is_xmp(item) and targets:
                left -= targets
                self._budget.spend(item_extents(self._data, self._meta, item))
                packet = item_bytes(self._data, self._meta, item, most=MAX_XMP_BYTES)
                yield min(targets), packet

    def _exif(self) -> bytes:
        """Return the EXIF block of the primary item, or one that is of no item; empty without one."""
        found = [item for item in self._meta.items.values() if item.kind == b"Exif"]
        own = [item for item in found if self._meta.primary in item.references.get(b"cdsc", ())]
        free = [item for item in found if b"cdsc" not in item.references]
        for item in own or free:
            return exif_block(item_bytes(self._data, self._meta, item, most=MAX_EXIF_BYTES))
        return b""

    def _xmp(self) -> bytes:
        """Return the XMP packet of the primary item; empty without one."""
        for item in self._meta.items.values():
            if is_xmp(item) and self._meta.primary in item.references.get(b"cdsc", ()):
                return item_bytes(self._data, self._meta, item, most=MAX_XMP_BYTES)
        return b""

    def _auxiliary_types(self) -> dict[int, bytes]:
        found = {}
        for number, item in self._meta.items.items():
            if b"auxl" in item.references:
                kinds = [self._auxiliary_type(place) for place, _ in item.properties]
                known = [kind for kind in kinds if kind in AUXILIARY]
                if known:
                    found[number] = known[0]
        return found

    def _auxiliary_type(self, place: int) -> bytes:
        part = self._meta.properties[place]
        if part.kind != b"auxC":
            return b""
        return auxiliary_type(content_of(self._data, part))

    def _pictures(self) -> set[int]:
        sized = {place for place, part in enumerate(self._meta.properties) if part.kind == b"ispe"}
        return {
            number
            for number, item in self._meta.items.items()
            if item.kind in KNOWN or any(place in sized for place, _ in item.properties)
        }

    def _known_properties(self, number: int) -> list[tuple[bytes, bytes, bool]]:
        """Return kind and new content of what stays of an item's properties, and whether it is essential."""
        known = []
        for place, essential in self._meta.items[number].properties:
            kind, content = self._property(place)
            if content is None or self._is_elsewhere(kind, number):
                if essential and kind != b"colr":  # an empty profile says nothing
                    raise UncleanableError(f"an unknown property that is essential: {kind!r}")
                continue
            known.append((kind, content, essential))
        if len({kind for kind, _, _ in known if kind != b"colr"}) < sum(
            kind != b"colr" for kind, _, _ in known
        ):
            raise UncleanableError("an item has a property twice")
        return known

    def _is_elsewhere(self, kind: bytes, number: int) -> bool:
        """Tell whether a property has no meaning on this item."""
        if kind in (b"cmin", b"cmex"):
            return number not in self._stereo
        return kind == b"auxC" and number not in self.picked.auxiliary

    def _property(self, place: int) -> tuple[bytes, bytes | None]:
        if place not in self._cleaned:
            part = self._meta.properties[place]
            kind, content = standard_form(part.kind, content_of(self._data, part))
            self._cleaned[place] = kind, clean_property(kind, content)
        return self._cleaned[place]

    def _references(self, number: int) -> list[Reference]:
        """Return what a picked item refers to, as far as it stays."""
        found = []
        for kind in (b"dimg", b"auxl", b"prem"):
            targets = [
                self.numbers[target]
                for target in self._meta.items[number].references.get(kind, ())
                if target in self.numbers and self._may_refer(kind, number, target)
            ]
            if targets:
                found.append((kind, targets))
        return found

    def _may_refer(self, kind: bytes, number: int, target: int) -> bool:
        if kind == b"auxl":
            return number in self.picked.auxiliary and target not in self.picked.auxiliary
        return kind == b"dimg" or (target in self.picked.auxiliary and target != number)

    def _grid(self, item: Item) -> bytes:
        content = item_bytes(self._data, self._meta, item, most=13)
        fields = Fields(content)
        version, flags = fields.numbers(2, 1)
        rows, columns = fields.numbers(2, 1)
        size = fields.numbers(2, 4 if flags & 1 else 2)
        fields.finish()
        if version or flags > 1 or (rows + 1) * (columns + 1) != len(item.references[b"dimg"]):
            raise UncleanableError("a grid with other tiles than it says")
        tile = self._size(self._meta.items[item.references[b"dimg"][0]])
        for whole, part, count in zip(size, tile, (columns, rows), strict=True):
            if not count * part < whole <= (count + 1) * part:
                raise UncleanableError("a grid that hides tiles, or lacks some")
        return content

    def _size(self, item: Item) -> list[int]:
        for place, _ in item.properties:
            part = self._meta.properties[place]
            if part.kind == b"ispe":
                return Fields(self._data[part.start + 4 : part.start + 12]).numbers(2, 4)
        raise UncleanableError("a tile without a size")

    def _tone_map(self, item: Item) -> bytes:
        content = item_bytes(self._data, self._meta, item, most=143)
        if len(content) < 6 or any(content[:3]) or content[5] & 0x3F:
            raise UncleanableError("a tone map of an unknown version")
        if len(content) != TONE_MAP_BYTES[content[5] & 0x80]:
            raise UncleanableError("a tone map of a wrong size")
        if len(item.references[b"dimg"]) != 2:
            raise UncleanableError("a tone map that is not one of a picture and a gain map")
        return content

    @staticmethod
    def _check_clap(known: dict[bytes, bytes]) -> None:
        if b"clap" not in known:
            return
        if b"ispe" not in known:
            raise UncleanableError("a clean aperture in a picture without a size")
        size = Fields(known[b"ispe"][4:]).numbers(2, 4)
        width, width_parts, height, height_parts = Fields(known[b"clap"][:16]).numbers(4, 4)
        for whole, cut, of in zip(size, (width, height), (width_parts, height_parts), strict=True):
            if not of or whole * of - cut >= MAX_PADDING_PX * of:
                raise UncleanableError("a crop that others could undo")


def is_xmp(item: Item) -> bool:
    """Tell whether an item is an XMP packet."""
    return item.kind == b"mime" and item.media_type == "application/rdf+xml" and not item.encoding


def exif_block(content: bytes) -> bytes:
    """Return the TIFF block in the bytes of an EXIF item, which begin with its offset."""
    return content[4 + int.from_bytes(content[:4], "big") :]


def _length_size(item: Item, known: list[tuple[bytes, bytes, bool]]) -> int:
    kind = b"hvcC" if item.kind == b"hvc1" else b"av1C"
    configurations = [content for name, content, _ in known if name == kind]
    if not configurations:
        raise UncleanableError("a coded picture without its configuration")
    return nal_length_size(configurations[0]) if kind == b"hvcC" else 0


def _description(kind: bytes, content: bytes, target: int) -> NewItem:
    return NewItem(kind, fresh=content, references=[(b"cdsc", [target])])
