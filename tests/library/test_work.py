"""Work rows: claimed once, kept by a lease, never lost, fair, and quick to find among many."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from library import bells, work
from library.models import Blob, Stills, User
from library.processing.errors import DamagedMediaError
from library.sweeping import _lapsed, _outdated, sweep
from library.tasks import catch_up_task, stills_task
from library.work import claim, fail, finish, next_turn, put_off, renew, retry, run
from tests.conftest import picture
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.rows import make_stills, work_one
from tests.shares.helpers import steps_of

pytestmark = pytest.mark.django_db

BELL = "library.tasks.stills_task"
WORKERS = 2

CLAIM_ALL = """
import sys, time
from pathlib import Path
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from django.db import connection
from django.utils import timezone
from library.models import Stills
from library.work import claim

connection.ensure_connection()
Path(sys.argv[2], f"ready-{sys.argv[3]}").touch()
while not Path(sys.argv[2], "go").exists():
    time.sleep(0.001)
while row := claim(Stills, now=timezone.now()):
    print(row.pk)
"""
UPLOAD = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from library.models import User

client = Client(headers={"host": "127.0.0.1", "accept": "application/json"})
client.force_login(User.objects.get(pk=sys.argv[2]))
files = [SimpleUploadedFile("a.jpg", sys.stdin.buffer.read())]
response = client.post("/library/upload/", {"files": files})
print(response.status_code, response.json()["files"][0]["state"], settings.CELERY_BROKER_URL)
"""


class NoBroker:
    """Something at a broker's address that is none; it counts who knocks."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.socket.getsockname()[1]}/0"
        self.calls: list[socket.socket] = []
        self.last = socket.socket()
        self.last.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            call, caller = self.socket.accept()
            if caller == self.last.getsockname():
                call.close()
                return
            self.calls.append(call)
            if not self.hangs:
                call.close()

    def close(self) -> None:
        """Call as the last, so that all who called before are counted, and end."""
        self.last.connect(self.socket.getsockname())
        self.thread.join()
        for each in (self.socket, self.last, *self.calls):
            each.close()


def multiply(rows: list[Stills], times: int) -> None:
    """Copy rows and their blobs in the database itself: objects would take seconds."""
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) INSERT INTO"
    )
    ids = ", ".join(str(row.source_id) for row in rows)
    blob, stills = ([field.column for field in model._meta.fields[1:]] for model in (Blob, Stills))
    key = {"key": "b.key || '.' || i", "sha256": "b.sha256 || i"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{numbers} library_blob ({', '.join(blob)})"  # noqa: S608 - our own names and numbers
            f" SELECT {', '.join(key.get(name, 'b.' + name) for name in blob)}"
            f" FROM library_blob b, n WHERE b.id IN ({ids})",
            [times],
        )
        cursor.execute(
            f"INSERT INTO library_stills ({', '.join(stills)})"  # noqa: S608
            f" SELECT {', '.join('c.id' if name == 'source_id' else 's.' + name for name in stills)}"
            " FROM library_stills s JOIN library_blob b ON b.id = s.source_id"
            " JOIN library_blob c ON c.key LIKE b.key || '.%%'",
        )


def steps_of_a_claim() -> int:
    return steps_of(lambda: claim(Stills, now=timezone.now()))


@pytest.fixture
def row(alice) -> Stills:
    return make_stills([alice], 1)[0]


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """Hear the bells of the sweep instead of sending them."""
    heard: list[str] = []
    monkeypatch.setattr(bells, "send", heard.append)
    return heard


def let_lapse(row: Stills) -> None:
    """Have the sweep look when the lease is over."""
    sweep(now=row.leased_until + timedelta(seconds=1), workers=WORKERS)


def script(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start a program with the site's settings on this test's database."""
    name = str(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, "-c", code, name, *map(str, arguments)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        **options,
    )


# Claims


