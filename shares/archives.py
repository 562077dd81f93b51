"""The ZIP of a share: planned from its items in one query, then streamed from the blobs."""

from collections.abc import Iterator

from library.blobs.storage import store
from library.transfers import Body
from shares.disclosure import SharedFile, files_of
from shares.models import Share
from shares.wording import automatic_title
from shares.zips import Entry, plan_archive, unique_member_names


class EmptyArchiveError(LookupError):
    """None of the chosen items is in the share, or none is passed on."""


class ArchiveWaitsError(LookupError):
    """None of the chosen files can be had yet: they are still being prepared."""


def archive_body(share: Share, positions: set[int] | None) -> Body:
    """Plan the archive of these positions, or of all; the same items always give the same bytes.

    What is still being prepared is no part of it.

    Raises:
        EmptyArchiveError: nothing of what was asked for is in the share, or passed on.
        ArchiveWaitsError: nothing of it can be had yet.
    """
    files, is_waiting = files_of(share, positions)
    if not files:
        raise ArchiveWaitsError if is_waiting else EmptyArchiveError
    names = unique_member_names([file.name for file in files])
    plan = plan_archive(
        [
            Entry(name, file.size_bytes, file.crc32, file.moment)
            for name, file in zip(names, files, strict=True)
        ]
    )

    def read_entry(index: int, start: int, stop: int) -> Iterator[bytes]:
        return store.read(files[index].key, start, stop)

    return Body(
        size_bytes=plan.size_bytes,
        etag=plan.etag,
        content_type="application/zip",
        read=lambda start, stop: plan.pieces(start, stop, read_entry),
        download_name=f"{_title(files)}.zip",
    )


def _title(files: list[SharedFile]) -> str:
    videos = sum(file.is_video for file in files)
    return automatic_title(len(files) - videos, videos)
