"""Somebody stops sharing while others download, and people download who do not read."""

import os
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.prepared import prepare
from tests.readers import Reader, wait_until_let_go
from tests.site import Site

TIMES = int(os.environ.get("DRILL_COUNT", "1"))
HUGE_BYTES = 64 << 30  # sparse; at any speed of this machine it takes far longer than a stop
PACES = {"fast": None, "200 kB/s": 200_000, "stalled": 0}
WHAT = ("archive", "1/file")
IDLE_SECONDS = 5


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("stop") / "site"
    prepare(folder)
    site = Site(folder, {"LINK_READER_IDLE_SECONDS": str(IDLE_SECONDS)}).start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == [], site.log


@pytest.fixture(scope="module")
def alice(site) -> Member:
    alice = Member.of(site, "alice@example.org", "Alice Doe")
    for number in range(2):
        alice.upload(number)
    alice.wait_until_prepared(2)
    write(
        site,
        "UPDATE library_blob SET size_bytes = ? WHERE id IN (SELECT blob_id FROM library_asset)",
        HUGE_BYTES,
    )
    for (key,) in site.rows(
        "SELECT key FROM library_blob JOIN library_asset ON blob_id = library_blob.id"
    ):
        os.truncate(Path(site.data_dir) / "blobs" / key[:2] / key, HUGE_BYTES)
    return alice


def write(site: Site, change: str, *values: object) -> None:
    with (
        closing(
            sqlite3.connect(site.data_dir / "passalong.sqlite3", timeout=PATIENCE_SECONDS)
        ) as database,
        database,
    ):
        database.execute(change, values)


def fields_of(page: bytes) -> str:
    return re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)[1].decode()


class Link:
    """A link of everything that Alice has, and the sender's own address of it."""

    def __init__(self, site: Site, alice: Member) -> None:
        self.site, self.alice = site, alice
        uuids = [f"asset={uuid}" for (uuid,) in site.rows("SELECT uuid FROM library_asset")]
        self.post("/links/", "privacy=everything", *uuids)
        token, uuid = site.rows("SELECT token, uuid FROM shares_share ORDER BY id DESC LIMIT 1")[0]
        self.address = f"{site.url}/s/{token}/"
        self.path = f"/links/{UUID(uuid)}/"

    def post(self, path: str, *fields: str) -> None:
        page = self.alice.opener.open(f"{self.site.url}/library/upload/", timeout=PATIENCE_SECONDS)
        body = "&".join([f"csrfmiddlewaretoken={fields_of(page.read())}", *fields])
        request = urllib.request.Request(self.site.url + path, body.encode())
        with self.alice.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200

    def stop(self) -> None:
        self.post(f"{self.path}stop/")

    def tighten(self) -> None:
        self.post(f"{self.path}terms/", "privacy=clean")


@pytest.fixture
def link(site, alice) -> Link:
    return Link(site, alice)


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def readers_of(link: Link) -> dict[tuple[str, str], Reader]:
    readers = {
        (what, name): Reader(link.address + what, pace=pace)
        for what in WHAT
        for name, pace in PACES.items()
    }
    assert {reader.status for reader in readers.values()} == {200}
    wait_until(
        lambda: all(reader.read_bytes for (_, name), reader in readers.items() if name != "stalled")
    )
    return readers


@pytest.mark.parametrize("ends", ["stop", "tighten", "suspend"])
@pytest.mark.parametrize("time", range(TIMES))
def test_downloads_break_off_when_something_is_no_longer_allowed(time, ends, site, link):
    readers = readers_of(link)

    if ends == "suspend":
        write(site, "UPDATE library_user SET is_active = 0")
    else:
        getattr(link, ends)()

    wait_until_let_go(list(readers.values()))
    if ends == "suspend":
        write(site, "UPDATE library_user SET is_active = 1")
    for key, reader in readers.items():
        assert reader.read_on() < reader.length, key
    assert status_of(f"{site.url}/accounts/login/") == 200


def test_what_the_server_has_handed_over_already_is_called_back_too(link):
    """A picture is small enough to wait in the kernel, whole, with no thread left that writes it."""
    reader = Reader(link.address + "1/file", pace=0, headers="Range: bytes=0-262143\r\n")
    other = Reader(link.address + "2/file", pace=0, headers="Range: bytes=0-262143\r\n")
    assert (reader.status, reader.length) == (206, 262_144)

    link.stop()
    wait_until_let_go([reader, other])

    assert reader.read_on() < reader.length
    assert other.read_on() < other.length


def test_a_download_goes_on_while_other_links_are_stopped(site, alice, link):
    reader, other = Reader(link.address + "archive", pace=None), Link(site, alice)
    stopped = Reader(other.address + "archive", pace=None)

    other.stop()
    wait_until_let_go([stopped])
    before = reader.read_bytes
    wait_until(lambda: reader.read_bytes > before + (64 << 20))

    assert reader.is_connected()
    reader.close()


def test_readers_who_do_not_read_hold_up_nobody(site, alice, link):
    readers = [Reader(link.address + WHAT[n % 2], pace=0) for n in range(140)]
    statuses = Counter(reader.status for reader in readers)

    assert set(statuses) == {200, 429}
    assert all(int(reader.headers["retry-after"]) > 0 for reader in readers if reader.status == 429)
    for path in ("/accounts/login/", urllib.parse.urlsplit(link.address).path):
        assert status_of(site.url + path) == 200
    with alice.opener.open(f"{site.url}/library/", timeout=PATIENCE_SECONDS) as page:
        assert page.status == 200

    held = [reader for reader in readers if reader.status == 200]
    wait_until_let_go(held)
    assert all(reader.read_on() < reader.length for reader in held)
    assert status_of(link.address + "1/thumbnail") == 200
    again = Reader(link.address + "archive", pace=None)
    assert again.status == 200
    again.close()


def test_somebody_who_reads_slowly_is_not_let_go(link):
    """One of them takes something every second, the other nothing."""
    slow = Reader(link.address + "archive", pace=100_000)
    stalled = Reader(link.address + "archive", pace=0)

    wait_until_let_go([stalled])

    assert slow.is_connected()
    slow.close()
