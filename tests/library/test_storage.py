"""The blob store: bytes before rows, one blob for the same bytes, and nothing read that is not there."""

import hashlib
import os
import threading
import time
import zlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.models.signals import pre_save
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from library.blobs import storage
from library.blobs.parts import Part, tidy_incoming, working_folder
from library.blobs.storage import (
    PIECE_BYTES,
    BlobGoneError,
    BlobMissingError,
    LocalBlobStore,
    hold,
    keep,
    store,
)
from library.models import Blob, BlobKey
from tests.conftest import part_of
from tests.patience import PATIENCE_SECONDS

OFTEN = 3 * PIECE_BYTES


def unlike_any_other() -> bytes:
    return os.urandom(500)


def kept(data: bytes) -> Blob:
    return keep(part_of(data), content_type="image/jpeg", now=timezone.now())


def content(blob: Blob) -> bytes:
    return b"".join(store.read(blob.key, 0, blob.size_bytes))


def file_of(blob: Blob) -> Path:
    with store.local_copy(blob.key) as path:
        return path


def files_with(data: bytes) -> list[Path]:
    return list(settings.BLOBS_DIR.glob(f"*/{hashlib.sha256(data).hexdigest()}-*"))


def waiting_parts() -> set[Path]:
    return set(settings.INCOMING_DIR.iterdir())


@pytest.fixture
def local_store(tmp_path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path)


# Keeping


def test_a_kept_part_becomes_a_blob_with_the_same_bytes(db):
    data, parts = unlike_any_other(), waiting_parts()

    blob = kept(data)

    assert content(blob) == data
    assert (blob.sha256, blob.crc32) == (hashlib.sha256(data).hexdigest(), zlib.crc32(data))
    assert (blob.size_bytes, blob.content_type) == (500, "image/jpeg")
    assert blob.key.startswith(f"{blob.sha256}-")
    assert waiting_parts() == parts


def test_the_file_stands_in_its_place_before_a_row_speaks_of_it(db):
    data, found = unlike_any_other(), []

    def look(instance: Blob, **_signal: object) -> None:
        found.append(b"".join(store.read(instance.key, 0, instance.size_bytes)))

    pre_save.connect(look, sender=Blob)
    try:
        kept(data)
    finally:
        pre_save.disconnect(look, sender=Blob)

    assert found == [data]


def test_the_same_bytes_twice_are_one_blob_and_one_file(db):
    data = unlike_any_other()
    first = kept(data)

    second = kept(data)

    assert second == first
    assert len(files_with(data)) == 1


@pytest.mark.parametrize("harm", ["lost", "cut short"])
def test_bytes_that_were_lost_come_back_with_the_next_upload(harm, db):
    data = unlike_any_other()
    blob = kept(data)
    if harm == "lost":
        file_of(blob).unlink()
    else:
        file_of(blob).write_bytes(data[:100])

    again = kept(data)

    assert again == blob
    assert content(blob) == data
    assert files_with(data) == [file_of(blob)]


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_from_two_sides_at_once_are_one_row_and_one_file(monkeypatch):
    both_have_stored = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    class SlowStore(LocalBlobStore):
        def adopt(self, part: Path, key: str) -> None:
            super().adopt(part, key)
            both_have_stored.wait()

    monkeypatch.setattr(storage, "store", SlowStore(settings.BLOBS_DIR))
    data, blobs = unlike_any_other(), []

    def upload() -> None:
        try:
            blobs.append(kept(data))
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(blobs) == 2
    assert Blob.objects.get() == blobs[0] == blobs[1]
    assert files_with(data) == [file_of(blobs[0])]
    assert content(blobs[0]) == data


def test_a_blob_that_is_on_its_way_out_cannot_be_held(db):
    living, condemned = kept(unlike_any_other()), kept(unlike_any_other())
    Blob.objects.filter(pk=condemned.pk).update(condemned_at=timezone.now())

    with pytest.raises(BlobGoneError):
        hold({living.pk, condemned.pk}, now=timezone.now())


def test_the_bytes_of_a_condemned_blob_are_kept_anew_under_another_key(db):
    data = unlike_any_other()
    condemned = kept(data)
    Blob.objects.filter(pk=condemned.pk).update(condemned_at=timezone.now())

    anew = kept(data)

    assert anew.pk != condemned.pk
    assert anew.key != condemned.key
    assert (content(anew), len(files_with(data))) == (data, 2)
    hold({anew.pk}, now=timezone.now())


def test_holding_says_when_a_blob_was_last_wanted(db):
    blob, later = kept(unlike_any_other()), timezone.now() + timedelta(hours=1)

    hold({blob.pk}, now=later)

    blob.refresh_from_db()
    assert blob.touched_at == later


