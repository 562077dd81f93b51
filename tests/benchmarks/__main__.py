"""Run every benchmark against a real site and print one report; each row is a ratio against a peer.

The peer runs in the same minute on the same machine, so that the ratio means something elsewhere too.
"""

import atexit
import http.client
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_FOLDER = Path(tempfile.mkdtemp(prefix="passalong-bench-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ |= {"DATA_DIR": str(_FOLDER), "DJANGO_SETTINGS_MODULE": "config.settings"}

import django  # noqa: E402 - the data folder has to be named before Django reads its settings

from tests.site import Site  # noqa: E402

ITEMS, ITEM_BYTES = 1_000, 400_000
ROUNDS = 5
Row = tuple[str, str, str, str]


def main() -> None:
    site = Site(_FOLDER)
    os.environ["PORT"] = str(site.port)
    site.start()
    django.setup()
    from tests.benchmarks import cleaning, stock  # noqa: PLC0415 - models exist only from here on

    try:
        owner = stock.member("Bench")
        print(
            f"Filling the store: {ITEMS} items of {ITEM_BYTES} bytes, and one of the same size together"
        )
        many = stock.share_of_small_files(owner, ITEMS, ITEM_BYTES)
        few = stock.share_of_small_files(owner, 12, 50_000)
        one = stock.share_of_one_file(owner, ITEMS * ITEM_BYTES)
        print("Waiting until all of it is prepared")
        stock.wait_until_prepared()
        rows = [
            *archive_rows(site, many.token, one.token),
            queries_row(stock, few, many),
            claim_row(stock, owner),
            add_row(site, stock, many),
            *upload_rows(site, stock, owner),
            *cleaning.rows(),
        ]
    finally:
        site.stop()
    report(rows)


def archive_rows(site: Site, many: str, one: str) -> list[Row]:
    page = median(lambda: fetch(site, f"/s/{many}/1/")[0])
    small = median(lambda: fetch(site, f"/s/{many}/archive?items=1")[0])
    first = median(lambda: fetch(site, f"/s/{many}/archive", only_first=True)[0])
    plain_seconds, plain_bytes = best(lambda: fetch(site, f"/s/{one}/1/file")[1:])
    zip_seconds, zip_bytes = best(lambda: fetch(site, f"/s/{many}/archive")[1:])
    plain, zipped = plain_bytes / plain_seconds / 1e6, zip_bytes / zip_seconds / 1e6
    return [
        (
            f"ZIP of {ITEMS} items, first byte",
            f"{first * 1000:.0f} ms",
            f"ZIP of 1 item: {small * 1000:.0f} ms; an item's page: {page * 1000:.0f} ms",
            f"{(first - small) * 1000:+.0f} ms",
        ),
        (
            f"ZIP of {ITEMS} items, {zip_bytes / 1e6:.0f} MB, throughput",
            f"{zipped:.0f} MB/s",
            f"one plain file of that size, same streamer: {plain:.0f} MB/s",
            f"{zipped / plain:.2f}x",
        ),
    ]


def queries_row(stock: object, few: object, many: object) -> Row:
    a, b = stock.queries_of_page(few), stock.queries_of_page(many)
    return (
        f"Share page, queries with {ITEMS} items",
        str(b),
        f"with 12 items: {a}",
        f"{b / a:.2f}x",
    )


def claim_row(stock: object, owner: object) -> Row:
    few, many = stock.seconds_of_a_claim(owner, 1_000, 20_000)
    return (
        "Claim of work among 20,000 due rows",
        f"{many * 1000:.1f} ms",
        f"among 1,000: {few * 1000:.1f} ms",
        f"{many / few:.1f}x",
    )


def add_row(site: Site, stock: object, many: object) -> Row:
    added = stock.seconds_of_add_all(site, stock.member("Bob"), many)
    copied = stock.seconds_to_copy_files(many)
    return (
        f"Add All of {ITEMS} items, {ITEMS * ITEM_BYTES / 1e6:.0f} MB",
        f"{added:.2f} s",
        f"copyfile + fsync of the same files: {copied:.2f} s",
        f"{added / copied:.2f}x",
    )


def upload_rows(site: Site, stock: object, owner: object) -> list[Row]:
    session = stock.session_of(owner)
    seconds = []
    for number in range(ROUNDS):
        name, data = stock.large_photo(number)
        started = time.perf_counter()
        asset = stock.upload(site, session, name, data)
        stock.wait_for_thumbnail(asset)
        seconds.append(time.perf_counter() - started)
    web = [p for p in site.processes() if "gunicorn" in " ".join(p.cmdline())]
    before = sum(p.memory_info().rss for p in web)
    size = 2 << 30
    started = time.perf_counter()
    peak = stock.upload_large(site, session, size, lambda: sum(p.memory_info().rss for p in web))
    taken = time.perf_counter() - started
    copied = stock.copy_hash_sync(size)
    return [
        (
            "Upload of a 12 MP JPEG until its thumbnail is there",
            f"{statistics.median(seconds):.2f} s",
            "-",
            "-",
        ),
        (
            "Upload of 2 GiB by the form",
            f"{taken:.1f} s, +{(peak - before) / 1e6:.0f} MB in all web processes",
            f"write + SHA-256 + CRC-32 + fsync of the same bytes: {copied:.1f} s",
            f"{taken / copied:.2f}x",
        ),
    ]


def fetch(site: Site, path: str, *, only_first: bool = False) -> tuple[float, float, int]:
    """Return seconds to the first byte of the body, seconds to the last, and the bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
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


def median(measure: Callable[[], float]) -> float:
    measure()
    return statistics.median(measure() for _ in range(ROUNDS))


def best(measure: Callable[[], tuple[float, int]]) -> tuple[float, int]:
    measure()
    return min(measure() for _ in range(ROUNDS))


def report(rows: list[Row]) -> None:
    print(f"\nPython {sys.version.split()[0]}, {os.cpu_count()} cores\n")
    for what, ours, peer, ratio in rows:
        print(f"{what}\n    {ours}    against {peer}    = {ratio}")


if __name__ == "__main__":
    main()
