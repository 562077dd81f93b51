"""What cleans pictures is killed, and the disk fills up, half-way: no byte that is not clean leaves."""

import re
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.prepared import prepare
from tests.shares.planted import MARKER, planted
from tests.site import Site, command_of

PICTURES = 20
ALL_ASSETS = (
    "from library.models import Asset\nprint(*Asset.objects.values_list('uuid', flat=True))"
)
LAST_LINK = "from shares.models import Share\nprint(Share.objects.latest('pk').get_absolute_url())"


@pytest.fixture
def site(request, tmp_path) -> Iterator[Site]:
    folder = (
        request.getfixturevalue("small_disk") if "small_disk" in request.fixturenames else tmp_path
    )
    prepare(folder / "site")
    site = Site(folder / "site").start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == [], site.log


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of its own, small enough to be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no disk of one's own can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def alice(site) -> Member:
    alice = Member.of(site, "alice@example.org", "Alice Doe")
    for number in range(PICTURES):
        alice.upload(number, planted())
    alice.wait_until_prepared(PICTURES)
    return alice


def share_all(site: Site, alice: Member) -> str:
    """Make a clean link of all; return its address."""
    uuids = site.manage("shell", "--verbosity", "0", "-c", ALL_ASSETS).split()
    page = alice.opener.open(f"{site.url}/library/upload/")
    secret = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())[1].decode()
    body = "&".join([f"csrfmiddlewaretoken={secret}", *(f"asset={uuid}" for uuid in uuids)])
    request = urllib.request.Request(f"{site.url}/links/", body.encode())
    with alice.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
        assert answer.status == 200
    return site.url + site.manage("shell", "--verbosity", "0", "-c", LAST_LINK).strip()


def served(link: str) -> Counter[int]:
    """Ask for every file of a link; return how often which status came. None is ever unclean."""
    found: Counter[int] = Counter()
    for position in range(1, PICTURES + 1):
        try:
            with urllib.request.urlopen(
                f"{link}{position}/file", timeout=PATIENCE_SECONDS
            ) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        assert MARKER.encode() not in body, position
        found[status] += 1
    return found


def cleaners(site: Site) -> list[psutil.Process]:
    """Return the decoding servers of the workers."""
    with suppress(psutil.Error):
        worker = site.children()["worker"]
        return [p for p in worker.children(recursive=True) if "serve()" in " ".join(command_of(p))]
    return []


def test_cleaners_that_are_killed_let_nothing_unclean_out(site, alice):
    link = share_all(site, alice)
    kills = 0

    def kill_one() -> bool:
        nonlocal kills
        for process in cleaners(site):
            with suppress(psutil.Error):
                process.kill()
                kills += 1
        return kills >= PICTURES or not served(link)[503]

    wait_until(kill_one, told=lambda: site.log)
    wait_until(lambda: not served(link)[503], told=lambda: site.log)

    assert kills > 0
    assert set(served(link)) <= {200, 404}, "each is clean, or given up and withheld"

    again = share_all(site, alice)  # what was given up is tried again
    wait_until(lambda: served(again) == {200: PICTURES}, told=lambda: site.log)


def test_a_full_disk_lets_nothing_unclean_out_and_all_is_there_once_there_is_room(
    small_disk, site, alice
):
    workers = [site.children()["worker"], *site.children()["worker"].children(recursive=True)]
    site.hold(workers)
    link = share_all(site, alice)
    filler = small_disk / "filler"
    with filler.open("wb") as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    for process in workers:
        process.resume()

    for _ in range(3):
        assert served(link)[200] == 0
    filler.unlink()

    wait_until(lambda: served(link) == {200: PICTURES}, told=lambda: site.log)
