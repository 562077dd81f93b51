"""The `meta` box: items that are picture or describe it, without names, and numbered from 1."""

from dataclasses import dataclass, field

from library.processing.metadata.proofs.heif.coded import Body
from library.processing.metadata.proofs.heif.properties import PROPERTIES
from library.processing.metadata.proofs.heif.walk import Walk, one_of
from library.processing.metadata.values import UnexplainedError

XMP_TYPE = b"application/rdf+xml\0"
CODED, DERIVED = frozenset((b"hvc1", b"av01")), frozenset((b"grid", b"iden", b"tmap"))
CONFIGURATIONS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_DESCRIPTIONS = frozenset((b"Exif", b"mime"))


@dataclass(slots=True)
class _Item:
    kind: bytes
    references: dict[bytes, list[int]] = field(default_factory=dict)
    properties: dict[bytes, int] = field(default_factory=dict)
    is_placed: bool = False


class Meta:
    """The `meta` box; afterwards `bodies` are those that the media data must hold."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.bodies: list[Body] = []
        self._inline: list[Body] = []
        self._properties: list[tuple[bytes, int]] = []
        with walk.box(b"meta"):
            walk.zeros(4)
            with walk.box(b"hdlr"):
                walk.exact(bytes(8) + b"pict" + bytes(13))
            with walk.box(b"pitm"):
                walk.zeros(4)
                primary = walk.number(2)
            self._items = [_Item(b"", is_placed=True), *self._read_items()]
            self._item(primary)
            self._read_references()
            self._read_properties()
            self._read_groups()
            self._read_locations()
            self._read_inline()
        for number in range(1, len(self._items)):
            self._check(number)

    def _item(self, number: int) -> _Item:
        if not 0 < number < len(self._items):
            raise UnexplainedError("an item that there is not")
        return self._items[number]

    def _read_items(self) -> list[_Item]:
        walk, items = self._walk, []
        with walk.box(b"iinf"):
            walk.zeros(4)
            for number in range(1, walk.number(2) + 1):
                with walk.box(b"infe"):
                    walk.exact(b"\2\0\0")
                    one_of(walk.number(1), (0, 1))
                    walk.exact(number.to_bytes(2, "big") + bytes(2))
                    items.append(_Item(walk.take(4)))
                    walk.zeros(1)
                    if items[-1].kind == b"mime":
                        walk.exact(XMP_TYPE)
        return items

    def _read_references(self) -> None:
        walk = self._walk
        if walk.next_kind() != b"iref":
            return
        with walk.box(b"iref"):
            walk.zeros(4)
            while walk.left:
                with walk.box(b"dimg", b"auxl", b"prem", b"cdsc") as kind:
                    item = self._item(walk.number(2))
                    targets = walk.numbers(walk.number(2), 2)
                if kind in item.references or not targets:
                    raise UnexplainedError("an item that refers twice, or to nothing")
                item.references[kind] = targets

    def _read_properties(self) -> None:
        walk, used = self._walk, set()
        with walk.box(b"iprp"):
            with walk.box(b"ipco"):
                while walk.left:
                    with walk.box(*PROPERTIES) as kind:
                        self._properties.append((kind, PROPERTIES[kind](walk) or 0))
            with walk.box(b"ipma"):
                walk.zeros(3)
                size = 1 + one_of(walk.number(1), (0, 1))
                for _ in range(walk.number(4)):
                    item = self._item(walk.number(2))
                    if item.properties:
                        raise UnexplainedError("an item with two lists of properties")
                    for value in walk.numbers(walk.number(1), size):
                        used.add(value & (0x7F if size == 1 else 0x7FFF))
                        self._associate(item, value & (0x7F if size == 1 else 0x7FFF))
        if len(used) != len(self._properties):
            raise UnexplainedError("a property of no item")

    def _associate(self, item: _Item, number: int) -> None:
        if not 0 < number <= len(self._properties):
            raise UnexplainedError("a property that there is not")
        kind, value = self._properties[number - 1]
        if kind in item.properties and kind != b"colr":
            raise UnexplainedError("a property that an item has twice")
        item.properties[kind] = value

    def _read_groups(self) -> None:
        walk = self._walk
        if walk.next_kind() != b"grpl":
            return
        with walk.box(b"grpl"):
            number = len(self._items)
            while walk.left:
                with walk.box(b"altr", b"ster"):
                    walk.exact(bytes(4) + number.to_bytes(4, "big"))
                    members = walk.numbers(walk.number(4), 4)
                for member in members:
                    self._item(member)
                if len(members) < 2:
                    raise UnexplainedError("a group of one")
                number += 1

    def _read_locations(self) -> None:
        walk = self._walk
        with walk.box(b"iloc"):
            walk.exact(b"\1\0\0\0\x44\0")
            for _ in range(walk.number(2)):
                item = self._item(walk.number(2))
                method = one_of(walk.number(2), (0, 1))
                walk.exact(b"\0\0\0\1")
                start, size = walk.numbers(2, 4)
                if item.is_placed or not size:
                    raise UnexplainedError("an item that is in two places, or empty")
                item.is_placed = True
                length_size = item.properties.get(b"hvcC", 0) if item.kind == b"hvc1" else 0
                body = Body(start, size, item.kind, length_size)
                if (method == 1) != (item.kind in DERIVED):
                    raise UnexplainedError("an item that is in a wrong place")
                (self._inline if method else self.bodies).append(body)

    def _read_inline(self) -> None:
        walk = self._walk
        if not self._inline:
            return
        with walk.box(b"idat"):
            at = walk.at
            for body in sorted(self._inline):
                if at + body.start != walk.at:
                    raise UnexplainedError(f"bytes at {walk.at} that are nobody's, or two's")
                content = walk.take(body.size, "coded")
                if body.kind == b"grid":
                    _check_grid(content)
                elif body.kind == b"tmap":
                    _check_tone_map(content)
                else:
                    raise UnexplainedError("an identity item with a body")

    def _check(self, number: int) -> None:
        item = self._items[number]
        sources = item.references.get(b"dimg", [])
        if any(not 0 < source < number for source in sources):
            raise UnexplainedError("an item that is made of itself, or of none")
        if item.is_placed == (item.kind == b"iden") or bool(sources) != (item.kind in DERIVED):
            raise UnexplainedError("an item without its body or sources, or with strange ones")
        if item.kind in CODED:
            if CONFIGURATIONS[item.kind] not in item.properties:
                raise UnexplainedError("a coded item without its configuration")
        elif item.kind in _DESCRIPTIONS:
            if item.references.keys() != {b"cdsc"} or item.properties:
                raise UnexplainedError("a description of nothing")
        elif item.kind not in DERIVED:
            raise UnexplainedError(f"an item of an unknown kind: {item.kind!r}")
        self._check_references(item)

    def _check_references(self, item: _Item) -> None:
        if (b"auxl" in item.references) != (b"auxC" in item.properties):
            raise UnexplainedError("an auxiliary item of nothing")
        for kind in (b"auxl", b"prem", b"cdsc"):
            for target in item.references.get(kind, ()):
                is_auxiliary = b"auxl" in self._item(target).references
                if (kind == b"auxl" and is_auxiliary) or (kind == b"prem" and not is_auxiliary):
                    raise UnexplainedError("an auxiliary item of an auxiliary item")
        if b"cdsc" in item.references and item.kind not in _DESCRIPTIONS:
            raise UnexplainedError("a picture as a description")


def _check_grid(content: bytes) -> None:
    if content[:1] != b"\0" or len(content) != {0: 8, 1: 12}.get(content[1]):
        raise UnexplainedError("a grid with more in it")


def _check_tone_map(content: bytes) -> None:
    if any(content[:3]) or len(content) != {0: 62, 0x40: 62, 0x80: 142, 0xC0: 142}.get(content[5]):
        raise UnexplainedError("a tone map with more in it")
