"""The archive that the worker stores: the same bytes as from the plan, and never one that is out of date."""

import os
import random
import resource
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library import bells, work
from library.blobs.storage import store
from library.models import Blob, Stills
from library.processing.errors import MediaError
from library.processing.metadata.values import Level, Privacy
from library.sweeping import sweep
from library.tasks import stills_task
from shares.archives import planned_archive
from shares.cleaning import make_clean_copy
from shares.models import Archive, CleanCopy, Share
from shares.positions import encode_positions
from shares.prepared_archives import make_archive, want_archive
from shares.publishing import change_terms, stop_share
from shares.tasks import archives_task
from shares.terms import Terms
from tests.conftest import picture
from tests.patience import PATIENCE_SECONDS
from tests.rows import AS_THEY_ARE
from tests.shares.helpers import file_of, nothing_is_written
from tests.shares.test_archives import archive_url, program

CLEAN = Terms()
LOCATION = Terms(Level(Privacy.LOCATION))


def make_all() -> int:
    """Have a worker do what is due now, and say how many rows it had."""
    return work.run(
        Archive, make_archive, expected=MediaError, clock=timezone.now, is_wanted=lambda: True
    )


def clean_all(*, at_most: int = 99) -> None:
    wanted = iter([True] * at_most + [False])
    work.run(
        CleanCopy,
        make_clean_copy,
        expected=MediaError,
        clock=timezone.now,
        is_wanted=lambda: next(wanted),
    )


def is_stored_of(share: Share) -> bool:
    return Archive.objects.filter(share=share, blob__isnull=False).exists()


def harm(blob: Blob) -> None:
    """Write other bytes over a stored file, in its length: whoever reads it can be told by them."""
    file_of(blob).write_bytes(b"\xa5" * blob.size_bytes)


@pytest.fixture
def share(make_share, make_asset) -> Share:
    """Three files, and their archive in the store."""
    share = make_share([make_asset(name=f"{n}.jpg") for n in range(3)])
    assert make_all() == 1
    assert is_stored_of(share)
    return share


@pytest.fixture
def is_read_from(share, carol) -> Callable[[], bool]:
    """Tell whether the stored file is what is sent; it is harmed for that, and put right again."""
    blob = Archive.objects.get(share=share).blob
    right = file_of(blob).read_bytes()

    def look() -> bool:
        harm(blob)
        sent = carol.get(archive_url(share)).getvalue()
        file_of(blob).write_bytes(right)
        return sent == b"\xa5" * blob.size_bytes

    return look


# The same bytes


@pytest.fixture
def three_hundred(make_share, make_asset, alice) -> Share:
    assets = [
        make_asset(data=picture() + os.urandom(n * 199), name=f"{n % 7}.jpg", prepared=False)
        for n in range(300)
    ]
    Stills.objects.update(state="done", prepared_at=timezone.now())
    return make_share(assets)


def test_the_stored_and_the_streamed_archive_of_300_items_are_the_same_bytes(
    three_hundred, carol, tmp_path
):
    url = archive_url(three_hundred)
    streamed = carol.get(url)
    whole = streamed.getvalue()

    assert make_all() == 1
    stored = carol.get(url)

    assert stored.getvalue() == whole
    for name in ("ETag", "Content-Length", "Content-Type", "Content-Disposition"):
        assert stored[name] == streamed[name]
    blob = Archive.objects.get().blob
    assert file_of(blob).read_bytes() == whole
    file_of(blob).unlink()
    assert carol.get(url).getvalue() == whole
    _agree_all_programs(whole, tmp_path)


