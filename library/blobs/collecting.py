"""The garbage collection of blobs: what no row holds is condemned, and a day later it is gone.

A blob is held while any row points at it by a `BlobKey` of role "hold", in whichever app. Each pass asks
under a lock, in a statement of its own: what was committed before the lock was got is seen then, and
who wants to hold a blob (`storage.hold`) touches its row first, and so waits for the lock or is waited for.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q

from library.batches import batches_of_ids, in_batches
from library.blobs.storage import store
from library.models import Blob, BlobKey

UNTOUCHED_FOR = timedelta(hours=1)  # between `storage.keep` and `storage.hold` nothing holds a blob
CONDEMNED_FOR = timedelta(hours=24)
STRAY_FOR = timedelta(hours=24)  # a file is in its place before its row is
AT_ONCE = 500
FEW_STRAYS = 20  # more are a tenth of all files at most, or something is wrong

Blobs = models.QuerySet[Blob]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collected:
    """How many blobs one pass condemned, revived and deleted, how many stray files, and the bytes of both."""

    condemned: int
    revived: int
    deleted: int
    strays: int
    freed_bytes: int


def collect_garbage(*, now: datetime, is_dry_run: bool = False) -> Collected:
    """Go once through all blobs and files; safe to run any number of times, also at once.

    What was made from a blob that is deleted is held by nothing from then on: a later pass condemns it.
    A dry run changes nothing and returns what would be done. Call it outside a transaction.
    """
    stray, stray_bytes = strays(now, is_dry_run=is_dry_run)
    revived = revive(now, is_dry_run=is_dry_run)
    condemned = condemn(now, is_dry_run=is_dry_run)
    deleted, deleted_bytes = collect(now, is_dry_run=is_dry_run)
    return Collected(condemned, revived, deleted, stray, stray_bytes + deleted_bytes)


def condemn(now: datetime, *, is_dry_run: bool = False) -> int:
    """Condemn the blobs that nobody has touched for an hour and that nothing holds; how many.

    From then on the same bytes are kept anew, under another key.
    """
    if is_dry_run:
        return _idle(now).count()
    return sum(_condemn(ids, now=now) for ids in batches_of_ids(_idle(now), size=AT_ONCE))


@transaction.atomic
def _condemn(ids: list[int], *, now: datetime) -> int:
    """Condemn those of these blobs that are idle still; how many.

    One that `storage.hold` has touched without having committed is passed over. One for which it has is
    found touched, or held: on PostgreSQL too, for the UPDATE's snapshot is taken once the locks are ours.
    And a `hold` that comes later waits, finds the blob condemned, and says so.
    """
    return _idle(now).filter(pk__in=_locked(ids, no_key=True)).update(condemned_at=now)


def revive(now: datetime, *, is_dry_run: bool = False) -> int:
    """Let condemned blobs live that are held after all; how many.

    None should be. Where the same bytes live on under another key it stays condemned, and is kept while it
    is held.
    """
    twins = Blob.objects.filter(sha256=OuterRef("sha256"), condemned_at=None)
    held = Blob.objects.filter(_is_held(), ~Exists(twins), condemned_at__isnull=False)
    if is_dry_run:
        return held.values("sha256").distinct().count()
    revived = 0
    for ids in batches_of_ids(held, size=AT_ONCE):
        for pk in ids:  # one by one: two of them may be of the same bytes
            try:
                with transaction.atomic():
                    revived += held.filter(pk=pk).update(condemned_at=None, touched_at=now)
            except IntegrityError:  # the same bytes were kept anew at this moment
                continue
    return revived


def collect(now: datetime, *, is_dry_run: bool = False) -> tuple[int, int]:
    """Delete the blobs condemned for a day that nothing holds, and what was made from them.

    Returns how many blobs, and their bytes. A file goes after the commit; where the process ends between
    the two, it is a stray.
    """
    doomed = _unheld(Blob.objects.filter(condemned_at__lte=now - CONDEMNED_FOR))
    if is_dry_run:
        return doomed.count(), doomed.aggregate(sum=models.Sum("size_bytes", default=0))["sum"]
    deleted = freed_bytes = 0
    for ids in batches_of_ids(doomed, size=AT_ONCE):
        with transaction.atomic():
            found = doomed.filter(pk__in=_locked(ids))
            sizes = {
                pk: (key, size) for pk, key, size in found.values_list("pk", "key", "size_bytes")
            }
            _delete_rows(list(sizes))
            keys = [key for key, _ in sizes.values()]
            transaction.on_commit(partial(_delete_files, keys), robust=True)
        deleted += len(sizes)
        freed_bytes += sum(size for _, size in sizes.values())
    return deleted, freed_bytes


def strays(now: datetime, *, is_dry_run: bool = False) -> tuple[int, int]:
    """Delete files that have been in the store for a day without a row; how many, and their bytes.

    A key is never used again, so no row will come that means one of them. Where most files are unknown none
    is deleted: the database is a new or a wrong one.
    """
    found = freed_bytes = 0
    if not is_dry_run and not _knows_its_files(now):
        logger.error(
            "most stored files are unknown to this database, so none was deleted: is it the right one?"
        )
        return 0, 0
    for unknown in _unknown_files(now):
        for key in unknown:
            found += 1
            freed_bytes += store.size_of(key) or 0
            if not is_dry_run:
                store.delete(key)
    return found, freed_bytes


def _knows_its_files(now: datetime) -> bool:
    """Tell whether the database has rows of nearly all old files: a wrong one must not delete them."""
    files = sum(len(keys) for keys in _old_files(now))
    unknown = sum(len(keys) for keys in _unknown_files(now))
    return unknown <= max(FEW_STRAYS, files // 10)


def _unknown_files(now: datetime) -> Iterator[set[str]]:
    for keys in _old_files(now):
        yield set(keys) - set(Blob.objects.filter(key__in=keys).values_list("key", flat=True))


def _old_files(now: datetime) -> Iterator[list[str]]:
    old = (key for key, put_at in store.keys() if put_at <= now - STRAY_FOR)  # noqa: SIM118
    return in_batches(old, size=AT_ONCE)


def _keys(role: str) -> Iterator[tuple[type[models.Model], BlobKey]]:
    """Yield the references to blobs of one role, with their models, of all apps."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            if isinstance(field, BlobKey) and field.role == role:
                yield model, field


