"""The broker goes away while people upload: nobody notices, and nothing waits long afterwards."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import pytest

from tests.conftest import PASSWORD, picture
from tests.site import Site, free_port

ANSWER_SECONDS = 3.0
PREPARED_SECONDS = 60.0
EMAIL = "alice@example.org"
MAKE_ALICE = f"""
from allauth.account.models import EmailAddress
from library.models import User
user = User.objects.create_user("{EMAIL}", "{PASSWORD}", display_name="Alice Doe")
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
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


class Member:
    """Somebody who is signed in, over plain HTTP."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def post(self, path: str, fields: list[tuple[str, str, bytes]]) -> tuple[int, bytes, float]:
        """Send a form, (name, file name, value) each; return status, body and seconds."""
        with self.opener.open(self.site.url + path, timeout=30) as page:
            secret = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())[1]
        body = multipart([("csrfmiddlewaretoken", "", secret), *fields])
        request = urllib.request.Request(
            self.site.url + path,
            body,
            {
                "Content-Type": "multipart/form-data; boundary=edge",
                "Accept": "application/json" if "upload" in path else "text/html",
            },
        )
        started = time.monotonic()
        with self.opener.open(request, timeout=30) as answer:
            return answer.status, answer.read(), time.monotonic() - started

    def log_in(self) -> None:
        fields = [("login", "", EMAIL.encode()), ("password", "", PASSWORD.encode())]
        self.post("/accounts/login/", fields)
        assert "sessionid" in {cookie.name for cookie in self.cookies}

    def upload(self, number: int) -> float:
        status, body, seconds = self.post(
            "/library/upload/", [("files", f"IMG_{number:04}.jpg", picture())]
        )
        assert 200 <= status < 300
        assert [file["state"] for file in json.loads(body)["files"]] == ["added"]
        return seconds


def multipart(fields: list[tuple[str, str, bytes]]) -> bytes:
    parts = []
    for name, filename, value in fields:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + value + b"\r\n")
    return b"".join(parts) + b"--edge--\r\n"


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
def alice_there(site) -> Member:
    site.manage("shell", "-c", MAKE_ALICE)
    member = Member(site)
    member.log_in()
    return member


@pytest.mark.parametrize(("count", "away_seconds"), [(20, 0)])
def test_uploads_pass_while_the_broker_is_down_and_are_prepared_once_it_is_back(
    count, away_seconds, redis, site, alice_there
):
    alice_there.upload(0)
    wait_until_prepared(site, 1, 30)

    redis.stop()
    slowest = max(alice_there.upload(number) for number in range(1, count + 1))
    time.sleep(away_seconds)
    redis.start()
    seconds = wait_until_prepared(site, count + 1, PREPARED_SECONDS)

    print(f"{count} uploads, slowest {slowest:.2f} s; all prepared {seconds:.1f} s after")
    assert slowest < ANSWER_SECONDS


def test_an_upload_does_not_wait_for_a_broker_that_hangs(redis, site, alice_there):
    alice_there.upload(0)
    wait_until_prepared(site, 1, 30)

    psutil.Process(redis.process.pid).suspend()
    slowest = max(alice_there.upload(number) for number in range(1, 4))

    assert slowest < ANSWER_SECONDS
    psutil.Process(redis.process.pid).resume()
    wait_until_prepared(site, 4, PREPARED_SECONDS)
