"""The ZIP of a link: streamed from its plan, and stored, beside one plain file and copyparty's."""

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from library.blobs.storage import store
from shares.models import Share
from tests.patience import PATIENCE_SECONDS
from tests.site import Site, free_port

ROUNDS = 5
PEER = "copyparty>=1.20,<1.21"  # no dependency: it has a virtual environment in a folder that goes
FETCH_SECONDS = 180
Row = tuple[str, str, str, str]


def rows(site: Site, many: Share, one: Share) -> list[Row]:
    """Measure the first byte, and the throughput against one plain file through the same streamer."""
    zip_path = f"/s/{many.token}/archive"
    page = median(lambda: fetch(site.port, f"/s/{many.token}/1/")[0])
    small = median(lambda: fetch(site.port, f"{zip_path}?items=1")[0])
    first = median(lambda: fetch(site.port, zip_path, only_first=True)[0])
    count = many.items.count()
    # One after the other in each round: a machine that is busy for a while is busy for both
    plain_path = f"/s/{one.token}/1/file"
    plain, zipped = throughputs(
        lambda: streamed(site.port, plain_path), lambda: streamed(site.port, zip_path)
    )
    plain_in_all, zipped_in_all = throughputs(
        lambda: fetch(site.port, plain_path)[1:], lambda: fetch(site.port, zip_path)[1:]
    )
    with_wait = f"with the wait for the first byte {zipped_in_all / plain_in_all:.2f}x"
    return [
        (
            f"ZIP of {count} items, first byte",
            f"{first * 1000:.0f} ms",
            f"ZIP of 1 item: {small * 1000:.0f} ms; an item's page: {page * 1000:.0f} ms",
            f"{(first - small) * 1000:+.0f} ms",
        ),
        (
            f"ZIP of {count} items, throughput from its first byte on",
            f"{zipped:.0f} MB/s",
            f"one plain file of that size, same streamer: {plain:.0f} MB/s; {with_wait}",
            f"{zipped / plain:.2f}x",
        ),
        copyparty_row(site, many),
    ]


def stored_row(site: Site, many: Share, one: Share) -> Row:
    """Measure an archive that the worker has stored."""
    plain, stored = throughputs(
        lambda: streamed(site.port, f"/s/{one.token}/1/file"),
        lambda: streamed(site.port, f"/s/{many.token}/archive"),
    )
    return (
        f"Stored ZIP of {many.items.count()} items, throughput from its first byte on",
        f"{stored:.0f} MB/s",
        f"one plain file of that size, same streamer: {plain:.0f} MB/s",
        f"{stored / plain:.2f}x",
    )


def copyparty_row(site: Site, many: Share) -> Row:
    what = f"ZIP of {many.items.count()} items, against copyparty"
    with tempfile.TemporaryDirectory(prefix="passalong-peer-") as name:
        folder = Path(name)
        python = _installed(folder)
        if python is None:
            return (what, "left out", f"{PEER} can't be installed here", "-")
        _link_files(many, folder / "files")
        with _serving(python, folder) as port:
            theirs, ours = throughputs(
                lambda: fetch(port, "/?zip=crc")[1:],
                lambda: fetch(site.port, f"/s/{many.token}/archive")[1:],
            )
    return (what, f"{ours:.0f} MB/s", f"copyparty: {theirs:.0f} MB/s", f"{ours / theirs:.2f}x")


def _installed(folder: Path) -> Path | None:
    """Return a Python that has copyparty; None where there is no network."""
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", PEER, "jinja2"]
    try:
        for words in ([sys.executable, "-m", "venv", folder / "venv"], pip):
            subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return python


def _link_files(share: Share, folder: Path) -> None:
    folder.mkdir()
    for position, key in share.items.values_list("position", "source__key"):
        with store.local_copy(key) as path:
            os.link(path, folder / f"{position:04}.jpg")


@contextlib.contextmanager
def _serving(python: Path, folder: Path) -> Iterator[int]:
    port = free_port()
    words = [python, "-m", "copyparty", "-i", "127.0.0.1", "-p", str(port), "-q", "--no-thumb"]
    process = subprocess.Popen(
        [*words, "-v", f"{folder / 'files'}::r"],
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fetch(port, "/?ls")
        except OSError:
            assert time.monotonic() < deadline, "copyparty does not answer"
            time.sleep(0.1)
        else:
            return


def fetch(port: int, path: str, *, only_first: bool = False) -> tuple[float, float, int]:
    """Return seconds to the first byte of the body, seconds to the last, and the bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FETCH_SECONDS)
    started = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200, (response.status, path)
    response.read(1)
    first, count = time.perf_counter() - started, 1
    buffer = bytearray(1 << 20)
    while not only_first and (got := response.readinto(buffer)):
        count += got
    taken = time.perf_counter() - started
    assert only_first or count == int(response.headers["Content-Length"] or count)
    connection.close()
    return first, taken, count


def streamed(port: int, path: str) -> tuple[float, int]:
    """Return the seconds from the first byte to the last, and the bytes."""
    first, taken, count = fetch(port, path)
    return taken - first, count


def median(measure: Callable[[], float]) -> float:
    measure()
    return statistics.median(measure() for _ in range(ROUNDS))


def throughputs(*measures: Callable[[], tuple[float, int]]) -> list[float]:
    """Return the best MB/s of each in a few rounds; the first round only warms up."""
    found = [[measure() for measure in measures] for _ in range(ROUNDS + 1)][1:]
    return [
        max(count / seconds / 1e6 for seconds, count in each) for each in zip(*found, strict=True)
    ]