# Reading


@given(start=st.integers(0, OFTEN), stop=st.integers(0, OFTEN))
def test_any_range_that_is_read_equals_the_same_slice(stored_once, start, stop):
    store_of_one, data = stored_once

    pieces = list(store_of_one.read("key", start, stop))

    assert b"".join(pieces) == data[start:stop]
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


@pytest.fixture(scope="module")
def stored_once(tmp_path_factory) -> tuple[LocalBlobStore, bytes]:
    folder, data = tmp_path_factory.mktemp("blobs"), os.urandom(OFTEN)
    (folder / "ke").mkdir()
    (folder / "ke" / "key").write_bytes(data)
    return LocalBlobStore(folder), data


def test_a_missing_file_is_said_to_be_missing(local_store):
    with pytest.raises(BlobMissingError, match="missing"):
        next(local_store.read("no-such-key", 0, 1))
    with (
        pytest.raises(BlobMissingError, match="missing"),
        local_store.local_copy("no-such-key"),
    ):
        pass


def test_a_file_that_is_too_short_is_never_sent_as_if_it_were_whole(local_store, tmp_path):
    (tmp_path / "part").write_bytes(b"12345")
    local_store.adopt(tmp_path / "part", "key")
    pieces = local_store.read("key", 2, 10)

    assert next(pieces) == b"345"
    with pytest.raises(BlobMissingError, match="ends at 5 bytes"):
        next(pieces)


def test_deleting_twice_is_the_same_as_once(local_store, tmp_path):
    (tmp_path / "part").write_bytes(b"12345")
    local_store.adopt(tmp_path / "part", "key")

    for _ in range(2):
        local_store.delete("key")

    with pytest.raises(BlobMissingError):
        next(local_store.read("key", 0, 5))


# Rows


def test_every_reference_to_a_blob_says_whether_it_keeps_the_bytes():
    references = [
        field
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model is Blob
    ]

    assert {str(field) for field in references} >= {
        "library.Asset.blob",
        "library.Rendition.blob",
        "library.Rendition.source",
        "shares.ShareItem.source",
    }
    for field in references:
        assert isinstance(field, BlobKey), field
        assert field.role in {"hold", "source"}, field
        assert field.remote_field.on_delete is models.PROTECT, field


def test_only_what_was_made_from_a_blob_does_not_keep_it():
    roles = {
        str(field): field.role
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, BlobKey)
    }

    assert roles["library.Asset.blob"] == roles["library.Rendition.blob"] == "hold"
    assert roles["shares.ShareItem.source"] == "hold"
    assert roles["library.Rendition.source"] == "source"


def test_a_committed_row_survives_a_power_cut(db):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL syncs at every commit by itself")
    with connection.cursor() as cursor:
        answers = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "foreign_keys")
        }

    assert answers == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}


# Parts


@given(st.lists(st.binary(max_size=2000), max_size=20))
def test_a_part_knows_its_size_and_hashes_however_its_bytes_came(chunks):
    whole, part = b"".join(chunks), Part.create()
    for chunk in chunks:
        part.write(chunk)
    part.close()

    try:
        for seen in (part, Part.of(part.path)):
            assert seen.size_bytes == len(whole)
            assert seen.sha256 == hashlib.sha256(whole).hexdigest()
            assert seen.crc32 == zlib.crc32(whole)
        assert part.path.read_bytes() == whole
    finally:
        part.discard()


def test_discarding_a_part_removes_its_file_and_may_be_done_twice():
    part = part_of(b"some bytes")

    part.discard()
    part.discard()

    assert not part.path.exists()


def test_parts_and_folders_that_nobody_writes_to_are_dropped_and_young_ones_stay():
    now = timezone.now()
    old, young = part_of(b"old"), part_of(b"young")
    old_folder = settings.INCOMING_DIR / "work-old"
    old_folder.mkdir()
    (old_folder / "half.webp").write_bytes(b"half")
    for path in (old.path, old_folder):
        os.utime(path, (time.time() - 90_000,) * 2)

    assert tidy_incoming(before=now - timedelta(hours=24)) == 2

    assert not old.path.exists()
    assert not old_folder.exists()
    assert young.path.exists()
    assert tidy_incoming(before=now - timedelta(hours=24)) == 0
    young.discard()


def test_a_working_folder_goes_even_when_the_work_fails():
    with suppress(ZeroDivisionError), working_folder() as folder:
        (folder / "half.webp").write_bytes(b"half")
        raise ZeroDivisionError

    assert folder.parent == settings.INCOMING_DIR
    assert not folder.exists()
