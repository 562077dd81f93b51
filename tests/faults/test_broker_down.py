"""The broker goes away while people upload: nobody notices, and nothing waits long afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.member import Member
from tests.site import Site, free_port

ANSWER_SECONDS = 3.0
PREPARED_SECONDS = 60.0
COUNT_PREPARED = """
from library.models import Asset
print("prepared", Asset.objects.exclude(prepared_at=None).count())
"""


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
        deadline = time.monotonic() + 10
        while not self.answers():
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.05)

    def answers(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(timeout=10)


def wait_until_prepared(site: Site, count: int, seconds: float) -> float:
    started = time.monotonic()
    while f"prepared {count}" not in site.manage("shell", "-c", COUNT_PREPARED):
        assert time.monotonic() - started < seconds, site.log
        time.sleep(0.2)
    return time.monotonic() - started


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
    site = Site(tmp_path / "site", {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}).start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == [], site.log


@pytest.fixture
def alice(site) -> Member:
    return Member.of(site, "alice@example.org", "Alice Doe")


@pytest.mark.parametrize(("count", "away_seconds"), [(20, 0)])
def test_uploads_pass_while_the_broker_is_down_and_are_prepared_once_it_is_back(
    count, away_seconds, redis, site, alice
):
    alice.upload(0)
    wait_until_prepared(site, 1, 30)

    redis.stop()
    slowest = max(alice.upload(number) for number in range(1, count + 1))
    time.sleep(away_seconds)
    redis.start()
    seconds = wait_until_prepared(site, count + 1, PREPARED_SECONDS)

    print(f"{count} uploads, slowest {slowest:.2f} s; all prepared {seconds:.1f} s after")
    assert slowest < ANSWER_SECONDS


def test_an_upload_does_not_wait_for_a_broker_that_hangs(redis, site, alice):
    alice.upload(0)
    wait_until_prepared(site, 1, 30)

    psutil.Process(redis.process.pid).suspend()
    slowest = max(alice.upload(number) for number in range(1, 4))

    assert slowest < ANSWER_SECONDS
    psutil.Process(redis.process.pid).resume()
    wait_until_prepared(site, 4, PREPARED_SECONDS)
