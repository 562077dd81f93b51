"""Doorbells: each wakes a worker, which asks the database what is due. They carry no ids."""

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone
from kombu.exceptions import OperationalError

from library import storage, work
from library.models import Asset
from library.preparing import prepare_asset
from library.processing.errors import MediaError

PARTS_LIVE_FOR = timedelta(hours=24)

logger = logging.getLogger(__name__)


@shared_task
def prepare_task() -> None:
    """Prepare the most urgent asset; does nothing when none is due."""
    work.run_one(Asset, prepare_asset, expected=MediaError, ring=ring_prepare)


@shared_task
def sweep_task() -> None:
    """Ring for work that its bells missed; a second run rings again, harmlessly."""
    work.sweep(now=timezone.now())


@shared_task
def catch_up_task() -> None:
    """Ring for all that is due: the bells from before a worker's start may be gone."""
    work.sweep(now=timezone.now(), overdue=timedelta(0))


@shared_task
def tidy_task() -> None:
    """Drop parts of uploads that were broken off long ago."""
    storage.tidy_incoming(before=timezone.now() - PARTS_LIVE_FOR)


def ring(task: Any) -> None:
    """Send a doorbell once; when the broker is down, the sweep rings later."""
    try:
        task.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, so the sweep will ring later: %s", error)


def ring_prepare() -> None:
    """Wake a worker for assets."""
    ring(prepare_task)


@worker_ready.connect
def catch_up_at_start(**_signal: object) -> None:
    """Look for what was left behind while no worker ran."""
    ring(catch_up_task)


work.kinds.append(work.Kind(Asset, ring_prepare))
