"""People, files and links for tests: makers of real ones. Alice owns, Bob receives, Carol is a stranger."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client
from django.utils import timezone
from PIL import Image

from library.blobs.parts import Part
from library.decoding import sandbox
from library.ingest import accept_upload
from library.models import Asset, Stills, User
from library.processing.sandbox import pool
from library.stills import make_stills
from library.work import claim
from shares.models import Share
from shares.publishing import publish_share
from shares.terms import Terms
from tests.rows import AS_THEY_ARE

CORPUS = Path(os.environ.get("CORPUS_DIR", settings.BASE_DIR.parent / "shared" / "corpus"))
PASSWORD = "a long enough sentence"
_numbers = count(1)


@pytest.fixture(autouse=True)
def _quick_settings(settings):
    """Pages name static files as they are, for nothing is collected; passwords are hashed quickly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


MEASURED = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from library.processing.sandbox import server
from library.processing.sandbox.fence import Fence
enclose = Fence.enclose
Fence.enclose = lambda fence, *, readable, writable: enclose(
    fence, readable=readable, writable=[*writable, Path({folder!r})]
)
server.serve()
"""


@pytest.fixture(scope="session", autouse=True)
def _decoders_are_measured_too():
    """Where coverage is measured, decoders know of it and may write there; else they get next to nothing."""
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        folder = str(settings.BASE_DIR / "build" / "coverage")
        patch.setattr(pool, "_PASSED_ON", (*pool._PASSED_ON, "COVERAGE_PROCESS_CONFIG"))
        patch.setattr(pool, "_START", MEASURED.format(folder=folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_decoder_outlives_the_tests():
    yield
    sandbox.close()


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus of camera files is not at {CORPUS} (set CORPUS_DIR)")
    return CORPUS


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    def make(name: str = "Alice Doe", **fields: object) -> User:
        email = f"{name.split(maxsplit=1)[0].lower()}{next(_numbers)}@example.org"
        user = User.objects.create_user(email, PASSWORD, display_name=name, **fields)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        return user

    return make


@pytest.fixture
def alice(make_user) -> User:
    return make_user("Alice Doe")


@pytest.fixture
def bob(make_user) -> User:
    return make_user("Bob Roe")


@pytest.fixture
def as_alice(alice) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob) -> Client:
    return signed_in(bob)


@pytest.fixture
def carol() -> Client:
    return Client()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def picture(
    width: int = 64, height: int = 48, *, kind: str = "JPEG", taken: datetime | None = None
) -> bytes:
    """Return a small picture that no other test has."""
    number = next(_numbers)
    color = (number * 37 % 256, number * 101 % 256, number * 7 % 256)
    image = Image.new("RGB", (width, height), color)
    image.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    options = {}
    if taken:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
        options["exif"] = exif
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue() + (f"unique {number}".encode() if kind == "JPEG" else b"")


def part_of(data: bytes) -> Part:
    part = Part.create()
    part.write(data)
    part.close()
    return part


@pytest.fixture
def make_asset(db, alice) -> Callable[..., Asset]:
    """Make an asset the way an upload does; `prepared` also does the worker's part."""

    def make(
        owner: User | None = None,
        data: bytes | None = None,
        *,
        name: str = "IMG_0001.jpg",
        prepared: bool = True,
        taken: datetime | None = None,
    ) -> Asset:
        part = part_of(data or picture(taken=taken))
        asset = accept_upload(owner or alice, part, name=name, now=timezone.now()).asset
        if prepared and not asset.stills.is_prepared:
            Stills.objects.exclude(source=asset.blob).filter(state="due").update(state="failed")
            make_stills(claim(Stills, now=timezone.now()), timezone.now())
            asset.refresh_from_db()
        return asset

    return make


@pytest.fixture
def make_share(db, make_asset) -> Callable[..., Share]:
    def make(
        assets: list[Asset] | None = None,
        *,
        days: float = 30,
        terms: Terms = AS_THEY_ARE,
        **fields: object,
    ) -> Share:
        assets = assets if assets is not None else [make_asset(), make_asset()]
        now = timezone.now()
        share = publish_share(
            assets[0].owner,
            [asset.uuid for asset in assets],
            terms=terms,
            max_items=len(assets),
            now=now,
            lifetime=timedelta(days=max(days, 1)),
        )
        if days < 0:
            fields |= {
                "created_at": now - timedelta(days=31),
                "expires_at": now + timedelta(days=days),
            }
        for name, value in fields.items():
            setattr(share, name, value)
        share.save()
        return share

    return make
