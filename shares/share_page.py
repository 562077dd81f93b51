"""Regions of the share page as values: some of its tiles, or one item large."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from library.processing.values import RenditionKind
from library.tiles import Picture, Tile
from shares.disclosure import Shown, shown
from shares.models import Share, ShareItem

PAGE_ITEMS = 200


@dataclass(frozen=True, slots=True)
class TilesPage:
    """Tiles in the order of the link; `next` is the position behind which more begin, None at the end."""

    tiles: tuple[Tile, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One item, large, and the ways to those beside it; an address is empty where there is none."""

    item: Shown
    picture: Picture
    previous_url: str
    next_url: str


def tiles_page(share: Share, *, after: int) -> TilesPage:
    """Return the tiles behind a position, `PAGE_ITEMS` at most."""
    found = list(share.items.shown().in_order().filter(position__gt=after)[: PAGE_ITEMS + 1])
    return TilesPage(
        tiles=tuple(_tile(item, share) for item in found[:PAGE_ITEMS]),
        next=found[PAGE_ITEMS - 1].position if len(found) > PAGE_ITEMS else None,
    )


def decided_tiles(share: Share, positions: Iterable[int]) -> list[Tile]:
    """Return the tiles at these positions that no longer wait for their picture."""
    items = share.items.shown().in_order().filter(position__in=list(positions))
    tiles = [_tile(item, share) for item in items]
    return [tile for tile in tiles if not tile.is_waiting]


def item_page(item: ShareItem, share: Share) -> ItemPage:
    """Describe one item of a share, and where its neighbours are."""
    positions = share.items.shown().values_list("position", flat=True)
    before = positions.filter(position__lt=item.position).order_by("-position").first()
    behind = positions.filter(position__gt=item.position).order_by("position").first()
    let_out = shown(item, share)
    return ItemPage(
        item=let_out,
        picture=picture_of(let_out, share.token),
        previous_url=_item_url(share.token, before) if before else "",
        next_url=_item_url(share.token, behind) if behind else "",
    )


def tile_of(item: Shown, token: str) -> Tile:
    """Describe an item on its share page."""
    return Tile(
        id=f"item-{item.position}",
        url=_item_url(token, item.position),
        picture_url=_rendition_url(token, item.position, RenditionKind.THUMBNAIL)
        if item.is_prepared
        else "",
        label=item.label,
        field="item",
        value=str(item.position),
        is_video=item.is_video,
        is_waiting=item.is_waiting,
        width_px=item.width_px,
        height_px=item.height_px,
        placeholder=item.placeholder,
        duration_ms=item.duration_ms,
        size_bytes=item.size_bytes,
    )


def picture_of(item: Shown, token: str) -> Picture:
    """Describe an item on a page of its own."""
    return Picture(
        tile=tile_of(item, token),
        file_url=reverse("shares:file", args=[token, item.position]),
        preview_url=_rendition_url(token, item.position, RenditionKind.PREVIEW),
        poster_url=_rendition_url(token, item.position, RenditionKind.POSTER),
    )


def _tile(item: ShareItem, share: Share) -> Tile:
    return tile_of(shown(item, share), share.token)


def _item_url(token: str, position: int) -> str:
    return reverse("shares:item", args=[token, position])


def _rendition_url(token: str, position: int, kind: RenditionKind) -> str:
    return reverse("shares:rendition", args=[token, position, kind])
