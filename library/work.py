"""Anything a worker must do is a row; a task is only the doorbell that says so.

A row is claimed in one statement, kept by renewing a short lease while it is worked, and let go by
whoever still holds the claim. Messages may be lost, doubled or late: rows that are due and lapsed
leases are found by `sweep`. Nothing here knows what the work is.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

LEASE = timedelta(seconds=30)
RENEW_SECONDS = 10.0
MAX_ATTEMPTS = 3
MAX_LAPSES = 20
RETRY_AFTER = timedelta(seconds=30)
OVERDUE = timedelta(seconds=20)
MAX_RINGS = 50

logger = logging.getLogger(__name__)
WorkT = TypeVar("WorkT", bound="Work")
Ring = Callable[[], object]


class WorkState(models.TextChoices):
    """Where the work stands; what can be shown is decided by the result, never by this."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Work(models.Model):
    """A row that a worker must work. `WORK_VERSION` of the class is the version of its code."""

    WORK_VERSION: ClassVar[int] = 1

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=8, choices=WorkState.choices, default=WorkState.DUE)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # runs that ended by themselves, badly
    lapses = models.PositiveSmallIntegerField(default=0)  # runs whose worker went away
    leased_until = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    version = models.PositiveSmallIntegerField(default=0)  # of the code that made the result
    failure = models.CharField(max_length=300, default="")  # a sentence for the owner

    objects: ClassVar[models.Manager[Self]]

    class Meta:
        abstract = True
        indexes: ClassVar = [
            # claim(): the rows to choose from
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="due"),
                name="%(app_label)s_%(class)s_due",
            ),
            # sweep(): what older code has made
            models.Index(
                fields=["version"],
                condition=models.Q(state__in=["done", "failed"]),
                name="%(app_label)s_%(class)s_worked",
            ),
            # claim(): how many run for each owner; sweep(): whose lease has lapsed
            models.Index(
                fields=["owner", "leased_until"],
                condition=models.Q(state="running"),
                name="%(app_label)s_%(class)s_running",
            ),
        ]


@dataclass(frozen=True, slots=True)
class Kind:
    """One model of work, with the bell that wakes a worker for it."""

    model: type[Work]
    ring: Ring


kinds: list[Kind] = []  # filled by each app's AppConfig.ready()


