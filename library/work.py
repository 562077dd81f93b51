"""Anything a worker must do is a row; a task is only the doorbell that says so.

A row is claimed in one statement, kept by renewing a short lease while it is worked, and let go by
whoever still holds the claim. A bell wakes a worker, which goes on until nothing is due. Bells may
be lost, doubled or late: rows that are due and lapsed leases are found by `sweeping`. Nothing here
knows what the work is.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction

from library.processing.disks import is_full

LEASE = timedelta(seconds=30)
RENEW_SECONDS = 10.0
MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=30)
DUE_AT_ONCE = 1_000

logger = logging.getLogger(__name__)
WorkT = TypeVar("WorkT", bound="Work")
Clock = Callable[[], datetime]


class WorkState(models.TextChoices):
    """Where the work stands; what can be shown is decided by the result, never by this."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN = (WorkState.DUE, WorkState.RUNNING)


class Work(models.Model):
    """A row that a worker must work. `WORK_VERSION` of the class is the version of its code."""

    WORK_VERSION: ClassVar[int] = 1
    LONGEST_WAIT: ClassVar[timedelta] = timedelta(minutes=5)  # no row is ever put off for longer

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,  # the index of open rows begins with it
    )
    state = models.CharField(max_length=8, choices=WorkState.choices, default=WorkState.DUE)
    due_at = models.DateTimeField()
    turn = models.PositiveIntegerField(default=0)  # the owner's open rows when this became due
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
            # claim(): the next row is the first
            models.Index(
                fields=["turn", "due_at", "id"],
                condition=models.Q(state="due"),
                name="%(app_label)s_%(class)s_due",
            ),
            # next_turn(): how many rows of an owner are open
            models.Index(fields=["owner", "state"], name="%(app_label)s_%(class)s_open"),
            # sweep(): whose lease has lapsed
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="running"),
                name="%(app_label)s_%(class)s_leased",
            ),
            # sweep(): what older code has made
            models.Index(fields=["version", "state"], name="%(app_label)s_%(class)s_worked"),
        ]


def next_turn(model: type[Work], owner_id: int | None) -> int:
    """Return the turn of a row that becomes due now: how many rows its owner has open.

    Rows are worked by turn, so somebody's first row comes before everybody's second: a large
    upload of one member delays nobody else's single picture.
    """
    return model.objects.filter(owner=owner_id, state__in=OPEN).count()


def claim(model: type[WorkT], *, now: datetime) -> WorkT | None:
    """Take the most urgent due row in one statement, or None when nothing is due.

    The row comes straight from the index, so a claim takes as long among a hundred thousand due
    rows as among ten. Two workers never get the same row.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET state = 'running', claim = %s, leased_until = %s
            WHERE id = (
                SELECT id FROM {table} WHERE state = 'due' AND due_at <= %s
                ORDER BY turn, due_at, id LIMIT 1 {lock}
            ) AND state = 'due' RETURNING id
            """,  # noqa: S608 - only the name of our own table and a fixed clause are put in
            [
                uuid4() if connection.features.has_native_uuid_field else uuid4().hex,
                connection.ops.adapt_datetimefield_value(now + LEASE),
                connection.ops.adapt_datetimefield_value(now),
            ],
        )
        row = cursor.fetchone()
    return model.objects.get(pk=row[0]) if row else None


def renew(work: Work, *, now: datetime) -> bool:
    """Push the lease forward; False when the claim is no longer ours."""
    return bool(_held(work).update(leased_until=now + LEASE))


def finish(work: Work, **result: object) -> bool:
    """Mark the work done, with its result in the row; False, and nothing changes, when the claim is lost."""
    done = {"state": WorkState.DONE, "version": work.WORK_VERSION, "attempts": 0, "lapses": 0}
    return bool(_held(work).update(failure="", **done, **let_go(), **result))


def fail(work: Work, reason: str, *, again_at: datetime) -> bool:
    """Count a run that ended badly: due again then, or `failed` for good the third time."""
    attempts = work.attempts + 1
    state = WorkState.FAILED if attempts >= MAX_ATTEMPTS else WorkState.DUE
    version = work.WORK_VERSION if state == WorkState.FAILED else work.version
    changes = {"state": state, "attempts": attempts, "due_at": again_at, "version": version}
    return bool(_held(work).update(failure=reason[:300], **changes, **let_go()))


def put_off(work: Work, *, until: datetime) -> bool:
    """Let go of a row that could not be worked now, through no fault of its own; no attempt is counted."""
    return bool(_held(work).update(state=WorkState.DUE, due_at=until, **let_go()))


def retry(rows: models.QuerySet[Any], *, now: datetime) -> int:
    """Make failed rows due again, with all their attempts, as `make_due` does; the number of rows."""
    return make_due(rows.filter(state=WorkState.FAILED), now=now)