def _idle(now: datetime) -> Blobs:
    """Return the living blobs that nobody has touched lately and that nothing holds."""
    return _unheld(Blob.objects.filter(condemned_at=None, touched_at__lt=now - UNTOUCHED_FOR))


def _holds() -> list[Exists]:
    return [
        Exists(model._base_manager.filter(**{field.name: OuterRef("pk")}))
        for model, field in _keys("hold")
    ]


def _unheld(blobs: Blobs) -> Blobs:
    return blobs.filter(*(~held for held in _holds()))


def _is_held() -> Q:
    held = Q()
    for hold in _holds():
        held |= Q(hold)
    return held


def _locked(ids: list[int], *, no_key: bool = False) -> list[int]:
    """Lock these blobs until the transaction ends, but those that another has locked; return their ids."""
    rows = Blob.objects.filter(pk__in=ids).order_by("pk")
    return list(
        rows.select_for_update(skip_locked=True, no_key=no_key).values_list("pk", flat=True)
    )


def _delete_rows(pks: list[int]) -> None:
    """Delete blobs that nothing holds, after the rows that were made from them."""
    for model, field in _keys("source"):
        rows: models.QuerySet[Any] = model._base_manager.filter(**{f"{field.name}__in": pks})
        rows.delete()
    # Django would ask each model with a reference for its rows; the database refuses if there is one
    Blob.objects.filter(pk__in=pks)._raw_delete(Blob.objects.db)  # noqa: SLF001


def _delete_files(keys: list[str]) -> None:
    for key in keys:
        store.delete(key)
