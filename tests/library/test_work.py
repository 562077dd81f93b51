"""Work rows: claimed once, kept by a lease, never lost, fair, and quick to find among many."""

import os
import re
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from library import work
from library.models import Asset, Blob, User
from library.processing.errors import DamagedMediaError
from library.tasks import catch_up_task, prepare_task
from library.work import Kind, claim, fail, finish, renew, retry, run_one, sweep
from tests.conftest import picture
from tests.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db

CLAIM_ALL = """
import sys, time
from pathlib import Path
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from django.db import connection
from django.utils import timezone
from library.models import Asset
from library.work import claim

connection.ensure_connection()
Path(sys.argv[2], f"ready-{sys.argv[3]}").touch()
while not Path(sys.argv[2], "go").exists():
    time.sleep(0.001)
while row := claim(Asset, now=timezone.now()):
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


def make_rows(owners: list[User], count: int, **fields: object) -> list[Asset]:
    """Make rows of work without files, given to the owners in turn."""
    now = timezone.now()
    blobs = Blob.objects.bulk_create(
        Blob(
            key=(sha := uuid4().hex),
            sha256=sha,
            crc32=0,
            size_bytes=1,
            content_type="image/jpeg",
            created_at=now,
            touched_at=now,
        )
        for _ in range(count)
    )
    shared = {
        "kind": "photo",
        "width_px": 4,
        "height_px": 3,
        "taken_at": now,
        "taken_from": "upload",
        "added_at": now,
        "due_at": now - timedelta(seconds=1),
    }
    return Asset.objects.bulk_create(
        Asset(owner=owners[n % len(owners)], blob=blob, name=f"{n}.jpg", **(shared | fields))
        for n, blob in enumerate(blobs)
    )


def multiply(rows: list[Asset], times: int) -> None:
    """Copy rows and their blobs in the database itself: objects would take seconds."""
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) INSERT INTO"
    )
    ids = ", ".join(str(row.blob_id) for row in rows)
    blob, asset = ([field.column for field in model._meta.fields[1:]] for model in (Blob, Asset))
    uuid = "gen_random_uuid()" if connection.vendor == "postgresql" else "hex(randomblob(16))"
    key = {"key": "b.key || '.' || i", "sha256": "b.sha256 || i"}
    copied = {"uuid": uuid, "blob_id": "c.id"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{numbers} library_blob ({', '.join(blob)})"  # noqa: S608 - our own names and numbers
            f" SELECT {', '.join(key.get(name, 'b.' + name) for name in blob)}"
            f" FROM library_blob b, n WHERE b.id IN ({ids})",
            [times],
        )
        cursor.execute(
            f"INSERT INTO library_asset ({', '.join(asset)})"  # noqa: S608
            f" SELECT {', '.join(copied.get(name, 'a.' + name) for name in asset)}"
            " FROM library_asset a JOIN library_blob b ON b.id = a.blob_id"
            " JOIN library_blob c ON c.key LIKE b.key || '.%%'",
        )


def steps_of_a_claim() -> int:
    """Claim one row; return how many steps of its virtual machine SQLite took for it."""
    steps = count()
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: next(steps) < 0, 1)
    try:
        assert claim(Asset, now=timezone.now())
    finally:
        connection.connection.set_progress_handler(None, 1)
    return next(steps)


@pytest.fixture
def row(alice) -> Asset:
    return make_rows([alice], 1)[0]


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """Hear the bells of the sweep instead of sending them."""
    heard: list[str] = []
    monkeypatch.setattr(work, "kinds", [Kind(Asset, lambda: heard.append("asset"))])
    return heard


def let_lapse(row: Asset) -> None:
    """Have the sweep look when the lease is over."""
    sweep(now=row.leased_until + timedelta(seconds=1))


def script(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start a program with the site's settings on this test's database."""
    name = str(connection.settings_dict["NAME"])
    return subprocess.Popen(
        [sys.executable, "-c", code, name, *map(str, arguments)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        **options,
    )


def ask_for_nothing(_row: Asset) -> None:
    raise AssertionError("there was nothing to work")


# Claims


@pytest.mark.django_db(transaction=True)
def test_threads_that_claim_at_once_never_get_the_same_row(make_user):
    rows = make_rows([make_user("Alice Doe"), make_user("Bob Roe")], 60)
    start, claimed, lock = threading.Barrier(4), [], threading.Lock()

    def worker() -> None:
        try:
            start.wait()
            while row := claim(Asset, now=timezone.now()):
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
    assert Asset.objects.filter(state="running").values("claim").distinct().count() == 60


@pytest.mark.django_db(transaction=True)
def test_two_worker_processes_that_claim_at_once_never_get_the_same_row(alice, tmp_path):
    rows = make_rows([alice], 200)
    workers = [script(CLAIM_ALL, tmp_path, n, text=True) for n in range(2)]
    wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)

    (tmp_path / "go").touch()
    claimed = [process.communicate(timeout=PATIENCE_SECONDS)[0].split() for process in workers]

    assert sorted(int(pk) for pks in claimed for pk in pks) == sorted(row.pk for row in rows)
    assert all(claimed), "one process did all of it, so this shows nothing"


