"""Which items of a file are its picture: the primary item and all that it and other pictures need.

Thumbnails go, for they may show what was cut away since, and so does all that nothing shown refers to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from library.processing.metadata.families.heif.items import Item, Meta
from library.processing.metadata.families.heif.properties import GAIN_MAPS
from library.processing.metadata.values import UncleanableError

MAX_DEPTH = 8  # of derived items one in another
MAX_SOURCES = 1_000_000  # all in all, on every level

CODED = frozenset((b"hvc1", b"av01"))
DERIVED = frozenset((b"grid", b"iden", b"tmap"))
KNOWN = CODED | DERIVED

# Items that are predicted from others, or tiles of them, are decoded in ways not known here.
_FOREIGN = frozenset((b"base", b"pred", b"exbl", b"tbas"))


@dataclass(slots=True)
class Picked:
    """The items that stay, sources before what is derived from them; `auxiliary` ones with their types."""

    order: list[int]
    auxiliary: dict[int, bytes]
    gain_maps: set[int]


def pick(meta: Meta, auxiliary_types: dict[int, bytes], pictures: set[int]) -> Picked:
    """Choose what stays.

    `auxiliary_types` are those of the items that have a known one, `pictures` all items of a kind or
    a size that pictures have.

    Raises:
        UncleanableError: an item that stays is of an unknown kind, or made of itself.
    """
    if meta.primary not in meta.items:
        raise UncleanableError("there is no primary item")
    roots = [meta.primary, *_shown(meta, pictures)]
    shown = _depths(meta, roots)
    described = shown.keys() - auxiliary_types.keys()
    auxiliary = {
        number: kind
        for number, kind in auxiliary_types.items()
        if number != meta.primary
        and not described.isdisjoint(meta.items[number].references.get(b"auxl", ()))
    }
    depths = _depths(meta, [*roots, *auxiliary])
    places = {number: place for place, number in enumerate(meta.items)}
    order = sorted(depths, key=lambda number: (-depths[number], places[number]))
    for number in order:
        _check(meta.items[number])
    return Picked(order, auxiliary, _gain_maps(meta, order, auxiliary))


def _shown(meta: Meta, pictures: set[int]) -> Iterable[int]:
    """Yield the other items that viewers show of their own accord, and tone maps of any."""
    sources = {
        target for item in meta.items.values() for target in item.references.get(b"dimg", ())
    }
    for number, item in meta.items.items():
        if number == meta.primary or number in sources or number not in pictures:
            continue
        if not item.references.keys().isdisjoint((b"thmb", b"auxl")):
            continue
        if not item.hidden or item.kind == b"tmap":
            yield number


def _depths(meta: Meta, roots: list[int]) -> dict[int, int]:
    """Return how deep each item is used at most, below these and in themselves at 0."""
    depths: dict[int, int] = {}
    level, left = set(roots), MAX_SOURCES
    for depth in range(MAX_DEPTH):
        depths.update(dict.fromkeys(level, depth))
        sources = [
            target for number in level for target in meta.items[number].references.get(b"dimg", ())
        ]
        left -= len(sources)
        level = set(sources)
        if not level:
            return depths
        if left < 0 or not level <= meta.items.keys():
            break
    raise UncleanableError("items are made of too many others, of themselves or of none")


def _check(item: Item) -> None:
    if item.kind not in KNOWN:
        raise UncleanableError(f"a picture of an unknown kind: {item.kind!r}")
    if not item.references.keys().isdisjoint(_FOREIGN):
        raise UncleanableError("a picture that is predicted from another")
    if (item.kind in DERIVED) != bool(item.references.get(b"dimg")):
        raise UncleanableError("a derived picture without sources, or a coded one with some")


def _gain_maps(meta: Meta, order: list[int], auxiliary: dict[int, bytes]) -> set[int]:
    marked = {number for number, kind in auxiliary.items() if kind in GAIN_MAPS}
    mapped = {
        meta.items[number].references[b"dimg"][-1]
        for number in order
        if meta.items[number].kind == b"tmap"
    }
    return marked | mapped
