"""The folder that carries doorbells: a message is whole, or not there, and taken once."""

import errno
import json
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import ChannelError

from config import queue_folder
from config.connections import broker
from library import bells
from tests.patience import wait_until

MESSAGES = 400


@pytest.fixture(autouse=True)
def _as_in_a_new_process():
    """Let kombu forget which queues it has written down: it would not write them down again."""
    queue_folder.Transport.global_state.clear()


def put(folder: Path, queue: str, count: int) -> None:
    url, options = broker("", queue=folder)
    with Connection(url, transport_options=options) as connection:
        messages = connection.SimpleQueue(queue)
        for number in range(count):
            messages.put({"number": number})


def take(folder: Path, queue: str, count: int, taken: list[int] | None = None) -> list[int]:
    """Take messages, into a list that others may fill too, until there are so many in it."""
    url, options = broker("", queue=folder)
    taken = [] if taken is None else taken
    with Connection(url, transport_options=options) as connection:
        messages = connection.SimpleQueue(queue)

        def took_all() -> bool:
            with suppress(messages.Empty):
                while len(taken) < count:
                    message = messages.get(block=False)
                    message.ack()
                    taken.append(message.payload["number"])
            return len(taken) >= count

        wait_until(took_all)
    return taken


def test_a_reader_never_meets_half_a_message(tmp_path: Path):
    folder, met = tmp_path / "bells", set()
    folder.mkdir()
    writer = threading.Thread(target=put, args=(tmp_path, "written", MESSAGES))
    writer.start()

    def met_all() -> bool:
        new = {path for path in folder.glob("*.written.msg") if path not in met}
        assert all(json.loads(path.read_text()) for path in new)
        met.update(new)
        return len(met) == MESSAGES

    wait_until(met_all)
    writer.join()
    assert not list(folder.glob("*.part"))


def test_what_was_put_is_taken_once_and_leaves_nothing(tmp_path: Path):
    put(tmp_path, "taken", 20)

    assert sorted(take(tmp_path, "taken", 20)) == list(range(20))
    assert not list((tmp_path / "bells").iterdir())


def test_readers_at_once_never_take_the_same_message(tmp_path: Path):
    put(tmp_path, "taken", MESSAGES)
    taken: list[int] = []

    readers = [
        threading.Thread(target=take, args=(tmp_path, "taken", MESSAGES, taken)) for _ in range(3)
    ]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()

    assert Counter(taken) == Counter(range(MESSAGES))


def test_a_message_stays_for_the_queue_that_it_was_put_into(tmp_path: Path):
    put(tmp_path, "bells", 1)
    put(tmp_path, "more.bells", 1)

    assert take(tmp_path, "bells", 1) == [0]
    assert [path.name.partition(".")[2] for path in (tmp_path / "bells").iterdir()] == [
        "more.bells.msg"
    ]
    assert take(tmp_path, "more.bells", 1) == [0]


def test_a_folder_that_a_power_cut_tore_works_again_once_it_is_emptied(tmp_path: Path):
    put(tmp_path, "torn", 2)
    (tmp_path / "beat").write_bytes(b"schedule")  # of an older version, as is the next
    (tmp_path / "rung").mkdir()
    (tmp_path / "rung" / "1.torn.msg").touch()
    tables = list((tmp_path / "control").iterdir())
    assert tables
    for path in (*tables, *(tmp_path / "bells").iterdir()):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="Expecting value"):
        put(tmp_path, "torn", 1)

    queue_folder.empty(tmp_path)
    queue_folder.Transport.global_state.clear()

    assert {path.name for path in tmp_path.rglob("*")} == {"bells", "control"}
    put(tmp_path, "torn", 1)
    assert take(tmp_path, "torn", 1) == [0]


@pytest.mark.parametrize("gone", ["bells", "control"])
def test_a_bell_that_finds_no_room_is_no_error_of_who_rings(
    gone, tmp_path: Path, monkeypatch, caplog
):
    """A folder that can't be written to stands for a disk that is full."""
    url, options = broker("", queue=tmp_path)
    app = Celery("tests", broker=url, set_as_current=False)
    app.conf.broker_transport_options = options
    monkeypatch.setattr(bells, "current_app", app)
    (tmp_path / gone).rmdir()
    (tmp_path / gone).touch()

    bells.send("library.tasks.stills_task")

    assert "the sweep will ring later" in caplog.text


def test_a_message_that_finds_no_room_leaves_nothing_behind(tmp_path: Path, monkeypatch):
    def full(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(tmp_path, "bells", 1)
    before = set(tmp_path.rglob("*"))
    monkeypatch.setattr(Path, "rename", full)

    with pytest.raises(ChannelError):
        put(tmp_path, "bells", 1)

    assert set(tmp_path.rglob("*")) == before
