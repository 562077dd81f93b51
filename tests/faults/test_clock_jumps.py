"""The clock jumps a month ahead, and back: what ended stays ended, and nothing stands still."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import wait_until
from tests.prepared import prepare
from tests.site import Site

# Put before the C library, it adds to the time of day what a file says. libfaketime would do, but for
# Python's sleep, which it breaks. The monotonic clock is left alone, as by whoever sets a clock.
SHIFTED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *seconds;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("SHIFTED_BY"), O_RDONLY);
    seconds = mmap(0, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *seconds;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""
DAY_SECONDS = 24 * 3600
ASSETS = "SELECT uuid FROM library_asset ORDER BY id"
STAMPED = "SELECT count(*) FROM shares_share WHERE ended_at IS NOT NULL"


class Clock:
    """The time of day of a site: the real one, and so many days."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shifted-by"
        self.path.write_bytes(bytes(8))
        self.library = folder / "shifted.so"
        source = folder / "shifted.c"
        source.write_text(SHIFTED)
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-o", str(self.library), str(source)], check=True
        )

    @property
    def variables(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "SHIFTED_BY": str(self.path)}

    def jump(self, days: int) -> None:
        with self.path.open("r+b") as file:  # in its place, for it is mapped
            file.write(struct.pack("q", days * DAY_SECONDS))


@pytest.fixture
def clock(tmp_path) -> Clock:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler is installed, which makes a clock that can be set")
    return Clock(tmp_path)


@pytest.fixture
def site(clock, tmp_path) -> Iterator[Site]:
    prepare(tmp_path / "site")
    site = Site(tmp_path / "site", clock.variables).start()
    running = site.processes()
    yield site
    running = {*running, *site.stop()}
    assert site.survivors(list(running)) == [], site.log


def test_a_link_that_ended_stays_ended_and_work_goes_on_when_the_clock_jumps_there_and_back(
    clock, site, alice, carol, answers
):
    alice.upload(0)
    alice.wait_until_prepared(1)
    link = alice.link_to(site.rows(ASSETS)[0][0])["path"]
    assert carol.ask(link)[0] == 200

    clock.jump(31)

    assert carol.ask(link)[0] == 410
    assert alice.log_in(alice.email) == 200
    alice.upload(1)
    alice.wait_until_prepared(2)
    wait_until(lambda: site.rows(STAMPED) == [(1,)], told=lambda: site.log)  # beat goes on

    # What becomes due now, and whose bell is lost, is dated a month ahead of what comes next
    workers = [site.children()["worker"], *site.children()["worker"].children(recursive=True)]
    site.hold(workers)
    alice.upload(2)
    for bell in (site.data_dir / "queue" / "bells").iterdir():
        bell.unlink()

    clock.jump(0)
    for process in workers:
        process.resume()

    assert carol.ask(link)[0] == 410
    alice.wait_until_prepared(3)  # so beat still goes on
    assert alice.log_in(alice.email) == 200
    alice.upload(3)
    alice.wait_until_prepared(4)
    assert carol.ask(link)[0] == 410
    assert set(answers) == {200, 201, 410}
    assert "Traceback" not in site.log
