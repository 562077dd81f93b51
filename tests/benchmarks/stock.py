"""What the benchmarks fill a site with, and small acts upon it."""

import hashlib
import http.client
import json
import os
import random
import shutil
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.blobs.parts import Part
from library.blobs.storage import store
from library.ingest import accept_upload
from library.models import Asset, Blob, Stills, User
from library.work import claim
from shares.models import Archive, Share
from shares.publishing import publish_share
from tests.landscapes import landscape
from tests.patience import PATIENCE_SECONDS
from tests.rows import AS_THEY_ARE
from tests.site import Site

_chance = random.Random(7)
SMALL = landscape(3, long_edge_px=320)
PIECE = 1 << 20


def member(name: str) -> User:
    email = f"{name.lower()}@example.org"
    user = User.objects.create_user(email, "a long enough sentence", display_name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def share_of_small_files(owner: User, count: int, size: int) -> Share:
    return _share(owner, [_asset(owner, size) for _ in range(count)])


def share_of_one_file(owner: User, size: int) -> Share:
    return _share(owner, [_asset(owner, size)])


def _asset(owner: User, size: int) -> Asset:
    """Store a picture with random bytes behind its end, so that every one is another."""
    part = Part.create()
    part.write(SMALL)
    for piece in _junk(size - len(SMALL)):
        part.write(piece)
    return accept_upload(owner, part, name="IMG.jpg", now=timezone.now()).asset


def _junk(size: int) -> Iterator[bytes]:
    while size > 0:
        yield _chance.randbytes(min(PIECE, size))
        size -= PIECE


def _share(owner: User, assets: list[Asset]) -> Share:
    return publish_share(
        owner,
        [asset.uuid for asset in assets],
        terms=AS_THEY_ARE,
        max_items=len(assets),
        now=timezone.now(),
        lifetime=timedelta(days=30),
    )


def queries_of_page(share: Share) -> int:
    settings.ALLOWED_HOSTS.append("testserver")
    with CaptureQueriesContext(connection) as captured:
        assert Client().get(share.get_absolute_url()).status_code == 200
    return len(captured)


def seconds_of_add_all(site: Site, recipient: User, share: Share) -> float:
    """Press Add All, as a browser does; all of it has to be there then."""
    token = "x" * 32
    wire = http.client.HTTPConnection("127.0.0.1", site.port, timeout=300)
    cookies = f"sessionid={session_of(recipient)}; csrftoken={token}"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookies}
    started = time.perf_counter()
    address = f"{share.get_absolute_url()}add"
    wire.request("POST", address, f"all=1&csrfmiddlewaretoken={token}", form)
    assert wire.getresponse().status == 302
    taken = time.perf_counter() - started
    assert recipient.assets.count() == share.items.count()
    return taken


def seconds_to_copy_files(share: Share) -> float:
    """Copy the files of a share one by one, each safe on disk before the next."""
    keys = list(share.items.values_list("source__key", flat=True))
    folder = settings.DATA_DIR / "copies"
    folder.mkdir()
    started = time.perf_counter()
    for key in keys:
        with store.local_copy(key) as path:
            copy = shutil.copyfile(path, folder / key)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
    return time.perf_counter() - started


def session_of(user: User) -> str:
    """Sign a member in and return the session's cookie."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def large_photo(number: int) -> tuple[str, bytes]:
    return f"DSC_{number}.jpg", landscape(100 + 8 * number, long_edge_px=4032)


def upload(site: Site, session: str, name: str, data: bytes) -> Asset:
    answer = _post(site, session, name, [data], len(data))
    return Asset.objects.get(uuid=answer["url"].rstrip("/").rpartition("/")[2])


def upload_large(site: Site, session: str, size: int, memory: Callable[[], int]) -> int:
    """Upload a picture with zeros behind its end; return the most memory that was seen meanwhile."""
    peak = 0

    def body() -> Iterator[bytes]:
        nonlocal peak
        yield SMALL
        zeros, rest = bytes(PIECE), size - len(SMALL)
        while rest > 0:
            yield zeros[:rest]
            rest -= PIECE
            if rest // PIECE % 64 == 0:
                peak = max(peak, memory())

    assert _post(site, session, "large.jpg", body(), size)["state"] == "added"
    return peak


def _post(site: Site, session: str, name: str, body: object, size: int) -> dict[str, str]:
    token = "x" * 32
    head = (
        f'--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    ).encode()
    tail = b"\r\n--b--\r\n"
    wire = http.client.HTTPConnection("127.0.0.1", site.port, timeout=300)
    wire.putrequest("POST", "/library/upload/")
    for header, value in {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(len(head) + size + len(tail)),
        "Cookie": f"sessionid={session}; csrftoken={token}",
        "Accept": "application/json",
    }.items():
        wire.putheader(header, value)
    wire.endheaders()
    wire.send(head)
    for piece in body:
        wire.send(piece)
    wire.send(tail)
    response = wire.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    result: dict[str, str] = json.loads(answer)["files"][0]
    return result


def wait_until_prepared() -> None:
    """Wait until the workers have nothing to do, so that nothing is measured beside them."""
    for model in (Stills, Archive):
        Archive.objects.filter(state="due").update(
            due_at=timezone.now()
        )  # not when it is put off to
        while model.objects.exclude(state__in=["done", "failed"]).exists():
            time.sleep(0.2)


def seconds_of_a_claim(owner: User, *counts: int) -> list[float]:
    """Return how long a claim takes among so many due rows each; nothing of it stays."""
    found = []
    with transaction.atomic():
        for count in counts:
            _make_due(owner, count - Stills.objects.filter(state="due").count())
            seconds = []
            for _ in range(9):
                started = time.perf_counter()
                claim(Stills, now=timezone.now())
                seconds.append(time.perf_counter() - started)
            found.append(statistics.median(seconds))
        transaction.set_rollback(True)
    return found


def _make_due(owner: User, count: int) -> None:
    now = timezone.now()
    blob = {"crc32": 0, "size_bytes": 1, "content_type": "image/jpeg"}
    blobs = Blob.objects.bulk_create(
        Blob(key=(key := uuid4().hex), sha256=key, created_at=now, touched_at=now, **blob)
        for _ in range(count)
    )
    Stills.objects.bulk_create(
        Stills(owner=owner, source=blob, due_at=now, turn=turn) for turn, blob in enumerate(blobs)
    )


def wait_for_thumbnail(asset: Asset) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Stills.objects.filter(source=asset.blob, prepared_at__isnull=False).exists():
        assert time.monotonic() < deadline, "no worker prepared it"
        time.sleep(0.01)


def copy_hash_sync(size: int) -> float:
    """Write the same number of bytes with the same hashes and one sync; return the seconds."""
    started = time.perf_counter()
    digest, crc, zeros, rest = hashlib.sha256(), 0, bytes(PIECE), size
    path = settings.INCOMING_DIR / "peer"
    with path.open("wb", buffering=0) as file:
        while rest > 0:
            piece = zeros[:rest]
            file.write(piece)
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            rest -= PIECE
        os.fsync(file.fileno())
    path.unlink()
    return time.perf_counter() - started
