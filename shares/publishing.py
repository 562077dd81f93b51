"""Make a link of a selection, and stop it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models, transaction

from library.models import Asset, User
from library.storage import hold
from shares.models import Share, ShareItem


class SelectionRefusedError(ValueError):
    """The selection can't become a link; the message says why."""


def selected_assets(owner: User, uuids: Iterable[UUID], *, max_items: int) -> list[Asset]:
    """Return these assets of the owner's library by moment of capture, oldest first.

    Raises:
        SelectionRefusedError: nothing is selected, too much is, or something is not there.
    """
    wanted = set(uuids)
    if not wanted:
        raise SelectionRefusedError("Nothing is selected. Choose at least one photo or video.")
    if len(wanted) > max_items:
        raise SelectionRefusedError(
            f"A link takes {max_items:,} items at most; {len(wanted):,} are selected."
        )
    found = owner.assets.in_library().filter(uuid__in=wanted).with_stills()
    assets = list(found.order_by("taken_at", "id"))
    if len(assets) != len(wanted):
        raise SelectionRefusedError(
            "Some of these items are not in your library. Reload the page and choose again."
        )
    return assets


@transaction.atomic
def publish_share(owner: User, assets: list[Asset], *, now: datetime, lifetime: timedelta) -> Share:
    """Create a share of the owner's assets, in this order, open until `now + lifetime`.

    The link works from this moment; what is still being prepared shows as such.

    Raises:
        BlobGoneError: a file was removed in the meantime.
    """
    hold({asset.blob_id for asset in assets}, now=now)
    share = Share.objects.create(
        sender=owner,
        privacy=Share.Privacy.EVERYTHING,
        next_position=len(assets) + 1,
        created_at=now,
        expires_at=now + lifetime,
    )
    ShareItem.objects.bulk_create(
        ShareItem(share=share, position=position, asset=asset, source_id=asset.blob_id)
        for position, asset in enumerate(assets, start=1)
    )
    return share


def stop_share(share: Share, *, now: datetime) -> None:
    """Close a share for everybody, for good; a second call changes nothing."""
    Share.objects.filter(pk=share.pk, stopped_at=None).update(
        stopped_at=now, epoch=models.F("epoch") + 1
    )