def _agree_all_programs(whole: bytes, folder: Path) -> None:
    path, unpacked = folder / "all.zip", folder / "unpacked"
    path.write_bytes(whole)
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 301
    for words in (
        [program("unzip"), "-tq", path],
        [program("7zz", "7z", "7za"), "t", path],
        [program("unzip"), "-q", path, "-d", unpacked],
    ):
        subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    assert len(list(unpacked.iterdir())) == 301
    for words in (["sha256sum", "--check", "--strict"], ["shasum", "-a", "256", "-c"]):
        done = subprocess.run(
            [program(words[0]), *words[1:], "MANIFEST.txt"],
            cwd=unpacked,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(": OK") == 300
        assert "improperly formatted" not in done.stderr


def test_fifty_ranges_are_the_same_from_the_store_and_from_the_plan(three_hundred, carol):
    url = archive_url(three_hundred)
    whole = carol.get(url).getvalue()
    spans = [sorted(random.sample(range(len(whole)), 2)) for _ in range(50)]

    make_all()
    blob = Archive.objects.get().blob
    ranges = [f"bytes={first}-{last}" for first, last in spans]
    stored = [carol.get(url, headers={"Range": each}) for each in ranges]
    from_store = [answer.getvalue() for answer in stored]
    file_of(blob).unlink()
    from_plan = [carol.get(url, headers={"Range": each}).getvalue() for each in ranges]

    assert {answer.status_code for answer in stored} == {206}
    assert from_store == from_plan == [whole[first : last + 1] for first, last in spans]


# When it is used


def test_a_stored_archive_is_what_is_read(is_read_from):
    assert is_read_from()


def test_a_selection_of_all_is_read_from_the_store_and_any_other_is_not(share, carol):
    blob = Archive.objects.get().blob
    harm(blob)

    all_of_it = carol.get(archive_url(share, f"?items={encode_positions([1, 2, 3])}"))
    some = carol.get(archive_url(share, f"?items={encode_positions([1, 2])}"))

    assert all_of_it.getvalue() == b"\xa5" * blob.size_bytes
    assert zipfile.ZipFile(BytesIO(some.getvalue())).testzip() is None


def test_looking_for_a_stored_archive_takes_one_query_and_none_for_a_selection(share, carol):
    numbers = []
    for query in ("", "?items=1-2"):
        with CaptureQueriesContext(connection) as queries:
            carol.head(archive_url(share, query))
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] + 1


