"""Doorbells: each wakes a worker, which asks the database what is due. They carry no ids."""

from datetime import timedelta

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings
from django.utils import timezone

from library import bells, sweeping, throttling, work
from library.blobs.collecting import collect_garbage
from library.blobs.parts import tidy_incoming
from library.blobs.space import fill_reserve
from library.models import Stills
from library.processing.errors import MediaError
from library.stills import make_stills
from library.workers import goes_on

PARTS_LIVE_FOR = timedelta(hours=24)

work.register(Stills, make_stills, expected=MediaError)


@shared_task
def stills_task() -> None:
    """Make stills, and whatever else is due, until nothing is; does nothing when nothing is."""
    work.run_all(Stills, clock=timezone.now, is_wanted=goes_on)


@shared_task
def sweep_task() -> None:
    """Ring for work that its bells missed; a second run rings again, harmlessly."""
    fill_reserve()
    sweeping.sweep(now=timezone.now(), workers=settings.WORKER_PROCESSES)


@shared_task
def catch_up_task() -> None:
    """Ring for all that is due: the bells from before a worker's start may be gone."""
    sweeping.sweep(now=timezone.now(), workers=settings.WORKER_PROCESSES, overdue=timedelta(0))


@shared_task
def tidy_task() -> None:
    """Drop parts of uploads that were broken off long ago, and counts of tries that are over."""
    now = timezone.now()
    tidy_incoming(before=now - PARTS_LIVE_FOR)
    throttling.forget(now=now)


@shared_task
def collect_task() -> None:
    """Condemn and delete stored bytes that nothing holds; a second run finds nothing more to do."""
    collect_garbage(now=timezone.now())


@worker_ready.connect
def catch_up_at_start(**_signal: object) -> None:
    """Look for what was left behind while no worker ran."""
    bells.send(catch_up_task.name)
