"""Doorbells and periodic work of shares."""

from celery import shared_task
from django.utils import timezone

from library import work
from library.processing.errors import MediaError
from library.workers import goes_on
from shares.cleaning import make_clean_copy
from shares.expiry import end_expired
from shares.models import Archive, CleanCopy
from shares.prepared_archives import make_archive
from shares.purging import purge
from shares.reminding import remind

work.register(CleanCopy, make_clean_copy, expected=MediaError)
work.register(Archive, make_archive, expected=MediaError, is_last=True)


@shared_task
def clean_copies_task() -> None:
    """Make clean copies, and whatever else is due, until nothing is; does nothing when nothing is."""
    work.run_all(CleanCopy, clock=timezone.now, is_wanted=goes_on)


@shared_task
def archives_task() -> None:
    """Store archives once nothing else is due; does nothing when nothing is."""
    work.run_all(Archive, clock=timezone.now, is_wanted=goes_on)


@shared_task
def end_expired_task() -> None:
    """Stamp what has run out; a second run finds nothing more."""
    end_expired(now=timezone.now())


@shared_task
def purge_task() -> None:
    """Delete what is left of links that ended; a second run finds nothing more."""
    purge(now=timezone.now())


@shared_task
def remind_task() -> None:
    """Tell senders of links that end soon; a second run tells nobody again."""
    remind(now=timezone.now())