@pytest.mark.django_db(transaction=True)
def test_threads_that_claim_at_once_never_get_the_same_row(make_user):
    rows = make_stills([make_user("Alice Doe"), make_user("Bob Roe")], 60)
    start, claimed, lock = threading.Barrier(4), [], threading.Lock()

    def worker() -> None:
        try:
            start.wait()
            while row := claim(Stills, now=timezone.now()):
                with lock:
                    claimed.append((threading.get_ident(), row.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(pk for _, pk in claimed) == sorted(row.pk for row in rows)
    assert len({who for who, _ in claimed}) > 1
    assert Stills.objects.filter(state="running").values("claim").distinct().count() == 60


@pytest.mark.django_db(transaction=True)
def test_two_worker_processes_that_claim_at_once_never_get_the_same_row(alice, tmp_path):
    rows = make_stills([alice], 200)
    workers = [script(CLAIM_ALL, tmp_path, n, text=True) for n in range(2)]
    wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)

    (tmp_path / "go").touch()
    claimed = [process.communicate(timeout=PATIENCE_SECONDS)[0].split() for process in workers]

    assert sorted(int(pk) for pks in claimed for pk in pks) == sorted(row.pk for row in rows)
    assert all(claimed), "one process did all of it, so this shows nothing"


def test_nothing_is_claimed_while_nothing_is_due(alice):
    make_stills([alice], 1, due_at=timezone.now() + timedelta(hours=1))
    for state in ("running", "done", "failed"):
        make_stills([alice], 1, state=state)

    assert claim(Stills, now=timezone.now()) is None


def test_a_claim_carries_a_lease_and_a_name_of_its_own(row):
    now = timezone.now()

    mine = claim(Stills, now=now)

    assert (mine.pk, mine.state) == (row.pk, "running")
    assert mine.leased_until == now + timedelta(seconds=30)
    assert mine.claim is not None


def test_what_has_been_due_for_longest_comes_first(alice):
    now = timezone.now()
    late, early = (make_stills([alice], 1, due_at=now - timedelta(minutes=m))[0].pk for m in (1, 2))

    assert [claim(Stills, now=now).pk for _ in range(2)] == [early, late]


def test_members_with_work_take_turns(alice, bob):
    make_stills([alice], 5, due_at=timezone.now() - timedelta(hours=1))
    make_stills([bob], 3)

    order = [claim(Stills, now=timezone.now()).owner for _ in range(8)]

    assert order == [alice, bob] * 3 + [alice] * 2


def test_many_due_rows_of_one_member_do_not_keep_a_single_row_of_another_waiting(alice, bob):
    make_stills([alice], 200, due_at=timezone.now() - timedelta(hours=1))
    claim(Stills, now=timezone.now())
    (single,) = make_stills([bob], 1, turn=next_turn(Stills, bob.pk))

    assert claim(Stills, now=timezone.now()).pk == single.pk


def test_a_turn_is_the_number_of_rows_that_the_owner_has_open(alice, bob):
    assert next_turn(Stills, alice.pk) == 0

    for state in ("due", "running", "done", "failed"):
        make_stills([alice], 2, state=state)

    assert (next_turn(Stills, alice.pk), next_turn(Stills, bob.pk)) == (4, 0)


def test_what_an_upload_makes_due_takes_its_owners_next_turn(make_asset, alice, bob):
    hers = [make_asset(alice, prepared=False).stills.turn for _ in range(3)]
    his = make_asset(bob, prepared=False).stills.turn

    assert (hers, his) == ([0, 1, 2], 0)


@pytest.mark.parametrize("again", ["retried", "made by older code"])
def test_rows_that_become_due_together_wait_as_new_ones_would(
    again, alice, bob, monkeypatch, rings
):
    make_stills([alice], 2)
    hers = make_stills([alice], 3, turn=0, state="failed", version=1)
    (his,) = make_stills([bob], 1, turn=7, state="failed", version=1)

    if again == "retried":
        assert retry(Stills.objects.all(), now=timezone.now()) == 4
    else:
        monkeypatch.setattr(Stills, "WORK_VERSION", 2)
        sweep(now=timezone.now(), workers=WORKERS)

    turns = dict(Stills.objects.values_list("pk", "turn"))
    assert [turns[row.pk] for row in hers] == [2, 3, 4]
    assert turns[his.pk] == 0


@pytest.mark.parametrize("members", [1, 200])
@pytest.mark.parametrize("state", ["done", "due"])
def test_a_claim_takes_as_many_steps_among_twenty_thousand_rows(state, members):
    owners = User.objects.bulk_create(
        User(email=f"{n}@example.org", display_name=f"Member {n}") for n in range(members)
    )
    make_stills(owners, 20)
    others = make_stills(owners, members, state=state, turn=5)

    few = steps_of_a_claim()
    multiply(others, 20_000 // members)

    assert Stills.objects.count() > 20_000
    assert steps_of_a_claim() <= few
    assert Stills.objects.filter(state="running").count() == 2


def plan_of(act: Callable[[], object]) -> list[str]:
    """Return SQLite's plan of an act's first statement."""
    statements: list[tuple[str, object]] = []

    def listen(execute, sql, params, many, context):
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        act()
    (sql, params), *_ = statements
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        return [line[3] for line in cursor.fetchall()]


def test_a_claim_reads_its_row_straight_from_the_index_that_is_there_for_it(row):
    plan = plan_of(lambda: claim(Stills, now=timezone.now()))

    assert any("USING INDEX library_stills_due" in line for line in plan), plan
    assert not [line for line in plan if "TEMP B-TREE" in line]
    assert not [line for line in plan if line.startswith("SCAN") and "INDEX" not in line]


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (
            lambda row: next_turn(Stills, row.owner_id),
            "library_stills_open (owner_id=? AND state=?)",
        ),
        (lambda row: _outdated(Stills).first(), "library_stills_worked (version<?)"),
        (lambda row: _lapsed(Stills, row.due_at).first(), "library_stills_leased (leased_until<?)"),
    ],
    ids=["turn", "older code", "lapsed"],
)
def test_each_question_is_answered_by_the_index_that_is_there_for_it(ask, index, row):
    plan = plan_of(lambda: ask(row))

    assert any(index in line for line in plan), plan


