"""Make a link of a selection, change what it lets out, and stop it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models, transaction

from library.blobs.storage import BlobGoneError, hold
from library.models import Asset, Blob, User
from shares.cleaning import want_copies
from shares.lifetimes import no_reminder_at
from shares.models import Share, ShareItem, ShareQuerySet
from shares.prepared_archives import want_archive
from shares.terms import Terms


class SelectionRefusedError(ValueError):
    """The selection can't become a link; the message says why. `gone` is what is not there."""

    def __init__(self, message: str, *, gone: Iterable[UUID] = ()) -> None:
        super().__init__(message)
        self.gone = sorted(gone)


def selected_assets(
    owner: User, uuids: Iterable[UUID], *, max_items: int, lock: bool = False
) -> list[Asset]:
    """Return these assets of the owner's library by moment of capture, oldest first.

    With `lock`, none of them can be removed before the running transaction ends.

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
    found = owner.assets.in_library().filter(uuid__in=wanted)
    locked = found.order_by("pk").select_for_update(no_key=True)
    found = locked if lock else found.with_stills()
    assets = sorted(found, key=lambda asset: (asset.taken_at, asset.pk))
    if gone := wanted - {asset.uuid for asset in assets}:
        raise _gone(gone)
    return assets


@transaction.atomic
def publish_share(
    owner: User,
    uuids: Iterable[UUID],
    *,
    terms: Terms,
    max_items: int,
    now: datetime,
    lifetime: timedelta,
) -> Share:
    """Create a share of the owner's assets, by moment of capture, open until `now + lifetime`.

    The link works from this moment; what is still being prepared or cleaned shows as such.

    Raises:
        SelectionRefusedError: as `selected_assets`, or a file was removed in the meantime.
    """
    assets = selected_assets(owner, uuids, max_items=max_items, lock=True)
    blobs = {asset.blob_id for asset in assets}
    try:
        hold(blobs, now=now)
    except BlobGoneError as error:
        living = Blob.objects.filter(pk__in=blobs, condemned_at=None).values_list("pk", flat=True)
        blobs.difference_update(living)
        raise _gone(asset.uuid for asset in assets if asset.blob_id in blobs) from error
    share = Share.objects.create(
        sender=owner,
        privacy=terms.level.privacy,
        hides_dates=terms.level.hides_dates,
        shows_sender=terms.shows_sender,
        next_position=len(assets) + 1,
        created_at=now,
        expires_at=now + lifetime,
        reminded_at=no_reminder_at(lifetime, now=now),
    )
    ShareItem.objects.bulk_create(
        ShareItem(share=share, position=position, asset=asset, source_id=asset.blob_id)
        for position, asset in enumerate(assets, start=1)
    )
    want_copies(share, now=now)
    want_archive(share, now=now)
    return share


def _gone(uuids: Iterable[UUID]) -> SelectionRefusedError:
    gone = set(uuids)
    items = "1 of these items is" if len(gone) == 1 else f"{len(gone):,} of these items are"
    return SelectionRefusedError(
        f"{items} not in your library any more, so no link was made. "
        "Go back, and press Share again for the others.",
        gone=gone,
    )


@transaction.atomic
def change_terms(share: Share, terms: Terms, *, now: datetime) -> None:
    """Let recipients of a link have and know more, or less: from the next request on.

    `epoch` moves when something that was allowed no longer is. Copies for the new level become due, and
    those that had failed are tried again.
    """
    found = Share.objects.select_for_update(no_key=True).get(pk=share.pk)
    Share.objects.filter(pk=found.pk).update(
        privacy=terms.level.privacy,
        hides_dates=terms.level.hides_dates,
        shows_sender=terms.shows_sender,
        epoch=models.F("epoch") + int(terms.is_tighter_than(found.terms)),
    )
    found.refresh_from_db()
    want_copies(found, now=now)
    want_archive(found, now=now)


def stop_share(share: Share, *, now: datetime) -> None:
    """Close a share for everybody, for good; a second call changes nothing."""
    stop_shares(Share.objects.filter(pk=share.pk), now=now)


def stop_shares(shares: ShareQuerySet, *, now: datetime) -> int:
    """Close shares for everybody, for good; how many. Those that are stopped already stay as they are."""
    return shares.filter(stopped_at=None).update(stopped_at=now, epoch=models.F("epoch") + 1)
