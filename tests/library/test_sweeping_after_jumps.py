"""The clock jumps: no row waits for a time that is long to come, and no worker's claim outlives it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from library import bells
from library.models import Stills
from library.sweeping import _misdated, _misleased, sweep
from library.work import DUE_AT_ONCE, LEASE, claim, finish, renew
from tests.library.test_work import BELL, plan_of
from tests.rows import make_stills
from tests.shares.helpers import nothing_is_written

pytestmark = pytest.mark.django_db

WORKERS = 2
MONTH = timedelta(days=31)
TICK = timedelta(microseconds=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(bells, "send", heard.append)
    return heard


def test_what_was_uploaded_before_the_clock_was_set_back_is_worked_at_once(alice, rings, now):
    (row,) = make_stills([alice], 1, due_at=now)
    after = now - MONTH
    assert claim(Stills, now=after) is None

    assert sweep(now=after, workers=WORKERS) == 1

    assert rings == [BELL]
    assert claim(Stills, now=after).pk == row.pk


@pytest.mark.parametrize(("beyond", "changes"), [(timedelta(0), False), (TICK, True)])
def test_a_row_that_was_put_off_keeps_its_time(beyond, changes, alice, rings, now):
    (row,) = make_stills([alice], 1, due_at=now + Stills.LONGEST_WAIT + beyond, attempts=1)

    sweep(now=now, workers=WORKERS)

    due_at = row.due_at
    row.refresh_from_db()
    assert row.due_at == (now if changes else due_at)
    assert (row.state, row.attempts, row.lapses) == ("due", 1, 0)


def test_thousands_of_rows_are_dated_anew_a_thousand_at_a_time(alice, rings, now):
    make_stills([alice], DUE_AT_ONCE + 5, due_at=now + MONTH)

    sweep(now=now, workers=WORKERS)
    assert Stills.objects.filter(due_at__lte=now).count() == DUE_AT_ONCE
    assert len(rings) == WORKERS

    sweep(now=now, workers=WORKERS)
    assert Stills.objects.filter(due_at__lte=now).count() == DUE_AT_ONCE + 5


def test_whoever_still_works_keeps_the_claim_and_can_finish_after_the_clock_was_set_back(
    alice, rings, now
):
    make_stills([alice], 1)
    held = claim(Stills, now=now)
    after = now - MONTH

    sweep(now=after, workers=WORKERS)

    assert Stills.objects.get().leased_until == after + LEASE
    assert renew(held, now=after + timedelta(seconds=10))
    sweep(now=after + LEASE + timedelta(seconds=1), workers=WORKERS)
    assert Stills.objects.get().claim == held.claim
    assert finish(held)


def test_a_worker_that_died_before_the_clock_was_set_back_loses_the_row_after_one_lease(
    alice, rings, now
):
    make_stills([alice], 1)
    claim(Stills, now=now)
    after = now - MONTH

    sweep(now=after, workers=WORKERS)
    sweep(now=after + LEASE + TICK, workers=WORKERS)

    row = Stills.objects.get()
    assert (row.state, row.lapses, row.claim) == ("due", 1, None)


@pytest.mark.parametrize(("beyond", "changes"), [(timedelta(0), False), (TICK, True)])
def test_only_a_lease_that_no_clock_of_now_gives_is_cut_short(beyond, changes, alice, rings, now):
    lease = {"state": "running", "leased_until": now + 2 * LEASE + beyond}
    (row,) = make_stills([alice], 1, **lease)

    sweep(now=now, workers=WORKERS)

    row.refresh_from_db()
    assert row.leased_until == (now + LEASE if changes else lease["leased_until"])


def test_a_sweep_that_finds_nothing_of_it_takes_no_right_to_write(alice, rings, now):
    make_stills([alice], 3, due_at=now)

    with nothing_is_written():
        sweep(now=now, workers=WORKERS)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is SQLite's")
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (_misdated, "library_stills_due"),
        (_misleased, "library_stills_leased (leased_until>?)"),
    ],
)
def test_each_question_reads_open_rows_only(ask, index, alice, now):
    make_stills([alice], 1)

    plan = plan_of(lambda: list(ask(Stills, now).values_list("pk")[:1]))

    assert any(index in line for line in plan), plan
