"""For You as values: what reached somebody, newest first, and what they pass along themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from library.keyset import Place
from library.models import User
from library.tiles import Tile
from shares.disclosure import sender_name_of, shown
from shares.models import Receipt, ShareItem, first_items, in_library_of
from shares.my_links import MyLink, live_links, titles_of
from shares.share_page import tile_of

PAGE_CARDS = 24
OWN_LINKS = 6


@dataclass(frozen=True, slots=True)
class Card:
    """A share in somebody's feed; its pictures are those that the gate lets out."""

    id: str
    page_url: str
    public_url: str
    opened_url: str
    decline_url: str
    title: str
    sender_name: str
    expires_at: datetime
    is_new: bool
    in_library: int  # how many of its items the recipient has
    strip: Sequence[Tile]  # its first few pictures


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A region of the feed; `next` is None on the last page. Own links stand on the first alone."""

    is_first: bool
    cards: Sequence[Card]
    own_links: Sequence[MyLink]
    next: str | None


def feed_page(recipient: User, after: Place | None, *, now: datetime) -> FeedPage:
    """Return a page of what somebody received and can still open, decided at this moment."""
    ordered = recipient.receipts.listed_at(now).newest_first()
    if after is not None:
        ordered = ordered.after(after.moment, after.pk)
    rows = ordered.select_related("share__sender").with_first_items()
    found = list(rows[: PAGE_CARDS + 1])
    last = found[PAGE_CARDS - 1] if len(found) > PAGE_CARDS else None
    return FeedPage(
        is_first=after is None,
        cards=_cards(found[:PAGE_CARDS], recipient),
        own_links=[] if after else live_links(recipient, OWN_LINKS, now=now),
        next=str(Place(last.received_at, last.pk)) if last else None,
    )


def count_unopened(recipient: User, *, now: datetime) -> int:
    """Return the number on the badge."""
    return recipient.receipts.listed_at(now).unopened().count()


def _cards(receipts: Sequence[Receipt], recipient: User) -> list[Card]:
    items = ShareItem.objects.filter(share__in=[receipt.share_id for receipt in receipts]).shown()
    titles = titles_of(receipt.share for receipt in receipts)
    kept = items.filter(in_library_of(recipient)).counted_by_share()
    in_library = {share: photos + videos for share, photos, videos in kept}
    strips = _strips(receipts)
    return [
        Card(
            id=f"share-{receipt.share.token}",
            page_url=receipt.share.get_absolute_url(),
            public_url=receipt.share.public_url,
            opened_url=reverse("shares:opened", args=[receipt.share.token]),
            decline_url=reverse("shares:decline", args=[receipt.share.token]),
            title=titles[receipt.share_id],
            sender_name=sender_name_of(receipt.share),
            expires_at=receipt.share.expires_at,
            is_new=receipt.state == Receipt.State.NEW,
            in_library=in_library.get(receipt.share_id, 0),
            strip=strips[receipt.share_id],
        )
        for receipt in receipts
    ]


def _strips(receipts: Sequence[Receipt]) -> dict[int, list[Tile]]:
    shares = {receipt.share_id: receipt.share for receipt in receipts}
    strips: dict[int, list[Tile]] = {pk: [] for pk in shares}
    wanted = [pk for receipt in receipts for pk in first_items(receipt)]
    for item in ShareItem.objects.filter(pk__in=wanted).in_order():
        share = shares[item.share_id]
        strips[share.pk].append(tile_of(shown(item, share), share.token))
    return strips
