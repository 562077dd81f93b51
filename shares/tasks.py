"""Periodic work of shares."""

from celery import shared_task
from django.utils import timezone

from shares.expiry import end_expired


@shared_task
def end_expired_task() -> None:
    """Stamp what has run out; a second run finds nothing more."""
    end_expired(now=timezone.now())
