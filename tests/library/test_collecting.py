"""The garbage collection: what nothing holds goes after a day of grace, and nothing that anybody holds."""

import io
import os
import tracemalloc
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.blobs import collecting
from library.blobs.collecting import (
    CONDEMNED_FOR,
    FEW_STRAYS,
    STRAY_FOR,
    UNTOUCHED_FOR,
    Collected,
    collect,
    collect_garbage,
    condemn,
    revive,
    strays,
)
from library.blobs.storage import BlobGoneError, LocalBlobStore, hold, keep, store
from library.ingest import accept_upload
from library.models import Asset, Blob, Rendition, Stills
from library.tasks import collect_task
from tests.conftest import part_of, picture
from tests.rows import make_assets, make_blobs

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
NOTHING = Collected(condemned=0, revived=0, deleted=0, strays=0, freed_bytes=0)


@pytest.fixture(autouse=True)
def _a_store_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "root", tmp_path)


@pytest.fixture
def now():
    return timezone.now()


def kept(data: bytes | None = None, *, at=None) -> Blob:
    part = part_of(data or os.urandom(100))
    return keep(part, content_type="image/jpeg", now=at or timezone.now())


def condemned(data: bytes | None = None, *, at) -> Blob:
    blob = kept(data)
    Blob.objects.filter(pk=blob.pk).update(condemned_at=at)
    blob.refresh_from_db()
    return blob


def files() -> set[str]:
    return set(dict(store.keys()))


