"""The disk fills up, to the floor and then to the last byte: what must go on goes on, and nothing is lost."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import wait_until
from tests.prepared import prepare
from tests.site import Site

MIB = 1 << 20
FLOOR_BYTES = 12 * MIB
ASSETS = "SELECT uuid FROM library_asset ORDER BY id"
WORK = "SELECT state, attempts FROM library_stills ORDER BY id"


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

    assert carol.log_in(alice.email) == 200
    assert carol.cookies_of("sessionid")
    assert set(site.rows(WORK)) == {("done", 0), ("due", 0)}

    # There is room again
    for filler in fillers:
        filler.unlink()

    # by itself: nobody rings but the sweep
    wait_until(lambda: set(site.rows(WORK)) == {("done", 0)}, told=lambda: str(site.rows(WORK)))
    assert alice.upload_of(1)[0] == 200
    alice.wait_until_prepared(4)
    wait_until(lambda: len(list((site.data_dir / "reserve").iterdir())) == 8)
    assert set(answers) == {200, 201, 410, 507}
