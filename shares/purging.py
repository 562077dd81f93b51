"""What is deleted once links have ended: the links themselves, and what was only made for them.

A stopped link goes at once. One that has expired gives up its archive and the copies that no other link
needs, and can be renewed for `RENEWABLE_FOR`; then it goes too. Its token is remembered for a while.
What recipients have added stays theirs. Stored bytes are none of this: once no row holds them any more,
`library.blobs.collecting` deletes them.

Rows are locked before they are asked again whether they are over, so a link that is renewed at this
moment is either passed over or found alive; those that another transaction has locked wait for the next run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from library.batches import batches_of_ids
from shares.expiry import end_expired
from shares.models import (
    RENEWABLE_FOR,
    Archive,
    CleanCopy,
    Keep,
    Receipt,
    Share,
    ShareItem,
    Tombstone,
)

LINKS_AT_ONCE = 200
ITEMS_AT_ONCE = 20_000  # others wait to write meanwhile on SQLite
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Purged:
    """How many links and archives and copies of files were deleted, and how many tokens forgotten."""

    links: int
    tombstones: int
    archives: int
    copies: int


def purge(*, now: datetime, is_dry_run: bool = False) -> Purged:
    """Delete what ended links leave behind; a second run finds nothing more.

    A dry run changes nothing and returns what would be done. Call it outside a transaction: each batch
    is one of its own.
    """
    if is_dry_run:
        return Purged(
            links=_over(now).count(),
            tombstones=Tombstone.objects.forgotten_at(now).count(),
            archives=_archives_of_ended(now).count(),
            copies=_unneeded_copies(now).count(),
        )
    tombstones, _ = Tombstone.objects.forgotten_at(now).delete()
    end_expired(now=now)
    archives = _delete(_archives_of_ended(now), guard="share")
    links = sum(delete_links(ids, now=now) for ids in _batches_of_links(_over(now)))
    copies = _delete(_unneeded_copies(now), guard="source")
    return Purged(links, tombstones, archives, copies)


@transaction.atomic
def delete_links(ids: list[int], *, now: datetime) -> int:
    """Delete those of these links that are over, with all below them; how many.

    Their tokens are remembered. The number of queries depends neither on links nor on items.
    """
    rows = _over(now).filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True)
    ends = rows.annotate(end=Coalesce("stopped_at", "ended_at")).values_list("pk", "token", "end")
    over = {pk: Tombstone(token=token, ended_at=end) for pk, token, end in ends}
    Tombstone.objects.bulk_create(over.values(), ignore_conflicts=True)
    items = ShareItem.objects.filter(share__in=over)
    Keep.objects.filter(item__in=items).update(item=None)
    Receipt.objects.filter(share__in=over).delete()
    Archive.objects.filter(share__in=over).delete()
    _raw_delete(items)
    _raw_delete(Share.objects.filter(pk__in=over))
    return len(over)


def _over(now: datetime) -> QuerySet[Share]:
    """Return the links that nobody can open or renew any more; expired ones be stamped or not."""
    last = now - RENEWABLE_FOR
    ran_out = Q(ended_at__lte=last) | Q(ended_at=None, expires_at__lte=last)
    return Share.objects.filter(Q(stopped_at__isnull=False) | ran_out)


def _batches_of_links(links: QuerySet[Share]) -> Iterator[list[int]]:
    """Yield the ids of links by so many that a batch has few enough items, or is a single link."""
    last = 0
    ordered = links.order_by("pk").values_list("pk", "next_position")
    while rows := list(ordered.filter(pk__gt=last)[:LINKS_AT_ONCE]):
        ids: list[int] = []
        items = 0
        for pk, next_position in rows:
            items += next_position - 1
            if ids and items > ITEMS_AT_ONCE:
                break
            ids.append(pk)
        yield ids
        last = ids[-1]


def _archives_of_ended(now: datetime) -> QuerySet[Archive]:
    return Archive.objects.exclude(share__in=Share.objects.filter(_goes_on(now)))


def _unneeded_copies(now: datetime) -> QuerySet[CleanCopy]:
    """Return the copies of whose source no link that goes on passes anything on at their level."""
    needed = ShareItem.objects.filter(
        _goes_on(now, "share__"),
        source=OuterRef("source"),
        removed_at=None,
        share__privacy=OuterRef("privacy"),
        share__hides_dates=OuterRef("hides_dates"),
    )
    return CleanCopy.objects.filter(~Exists(needed))


def _goes_on(now: datetime, share: str = "") -> Q:
    """Return the condition of a link that has not ended. Whether its sender is suspended is no part of it."""
    never = {f"{share}stopped_at": None, f"{share}ended_at": None}
    return Q(**never, **{f"{share}expires_at__gt": now})


def _delete(rows: QuerySet[Any], *, guard: str) -> int:
    """Delete rows to which no other points, in batches; how many.

    `guard` names the row beside it that whoever comes to need one locks first: the source that
    `cleaning.want_copies` holds, the share that is renewed. Where it is locked the row is passed over. Once
    it is ours the row is asked again, in a statement that sees all that was committed until then.
    """
    deleted = 0
    for ids in batches_of_ids(rows, size=ROWS_AT_ONCE):
        with transaction.atomic():
            found = rows.model._base_manager.filter(pk__in=ids).select_related(guard)
            ours = found.select_for_update(of=("self", guard), skip_locked=True, no_key=True)
            deleted += rows.filter(pk__in=[row.pk for row in ours]).delete()[0]
    return deleted


def _raw_delete(rows: QuerySet[Any]) -> None:
    """Delete rows in one statement. Django would load them, to look for others that point at them.

    Those are gone by now; the database refuses if one is left.
    """
    rows._raw_delete(rows.db)  # noqa: SLF001
