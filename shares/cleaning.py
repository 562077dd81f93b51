"""The clean copy of a source blob at one level: asked for when a link is made, made by a worker."""

from datetime import datetime

from django.db import transaction

from library import bells, work
from library.blobs.parts import Part, working_folder
from library.blobs.storage import hold, keep, store
from library.decoding import CLEANING_SECONDS, limits, sandbox
from library.models import Blob
from library.processing.metadata.values import Cleaning, Kind, Level, Verdict
from library.stills import share_stills
from library.work import WorkState
from shares.models import CleanCopy, Share


def want_copies(share: Share, *, now: datetime) -> None:
    """Make the copies due that a share needs, once for all links; what had failed is tried again.

    Call it in the transaction that makes or changes the link. The sources are held, so that none of their
    copies is dropped that the link relies on, before it says so (`purging`).
    """
    if not share.level.hides_something:
        return
    at_level = {"privacy": share.privacy, "hides_dates": share.hides_dates}
    sources = share.items.filter(removed_at=None).order_by("position").values("source")
    first = work.next_turn(CleanCopy, share.sender_id)
    turns = {source: n for n, (source,) in enumerate(sources.values_list("source"), start=first)}
    hold(set(turns), now=now)
    CleanCopy.objects.bulk_create(  # in one order, or two links could wait for each other
        (
            CleanCopy(source_id=source, owner=share.sender, due_at=now, turn=turn, **at_level)
            for source, turn in sorted(turns.items())
        ),
        ignore_conflicts=True,
    )
    given_up = CleanCopy.objects.filter(
        source__in=sources.order_by(), state=WorkState.FAILED, **at_level
    )
    while given_up.exists():
        work.retry(given_up, now=now)
    bells.ring_after_commit(CleanCopy)


def make_clean_copy(copy: CleanCopy, now: datetime) -> None:
    """Clean a source, store the result durably, and finish the work in one transaction.

    Raises:
        MediaError: the process that cleans died, or ran out of time or memory.
        BlobGoneError, OSError: storage failed; another run may succeed.
    """
    blob = None
    with working_folder() as folder, store.local_copy(copy.source.key) as source:
        made, written = sandbox.clean(
            source, folder, copy.level, limits=limits, wall_seconds=CLEANING_SECONDS
        )
        if made.verdict == Verdict.IDENTICAL:
            blob = copy.source
        elif made.verdict != Verdict.WITHHELD:
            blob = keep(Part.of(written), content_type=made.content_type, now=now)
    _finish(copy, made, blob, now)


def _finish(copy: CleanCopy, made: Cleaning, blob: Blob | None, now: datetime) -> None:
    with transaction.atomic():
        result = {"verdict": made.verdict, "reason": made.reason, "found": made.found}
        if not work.finish(copy, blob=blob, **result):  # its lease was lost to another worker
            return
        if blob is None:
            return
        hold({blob.pk}, now=now)
        if blob.pk != copy.source_id:
            share_stills(copy.source, blob, copy.owner, reveals=_revealed(copy.level), now=now)


def _revealed(level: Level) -> set[str]:
    """Return the kinds that a cleaned file may still tell."""
    kinds = {Kind.DATE: level.keeps_dates, Kind.LOCATION: level.keeps_location}
    return {kind.value for kind, stays in kinds.items() if stays}