# Leases


def test_a_lapsed_lease_is_due_again_and_counts_as_a_lapse_only(row, rings):
    held = claim(Stills, now=timezone.now())

    let_lapse(held)

    row.refresh_from_db()
    assert (row.state, row.lapses, row.attempts) == ("due", 1, 0)
    assert (row.claim, row.leased_until) == (None, None)
    assert rings == [BELL]


def test_a_lease_that_still_runs_is_left_alone(row, rings):
    held = claim(Stills, now=timezone.now())

    assert sweep(now=held.leased_until - timedelta(milliseconds=1), workers=WORKERS) == 0

    row.refresh_from_db()
    assert (row.state, row.claim, rings) == ("running", held.claim, [])


def test_renewing_keeps_a_lease_from_lapsing(row, rings):
    held = claim(Stills, now=timezone.now())

    assert renew(held, now=held.leased_until)

    let_lapse(held)
    row.refresh_from_db()
    assert (row.state, row.lapses) == ("running", 0)


@pytest.mark.parametrize("claimed_anew", [True, False])
def test_whoever_lost_a_claim_can_neither_renew_nor_finish_nor_fail_nor_put_off(
    row, rings, claimed_anew
):
    lost = claim(Stills, now=timezone.now())
    let_lapse(lost)
    if claimed_anew:
        claim(Stills, now=lost.leased_until + timedelta(seconds=2))
    before = Stills.objects.filter(pk=row.pk).values().get()

    now = timezone.now()
    answers = [
        renew(lost, now=now),
        finish(lost),
        fail(lost, "No.", again_at=now),
        put_off(lost, until=now),
    ]

    assert answers == [False] * 4
    assert Stills.objects.filter(pk=row.pk).values().get() == before


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_runs(row, rings, monkeypatch):
    monkeypatch.setattr(work, "RENEW_SECONDS", 0.02)
    seen = []

    def renewed_twice(mine: Stills) -> bool:
        seen.append(Stills.objects.get(pk=mine.pk).leased_until)
        return len(set(seen)) >= 3

    def act(mine: Stills, _now: datetime) -> None:
        wait_until(lambda: renewed_twice(mine))
        finish(mine)

    assert work_one(act) == 1
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)
    assert not [one for one in threading.enumerate() if one.name.startswith("lease-")]


def test_twenty_lapses_fail_a_row_with_a_reason(row, rings):
    for n in range(1, 21):
        row.refresh_from_db()
        assert (row.state, row.lapses) == ("due", n - 1)
        Stills.objects.filter(pk=row.pk).update(due_at=timezone.now())
        let_lapse(claim(Stills, now=timezone.now()))

    row.refresh_from_db()
    assert (row.state, row.claim, row.attempts) == ("failed", None, 0)
    assert row.failure == ("The site was interrupted too often while it worked on this. Try again.")
    assert claim(Stills, now=timezone.now() + timedelta(days=1)) is None


# Ends


