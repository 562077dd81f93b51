"""The folder that carries doorbells: a message is whole, or not there."""

import json
import threading
import time
from pathlib import Path

from kombu import Connection

from config.connections import broker

MESSAGES = 400


def test_a_reader_never_meets_half_a_message(tmp_path: Path):
    url, options = broker("", queue=tmp_path)
    folder, met = tmp_path / "bells", set()

    def put_all() -> None:
        with Connection(url, transport_options=options) as connection:
            queue = connection.SimpleQueue("written")
            for number in range(MESSAGES):
                queue.put({"number": number})

    writer = threading.Thread(target=put_all)
    writer.start()
    deadline = time.monotonic() + 30
    while len(met) < MESSAGES:
        assert time.monotonic() < deadline
        new = {path for path in folder.glob("*.written.msg") if path not in met}
        assert all(json.loads(path.read_text()) for path in new)
        met |= new

    writer.join()
    assert not list(folder.glob("*.part"))


def test_what_was_put_is_taken_once(tmp_path: Path):
    url, options = broker("", queue=tmp_path)

    with Connection(url, transport_options=options) as connection:
        queue = connection.SimpleQueue("taken")
        for number in range(20):
            queue.put({"number": number})
        taken = []
        for _ in range(20):
            message = queue.get(timeout=2)
            message.ack()
            taken.append(message.payload["number"])

    assert sorted(taken) == list(range(20))
