"""Run every benchmark against a real site and print one report; each row is a ratio against a peer.

The peer runs in the same minute on the same machine, so that the ratio means something elsewhere too.
"""

import atexit
import os
import shutil
import statistics
import sys
import tempfile
import time
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
    from tests.benchmarks import archives, cleaning, stock  # noqa: PLC0415 - models exist only from here on

    try:
        owner = stock.member("Bench")
        print(
            f"Filling the store: {ITEMS} items of {ITEM_BYTES} bytes, and one of the same size together"
        )
        many = stock.share_of_small_files(owner, ITEMS, ITEM_BYTES)
        few = stock.share_of_small_files(owner, 12, 50_000)
        one = stock.share_of_one_file(owner, ITEMS * ITEM_BYTES)
        half = stock.share_of_small_files(owner, ITEMS // 2, ITEM_BYTES)  # as large as are stored
        half_in_one = stock.share_of_one_file(owner, ITEMS // 2 * ITEM_BYTES)
        print("Waiting until all of it is prepared")
        stock.wait_until_prepared()
        rows = [
            *archives.rows(site, many, one),
            archives.stored_row(site, half, half_in_one),
            queries_row(stock, few, many),
            claim_row(stock, owner),
            add_row(site, stock, many),
            *upload_rows(site, stock, owner),
            *cleaning.rows(),
        ]
    finally:
        site.stop()
    report(rows)


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


def report(rows: list[Row]) -> None:
    print(f"\nPython {sys.version.split()[0]}, {os.cpu_count()} cores\n")
    for what, ours, peer, ratio in rows:
        print(f"{what}\n    {ours}    against {peer}    = {ratio}")


if __name__ == "__main__":
    main()
