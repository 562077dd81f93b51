"""Rows by the hundred, without files: blobs, their stills, and assets."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count

from django.utils import timezone

from library.models import Asset, Blob, Stills, User
from library.processing.errors import MediaError
from library.processing.metadata.values import Level, Privacy
from library.work import run
from shares.terms import Terms

AS_THEY_ARE = Terms(Level(Privacy.EVERYTHING))  # of a link whose files are passed on untouched

_numbers = count(1)
OF_STILLS = {field.name for field in Stills._meta.fields} - {"id", "owner", "source"}


def make_blobs(number: int, *, first_pk: int | None = None, **fields: object) -> list[Blob]:
    now = timezone.now()
    pks = range(first_pk, first_pk + number) if first_pk else [None] * number
    names = [f"{next(_numbers):064x}" for _ in range(number)]
    shared = {"crc32": 1, "size_bytes": 1_000, "content_type": "image/jpeg"} | fields
    return Blob.objects.bulk_create(
        Blob(pk=pk, key=f"{name}-00000000", sha256=name, created_at=now, touched_at=now, **shared)
        for pk, name in zip(pks, names, strict=True)
    )


def make_stills(
    owners: Sequence[User], number: int, *, blobs: list[Blob] | None = None, **fields: object
) -> list[Stills]:
    """Make rows of work that are due, given to the owners in turn, each with its own blob."""
    fields = {"due_at": timezone.now() - timedelta(seconds=1)} | fields
    return Stills.objects.bulk_create(
        Stills(source=blob, owner=owners[n % len(owners)], **{"turn": n // len(owners)} | fields)
        for n, blob in enumerate(blobs or make_blobs(number))
    )


def make_assets(
    owners: Sequence[User], number: int, *, blobs: list[Blob] | None = None, **fields: object
) -> list[Asset]:
    """Make assets, given to the owners in turn; fields of their stills go to these."""
    now = timezone.now()
    of_stills = {name: value for name, value in fields.items() if name in OF_STILLS}
    stills = make_stills(owners, number, blobs=blobs, **of_stills)
    shared = {"kind": "photo", "width_px": 4, "height_px": 3, "taken_at": now, "added_at": now}
    shared |= {name: value for name, value in fields.items() if name not in OF_STILLS}
    return Asset.objects.bulk_create(
        Asset(
            owner=each.owner,
            blob=each.source,
            **{"name": f"{n}.jpg", "taken_from": "upload"} | shared,
        )
        for n, each in enumerate(stills)
    )


def work_one(
    act: Callable[[Stills, datetime], None], expected: type[Exception] = MediaError
) -> int:
    """Have a worker work one row at most; the number of rows."""
    wanted = iter([True, False])
    return run(Stills, act, expected=expected, clock=timezone.now, is_wanted=lambda: next(wanted))
