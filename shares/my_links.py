"""Links that I made, as values for my own pages: what is in each, and how it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.paginator import Paginator
from django.urls import reverse

from library.models import Asset, AssetQuerySet, User
from library.tiles import Tile, tile_of
from shares.choices import Choices, choices_for_assets
from shares.lifetimes import LifetimeChoice
from shares.models import Share, ShareItem, first_items
from shares.terms import Terms
from shares.wording import automatic_title

PAGE_LINKS = 24
STRIP_TILES = 4


@dataclass(frozen=True, slots=True)
class MyLink:
    """A link as its sender sees it."""

    uuid: UUID
    page_url: str
    public_url: str
    title: str
    epoch: int
    privacy: str
    hides_dates: bool
    shows_sender: bool
    is_open: bool
    created_at: datetime
    expires_at: datetime
    stopped_at: datetime | None
    ran_out_at: datetime  # or will run out
    renewable_until: datetime | None  # of one that has ended by itself, while it can be renewed
    lifetime_url: str
    strip: Sequence[Tile]  # its first few pictures


@dataclass(frozen=True, slots=True)
class LinksPage:
    """One page of somebody's links; `next_number` is None on the last."""

    links: Sequence[MyLink]
    next_number: int | None


@dataclass(frozen=True, slots=True)
class NewLink:
    """The sheet for a selection, before its link is made."""

    # The ids that the sheet's own form sends; none over the grid, whose form has them
    chosen: Sequence[str]
    title: str
    choices: Choices
    lifetime: LifetimeChoice
    strip: Sequence[Tile]


def new_link(
    assets: Sequence[Asset], sender: User, *, lifetime: LifetimeChoice, stands_alone: bool
) -> NewLink:
    """Describe the link that a selection would become; over the grid, its ids need not come back."""
    videos = sum(asset.is_video for asset in assets)
    return NewLink(
        chosen=[str(asset.uuid) for asset in assets] if stands_alone else [],
        title=automatic_title(len(assets) - videos, videos),
        choices=choices_for_assets(
            assets, Terms(shows_sender=True), sender_name=sender.display_name
        ),
        lifetime=lifetime,
        strip=strip_of(assets),
    )


def strip_of(assets: Sequence[Asset] | AssetQuerySet) -> list[Tile]:
    """Return the first few tiles."""
    return [tile_of(asset) for asset in assets[:STRIP_TILES]]


def link_strip(owner: User, share: Share) -> list[Tile]:
    """Return the first few tiles of one of somebody's links, those of a link that has ended too."""
    assets = owner.assets.filter(share_items__share=share).with_stills()
    return strip_of(assets.order_by("taken_at", "id"))


def my_link(share: Share, *, title: str, strip: Sequence[Tile], now: datetime) -> MyLink:
    """Say of a share what its sender may know, the whole link included."""
    is_open = share.is_open_at(now)
    is_renewable = not is_open and share.is_renewable_at(now)
    return MyLink(
        uuid=share.uuid,
        page_url=share.get_absolute_url(),
        public_url=share.public_url,
        title=title,
        epoch=share.epoch,
        privacy=share.privacy,
        hides_dates=share.hides_dates,
        shows_sender=share.shows_sender,
        is_open=is_open,
        created_at=share.created_at,
        expires_at=share.expires_at,
        stopped_at=share.stopped_at,
        ran_out_at=share.ran_out_at,
        renewable_until=share.renewable_until if is_renewable else None,
        lifetime_url=reverse("shares:lifetime", args=[share.uuid]),
        strip=strip,
    )


def links_page(owner: User, number: str | None, *, now: datetime) -> LinksPage:
    """Return a page of somebody's links, newest first.

    The page is cut first: what is in the links of other pages is not read. A number that is none
    means the first page, one too high the last.
    """
    page = Paginator(owner.shares.newest_first().with_first_items(), PAGE_LINKS).get_page(number)
    return LinksPage(
        links=my_links(list(page), now=now),
        next_number=page.next_page_number() if page.has_next() else None,
    )


def live_links(owner: User, most: int, *, now: datetime) -> list[MyLink]:
    """Return somebody's links that others can open, newest first."""
    shares = owner.shares.open_at(now).showing().newest_first().with_first_items()
    return my_links(list(shares[:most]), now=now)


def my_links(shares: list[Share], *, now: datetime) -> list[MyLink]:
    """Describe links that somebody made, in as many queries for one as for all."""
    titles = titles_of(shares)
    strips = _strips(shares)
    return [
        my_link(share, title=titles[share.pk], strip=strips[share.pk], now=now) for share in shares
    ]


def titles_of(shares: Iterable[Share]) -> dict[int, str]:
    """Return what each share is called, by its key, in one query."""
    shares = list(shares)
    counts = ShareItem.objects.filter(share__in=shares).shown().counted_by_share()
    found = {share: automatic_title(photos, videos) for share, photos, videos in counts}
    return {share.pk: found.get(share.pk, automatic_title(0, 0)) for share in shares}


def _strips(shares: list[Share]) -> dict[int, list[Tile]]:
    wanted = [pk for share in shares for pk in first_items(share)]
    strips: dict[int, list[Tile]] = {share.pk: [] for share in shares}
    items = ShareItem.objects.filter(pk__in=wanted).select_related("asset__blob__stills")
    for item in items.order_by("position"):
        if item.asset:
            strips[item.share_id].append(tile_of(item.asset))
    return strips