def gc(now) -> Collected:
    """Collect, and let what waits for the commit happen."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        return collect_garbage(now=now)


# Condemning


@pytest.mark.parametrize(("after", "is_condemned"), [(0 * SECOND, 0), (SECOND, 1)])
def test_what_nothing_holds_is_condemned_an_hour_after_it_was_touched(after, is_condemned, now):
    blob = kept(at=now)

    assert condemn(now + UNTOUCHED_FOR + after) == is_condemned

    blob.refresh_from_db()
    assert (blob.condemned_at is not None) is bool(is_condemned)
    assert files() == {blob.key}


def test_what_an_asset_or_a_picture_is_made_of_is_held(make_asset, now):
    make_asset()
    assert Rendition.objects.count() == 2

    assert gc(now + 48 * HOUR) == NOTHING


def test_every_reference_that_keeps_bytes_holds_them():
    holds = {f"{model.__name__}.{field.name}" for model, field in collecting._keys("hold")}
    sources = {f"{model.__name__}.{field.name}" for model, field in collecting._keys("source")}

    assert holds >= {"Asset.blob", "Rendition.blob", "ShareItem.source", "CleanCopy.blob"}
    assert holds >= {"Archive.blob"}
    assert sources == {"Rendition.source", "Stills.source", "CleanCopy.source"}


def test_what_was_condemned_is_not_condemned_again(now):
    blob = condemned(at=now)

    assert condemn(now + 48 * HOUR) == 0

    blob.refresh_from_db()
    assert blob.condemned_at == now


def test_condemned_bytes_are_not_held_any_more_but_kept_anew(now):
    data = os.urandom(100)
    blob = condemned(data, at=now)

    with pytest.raises(BlobGoneError):
        hold({blob.pk}, now=now)

    again = kept(data)
    assert again != blob
    assert again.key != blob.key
    assert files() == {blob.key, again.key}


def test_bytes_that_were_touched_after_they_were_chosen_are_not_condemned(now):
    blob = kept(at=now)
    late = now + 2 * HOUR
    hold({blob.pk}, now=late)

    assert collecting._condemn([blob.pk], now=late) == 0


def test_what_is_held_since_it_was_chosen_is_not_condemned_whenever_it_was_touched(alice, now):
    blob = kept(at=now)
    make_assets([alice], 1, blobs=[blob])

    assert collecting._condemn([blob.pk], now=now + 2 * HOUR) == 0


# Deleting


@pytest.mark.parametrize(("after", "is_deleted"), [(-SECOND, False), (0 * SECOND, True)])
def test_what_was_condemned_is_deleted_a_day_later(after, is_deleted, now):
    blob = condemned(at=now)

    done = gc(now + CONDEMNED_FOR + after)

    assert Blob.objects.exists() is not is_deleted
    assert files() == (set() if is_deleted else {blob.key})
    assert done.deleted == is_deleted
    assert done.freed_bytes == (blob.size_bytes if is_deleted else 0)


def test_a_file_goes_after_the_commit_and_not_before(now):
    blob = condemned(at=now)

    with TestCase.captureOnCommitCallbacks() as callbacks:
        assert collect(now + CONDEMNED_FOR) == (1, blob.size_bytes)

    assert not Blob.objects.exists()
    assert files() == {blob.key}
    for callback in callbacks:
        callback()
    assert files() == set()


def test_what_was_made_from_deleted_bytes_falls_with_later_passes(make_asset, now):
    make_asset(data=picture(2_400, 60))
    Asset.objects.all().delete()
    assert len(files()) == 3

    passes = [gc(now + hours * HOUR) for hours in (2, 26, 27, 51, 52)]

    told = [(done.condemned, done.deleted) for done in passes]
    assert told == [(1, 0), (0, 1), (2, 0), (0, 2), (0, 0)]
    assert not Rendition.objects.exists()
    assert not Stills.objects.exists()
    assert files() == set()


def test_bytes_that_are_uploaded_again_while_the_old_ones_wait_stay(make_asset, alice, now):
    data = picture()
    make_asset(data=data)
    Asset.objects.all().delete()
    gc(now + 2 * HOUR)

    again = accept_upload(alice, part_of(data), name="1.jpg", now=now + 3 * HOUR).asset
    gc(now + 27 * HOUR)

    assert again.blob.key in files()
    assert Stills.objects.get().source == again.blob


# Held after all


def test_a_condemned_blob_that_is_held_lives_again(alice, now):
    [asset] = make_assets([alice], 1, blobs=[condemned(at=now)], state="done")

    done = gc(now + 48 * HOUR)

    assert (done.revived, done.deleted) == (1, 0)
    assert Blob.objects.get().condemned_at is None
    assert files() == {asset.blob.key}


def test_a_condemned_blob_that_is_held_and_has_a_living_twin_stays_while_it_is_held(alice, now):
    data = os.urandom(100)
    old = condemned(data, at=now)
    living = kept(data)
    make_assets([alice], 1, blobs=[old], state="done")
    make_assets([alice], 1, blobs=[living], state="done")

    assert gc(now + 48 * HOUR) == NOTHING
    assert files() == {old.key, living.key}

    Asset.objects.filter(blob=old).delete()
    assert gc(now + 48 * HOUR).deleted == 1
    assert files() == {living.key}


def test_of_two_held_twins_one_lives_again(alice, now):
    data = os.urandom(100)
    twins = [condemned(data, at=now), condemned(data, at=now)]
    make_assets([alice], 2, blobs=twins, state="done")

    assert revive(now, is_dry_run=True) == 1
    assert revive(now) == 1
    assert revive(now) == 0
    assert gc(now + 48 * HOUR) == NOTHING
    assert len(files()) == 2


# Strays


@pytest.mark.parametrize(("after", "is_deleted"), [(-HOUR, False), (HOUR, True)])
def test_a_file_without_a_row_goes_when_it_has_been_there_for_a_day(after, is_deleted, now):
    stray, known = kept(), kept()
    Blob.objects.filter(pk=stray.pk).delete()

    done = strays(now + STRAY_FOR + after)

    assert done == ((1, 100) if is_deleted else (0, 0))
    assert files() == ({known.key} if is_deleted else {known.key, stray.key})


def test_a_file_is_as_old_as_its_place_in_the_store(tmp_path, now):
    part = part_of(b"written long ago")
    os.utime(part.path, (0, 0))
    keep(part, content_type="image/jpeg", now=now)

    [(_, put_at)] = store.keys()

    assert now - HOUR < put_at < timezone.now() + HOUR


def test_only_files_that_can_be_blobs_are_told(tmp_path):
    local = LocalBlobStore(tmp_path)
    assert list(local.keys()) == []
    for name in ("ab/abcdef", "ab/other", "cd/cdef"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert set(dict(local.keys())) == {"abcdef", "cdef"}


def test_strays_are_looked_up_by_the_batch(now, monkeypatch):
    monkeypatch.setattr(collecting, "AT_ONCE", 3)
    blobs = [kept() for _ in range(8)]
    Blob.objects.filter(pk__in=[blob.pk for blob in blobs[:5]]).delete()

    with CaptureQueriesContext(connection) as captured:
        assert strays(now + 2 * STRAY_FOR) == (5, 500)

    assert len(captured) == 6, "counted before anything is deleted"
    assert files() == {blob.key for blob in blobs[5:]}


# Dry runs, doors


def test_a_dry_run_changes_nothing_and_tells_the_same_numbers(alice, now):
    kept(at=now - 2 * HOUR)
    condemned(at=now - 30 * HOUR)
    make_assets([alice], 1, blobs=[condemned(at=now - 30 * HOUR)], state="done")
    late = now + 25 * HOUR
    Blob.objects.filter(pk=kept().pk).delete()
    rows, before = list(Blob.objects.order_by("pk").values()), files()

    told = collect_garbage(now=late, is_dry_run=True)

    assert (rows, before) == (list(Blob.objects.order_by("pk").values()), files())
    assert told == Collected(condemned=1, revived=1, deleted=1, strays=1, freed_bytes=200)
    assert gc(late) == told


def test_a_second_run_finds_nothing(now):
    condemned(at=now)

    assert gc(now + CONDEMNED_FOR).deleted == 1
    assert gc(now + CONDEMNED_FOR) == NOTHING


def test_the_command_says_what_it_did_and_what_it_would_do(now):
    condemned(at=now - CONDEMNED_FOR)
    kept(at=now - 2 * HOUR)
    would, did = io.StringIO(), io.StringIO()

    call_command("gc", "--dry-run", stdout=would)
    assert Blob.objects.count() == 2
    call_command("gc", stdout=did)

    assert would.getvalue() == (
        "Would delete: files 1, unknown files 0; 100 bytes.\nWould condemn: files 1; revived 0.\n"
    )
    assert did.getvalue() == (
        "Deleted: files 1, unknown files 0; 100 bytes.\nCondemned: files 1; revived 0.\n"
    )
    assert Blob.objects.count() == 1


def test_the_task_collects(now):
    condemned(at=now - CONDEMNED_FOR)

    collect_task()

    assert not Blob.objects.exists()


# Many


def test_many_blobs_take_no_more_memory_and_queries_than_their_batches(now, monkeypatch):
    monkeypatch.setattr(collecting, "AT_ONCE", 100)

    def queries_of(number: int) -> int:
        make_blobs(number, condemned_at=now - 2 * CONDEMNED_FOR)
        with CaptureQueriesContext(connection) as captured:
            assert gc(now).deleted == number
        return len(captured)

    few, twice, many = queries_of(100), queries_of(200), queries_of(300)

    assert many - twice == twice - few


@pytest.mark.django_db(transaction=True)
def test_thousands_of_blobs_take_no_more_memory_than_a_batch(now):
    make_blobs(500, condemned_at=now - 2 * CONDEMNED_FOR)
    collect(now)  # what is loaded once is loaded
    make_blobs(5_000, condemned_at=now - 2 * CONDEMNED_FOR)

    tracemalloc.start()
    deleted, _ = collect(now)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert deleted == 5_000
    assert peak_bytes < 1_000_000


def test_a_database_that_knows_few_of_the_files_deletes_none(now):
    for _ in range(FEW_STRAYS + 1):
        kept()
    Blob.objects.all().delete()

    assert strays(now + 2 * STRAY_FOR) == (0, 0)
    assert len(files()) == FEW_STRAYS + 1
    assert strays(now + 2 * STRAY_FOR, is_dry_run=True)[0] == FEW_STRAYS + 1


def test_a_file_that_lies_beside_the_folders_is_passed_over(now, tmp_path):
    kept()
    Blob.objects.all().delete()
    (tmp_path / ".DS_Store").touch()

    assert strays(now + 2 * STRAY_FOR) == (1, 100)
    assert (tmp_path / ".DS_Store").exists()
