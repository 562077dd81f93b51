"""Rows by the hundred, and a guard against writes of other than counts of tries."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from library.models import Asset, Blob, User
from shares.models import Share, ShareItem
from tests.rows import make_assets, make_blobs

_WRITES = re.compile(
    r'\s*(?:INSERT|REPLACE|UPDATE|DELETE)\b.*?"(?:library_(?!throttle)|shares_)',
    re.IGNORECASE | re.DOTALL,
)


def many_assets(
    owner: User, number: int, *, first_pk: int | None = None, **fields: object
) -> list[Asset]:
    """Make prepared assets as rows only, an hour apart; their files do not exist."""
    kind = {"content_type": "video/mp4" if fields.get("kind") == "video" else "image/jpeg"}
    blobs = make_blobs(number, first_pk=first_pk, **kind)
    shared = {"state": "done", "prepared_at": timezone.now(), "width_px": 4000, "height_px": 3000}
    assets = make_assets([owner], number, blobs=blobs, **shared | {"taken_from": "exif"} | fields)
    for index, asset in enumerate(assets):
        asset.taken_at = datetime(2025, 5, 1, tzinfo=UTC) + timedelta(hours=index)
    Asset.objects.bulk_update(assets, ["taken_at"])
    return assets


def many_links(
    sender: User, number: int, assets: list[Asset], *, ended_at: datetime | None, **fields: object
) -> list[Share]:
    """Make links of these assets as rows only; they ran out then, or run on."""
    made_at = (ended_at or timezone.now()) - timedelta(days=30)
    end = ended_at or timezone.now() + timedelta(days=30)
    shared = {"created_at": made_at, "expires_at": end, "ended_at": ended_at} | fields
    shares = Share.objects.bulk_create(
        Share(sender=sender, next_position=len(assets) + 1, **shared) for _ in range(number)
    )
    ShareItem.objects.bulk_create(
        (
            ShareItem(share=share, position=position, asset=asset, source_id=asset.blob_id)
            for share in shares
            for position, asset in enumerate(assets, start=1)
        ),
        batch_size=5_000,
    )
    return shares


def put_files(assets: Iterable[Asset]) -> None:
    """Put a file of zeros, as long as its row says, where each asset's bytes would be."""
    for asset in assets:
        path = file_of(asset.blob)
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(asset.blob.size_bytes)


def file_of(blob: Blob) -> Path:
    return settings.BLOBS_DIR / blob.key[:2] / blob.key


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
