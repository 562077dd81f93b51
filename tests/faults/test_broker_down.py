"""The broker goes away while people upload: nobody notices, and nothing waits long afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.landscapes import landscape
from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.prepared import prepare
from tests.site import Site, free_port

# Of some size: processes of a worker still have one in hand when the last one is uploaded
PICTURES = 8
HANGS_SECONDS = 5  # longer than the site waits for an answer of the broker
WORKER_PROCESSES = len(os.sched_getaffinity(0))


class Redis:
    """A broker of the test's own, which can leave and come back at the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.answers, told=lambda: "redis-server does not start")

    def answers(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def redis(tmp_path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("redis-server is not installed")
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture
def site(redis, tmp_path) -> Iterator[Site]:
    prepare(tmp_path / "site")
    site = Site(tmp_path / "site", {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}).start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == [], site.log


@pytest.fixture
def alice(site) -> Member:
    return Member.of(site, "alice@example.org", "Alice Doe")


def test_uploads_pass_while_the_broker_is_down_and_are_prepared_once_it_is_back(redis, site, alice):
    alice.upload(0)
    alice.wait_until_prepared(1)

    redis.stop()
    for number in range(1, 21):
        alice.upload(number)  # it is answered before the broker is back
    redis.start()

    alice.wait_until_prepared(21)


def test_a_broker_that_hangs_while_workers_work_gets_their_next_work_to_them(redis, site, alice):
    """What they had in hand can't be acknowledged then; they take more all the same."""
    alice.upload(0)
    alice.wait_until_prepared(1)
    hanging = psutil.Process(redis.process.pid)
    seeds = count(1)

    def hang_amid_work() -> bool:
        """Stop the broker while workers have something in hand; tell whether each had, by now."""
        hanging.resume()
        pictures = [landscape(next(seeds), long_edge_px=4000) for _ in range(PICTURES)]
        for number, data in enumerate(pictures):
            alice.upload(number, data)
        hanging.suspend()
        time.sleep(HANGS_SECONDS)
        return site.log.count("Couldn't ack") >= WORKER_PROCESSES

    wait_until(hang_amid_work, told=lambda: site.log)
    hanging.resume()
    alice.upload(0)

    alice.wait_until_prepared(1 + next(seeds))


def test_an_upload_does_not_wait_for_a_broker_that_hangs(redis, site, alice):
    alice.upload(0)
    alice.wait_until_prepared(1)
    hanging = psutil.Process(redis.process.pid)

    hanging.suspend()
    for number in range(1, 4):
        alice.upload(number)

    assert hanging.status() == psutil.STATUS_STOPPED
    hanging.resume()
    alice.wait_until_prepared(4)
