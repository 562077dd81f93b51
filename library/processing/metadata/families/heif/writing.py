"""A new `meta` box, with nothing in it but what its items need (ISO/IEC 14496-12, 23008-12)."""

from dataclasses import dataclass, field

from library.processing.metadata.families.heif.fields import Extent, box, full_box, words
from library.processing.metadata.values import UncleanableError

MAX_OFFSET = (1 << 32) - 1

Reference = tuple[bytes, list[int]]


@dataclass(slots=True)
class NewItem:
    """One item as it is written; items are numbered from 1 in their order.

    Its bytes are `inline` (kept in the meta box), or `fresh` and the `stretches` copied from the source.
    """

    kind: bytes
    hidden: bool = True
    inline: bytes = b""
    fresh: bytes = b""
    stretches: list[Extent] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    properties: list[tuple[int, bool]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return its bytes in the media data."""
        return len(self.fresh) + sum(extent.stop - extent.start for extent in self.stretches)


@dataclass(slots=True)
class NewMeta:
    """What a new `meta` box says; `properties` are whole boxes, numbered from 1."""

    primary: int
    items: list[NewItem]
    properties: list[bytes]
    groups: list[tuple[bytes, list[int]]]

    def written(self, start: int) -> bytes:
        """Return the box, for items whose bytes lie one behind the other from this place on.

        Its length does not depend on that place.
        """
        content = [
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", words(self.primary, size=2)),
            self._entries(),
            self._references(),
            self._properties(),
            self._groups(),
            self._locations(start),
            self._inline(),
        ]
        return full_box(b"meta", *content)

    def _entries(self) -> bytes:
        entries = [
            full_box(
                b"infe",
                words(number, 0, size=2),
                item.kind,
                b"\0application/rdf+xml\0" if item.kind == b"mime" else b"\0",
                version=2,
                flags=int(item.hidden),
            )
            for number, item in enumerate(self.items, 1)
        ]
        return full_box(b"iinf", words(len(entries), size=2), *entries)

    def _references(self) -> bytes:
        references = [
            box(kind, words(number, len(targets), *targets, size=2))
            for number, item in enumerate(self.items, 1)
            for kind, targets in item.references
        ]
        return full_box(b"iref", *references) if references else b""

    def _properties(self) -> bytes:
        wide = len(self.properties) > 127
        top, size = (0x8000, 2) if wide else (0x80, 1)
        lists = [
            words(number, size=2)
            + words(len(item.properties), size=1)
            + words(*(place + top * essential for place, essential in item.properties), size=size)
            for number, item in enumerate(self.items, 1)
            if item.properties
        ]
        return box(
            b"iprp",
            box(b"ipco", *self.properties),
            full_box(b"ipma", words(len(lists)), *lists, flags=int(wide)),
        )

    def _groups(self) -> bytes:
        groups = [
            full_box(kind, words(len(self.items) + place, len(members), *members))
            for place, (kind, members) in enumerate(self.groups, 1)
        ]
        return box(b"grpl", *groups) if groups else b""

    def _locations(self, start: int) -> bytes:
        rows, at, inline = [], start, 0
        for number, item in enumerate(self.items, 1):
            if item.inline:
                rows.append(words(number, 1, 0, 1, size=2) + words(inline, len(item.inline)))
                inline += len(item.inline)
            elif item.size:
                rows.append(words(number, 0, 0, 1, size=2) + words(at, item.size))
                at += item.size
        if at > MAX_OFFSET:
            raise UncleanableError("a file too large for its kind")
        return full_box(b"iloc", b"\x44\0", words(len(rows), size=2), *rows, version=1)

    def _inline(self) -> bytes:
        content = b"".join(item.inline for item in self.items)
        return box(b"idat", content) if content else b""
