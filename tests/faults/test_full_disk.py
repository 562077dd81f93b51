"""The disk fills up, to the floor and then to the last byte: what must go on goes on, and nothing is lost."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, picture
from tests.member import Member, multipart
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.prepared import prepare
from tests.site import Site

MIB = 1 << 20
FLOOR_BYTES = 12 * MIB
ASSETS = "SELECT uuid FROM library_asset ORDER BY id"
WORK = "SELECT state, attempts FROM library_stills ORDER BY id"
SECRET = re.compile(rb'name="csrfmiddlewaretoken" value="(\w+)"')


class Person(Member):
    """Somebody who counts what the site answers, and takes every answer."""

    answers: Counter[int]

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Ask as a browser does, unless the headers say otherwise; return status and body."""
        headers = {"Accept": "text/html"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        request = urllib.request.Request(self.site.url + path, body, headers)
        try:
            with self.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        self.answers[status] += 1
        return status, body

    def send(self, path: str, *fields: tuple[str, str, bytes], **headers: str) -> tuple[int, bytes]:
        """Send a form with the secret of the upload page, which anybody signed in may see."""
        page = self.ask("/library/upload/" if self.cookies_of("sessionid") else path)[1]
        form = multipart([("csrfmiddlewaretoken", "", SECRET.search(page)[1]), *fields])
        return self.ask(path, form, Content_Type="multipart/form-data; boundary=edge", **headers)

    def cookies_of(self, name: str) -> list[str]:
        return [cookie.value for cookie in self.cookies if cookie.name == name]

    def upload_of(self, megabytes: int) -> tuple[int, dict[str, str]]:
        data = picture() + os.urandom(megabytes * MIB)
        file = ("files", "IMG_0001.jpg", data)
        status, said = self.send("/library/upload/", file, Accept="application/json")
        return status, json.loads(said)["files"][0]

    def link_to(self, uuid: str) -> dict[str, str]:
        fields = [("asset", "", uuid.encode()), ("privacy", "", b"everything")]
        status, said = self.send("/links/", *fields, Accept="application/json")
        assert status == 201
        made: dict[str, str] = json.loads(said)
        return made | {"path": made["url"].removeprefix(self.site.url)}


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk of one's own can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def site(disk) -> Iterator[Site]:
    prepare(disk / "site")
    site = Site(disk / "site", {"FREE_SPACE_FLOOR_BYTES": str(FLOOR_BYTES)}).start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == []


@pytest.fixture
def answers() -> Counter[int]:
    return Counter()


@pytest.fixture
def alice(site, answers) -> Person:
    alice = Person.of(site, "alice@example.org", "Alice Doe")
    alice.answers = answers
    return alice


@pytest.fixture
def carol(site, answers) -> Person:
    carol = Person(site, "")
    carol.answers = answers
    return carol


def take(disk: Path, *, leaving: int) -> Path:
    """Have something else on the disk take what is free, but for so many bytes."""
    filler = disk / f"filler-{leaving}"
    with filler.open("wb", buffering=0) as file:
        piece = MIB
        while piece:
            if os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - piece < leaving:
                piece //= 2
                continue
            try:
                file.write(bytes(piece))
            except OSError:
                piece //= 2
    return filler


def test_a_disk_that_is_full_stops_uploads_and_no_reading_and_no_stop_of_sharing(
    disk, site, alice, carol, answers
):
    for number in range(2):
        alice.upload(number)
    alice.wait_until_prepared(2)
    links = [alice.link_to(uuid) for (uuid,) in site.rows(ASSETS)]
    picture_before = carol.ask(links[1]["path"] + "1/file")
    wait_until(lambda: len(list((site.data_dir / "reserve").iterdir())) == 8)

    # Down to the floor
    workers = [site.children()["worker"], *site.children()["worker"].children(recursive=True)]
    site.hold(workers)
    alice.upload(2)
    fillers = [take(disk, leaving=FLOOR_BYTES - MIB)]
    for process in workers:
        process.resume()

    status, said = alice.upload_of(1)
    assert status == 507
    assert said["message"].startswith("There is no room left on this server at the moment")
    again = alice.link_to(site.rows(ASSETS)[0][0])  # a link is small
    assert alice.send(f"/links/{links[0]['link']}/stop/")[0] == 200
    assert carol.ask(links[0]["path"])[0] == 410
    assert carol.ask(again["path"])[0] == 200

    # Down to the last byte
    fillers.append(take(disk, leaving=0))

    assert alice.ask("/library/")[0] == 200
    assert alice.ask("/links/")[0] == 200
    assert carol.ask(links[1]["path"])[0] == 200
    assert carol.ask(links[1]["path"] + "1/file") == picture_before
    assert alice.upload_of(0)[0] == 507
    status, page = alice.send("/links/", ("asset", "", site.rows(ASSETS)[0][0].encode()))
    assert (status, b"The disk of this site is full" in page) == (507, True)
    assert alice.send(f"/links/{links[1]['link']}/stop/")[0] == 200
    assert carol.ask(links[1]["path"])[0] == 410
    assert alice.ask("/links/")[0] == 200

    fields = [("login", "", alice.email.encode()), ("password", "", PASSWORD.encode())]
    assert carol.send("/accounts/login/", *fields)[0] == 200
    assert carol.cookies_of("sessionid")
    assert set(site.rows(WORK)) == {("done", 0), ("due", 0)}

    # There is room again
    for filler in fillers:
        filler.unlink()

    def is_taken() -> bool:
        return alice.upload_of(1)[0] == 200

    wait_until(is_taken)
    wait_until(lambda: set(site.rows(WORK)) == {("done", 0)}, told=lambda: str(site.rows(WORK)))
    with suppress(FileNotFoundError):
        assert len(list((site.data_dir / "reserve").iterdir())) <= 8
    assert set(answers) == {200, 201, 410, 507}
