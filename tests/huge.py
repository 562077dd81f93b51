"""A link of two files so large that no download of them ends by itself: their bytes are sparse."""

import os
import re
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from uuid import UUID

from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.readers import Reader
from tests.site import Site

HUGE_BYTES = 64 << 30  # at any speed of this machine it takes far longer than a stop
PACES = {"fast": None, "200 kB/s": 200_000, "stalled": 0}
WHAT = ("archive", "1/file")
GROW = "UPDATE library_blob SET size_bytes = ? WHERE id IN (SELECT blob_id FROM library_asset)"
KEYS = "SELECT key FROM library_blob JOIN library_asset ON blob_id = library_blob.id"
LAST = "SELECT token, uuid FROM shares_share ORDER BY id DESC LIMIT 1"


def write(site: Site, change: str, *values: object) -> None:
    """Change a site's rows from outside."""
    path = site.data_dir / "passalong.sqlite3"
    with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as database, database:
        database.execute(change, values)


def status_of(address: str) -> int:
    """Return what an address answers to a stranger."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def owner_of_huge_files(site: Site) -> Member:
    """Make a member with two photos of 64 GiB each."""
    alice = Member.of(site, "alice@example.org", "Alice Doe")
    for number in range(2):
        alice.upload(number)
    alice.wait_until_prepared(2)
    write(site, GROW, HUGE_BYTES)
    for (key,) in site.rows(KEYS):
        os.truncate(site.data_dir / "blobs" / key[:2] / key, HUGE_BYTES)
    return alice


class Link:
    """A link of everything that somebody has, as the files are, and what its sender does with it."""

    def __init__(self, site: Site, sender: Member) -> None:
        self.site, self.sender = site, sender
        uuids = [f"asset={uuid}" for (uuid,) in site.rows("SELECT uuid FROM library_asset")]
        self.post("/links/", "privacy=everything", *uuids)
        token, uuid = site.rows(LAST)[0]
        self.address = f"{site.url}/s/{token}/"
        self.path = f"/links/{UUID(uuid)}/"

    def post(self, path: str, *fields: str) -> None:
        """Send a form as the sender."""
        page = self.sender.opener.open(f"{self.site.url}/library/upload/", timeout=PATIENCE_SECONDS)
        secret = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())[1].decode()
        body = "&".join([f"csrfmiddlewaretoken={secret}", *fields])
        request = urllib.request.Request(self.site.url + path, body.encode())
        with self.sender.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200

    def stop(self) -> None:
        """Stop Sharing."""
        self.post(f"{self.path}stop/")

    def tighten(self) -> None:
        """Let recipients have less from now on."""
        self.post(f"{self.path}terms/", "privacy=clean")

    def suspend(self) -> None:
        """Suspend the sender, as staff do."""
        write(self.site, "UPDATE library_user SET is_active = 0")

    def end(self, cause: str) -> None:
        """End what is allowed, for one of these causes: stop, tighten, suspend."""
        {"stop": self.stop, "tighten": self.tighten, "suspend": self.suspend}[cause]()

    def readers(self) -> dict[tuple[str, str], Reader]:
        """Return a reader of each pace of the archive and of a file, once those that read have begun."""
        readers = {
            (what, name): Reader(self.address + what, pace=pace)
            for what in WHAT
            for name, pace in PACES.items()
        }
        assert {reader.status for reader in readers.values()} == {200}
        begun = [reader for (_, name), reader in readers.items() if name != "stalled"]
        wait_until(lambda: all(reader.read_bytes for reader in begun))
        return readers