def claim(model: type[WorkT], *, now: datetime) -> WorkT | None:
    """Take the most urgent due row in one statement, or None when nothing is due.

    Members with fewer rows at work come first, then the earliest `due_at`: a large upload of one
    delays nobody else's. Two workers never get the same row.
    """
    quote = connection.ops.quote_name
    lock = (
        "FOR UPDATE OF a SKIP LOCKED"
        if connection.features.has_select_for_update_skip_locked
        else ""
    )
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {quote(model._meta.db_table)} SET state = 'running', claim = %s, leased_until = %s
            WHERE id = (
                SELECT a.id FROM {quote(model._meta.db_table)} a
                LEFT JOIN (
                    SELECT owner_id, count(*) AS running FROM {quote(model._meta.db_table)}
                    WHERE state = 'running' GROUP BY owner_id
                ) r ON r.owner_id = a.owner_id
                WHERE a.state = 'due' AND a.due_at <= %s
                ORDER BY coalesce(r.running, 0), a.due_at, a.id LIMIT 1 {lock}
            ) AND state = 'due' RETURNING id
            """,  # noqa: S608 - only names of our own tables and a fixed clause are put in
            [
                _uuid_parameter(uuid4()),
                connection.ops.adapt_datetimefield_value(now + LEASE),
                moment,
            ],
        )
        row = cursor.fetchone()
    return model.objects.get(pk=row[0]) if row else None


def renew(work: Work, *, now: datetime) -> bool:
    """Push the lease forward; False when the claim is no longer ours."""
    return bool(_held(work).update(leased_until=now + LEASE))


def finish(work: Work) -> bool:
    """Mark the work done; False, and nothing changes, when the claim is no longer ours."""
    return bool(
        _held(work).update(
            state=WorkState.DONE,
            version=work.WORK_VERSION,
            attempts=0,
            lapses=0,
            failure="",
            **_let_go(),
        )
    )


def fail(work: Work, reason: str, *, again_at: datetime) -> bool:
    """Count a run that ended badly: due again then, or `failed` for good the third time."""
    attempts = work.attempts + 1
    state = WorkState.FAILED if attempts >= MAX_ATTEMPTS else WorkState.DUE
    version = work.WORK_VERSION if state == WorkState.FAILED else work.version
    changes = {"state": state, "attempts": attempts, "due_at": again_at, "version": version}
    return bool(_held(work).update(failure=reason[:300], **changes, **_let_go()))


def retry(rows: models.QuerySet[Any], *, now: datetime) -> int:
    """Make failed rows due again, with all their attempts; the number of rows."""
    return rows.filter(state=WorkState.FAILED).update(
        state=WorkState.DUE, due_at=now, attempts=0, lapses=0, failure=""
    )


def run_one(
    model: type[WorkT], act: Callable[[WorkT], None], *, expected: type[Exception], ring: Ring
) -> bool:
    """Claim one row, work it with `act`, let it go, and ring again while others are due.

    `act` calls `finish` itself, in the transaction that stores its result. An exception is a run
    that ended badly. An `expected` one speaks of the file: its message is the reason that the owner
    reads, and waiting would not help. Any other may pass by itself, so its row waits a while.
    """
    row = claim(model, now=timezone.now())
    if row is None:
        return False
    try:
        with _renewing(row):
            act(row)
    except expected as error:
        fail(row, str(error), again_at=timezone.now())
    except Exception:  # the row is what remembers, so every other end is written there too
        logger.exception("%s %s ended badly", model.__name__, row.pk)
        reason = "Something went wrong on our side."
        fail(row, reason, again_at=timezone.now() + RETRY_AFTER * (row.attempts + 1))
    if model.objects.filter(state=WorkState.DUE, due_at__lte=timezone.now()).exists():
        ring()
    return True


def ring_after_commit(ring: Ring) -> None:
    """Ring once when the running transaction commits; a broker that is down fails nothing."""
    transaction.on_commit(ring, robust=True)


def sweep(*, now: datetime, overdue: timedelta = OVERDUE) -> int:
    """Find what the bells missed and ring for it; the number of rings. Safe to run any number of times.

    Lapsed leases are due again at once (failed after `MAX_LAPSES`), results and failures of older
    code are due again, and rows that have been due for as long as `overdue` get their bell anew.
    """
    rings = 0
    for kind in kinds:
        lapsed = _reclaim_lapsed(kind.model, now=now)
        outdated = kind.model.objects.filter(
            state__in=[WorkState.DONE, WorkState.FAILED], version__lt=kind.model.WORK_VERSION
        )
        outdated.update(state=WorkState.DUE, due_at=now, attempts=0, lapses=0)
        waiting = kind.model.objects.filter(state=WorkState.DUE, due_at__lte=now - overdue)
        count = min(MAX_RINGS, lapsed + len(waiting.values_list("pk")[:MAX_RINGS]))
        for _ in range(count):
            kind.ring()
        rings += count
    return rings


def _reclaim_lapsed(model: type[Work], *, now: datetime) -> int:
    lapsed = model.objects.filter(state=WorkState.RUNNING, leased_until__lt=now)
    lapsed.filter(lapses__gte=MAX_LAPSES - 1).update(
        state=WorkState.FAILED,
        failure="The site was interrupted too often while it worked on this. Try again.",
        version=model.WORK_VERSION,
        **_let_go(),
    )
    return lapsed.update(
        state=WorkState.DUE, lapses=models.F("lapses") + 1, due_at=now, **_let_go()
    )


@contextmanager
def _renewing(row: Work) -> Iterator[None]:
    """Keep a row's lease alive from a thread of its own while the block runs."""
    done = threading.Event()

    def keep() -> None:
        try:
            while not done.wait(RENEW_SECONDS):
                if not _renewed(row):
                    return
        finally:
            connection.close()

    thread = threading.Thread(target=keep, name=f"lease-{row.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renewed(row: Work) -> bool:
    """Renew a lease; a database that is away for a moment is asked again at the next beat."""
    try:
        return renew(row, now=timezone.now())
    except DatabaseError:
        logger.warning("the lease of %s %s could not be renewed", type(row).__name__, row.pk)
        connection.close()
        return True


def _held(work: Work) -> models.QuerySet[Any]:
    return type(work).objects.filter(pk=work.pk, claim=work.claim, state=WorkState.RUNNING)


def _let_go() -> dict[str, UUID | datetime | None]:
    return {"claim": None, "leased_until": None}


def _uuid_parameter(value: UUID) -> str | UUID:
    return value if connection.features.has_native_uuid_field else value.hex
