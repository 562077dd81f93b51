"""Rows by the hundred, and a guard against writes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from django.db import connection
from django.utils import timezone

from library.models import Asset, Blob, User

_WRITES = re.compile(
    r'\s*(?:INSERT|REPLACE|UPDATE|DELETE)\b.*?"(?:library|shares)_', re.IGNORECASE | re.DOTALL
)
_numbers = count(1)


def many_assets(
    owner: User, number: int, *, first_pk: int | None = None, **fields: object
) -> list[Asset]:
    """Make prepared assets as rows only, an hour apart; their files do not exist."""
    now = timezone.now()
    pks = range(first_pk, first_pk + number) if first_pk else [None] * number
    names = [f"{next(_numbers):064x}" for _ in range(number)]
    blobs = Blob.objects.bulk_create(
        Blob(
            pk=pk,
            key=f"{name}-00000000",
            sha256=name,
            crc32=1,
            size_bytes=1_000,
            content_type="image/jpeg",
            created_at=now,
            touched_at=now,
        )
        for pk, name in zip(pks, names, strict=True)
    )
    facts = {"kind": "photo", "state": "done", "prepared_at": now} | fields
    return Asset.objects.bulk_create(
        Asset(
            pk=blob.pk if first_pk else None,
            owner=owner,
            blob=blob,
            name=f"IMG_{index:04}.jpg",
            width_px=4000,
            height_px=3000,
            taken_at=datetime(2025, 5, 1, tzinfo=UTC) + timedelta(hours=index),
            taken_from="exif",
            added_at=now,
            due_at=now,
            **facts,
        )
        for index, blob in enumerate(blobs)
    )


@contextmanager
def nothing_is_written() -> Iterator[None]:
    """Fail at the first statement that would change a row of the library or of a share."""

    def refuse(execute, sql, params, many, context):
        assert not _WRITES.match(sql), sql
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def steps_of(act: Callable[[], object]) -> int:
    """Return how many steps of its virtual machine SQLite takes for an act."""
    steps = count()
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: next(steps) < 0, 1)
    try:
        act()
    finally:
        connection.connection.set_progress_handler(None, 1)
    return next(steps)