@pytest.mark.parametrize("how", ["taken out", "recently deleted"])
def test_a_stored_archive_is_not_used_after_an_item_is_gone(how, share, is_read_from, carol):
    item = share.items.get(position=2)
    if how == "taken out":
        share.items.filter(pk=item.pk).update(removed_at=timezone.now())
    else:
        type(item.asset).objects.filter(pk=item.asset_id).update(removed_at=timezone.now())

    assert not is_read_from()
    with zipfile.ZipFile(BytesIO(carol.get(archive_url(share)).getvalue())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["0.jpg", "2.jpg", "MANIFEST.txt"]


def test_a_stored_archive_is_used_again_once_an_item_is_back(share, is_read_from):
    asset = share.items.get(position=2).asset
    type(asset).objects.filter(pk=asset.pk).update(removed_at=timezone.now())
    assert not is_read_from()

    type(asset).objects.filter(pk=asset.pk).update(removed_at=None)

    assert is_read_from()


def test_a_stored_archive_is_not_used_at_a_tighter_level(share, is_read_from, carol):
    change_terms(share, CLEAN, now=timezone.now())
    clean_all()

    assert not is_read_from()
    with zipfile.ZipFile(BytesIO(carol.get(archive_url(share)).getvalue())) as archive:
        assert archive.namelist()[0] == "Photo 001.jpg"

    assert make_all() == 1
    assert Archive.objects.get().etag == planned_archive(Share.objects.get()).plan.etag


@pytest.mark.parametrize("how", ["lost", "cut short"])
def test_where_the_stored_file_is_damaged_the_archive_is_streamed(how, share, carol):
    blob = Archive.objects.get().blob
    file_of(blob).unlink() if how == "lost" else os.truncate(file_of(blob), blob.size_bytes - 1)

    answer = carol.get(archive_url(share))

    assert zipfile.ZipFile(BytesIO(answer.getvalue())).testzip() is None
    want_archive(share, now=timezone.now())
    assert make_all() == 1
    assert store.size_of(Archive.objects.get().blob.key) == blob.size_bytes


def test_a_stored_archive_needs_none_of_the_files(share, carol):
    file_of(share.items.get(position=2).source).unlink()

    assert carol.get(archive_url(share)).status_code == 200


def test_reading_a_stored_archive_writes_nothing(share, carol):
    with nothing_is_written():
        assert carol.get(archive_url(share)).status_code == 200


# When it is made


def test_making_a_link_rings_for_its_archive_after_the_commit(
    make_asset, make_share, monkeypatch, django_capture_on_commit_callbacks
):
    rings: list[type] = []
    monkeypatch.setattr(bells, "ring", rings.append)

    with django_capture_on_commit_callbacks(execute=True):
        share = make_share([make_asset(), make_asset()])
        assert Archive not in rings

    assert Archive in rings
    archive = Archive.objects.get()
    assert (archive.share, archive.owner, archive.state) == (share, share.sender, "due")


def test_asking_again_makes_the_one_row_due_again(share):
    want_archive(share, now=timezone.now())
    want_archive(share, now=timezone.now())

    archive = Archive.objects.get()
    assert archive.state == "due"
    assert archive.blob is not None


def test_what_has_not_changed_is_not_written_again(share):
    blob = Archive.objects.get().blob
    written_at = file_of(blob).stat().st_ctime_ns
    want_archive(share, now=timezone.now())

    assert make_all() == 1

    assert Archive.objects.get().blob == blob
    assert file_of(blob).stat().st_ctime_ns == written_at


@pytest.mark.parametrize(
    "why", ["one file", "too large", "turned off", "stopped", "expired", "empty"]
)
def test_nothing_is_stored_of_what_needs_none(why, make_share, make_asset, settings):
    share = make_share([make_asset() for _ in range(1 if why == "one file" else 2)])
    now = timezone.now()
    match why:
        case "too large":
            settings.ARCHIVE_STORE_MAX_BYTES = planned_archive(share).plan.size_bytes - 1
        case "turned off":
            settings.ARCHIVE_STORE_MAX_BYTES = 0
        case "stopped":
            stop_share(share, now=now)
        case "expired":
            Share.objects.update(created_at=now - timedelta(2), expires_at=now - timedelta(1))
        case "empty":
            share.items.update(removed_at=now)

    assert make_all() == 1

    archive = Archive.objects.get()
    assert (archive.state, archive.blob, archive.etag) == ("done", None, "")


def test_an_archive_of_just_the_largest_size_is_stored(make_share, make_asset, settings):
    share = make_share([make_asset(), make_asset()])
    settings.ARCHIVE_STORE_MAX_BYTES = planned_archive(share).plan.size_bytes

    make_all()

    assert is_stored_of(share)


def test_where_none_are_to_be_stored_nobody_is_asked(make_share, make_asset, settings):
    settings.ARCHIVE_STORE_MAX_BYTES = 0

    make_share([make_asset(), make_asset()])

    assert not Archive.objects.exists()


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(0), timedelta(seconds=10)),
        (timedelta(minutes=4), timedelta(minutes=2)),
        (timedelta(days=4), timedelta(hours=1)),
    ],
)
@pytest.mark.parametrize("what", ["no copy", "some copies", "stills"])
def test_while_files_are_prepared_it_waits_for_half_as_long_as_the_link_is_old(
    what, age, wait, make_share, make_asset
):
    assets = [make_asset(prepared=what != "stills") for _ in range(2)]
    share = make_share(assets, terms=AS_THEY_ARE if what == "stills" else CLEAN)
    if what == "some copies":
        clean_all(at_most=1)
    now = share.created_at + age
    archive = work.claim(Archive, now=now)

    make_archive(archive, now)

    archive.refresh_from_db()
    assert (archive.state, archive.due_at) == ("due", now + wait)
    assert (archive.attempts, archive.lapses, archive.claim) == (0, 0, None)
    assert archive.blob is None


def test_it_is_made_once_its_files_are_cleaned(make_share, make_asset, carol):
    share = make_share([make_asset(), make_asset()], terms=CLEAN)
    make_all()
    assert not is_stored_of(share)

    clean_all()
    Archive.objects.update(due_at=timezone.now())
    make_all()

    assert is_stored_of(share)
    assert Archive.objects.get().etag == carol.get(archive_url(share))["ETag"].strip('"')


def test_archives_are_made_once_nothing_else_is_due(make_share, make_asset, monkeypatch):
    make_share([make_asset(prepared=False), make_asset(prepared=False)], terms=CLEAN)
    worked: list[type] = []
    assert stills_task.name in bells.bells.values()  # its module says how its rows are worked

    def note(row: work.Work, _now: object) -> None:
        worked.append(type(row))
        work.finish(row, **({"verdict": "withheld"} if isinstance(row, CleanCopy) else {}))

    for kind in (Stills, CleanCopy, Archive):
        job = work.jobs[kind]._replace(act=note)
        monkeypatch.setitem(work.jobs, kind, job)

    archives_task()

    assert len(worked) == 5
    assert worked[-1] is Archive
    assert set(worked[:-1]) == {Stills, CleanCopy}


