"""Room on the disk: what is refused while it is short, what waits, and what the reserve is given up for."""

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone
from PIL import Image

from library import bells, work
from library.blobs import space
from library.blobs.space import (
    NoRoomError,
    fill_reserve,
    free_bytes,
    has_room,
    require_room,
    with_reserve,
)
from library.decoding import limits, sandbox
from library.models import Stills
from library.processing.disks import FullDiskError, is_full
from library.processing.metadata.values import Level, Verdict
from library.sweeping import sweep
from library.tasks import stills_task, sweep_task
from library.work import RETRY_AFTER
from tests.processing.metadata.planted import segment
from tests.rows import make_stills, work_one

FAR_MORE_THAN_THERE_IS = 1 << 60


class DiskFullError(Exception):
    """As psycopg says it."""

    sqlstate = "53100"


@pytest.fixture
def no_room(settings) -> None:
    settings.FREE_SPACE_FLOOR_BYTES = FAR_MORE_THAN_THERE_IS


@pytest.fixture
def own_data(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def small_disk(settings, tmp_path) -> Iterator[Path]:
    """A data folder on a disk of its own, small enough to be filled."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(tmp_path)], capture_output=True
    )
    if made.returncode:
        pytest.skip("no disk of one's own can be mounted here")
    settings.DATA_DIR = tmp_path
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(folder: Path) -> Path:
    """Write until not one byte finds room."""
    filler = folder / "filler"
    piece = 1 << 16
    with filler.open("ab", buffering=0) as file:
        while piece:
            try:
                file.write(bytes(piece))
            except OSError:
                piece //= 2
    return filler


def reserve(folder: Path) -> list[Path]:
    return list((folder / "reserve").iterdir())


# The floor


def test_there_is_room_down_to_the_floor_and_not_below(settings, own_data):
    settings.FREE_SPACE_FLOOR_BYTES = free_bytes() // 2

    assert has_room()
    assert has_room(free_bytes() // 4)
    assert not has_room(free_bytes())


def test_a_floor_of_nothing_asks_nothing(settings, own_data):
    settings.FREE_SPACE_FLOOR_BYTES = 0

    assert has_room(FAR_MORE_THAN_THERE_IS)


def test_what_needs_room_is_stopped_by_an_error_that_says_the_disk_is_full(no_room, settings):
    with pytest.raises(NoRoomError) as refused:
        require_room()

    assert refused.value.errno == errno.ENOSPC
    assert is_full(refused.value)
    settings.FREE_SPACE_FLOOR_BYTES = 0
    require_room()


# Which errors say so


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        FullDiskError(),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE),
        DiskFullError(),
    ],
)
def test_a_full_disk_is_known_from_each_of_its_errors_and_from_what_they_led_to(error):
    assert is_full(error)
    with pytest.raises(OperationalError) as led_to:
        raise OperationalError("wrapped") from error
    assert is_full(led_to.value)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError("without a number"),
        sqlite_error(sqlite3.SQLITE_BUSY),
        OperationalError("database is locked"),
        ValueError(),
    ],
)
def test_no_other_error_is_taken_for_it(error):
    assert not is_full(error)


# The reserve


def test_the_reserve_is_written_once_and_for_real(own_data):
    fill_reserve()
    written = {path: path.stat() for path in reserve(own_data)}
    fill_reserve()

    assert len(written) == space.RESERVE_PIECES
    assert {path: path.stat() for path in reserve(own_data)} == written
    assert all(stat.st_blocks * 512 >= space.PIECE_BYTES for stat in written.values())
    assert (own_data / "reserve").stat().st_mode & 0o077 == 0


def test_no_reserve_is_taken_from_a_disk_that_is_short_of_room(own_data, no_room):
    fill_reserve()

    assert reserve(own_data) == []


def test_the_sweep_looks_after_the_reserve(own_data, db):
    sweep_task.apply()

    assert len(reserve(own_data)) == space.RESERVE_PIECES


def test_what_succeeds_costs_no_reserve(own_data):
    fill_reserve()

    assert with_reserve(lambda: "done") == "done"

    assert len(reserve(own_data)) == space.RESERVE_PIECES


@pytest.mark.parametrize("reserved", [0, 1])
def test_another_error_is_raised_at_once_and_costs_no_reserve(reserved, own_data):
    if reserved:
        fill_reserve()
    tries = []

    def act() -> None:
        tries.append(1)
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        with_reserve(act)

    assert len(tries) == 1
    assert not reserved or len(reserve(own_data)) == space.RESERVE_PIECES


def test_on_a_full_disk_each_small_write_takes_a_piece_until_none_is_left(small_disk):
    fill_reserve()
    fill(small_disk)
    done = []

    def write() -> None:
        (small_disk / f"{len(done)}").write_bytes(bytes(100_000))

    for _ in range(space.RESERVE_PIECES):
        done.append(with_reserve(write))
        fill(small_disk)

    assert reserve(small_disk) == []
    with pytest.raises(OSError, match="No space left"):
        with_reserve(write)


def test_the_reserve_leaves_no_cut_short_piece_where_the_disk_fills_up(small_disk, monkeypatch):
    monkeypatch.setattr(space, "free_bytes", lambda: FAR_MORE_THAN_THERE_IS)
    monkeypatch.setattr(space, "PIECE_BYTES", 10 << 20)

    fill_reserve()

    assert {path.stat().st_size for path in reserve(small_disk)} == {10 << 20}


# Work


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(bells, "send", heard.append)
    return heard


@pytest.mark.django_db
def test_without_room_workers_claim_nothing_and_are_rung_for_until_there_is_some(
    no_room, settings, alice, make_asset, rings
):
    asset = make_asset(prepared=False)

    stills_task.apply()
    asset.stills.refresh_from_db()
    assert (asset.stills.state, asset.stills.attempts, asset.stills.lapses) == ("due", 0, 0)
    assert sweep(now=timezone.now() + timedelta(seconds=30), workers=1) == 1

    settings.FREE_SPACE_FLOOR_BYTES = 0
    stills_task.apply()
    asset.stills.refresh_from_db()
    assert asset.stills.state == "done"


@pytest.mark.django_db
@pytest.mark.parametrize("full", [FullDiskError(), sqlite_error(sqlite3.SQLITE_FULL)])
def test_a_disk_that_fills_up_amid_work_counts_as_no_attempt(full, alice):
    (row,) = make_stills([alice], 1)

    def act(_row: Stills, _now: datetime) -> None:
        raise OperationalError("wrapped") from full

    for _ in range(work.MAX_ATTEMPTS + 1):
        before = timezone.now()
        assert work_one(act) == 1
        row.refresh_from_db()
        assert (row.state, row.attempts, row.lapses, row.claim) == ("due", 0, 0, None)
        assert before + RETRY_AFTER <= row.due_at <= timezone.now() + RETRY_AFTER
        Stills.objects.update(due_at=before)


@pytest.fixture
def work_folder(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Folders on disks of a few kilobytes, for what decoders write."""
    made: list[Path] = []

    def make(kilobytes: int) -> Path:
        folder = tmp_path / f"{len(made)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)],
            capture_output=True,
        )
        if done.returncode:
            pytest.skip("no disk of one's own can be mounted here")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(folder: Path, quality: int = 95) -> Path:
    """Write a picture whose renditions are large."""
    source = folder / "noise.jpg"
    image = Image.frombytes("RGB", (800, 600), os.urandom(800 * 600 * 3))
    image.save(source, "JPEG", quality=quality)
    return source


def test_pictures_that_find_no_room_are_not_taken_for_damaged(tmp_path, work_folder):
    with pytest.raises(FullDiskError):
        sandbox.render(
            noise(tmp_path),
            work_folder(16),
            thumbnail_px=640,
            preview_px=2016,
            limits=limits,
            wall_seconds=60,
        )


def test_a_clean_copy_that_finds_no_room_is_not_withheld_for_good(tmp_path, work_folder):
    with pytest.raises(FullDiskError):
        sandbox.clean(noise(tmp_path), work_folder(16), Level(), limits=limits, wall_seconds=60)


def test_a_picture_saved_anew_that_finds_no_room_is_not_withheld_for_good(tmp_path, work_folder):
    source = noise(tmp_path, quality=5)  # of 32 KB; saved anew, it has 50
    data = source.read_bytes()
    source.write_bytes(data[:-2] + segment(0xDC, b"\0\x17 and a secret") + data[-2:])
    roomy = work_folder(4096)
    made, _ = sandbox.clean(source, roomy, Level(), limits=limits, wall_seconds=60)
    assert made.verdict == Verdict.CONVERTED

    with pytest.raises(FullDiskError):
        sandbox.clean(source, work_folder(48), Level(), limits=limits, wall_seconds=60)
