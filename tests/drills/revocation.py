"""Stop, a tighter level and a suspension under running downloads: when the server let go of each."""

import tempfile
import time
from pathlib import Path

from tests.huge import Link, owner_of_huge_files, write
from tests.patience import wait_until
from tests.readers import Reader
from tests.site import Site

CAUSES = ("stop", "tighten", "suspend")


def run(count: int) -> None:
    """End each kind of download so many times, for each cause; print the slowest of each."""
    with tempfile.TemporaryDirectory(prefix="passalong-drill-") as folder:
        site = Site(Path(folder) / "site").start()
        try:
            sender = owner_of_huge_files(site)
            for cause in CAUSES:
                report(cause, [once(Link(site, sender), cause) for _ in range(count)])
                write(site, "UPDATE library_user SET is_active = 1")
        finally:
            site.stop()


def once(link: Link, cause: str) -> dict[str, tuple[float, int, bool]]:
    """Return for each reader: seconds until the server's end was gone, bytes read since, whether complete."""
    write(link.site, "UPDATE library_user SET is_active = 1")
    readers = link.readers()
    link.end(cause)
    began = time.monotonic()
    before = {key: reader.read_bytes for key, reader in readers.items()}
    gone: dict[tuple[str, str], float] = {}

    def are_gone() -> bool:
        for key, reader in readers.items():
            if key not in gone and not reader.is_connected():
                gone[key] = time.monotonic() - began
        return len(gone) == len(readers)

    wait_until(are_gone)
    return {
        " ".join(key): (gone[key], *left(reader, before[key])) for key, reader in readers.items()
    }


def left(reader: Reader, before: int) -> tuple[int, bool]:
    """Return what came in after the end, from the reader's own kernel too, and whether it was all."""
    return reader.read_on() - before, reader.is_complete


def report(cause: str, rounds: list[dict[str, tuple[float, int, bool]]]) -> None:
    """Print one line for each kind of reader."""
    for name in rounds[0]:
        seconds, after, complete = zip(*(each[name] for each in rounds), strict=True)
        print(
            f"{cause:8} {name:17} cut {len(rounds)} of {len(rounds)}, {sum(complete)} complete; at most "
            f"{max(seconds):.2f} s later, {max(after) / 1e6:,.2f} MB read since"
        )