def test_nothing_is_claimed_while_nothing_is_due(alice):
    make_rows([alice], 1, due_at=timezone.now() + timedelta(hours=1))
    for state in ("running", "done", "failed"):
        make_rows([alice], 1, state=state)

    assert claim(Asset, now=timezone.now()) is None


def test_a_claim_carries_a_lease_and_a_name_of_its_own(row):
    now = timezone.now()

    mine = claim(Asset, now=now)

    assert (mine.pk, mine.state) == (row.pk, "running")
    assert mine.leased_until == now + timedelta(seconds=30)
    assert mine.claim is not None


def test_what_has_been_due_for_longest_comes_first(alice):
    now = timezone.now()
    late, early = (make_rows([alice], 1, due_at=now - timedelta(minutes=m))[0].pk for m in (1, 2))

    assert [claim(Asset, now=now).pk for _ in range(2)] == [early, late]


def test_who_has_work_running_comes_later_than_who_has_none(alice, bob):
    make_rows([alice], 5, due_at=timezone.now() - timedelta(hours=1))
    make_rows([bob], 3)

    order = [claim(Asset, now=timezone.now()).owner for _ in range(6)]

    assert order == [alice, bob] * 3


def test_many_due_rows_of_one_member_do_not_keep_a_single_row_of_another_waiting(alice, bob):
    make_rows([alice], 200, due_at=timezone.now() - timedelta(hours=1))
    claim(Asset, now=timezone.now())
    (single,) = make_rows([bob], 1)

    assert claim(Asset, now=timezone.now()).pk == single.pk


