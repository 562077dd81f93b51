"""Regions of the share page as values: who looks at it, some of its tiles, or one item large."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.urls import reverse

from library.models import User
from library.processing.values import RenditionKind
from library.tiles import Picture, Tile
from shares.disclosure import FileState, Shown, shown
from shares.models import Receipt, Share, ShareItem, ShareItemQuerySet, in_library_of

PAGE_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks at a share page: its sender, another member, or a stranger, who has no addresses."""

    is_sender: bool = False
    is_recipient: bool = False
    is_listed: bool = False  # it stands in their feed
    lists_by_opening: bool = False  # it will, as soon as the page is seen
    public_url: str = ""  # the whole link, to pass it along again
    sheet_url: str = ""
    stop_url: str = ""

    @property
    def is_member(self) -> bool:
        """Tell members from strangers."""
        return self.is_sender or self.is_recipient


@dataclass(frozen=True, slots=True)
class TilesPage:
    """Tiles in the order of the link; `next` is the position behind which more begin, None at the end."""

    tiles: tuple[Tile, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One item, large, and the ways to those beside it; an address is empty where there is none."""

    item: Shown
    is_in_library: bool
    picture: Picture
    previous_url: str
    next_url: str


def viewer_of(share: Share, member: User | None) -> Viewer:
    """Say who looks at a share page that has passed the gate."""
    if member is None:
        return Viewer()
    receipt: Receipt | None = share.receipt
    if member.pk != share.sender_id:
        return Viewer(
            is_recipient=True,
            is_listed=receipt is not None and receipt.state in Receipt.LISTED,
            lists_by_opening=receipt is None and member.opened_links == User.OpenedLinks.ALWAYS,
            public_url=share.public_url,
        )
    return Viewer(
        is_sender=True,
        public_url=share.public_url,
        sheet_url=reverse("shares:link", args=[share.uuid]),
        stop_url=reverse("shares:stop", args=[share.uuid]),
    )


def recipient_of(share: Share, member: User | None) -> User | None:
    """Return the member, unless there is none or it is the sender, who gets nothing from their own link."""
    return member if member and member.pk != share.sender_id else None


def items_for(share: Share, recipient: User | None) -> ShareItemQuerySet:
    """Return what a share shows, in order; for a recipient with `is_in_library`."""
    items = share.items.shown().with_copies(share.level).order_by("position")
    return items.annotate(is_in_library=in_library_of(recipient)) if recipient else items


def tiles_page(share: Share, recipient: User | None, *, after: int) -> TilesPage:
    """Return the tiles behind a position, `PAGE_ITEMS` at most."""
    found = list(items_for(share, recipient).filter(position__gt=after)[: PAGE_ITEMS + 1])
    return TilesPage(
        tiles=tuple(_tile(item, share) for item in found[:PAGE_ITEMS]),
        next=found[PAGE_ITEMS - 1].position if len(found) > PAGE_ITEMS else None,
    )


def decided_tiles(share: Share, recipient: User | None, positions: Iterable[int]) -> list[Tile]:
    """Return the tiles at these positions that no longer wait for their picture or file."""
    items = items_for(share, recipient).filter(position__in=list(positions))
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
        is_in_library=is_in_library(item),
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
        is_waiting=item.is_waiting or item.file_state == FileState.PREPARING,
        is_withheld=item.file_state in (FileState.WITHHELD, FileState.FAILED),
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
        file_url=reverse("shares:file", args=[token, item.position])
        if item.file_state == FileState.READY
        else "",
        preview_url=_rendition_url(token, item.position, RenditionKind.PREVIEW),
        poster_url=_rendition_url(token, item.position, RenditionKind.POSTER),
    )


def is_in_library(item: ShareItem) -> bool:
    """Return what `items_for` has asked of an item's viewer; False for a stranger."""
    return getattr(item, "is_in_library", False)


def _tile(item: ShareItem, share: Share) -> Tile:
    tile = tile_of(shown(item, share), share.token)
    return replace(tile, is_in_library=True) if is_in_library(item) else tile


def _item_url(token: str, position: int) -> str:
    return reverse("shares:item", args=[token, position])


def _rendition_url(token: str, position: int, kind: RenditionKind) -> str:
    return reverse("shares:rendition", args=[token, position, kind])
