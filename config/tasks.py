"""Housekeeping of the queue's own folder, where the broker is a folder."""

import time
from pathlib import Path

from celery import shared_task
from django.conf import settings

RUNG_SECONDS = 3600


@shared_task
def tidy_queue_task() -> None:
    """Remove messages that were taken long ago; Redis has none of these."""
    rung = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("processed_folder")
    if rung is None:
        return
    border = time.time() - RUNG_SECONDS
    for path in Path(rung).iterdir():
        if path.stat().st_mtime < border:
            path.unlink(missing_ok=True)
