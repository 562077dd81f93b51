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
ENOUGH_KILLS = 100
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


def answers(link: str) -> Counter[str]:
    """Ask for every file of a link; return how often it was sent, waits, or was given up. None is unclean."""
    found: Counter[str] = Counter()
    for position in range(1, PICTURES + 1):
        try:
            with urllib.request.urlopen(
                f"{link}{position}/file", timeout=PATIENCE_SECONDS
            ) as response:
                answer, body = "sent", response.read()
        except urllib.error.HTTPError as error:
            answer, body = _told_by(error), error.read()
        assert MARKER.encode() not in body, position
        found[answer] += 1
    return found


def _told_by(error: urllib.error.HTTPError) -> str:
    if error.code != 503:
        return str(error.code)
    return "waits" if "Retry-After" in error.headers else "given up"


def cleaners(site: Site) -> list[psutil.Process]:
    """Return the decoding servers of the workers."""
    with suppress(psutil.Error):
        worker = site.children()["worker"]
        return [p for p in worker.children(recursive=True) if "serve()" in " ".join(command_of(p))]
    return []


def held_workers(site: Site) -> list[psutil.Process]:
    """Hold the workers with all that they have started, so that what becomes due waits."""
    worker = site.children()["worker"]
    workers = [worker, *worker.children(recursive=True)]
    site.hold(workers)
    return workers


def test_cleaners_that_are_killed_let_nothing_unclean_out(site, alice):
    workers = held_workers(site)
    link = share_all(site, alice)
    kills = 0

    def kill_all() -> bool:
        nonlocal kills
        for process in cleaners(site):
            with suppress(psutil.Error):
                process.kill()
                kills += 1
        return kills >= ENOUGH_KILLS or not answers(link)["waits"]

    for process in workers:
        process.resume()
    wait_until(kill_all, told=lambda: site.log)
    wait_until(lambda: not answers(link)["waits"], told=lambda: site.log)

    assert kills > 0
    assert set(answers(link)) <= {"sent", "given up"}

    again = share_all(site, alice)  # what was given up is tried again
    wait_until(lambda: answers(again) == {"sent": PICTURES}, told=lambda: site.log)
    assert answers(link) == {"sent": PICTURES}, "a copy is made once for all links"


def test_a_full_disk_lets_nothing_unclean_out_and_all_is_there_once_there_is_room(
    small_disk, site, alice
):
    workers = held_workers(site)
    link = share_all(site, alice)
    filler = small_disk / "filler"
    with filler.open("wb") as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    for process in workers:
        process.resume()

    for _ in range(3):
        assert answers(link)["sent"] == 0
    filler.unlink()

    wait_until(lambda: answers(link) == {"sent": PICTURES}, told=lambda: site.log)
