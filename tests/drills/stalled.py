"""People who ask for downloads and read nothing: whether pages answer meanwhile, and when they are let go."""

import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.huge import WHAT, Link, owner_of_huge_files, status_of
from tests.readers import Reader, wait_until_let_go
from tests.site import Site

PAGES = 50


def run(count: int) -> None:
    """Let so many readers ask for one link; print what they and everybody else are answered."""
    with tempfile.TemporaryDirectory(prefix="passalong-drill-") as folder:
        site = Site(Path(folder) / "site").start()
        try:
            link = Link(site, owner_of_huge_files(site))
            alone = seconds_of(link.address)
            readers = [Reader(link.address + WHAT[n % 2], pace=0) for n in range(count)]
            print(f"{count} readers were answered {dict(Counter(r.status for r in readers))}")
            crowded = seconds_of(link.address)
            print(f"slowest of {PAGES} pages: {alone:.3f} s alone, {crowded:.3f} s with them")
            began = time.monotonic()
            wait_until_let_go([reader for reader in readers if reader.status == 200])
            print(f"all were let go {time.monotonic() - began:.0f} s later")
            assert status_of(link.address + "1/thumbnail") == 200
        finally:
            site.stop()


def seconds_of(address: str) -> float:
    """Return how long the slowest of some pages took."""
    longest = 0.0
    for _ in range(PAGES):
        began = time.monotonic()
        assert status_of(address) == 200
        longest = max(longest, time.monotonic() - began)
    return longest