@pytest.mark.parametrize("members", [1, 200])
def test_a_claim_reads_what_is_due_and_nothing_of_what_is_done(members):
    owners = User.objects.bulk_create(
        User(email=f"{n}@example.org", display_name=f"Member {n}") for n in range(members)
    )
    make_rows(owners, 20)
    done = make_rows(owners, members, state="done")

    few = steps_of_a_claim()
    multiply(done, 20_000 // members)

    assert Asset.objects.count() > 20_000
    assert steps_of_a_claim() < 2 * few
    assert Asset.objects.filter(state="running").count() == 2


def test_a_claim_finds_its_rows_by_the_indexes_that_are_there_for_it(row):
    statements: list[tuple[str, object]] = []

    def listen(execute, sql, params, many, context):
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        claim(Asset, now=timezone.now())

    (sql, params), *_ = statements
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        plan = [line[3] for line in cursor.fetchall()]
    used = {name for line in plan for name in re.findall(r"USING (?:COVERING )?INDEX (\w+)", line)}
    assert used == {"library_asset_due", "library_asset_running"}
    assert not {"SCAN a", "SCAN library_asset"} & set(plan)


# Leases


def test_a_lapsed_lease_is_due_again_and_counts_as_a_lapse_only(row, rings):
    held = claim(Asset, now=timezone.now())

    let_lapse(held)

    row.refresh_from_db()
    assert (row.state, row.lapses, row.attempts) == ("due", 1, 0)
    assert (row.claim, row.leased_until) == (None, None)
    assert rings == ["asset"]


def test_a_lease_that_still_runs_is_left_alone(row, rings):
    held = claim(Asset, now=timezone.now())

    assert sweep(now=held.leased_until - timedelta(milliseconds=1)) == 0

    row.refresh_from_db()
    assert (row.state, row.claim, rings) == ("running", held.claim, [])


def test_renewing_keeps_a_lease_from_lapsing(row, rings):
    held = claim(Asset, now=timezone.now())

    assert renew(held, now=held.leased_until)

    let_lapse(held)
    row.refresh_from_db()
    assert (row.state, row.lapses) == ("running", 0)


@pytest.mark.parametrize("claimed_anew", [True, False])
def test_whoever_lost_a_claim_can_neither_renew_nor_finish_nor_fail(row, rings, claimed_anew):
    lost = claim(Asset, now=timezone.now())
    let_lapse(lost)
    if claimed_anew:
        claim(Asset, now=lost.leased_until + timedelta(seconds=2))
    before = Asset.objects.filter(pk=row.pk).values().get()

    now = timezone.now()
    answers = [renew(lost, now=now), finish(lost), fail(lost, "No.", again_at=now)]

    assert answers == [False, False, False]
    assert Asset.objects.filter(pk=row.pk).values().get() == before


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_runs(row, rings, monkeypatch):
    monkeypatch.setattr(work, "RENEW_SECONDS", 0.02)
    seen = []

    def renewed_twice(mine: Asset) -> bool:
        seen.append(Asset.objects.get(pk=mine.pk).leased_until)
        return len(set(seen)) >= 3

    def act(mine: Asset) -> None:
        wait_until(lambda: renewed_twice(mine))
        finish(mine)

    assert run_one(Asset, act, expected=DamagedMediaError, ring=rings.append)
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)
    assert not [one for one in threading.enumerate() if one.name.startswith("lease-")]


def test_twenty_lapses_fail_a_row_with_a_reason(row, rings):
    for n in range(1, 21):
        row.refresh_from_db()
        assert (row.state, row.lapses) == ("due", n - 1)
        Asset.objects.filter(pk=row.pk).update(due_at=timezone.now())
        let_lapse(claim(Asset, now=timezone.now()))

    row.refresh_from_db()
    assert (row.state, row.claim, row.attempts) == ("failed", None, 0)
    assert row.failure == ("The site was interrupted too often while it worked on this. Try again.")
    assert claim(Asset, now=timezone.now() + timedelta(days=1)) is None


# Ends


def test_three_failures_end_in_a_reason_that_the_owner_can_read(row, rings):
    def act(_row: Asset) -> None:
        raise DamagedMediaError("This picture is torn.")

    states = []
    for _ in range(4):
        run_one(Asset, act, expected=DamagedMediaError, ring=lambda: None)
        row.refresh_from_db()
        states.append((row.state, row.attempts))

    assert states == [("due", 1), ("due", 2), ("failed", 3), ("failed", 3)]
    assert row.failure == "This picture is torn."


def test_an_unexpected_error_waits_longer_each_time_and_keeps_its_words_to_itself(row):
    def act(_row: Asset) -> None:
        raise OSError("/secret/path is on fire")

    for seconds in (30, 60, 90):
        before = timezone.now()
        Asset.objects.filter(state="due").update(due_at=before)
        assert run_one(Asset, act, expected=DamagedMediaError, ring=lambda: None)
        row.refresh_from_db()
        wait = timedelta(seconds=seconds)
        assert before + wait <= row.due_at <= timezone.now() + wait

    assert (row.state, row.attempts) == ("failed", 3)
    assert row.failure == "Something went wrong on our side."


def test_a_row_that_waits_is_not_claimed_before_its_time(row):
    mine = claim(Asset, now=timezone.now())
    later = timezone.now() + timedelta(seconds=30)
    fail(mine, "Later.", again_at=later)

    assert claim(Asset, now=later - timedelta(milliseconds=1)) is None
    assert claim(Asset, now=later).pk == row.pk