def test_what_is_put_off_is_due_again_then_and_no_attempt_is_counted(row):
    Stills.objects.update(attempts=1, lapses=2)
    held = claim(Stills, now=timezone.now())
    until = timezone.now() + timedelta(minutes=1)

    assert put_off(held, until=until)

    assert claim(Stills, now=until - timedelta(seconds=1)) is None
    again = claim(Stills, now=until)
    assert (again.pk, again.attempts, again.lapses) == (row.pk, 1, 2)


def test_three_failures_end_in_a_reason_that_the_owner_can_read(row, rings):
    def act(_row: Stills, _now: datetime) -> None:
        raise DamagedMediaError("This picture is torn.")

    states = []
    for _ in range(4):
        work_one(act)
        row.refresh_from_db()
        states.append((row.state, row.attempts))

    assert states == [("due", 1), ("due", 2), ("failed", 3), ("failed", 3)]
    assert row.failure == "This picture is torn."


def test_an_unexpected_error_waits_longer_each_time_and_keeps_its_words_to_itself(row):
    def act(_row: Stills, _now: datetime) -> None:
        raise OSError("/secret/path is on fire")

    for seconds in (30, 60, 90):
        before = timezone.now()
        Stills.objects.filter(state="due").update(due_at=before)
        assert work_one(act) == 1
        row.refresh_from_db()
        wait = timedelta(seconds=seconds)
        assert before + wait <= row.due_at <= timezone.now() + wait

    assert (row.state, row.attempts) == ("failed", 3)
    assert row.failure == "Something went wrong on our side."


def test_a_row_that_waits_is_not_claimed_before_its_time(row):
    mine = claim(Stills, now=timezone.now())
    later = timezone.now() + timedelta(seconds=30)
    fail(mine, "Later.", again_at=later)

    assert claim(Stills, now=later - timedelta(milliseconds=1)) is None
    assert claim(Stills, now=later).pk == row.pk


def test_a_reason_that_is_too_long_is_cut(row):
    mine = claim(Stills, now=timezone.now())

    assert fail(mine, "x" * 1000, again_at=timezone.now())

    row.refresh_from_db()
    assert row.failure == "x" * 300


def test_finishing_forgets_what_went_wrong_before(row):
    Stills.objects.filter(pk=row.pk).update(attempts=2, lapses=5, failure="It was torn.")

    assert finish(claim(Stills, now=timezone.now()))

    row.refresh_from_db()
    assert (row.state, row.version) == ("done", Stills.WORK_VERSION)
    assert (row.attempts, row.lapses, row.failure, row.claim) == (0, 0, "", None)


def test_retry_gives_failed_rows_all_their_attempts_back_and_touches_no_other(alice):
    (broken,) = make_stills([alice], 1, state="failed", attempts=3, lapses=7, failure="Torn.")
    (done,) = make_stills([alice], 1, state="done", attempts=1)
    now = timezone.now()

    assert retry(Stills.objects.all(), now=now) == 1

    broken.refresh_from_db()
    done.refresh_from_db()
    assert (broken.state, broken.attempts, broken.lapses, broken.failure) == ("due", 0, 0, "")
    assert (broken.due_at, done.state, done.attempts) == (now, "done", 1)


def test_the_work_of_older_code_is_due_again_and_its_result_stays_in_use(alice, rings, monkeypatch):
    now = timezone.now()
    made = {"state": "done", "version": Stills.WORK_VERSION, "prepared_at": now}
    (old,) = make_stills([alice], 1, **made)
    sweep(now=now, workers=WORKERS)
    old.refresh_from_db()
    assert old.state == "done"

    newer = Stills.WORK_VERSION + 1
    monkeypatch.setattr(Stills, "WORK_VERSION", newer)
    sweep(now=now, workers=WORKERS)

    old.refresh_from_db()
    assert (old.state, old.prepared_at, old.is_prepared) == ("due", now, True)
    assert finish(claim(Stills, now=now))
    sweep(now=now, workers=WORKERS)
    old.refresh_from_db()
    assert (old.state, old.version) == ("done", newer)


# Bells


def work_all(act: Callable[[Stills, datetime], object]) -> int:
    return run(Stills, act, expected=DamagedMediaError, clock=timezone.now)


def test_a_worker_goes_on_until_nothing_is_due_and_rings_for_nobody(alice, bob, rings):
    make_stills([alice, bob], 50)

    assert work_all(lambda row, _now: finish(row)) == 50

    assert set(Stills.objects.values_list("state", flat=True)) == {"done"}
    assert work_all(lambda row, _now: finish(row)) == 0
    assert rings == []


