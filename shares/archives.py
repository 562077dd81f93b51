"""The ZIP of a share: planned from its items in one query, then streamed from the blobs."""

from collections.abc import Iterator

from library.processing.zips import Entry, plan_archive, unique_member_names
from library.storage import store
from library.transfers import Body
from shares.disclosure import date_of, file_of, name_of
from shares.models import Share


class EmptyArchiveError(LookupError):
    """None of the chosen items is in the share."""


def archive_body(share: Share, positions: set[int] | None, *, title: str) -> Body:
    """Plan the archive of these positions, or of all; the same items always give the same bytes.

    Raises:
        EmptyArchiveError: nothing of what was asked for is in the share.
    """
    items = [
        item
        for item in share.items.shown().in_order()
        if positions is None or item.position in positions
    ]
    if not items:
        raise EmptyArchiveError
    files = [file_of(item, share) for item in items]
    names = unique_member_names([name_of(item, share) for item in items])
    plan = plan_archive(
        [
            Entry(name, file.size_bytes, file.crc32, date_of(item, share))
            for name, file, item in zip(names, files, items, strict=True)
        ]
    )

    def read_entry(index: int, start: int, stop: int) -> Iterator[bytes]:
        return store.read(files[index].key, start, stop)

    return Body(
        size_bytes=plan.size_bytes,
        etag=plan.etag,
        content_type="application/zip",
        read=lambda start, stop: plan.pieces(start, stop, read_entry),
        download_name=f"{title}.zip",
    )
