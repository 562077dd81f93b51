"""Doorbells: tasks that carry nothing and wake a worker, which asks the database what is due.

The broker may lose, double or delay them, or be down: the work is in its rows (library/work.py).
"""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import models, transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
bells: dict[type[models.Model], str] = {}  # the task that works each model's rows


def register(model: type[Any], *, task: str) -> None:
    """Name the task that works a model's rows; each app does so in AppConfig.ready()."""
    bells[model] = task


def ring(model: type[models.Model]) -> None:
    """Wake a worker for a model's rows."""
    send(bells[model])


def ring_after_commit(model: type[models.Model]) -> None:
    """Ring once when the running transaction commits; a broker that is down fails nothing."""
    transaction.on_commit(partial(ring, model), robust=True)


def send(task: str) -> None:
    """Send a task by name, once; when the broker is away, or its disk is full, the sweep rings later."""
    try:
        current_app.send_task(task, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, so the sweep will ring later: %s", error)
