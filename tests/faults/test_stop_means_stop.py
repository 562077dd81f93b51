"""Somebody stops sharing while others download, and people download who do not read."""

import http.client
import urllib.parse
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.huge import WHAT, Link, owner_of_huge_files, status_of, write
from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.prepared import prepare
from tests.readers import Reader, wait_until_let_go
from tests.site import Site

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
    return owner_of_huge_files(site)


@pytest.fixture
def link(site, alice) -> Link:
    return Link(site, alice)


@pytest.mark.parametrize("cause", ["stop", "tighten", "suspend"])
def test_downloads_break_off_when_something_is_no_longer_allowed(cause, site, link):
    readers = link.readers()

    link.end(cause)

    wait_until_let_go(list(readers.values()))
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


def test_a_connection_that_has_carried_a_link_goes_on_with_other_pages(site, link):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_SECONDS)
    page = urllib.parse.urlsplit(link.address).path
    connection.request("GET", f"{page}1/thumbnail")
    assert connection.getresponse().read()
    ours = connection.sock
    stalled = Reader(link.address + "archive", pace=0)

    link.stop()
    wait_until_let_go([stalled])

    for path, status in ((page, 410), ("/accounts/login/", 200)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (status, True)
    assert connection.sock is ours
    connection.close()


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
    again = Reader(link.address + "1/file", pace=None)
    assert again.status == 200
    again.close()


def test_somebody_who_reads_slowly_is_not_let_go(link):
    """One of them takes something every second, the other nothing."""
    slow = Reader(link.address + "archive", pace=100_000)
    stalled = Reader(link.address + "archive", pace=0)

    wait_until_let_go([stalled])

    assert slow.is_connected()
    slow.close()