def test_a_reason_that_is_too_long_is_cut(row):
    mine = claim(Asset, now=timezone.now())

    assert fail(mine, "x" * 1000, again_at=timezone.now())

    row.refresh_from_db()
    assert row.failure == "x" * 300


def test_finishing_forgets_what_went_wrong_before(row):
    Asset.objects.filter(pk=row.pk).update(attempts=2, lapses=5, failure="It was torn.")

    assert finish(claim(Asset, now=timezone.now()))

    row.refresh_from_db()
    assert (row.state, row.version) == ("done", Asset.WORK_VERSION)
    assert (row.attempts, row.lapses, row.failure, row.claim) == (0, 0, "", None)


def test_retry_gives_failed_rows_all_their_attempts_back_and_touches_no_other(alice):
    (broken,) = make_rows([alice], 1, state="failed", attempts=3, lapses=7, failure="Torn.")
    (done,) = make_rows([alice], 1, state="done", attempts=1)
    now = timezone.now()

    assert retry(Asset.objects.all(), now=now) == 1

    broken.refresh_from_db()
    done.refresh_from_db()
    assert (broken.state, broken.attempts, broken.lapses, broken.failure) == ("due", 0, 0, "")
    assert (broken.due_at, done.state, done.attempts) == (now, "done", 1)


def test_the_work_of_older_code_is_due_again_and_its_result_stays_in_use(alice, rings, monkeypatch):
    now = timezone.now()
    made = {"state": "done", "version": 1, "prepared_at": now}
    (old,) = make_rows([alice], 1, **made)
    sweep(now=now)
    old.refresh_from_db()
    assert old.state == "done"

    monkeypatch.setattr(Asset, "WORK_VERSION", 2)
    sweep(now=now)

    old.refresh_from_db()
    assert (old.state, old.prepared_at, old.is_prepared) == ("due", now, True)
    assert finish(claim(Asset, now=now))
    sweep(now=now)
    old.refresh_from_db()
    assert (old.state, old.version) == ("done", 2)


# Bells


def test_a_worker_rings_again_only_while_other_rows_are_due(alice):
    make_rows([alice], 2)
    rung = []

    for expected in (1, 1):
        assert run_one(Asset, finish, expected=DamagedMediaError, ring=lambda: rung.append(1))
        assert len(rung) == expected

    assert not run_one(Asset, ask_for_nothing, expected=OSError, ring=lambda: rung.append(1))
    assert len(rung) == 1


def test_a_worker_that_failed_rings_for_the_others_all_the_same(alice):
    make_rows([alice], 2)
    rung = []

    def act(_row: Asset) -> None:
        raise OSError("the disk is away")

    run_one(Asset, act, expected=DamagedMediaError, ring=lambda: rung.append(1))

    assert rung == [1]


def test_the_sweep_rings_for_rows_that_are_overdue_and_at_most_fifty_times(alice, rings):
    now = timezone.now()
    make_rows([alice], 3, due_at=now - timedelta(seconds=19))
    assert (sweep(now=now), rings) == (0, [])

    make_rows([alice], 60, due_at=now - timedelta(seconds=21))

    assert sweep(now=now) == 50
    assert len(rings) == 50


def test_at_a_workers_start_all_that_is_due_is_rung_for(alice, rings):
    make_rows([alice], 3)
    make_rows([alice], 1, due_at=timezone.now() + timedelta(hours=1))

    catch_up_task.apply()

    assert rings == ["asset"] * 3


def test_the_sweep_changes_nothing_the_second_time(alice, rings):
    make_rows([alice], 2, due_at=timezone.now() - timedelta(minutes=1))
    held = claim(Asset, now=timezone.now())
    now = held.leased_until + timedelta(seconds=1)
    sweep(now=now)
    before = list(Asset.objects.order_by("pk").values())

    sweep(now=now)

    assert list(Asset.objects.order_by("pk").values()) == before


def test_the_site_knows_assets_as_a_kind_of_work():
    assert Asset in [kind.model for kind in work.kinds]


def test_a_bell_carries_nothing_and_a_bell_too_many_does_nothing(db):
    assert prepare_task.apply().get() is None


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
    assert alice.assets.get().state == "due"