# Two at once


def parts() -> set[Path]:
    """Return the files on their way into the store; tests elsewhere may have left some."""
    return set(settings.INCOMING_DIR.glob("part-*"))


def test_two_that_make_one_archive_at_once_leave_one_row_and_one_file(make_share, make_asset):
    before = parts()
    make_share([make_asset(), make_asset()])
    slow = work.claim(Archive, now=timezone.now())
    sweep(now=slow.leased_until + timedelta(seconds=1), workers=0)
    Archive.objects.update(due_at=timezone.now())
    quick = work.claim(Archive, now=timezone.now())
    assert (quick.pk, quick.claim != slow.claim) == (slow.pk, True)

    make_archive(quick, timezone.now())
    first = Archive.objects.get()
    make_archive(slow, timezone.now())

    last = Archive.objects.get()
    assert (first.state, first.blob) == (last.state, last.blob)
    assert first.etag == last.etag != ""
    assert Blob.objects.filter(content_type="application/zip").count() == 1
    assert len(list(settings.BLOBS_DIR.glob(f"*/{last.blob.sha256}-*"))) == 1
    assert parts() == before


def test_one_that_was_asked_for_anew_while_it_was_made_is_made_anew(make_share, make_asset):
    share = make_share([make_asset(), make_asset(), make_asset()])
    running = work.claim(Archive, now=timezone.now())
    share.items.filter(position=3).update(removed_at=timezone.now())
    want_archive(share, now=timezone.now())

    make_archive(running, timezone.now())
    assert Archive.objects.get().state == "due"
    assert make_all() == 1

    assert Archive.objects.get().etag == planned_archive(share).plan.etag


@pytest.mark.django_db(transaction=True)
def test_two_that_ask_at_once_get_one_row(make_share, make_asset):
    share = make_share([make_asset(), make_asset()])
    Archive.objects.all().delete()
    start, failed = threading.Barrier(2), []

    def ask() -> None:
        try:
            start.wait(PATIENCE_SECONDS)
            want_archive(share, now=timezone.now())
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert Archive.objects.get().state == "due"


# When it can't be made


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse every write beyond this length, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def large_share(make_share, make_asset) -> Share:
    """Two files that are longer than the database's own files grow meanwhile."""
    return make_share([make_asset(data=picture() + os.urandom(8 << 20)) for _ in range(2)])


def test_a_disk_that_takes_no_more_leaves_a_reason_and_the_archive_is_streamed(large_share, carol):
    before = parts()
    with files_of_at_most(12 << 20):
        assert make_all() == 1

    archive = Archive.objects.get()
    assert (archive.state, archive.attempts, archive.blob) == ("due", 1, None)
    assert archive.failure == "It could not be stored: the disk can't be written to."
    assert archive.due_at > timezone.now()
    assert parts() == before
    answer = carol.get(archive_url(large_share))
    assert zipfile.ZipFile(BytesIO(answer.getvalue())).testzip() is None


def test_once_there_is_room_it_is_stored(large_share):
    with files_of_at_most(12 << 20):
        make_all()
    Archive.objects.update(due_at=timezone.now())

    assert make_all() == 1

    archive = Archive.objects.get()
    assert (archive.state, archive.failure) == ("done", "")
    assert is_stored_of(large_share)


@pytest.mark.parametrize("harmed", ["lost", "cut short"])
def test_a_missing_file_leaves_a_reason_until_it_is_there_again(harmed, make_share, make_asset):
    share = make_share([make_asset(), make_asset()])
    path = file_of(share.items.get(position=2).source)
    right = path.read_bytes()
    path.unlink() if harmed == "lost" else os.truncate(path, len(right) - 1)

    for attempt in (1, 2, 3):
        Archive.objects.update(due_at=timezone.now())
        assert make_all() == 1
        assert Archive.objects.get().attempts == attempt
    archive = Archive.objects.get()
    assert (archive.state, archive.blob) == ("failed", None)
    assert archive.failure == "Some of its files can't be read at the moment."

    path.write_bytes(right)
    want_archive(share, now=timezone.now())
    assert make_all() == 1
    assert is_stored_of(share)