def test_a_worker_that_failed_with_one_row_goes_on_with_the_others(alice):
    first, *_ = make_stills([alice], 3)

    def act(row: Stills, _now: datetime) -> None:
        if row.pk == first.pk:
            raise OSError("the disk is away")
        finish(row)

    assert work_all(act) == 3
    states = sorted(Stills.objects.values_list("state", flat=True))
    assert states == ["done", "done", "due"]


def test_a_worker_that_is_to_end_finishes_the_row_in_hand_and_takes_no_other(alice):
    make_stills([alice], 3)
    wanted = iter([True, False])

    run(
        Stills,
        lambda row, _now: finish(row),
        expected=DamagedMediaError,
        clock=timezone.now,
        is_wanted=lambda: next(wanted),
    )

    states = sorted(Stills.objects.values_list("state", flat=True))
    assert states == ["done", "due", "due"]


def test_a_thousand_works_take_one_bell(alice, rings):
    make_stills([alice], 1_000)

    bells.ring(Stills)
    assert work_all(lambda row, _now: finish(row)) == 1_000
    sweep(now=timezone.now() + timedelta(hours=1), workers=WORKERS)

    assert rings == [BELL]


def test_the_sweep_rings_for_rows_that_are_overdue_once_a_worker_at_most(alice, rings):
    now = timezone.now()
    make_stills([alice], 3, due_at=now - timedelta(seconds=19))
    assert (sweep(now=now, workers=WORKERS), rings) == (0, [])

    make_stills([alice], 60, due_at=now - timedelta(seconds=21))

    assert sweep(now=now, workers=WORKERS) == 2
    assert rings == [BELL] * 2


@pytest.mark.parametrize(("busy", "rung"), [(0, 2), (1, 1), (2, 0), (3, 0)])
def test_the_sweep_rings_for_workers_that_have_nothing_in_hand(busy, rung, alice, rings):
    now = timezone.now()
    make_stills([alice], 5, due_at=now - timedelta(minutes=1))
    lease = {"state": "running", "leased_until": now + timedelta(seconds=20)}
    if busy:
        make_stills([alice], busy, **lease)

    assert sweep(now=now, workers=WORKERS) == len(rings) == rung


def test_at_a_workers_start_all_that_is_due_is_rung_for(alice, rings, settings):
    settings.WORKER_PROCESSES = 4
    make_stills([alice], 3)
    make_stills([alice], 1, due_at=timezone.now() + timedelta(minutes=1))

    catch_up_task.apply()

    assert rings == [BELL] * 3


def test_the_sweep_changes_nothing_the_second_time(alice, rings):
    make_stills([alice], 2, due_at=timezone.now() - timedelta(minutes=1))
    held = claim(Stills, now=timezone.now())
    now = held.leased_until + timedelta(seconds=1)
    sweep(now=now, workers=WORKERS)
    before = list(Stills.objects.order_by("pk").values())

    sweep(now=now, workers=WORKERS)

    assert list(Stills.objects.order_by("pk").values()) == before


def test_each_kind_of_work_has_a_bell_that_a_worker_answers():
    kinds = [model for model in apps.get_models() if issubclass(model, work.Work)]

    assert Stills in kinds
    current_app.loader.import_default_modules()  # as a worker does
    assert {bells.bells[model] for model in kinds} <= set(current_app.tasks)
    assert set(kinds) == set(work.jobs)


def test_a_bell_carries_nothing_and_a_bell_too_many_does_nothing(db):
    assert stills_task.apply().get() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hangs", [False, True])
def test_an_upload_tries_twice_to_reach_a_broker_that_is_none_and_does_not_fail(
    hangs, alice, tmp_path: Path
):
    broker = NoBroker(hangs=hangs)
    environment = os.environ | {"REDIS_URL": broker.url, "DATA_DIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment}

    uploader = script(UPLOAD, alice.pk, **pipes)
    out, log = uploader.communicate(picture(), timeout=PATIENCE_SECONDS)

    broker.close()  # only now: what hangs has hung all the while
    assert out.decode() == f"200 added {broker.url}\n", log.decode()
    assert b"the broker is away" in log
    assert len(broker.calls) == 2
    assert alice.assets.get().stills.state == "due"
