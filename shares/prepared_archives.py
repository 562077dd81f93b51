"""The ZIP of a whole share, stored as one file: asked for with the link, made once nothing else is due.

It is a convenience: one file is read instead of thousands. Whatever becomes of it, the archive is streamed
from its plan.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from library import bells, work
from library.blobs.parts import Part
from library.blobs.space import require_room
from library.blobs.storage import BlobMissingError, hold, keep, store
from library.models import Blob
from library.processing.disks import is_full
from library.work import OPEN, WorkState
from shares.archives import (
    ArchiveWaitsError,
    EmptyArchiveError,
    FilesMissingError,
    PlannedArchive,
    planned_archive,
)
from shares.models import Archive, Share

SHORTEST_WAIT = timedelta(seconds=10)
AGAIN_AFTER = timedelta(minutes=10)
MISSING = "Some of its files can't be read at the moment."
UNWRITABLE = "It could not be stored: the disk can't be written to."

logger = logging.getLogger(__name__)


def want_archive(share: Share, *, now: datetime) -> None:
    """Make the archive of a share due; one that is being made at this moment is made anew.

    Call it in the transaction that makes or changes the link, or has its files tried again.
    """
    if not settings.ARCHIVE_STORE_MAX_BYTES:
        return
    turn = work.next_turn(Archive, share.sender_id)
    first = Archive(share=share, owner=share.sender, due_at=now, turn=turn)
    Archive.objects.bulk_create([first], ignore_conflicts=True)
    known = Archive.objects.filter(share=share).exclude(state=WorkState.DUE, due_at__lte=now)
    if known.exists():
        work.make_due(known, now=now)
    bells.ring_after_commit(Archive)


def make_archive(archive: Archive, now: datetime) -> None:
    """Store the archive of a share durably, and finish the work in one transaction.

    It is finished without a file where the link is closed, or nothing is to be stored. While files of the
    link are being prepared it is put off: what they will be is not known yet.

    Raises:
        BlobGoneError: the stored file was condemned in the meantime; another run makes it anew.
        NoRoomError: the disk has no room for it now.
    """
    share = archive.share
    try:
        planned = planned_archive(share) if share.is_open_at(now) else None
    except EmptyArchiveError:
        planned = None
    except ArchiveWaitsError:
        _put_off(archive, share, now)
        return
    if planned and (planned.is_waiting or _has_waiting_stills(share)):
        _put_off(archive, share, now)
    elif planned is None or not _is_worth_storing(planned):
        work.finish(archive, blob=None, etag="")
    else:
        _store(archive, planned, now)


def _put_off(archive: Archive, share: Share, now: datetime) -> None:
    """Look again once the link is half as old again: seconds later for a new one, an hour at most."""
    wait = min(max(SHORTEST_WAIT, (now - share.created_at) / 2), Archive.LONGEST_WAIT)
    work.put_off(archive, until=now + wait)


def _is_worth_storing(planned: PlannedArchive) -> bool:
    return len(planned.files) > 1 and planned.plan.size_bytes <= settings.ARCHIVE_STORE_MAX_BYTES


def _has_waiting_stills(share: Share) -> bool:
    """Tell whether files are not read yet, so that their moments, which the archive tells, may change."""
    waiting = {"source__stills__prepared_at": None, "source__stills__state__in": OPEN}
    return share.items.shown().filter(**waiting).exists()


def _store(archive: Archive, planned: PlannedArchive, now: datetime) -> None:
    require_room(planned.plan.size_bytes)
    try:
        planned.insist_on_files()
        blob = _stored(archive, planned, now)
    except (BlobMissingError, FilesMissingError):
        _fail(archive, MISSING, now)
    except OSError as error:
        if is_full(error):  # nobody's fault: it waits, and no attempt is counted
            raise
        logger.warning("an archive could not be stored: %s", error.strerror)
        _fail(archive, UNWRITABLE, now)
    else:
        with transaction.atomic():
            if work.finish(archive, blob=blob, etag=planned.plan.etag):
                hold({blob.pk}, now=now)


def _stored(archive: Archive, planned: PlannedArchive, now: datetime) -> Blob:
    """Return the blob of these bytes: that of the last time where they are the same, else a new one."""
    plan, before = planned.plan, archive.blob
    if before and archive.etag == plan.etag and store.size_of(before.key) == plan.size_bytes:
        return before
    part = Part.create()
    try:
        for piece in planned.pieces(0, plan.size_bytes):
            part.write(piece)
        return keep(part, content_type="application/zip", now=now)
    finally:
        part.discard()


def _fail(archive: Archive, reason: str, now: datetime) -> None:
    """Say why; it is tried again later, a few times, and whenever the link changes."""
    work.fail(archive, reason, again_at=now + AGAIN_AFTER * (archive.attempts + 1))