def make_due(rows: models.QuerySet[Any], *, now: datetime) -> int:
    """Make rows due as new ones are, each with its owner's next turn; `DUE_AT_ONCE` at most."""
    model = rows.model
    with transaction.atomic():
        chosen = list(rows.select_for_update().order_by("pk")[:DUE_AT_ONCE])
        turns = {
            owner_id: next_turn(model, owner_id) for owner_id in {row.owner_id for row in chosen}
        }
        for row in chosen:
            row.turn = turns[row.owner_id]
            turns[row.owner_id] += 1
            row.state, row.due_at = WorkState.DUE, now
            row.attempts, row.lapses, row.failure = 0, 0, ""
        model.objects.bulk_update(
            chosen, ["turn", "state", "due_at", "attempts", "lapses", "failure"]
        )
    return len(chosen)


def run(
    model: type[WorkT],
    act: Callable[[WorkT, datetime], None],
    *,
    expected: type[Exception],
    clock: Clock,
    is_wanted: Callable[[], bool] = lambda: True,
) -> int:
    """Work rows until none is due, or until it is no longer wanted; the number of rows.

    `act(row, now)` calls `finish` itself, in the transaction that stores its result. An exception
    is a run that ended badly. An `expected` one speaks of the file: its message is the reason that
    the owner reads, and waiting would not help. Any other may pass by itself, so its row waits. A full
    disk is nobody's fault: it counts as no attempt, however long it lasts.
    """
    worked = 0
    while is_wanted() and (row := claim(model, now=clock())):
        _run_one(row, Job(act, expected), clock)
        worked += 1
    return worked


class Job(NamedTuple):
    """How rows of one kind are worked, as for `run`."""

    act: Callable[[Any, datetime], None]
    expected: type[Exception]
    is_last: bool = False  # worked only while nothing of another kind is due


jobs: dict[type[Work], Job] = {}


def register(
    model: type[WorkT],
    act: Callable[[WorkT, datetime], None],
    *,
    expected: type[Exception],
    is_last: bool = False,
) -> None:
    """Say how the rows of a model are worked; each app does so where its tasks are."""
    jobs[model] = Job(act, expected, is_last)


def run_all(first: type[Work], *, clock: Clock, is_wanted: Callable[[], bool]) -> int:
    """Work rows of every registered kind in turn, `first` first, as `run` does; the number of rows.

    So a thousand rows of one kind hold up no row of another. Kinds that come last have their turn
    whenever there is none of the others.
    """
    worked = 0
    kinds = deque([first, *(model for model in jobs if model is not first)])
    while is_wanted() and (row := _claim_in_turn(kinds, clock)):
        _run_one(row, jobs[type(row)], clock)
        worked += 1
    return worked


def _claim_in_turn(kinds: deque[type[Work]], clock: Clock) -> Work | None:
    """Claim a row of the first kind of which any is due; the kinds up to that one go to the end."""
    for is_last in (False, True):
        for _ in range(len(kinds)):
            model = kinds[0]
            kinds.rotate(-1)
            if jobs[model].is_last == is_last and (row := claim(model, now=clock())):
                return row
    return None


def _run_one(row: Work, job: Job, clock: Clock) -> None:
    try:
        with _renewing(row, clock):
            job.act(row, clock())
    except job.expected as error:
        fail(row, str(error), again_at=clock())
    except Exception as error:  # the row is what remembers, so every other end is written there too
        if is_full(error):
            logger.warning("%s %s waits: the disk is full", type(row).__name__, row.pk)
            put_off(row, until=clock() + RETRY_AFTER)
            return
        logger.exception("%s %s ended badly", type(row).__name__, row.pk)
        reason = "Something went wrong on our side."
        fail(row, reason, again_at=clock() + RETRY_AFTER * (row.attempts + 1))


@contextmanager
def _renewing(row: Work, clock: Clock) -> Iterator[None]:
    """Keep a row's lease alive from a thread of its own while the block runs."""
    done = threading.Event()

    def keep() -> None:
        try:
            while not done.wait(RENEW_SECONDS):
                if not _renewed(row, clock()):
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


def _renewed(row: Work, now: datetime) -> bool:
    """Renew a lease; a database that is away for a moment is asked again at the next beat."""
    try:
        return renew(row, now=now)
    except DatabaseError:
        logger.warning("the lease of %s %s could not be renewed", type(row).__name__, row.pk)
        connection.close()
        return True


def _held(work: Work) -> models.QuerySet[Any]:
    return type(work).objects.filter(pk=work.pk, claim=work.claim, state=WorkState.RUNNING)


def let_go() -> dict[str, UUID | datetime | None]:
    """Return what a row is set to when nobody holds it any more."""
    return {"claim": None, "leased_until": None}
