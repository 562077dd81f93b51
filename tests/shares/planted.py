"""A picture full of what nobody should get, links of it at every level, and every way out of a link."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image, TiffImagePlugin

from library import work
from library.models import User
from library.processing.errors import MediaError
from library.processing.metadata.values import Level, Privacy
from shares.cleaning import make_clean_copy
from shares.models import CleanCopy, Share
from shares.terms import Terms

MARKER = "Zwickelmarke"
PLACE = (48, 12, 30)  # degrees, minutes and seconds north; as much east
TAKEN = datetime(2021, 6, 5, 14, 3, 9)  # noqa: DTZ001 - a camera's own clock

CLEAN = Terms(Level(Privacy.CLEAN))
UNDATED = Terms(Level(Privacy.CLEAN, hides_dates=True))
PLACED = Terms(Level(Privacy.LOCATION))
NAMELESS = Terms(Level(Privacy.CLEAN), shows_sender=False)

_numbers = count(1)


def planted(*, kind: str = "JPEG") -> bytes:
    """Return a picture that no other test has, with the marker in every place that Pillow writes."""
    number = next(_numbers)
    picture = Image.new("RGB", (96, 64), (number * 41 % 256, number * 7 % 256, 90))
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0110] = MARKER, f"{MARKER} {number}", MARKER
    exif[0x0112] = 6
    inner = exif.get_ifd(0x8769)
    inner[0x9003], inner[0x9011] = f"{TAKEN:%Y:%m:%d %H:%M:%S}", "+02:00"
    inner[0xA431], inner[0x927C] = MARKER, MARKER.encode()
    where = exif.get_ifd(0x8825)
    where[1], where[3] = "N", "E"
    where[2] = where[4] = tuple(TiffImagePlugin.IFDRational(part) for part in PLACE)
    out = io.BytesIO()
    options = {"comment": MARKER} if kind == "JPEG" else {}
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><!-- {MARKER} --></x:xmpmeta>".encode()
    picture.save(out, kind, exif=exif, xmp=xmp, **options)
    return out.getvalue() + MARKER.encode()


def clean_all() -> int:
    """Do what a worker does with the clean copies that are due; how many."""
    return work.run(CleanCopy, make_clean_copy, expected=MediaError, clock=timezone.now)


def place_in(data: bytes) -> tuple | None:
    """Return the latitude in a picture's EXIF, None where there is none."""
    return Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825).get(2)


def date_in(data: bytes) -> str | None:
    """Return the capture date in a picture's EXIF."""
    return Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769).get(0x9003)


# Every way out of a link by its name: what a stranger or member sees of an item. A new address
# below a link has to be here too (test_disclosure.py looks).


def _get(rest: str) -> Callable[[Share, User], Iterator[bytes]]:
    def get(share: Share, _bob: User) -> Iterator[bytes]:
        response = Client().get(share.get_absolute_url() + rest)
        yield str(response.headers).encode()
        yield b"".join(response) if response.streaming else response.content

    return get


def _archive(share: Share, _bob: User) -> Iterator[bytes]:
    """Yield the archive, and what is in it: its members are not compressed, its names are."""
    for body in _get("archive")(share, _bob):
        yield body
        if body.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(body)) as opened:
                for member in opened.infolist():
                    yield f"{member.filename} {member.date_time}".encode()
                    yield opened.read(member)


def _added(share: Share, bob: User) -> Iterator[bytes]:
    """Add all to a library, and yield what is there then, and what the answers say."""
    client = Client()
    client.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    yield client.post(reverse("shares:add", args=[share.token]), {"all": "1"}).content
    for asset in bob.assets.all():
        yield repr(vars(asset)).encode()
        yield client.get(asset.get_absolute_url()).content
        original = client.get(reverse("library:original", args=[asset.uuid]))
        yield str(original.headers).encode()
        yield b"".join(original)
    yield client.get(reverse("shares:for_you")).content
    yield client.get(reverse("library:grid")).content


OUTLETS: dict[str, Callable[[Share, User], Iterator[bytes]]] = {
    "page": _get(""),
    "tiles": _get("tiles?id=1&id=2"),
    "item": _get("1/"),
    "rendition": _get("1/preview"),
    "file": _get("1/file"),
    "archive": _archive,
    "add": _added,
    "nothing": _get("no/such/thing"),
}
