"""The ZIP of a share: planned from its items in one query, then streamed from the blobs.

Where the worker has stored the same bytes already (shares/prepared_archives.py), they are read from there.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from library.blobs.storage import store
from library.transfers import Body
from shares.disclosure import FilesOf, SharedFile, files_of
from shares.models import Archive, Share
from shares.wording import automatic_title
from shares.zips import (
    MANIFEST_NAME,
    Entry,
    Listed,
    Plan,
    manifest_of,
    plan_archive,
    unique_member_names,
)


class EmptyArchiveError(LookupError):
    """None of the chosen items is in the share."""


class ArchiveWithheldError(EmptyArchiveError):
    """The chosen items are in the share, and the file of none of them is passed on."""


class ArchiveWaitsError(LookupError):
    """None of the chosen files can be had yet: they are still being prepared."""


class FilesMissingError(LookupError):
    """Stored files are not there, or not as long as they were: their names, and where the others stand."""

    def __init__(self, names: Sequence[str], rest: Sequence[int]) -> None:
        super().__init__(f"{len(names)} files of an archive are missing")
        self.names = names
        self.rest = rest


@dataclass(frozen=True, slots=True)
class PlannedArchive:
    """An archive that could be sent now: its files, and where each of its bytes comes from."""

    files: Sequence[SharedFile]
    manifest: bytes
    plan: Plan
    is_waiting: bool  # files that were chosen are still being prepared, and no part of it
    is_all: bool  # of the share

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Make the bytes [start, stop) from the files. Raises BlobMissingError while iterating."""
        return self.plan.pieces(start, stop, self._read_entry)

    def insist_on_files(self) -> None:
        """Look whether each file is there, in its length.

        Raises:
            FilesMissingError: some are not.
        """
        missing = store.missing({file.key: file.size_bytes for file in self.files})
        if missing:
            names = [entry.name for entry in self.plan.entries]
            pairs = list(zip(names, self.files, strict=False))  # the manifest has no file
            raise FilesMissingError(
                [name for name, file in pairs if file.key in missing],
                [file.position for file in self.files if file.key not in missing],
            )

    def _read_entry(self, index: int, start: int, stop: int) -> Iterator[bytes]:
        if index == len(self.files):
            return iter((self.manifest[start:stop],))
        return store.read(self.files[index].key, start, stop)


def planned_archive(share: Share, positions: set[int] | None = None) -> PlannedArchive:
    """Plan the archive of these positions, or of all; the same items always give the same bytes.

    What is still being prepared is no part of it.

    Raises:
        EmptyArchiveError: nothing of what was asked for is in the share, or passed on.
        ArchiveWaitsError: nothing of it can be had yet.
    """
    found = files_of(share, positions)
    if not found.files:
        raise _reason_for_none(found)
    files = found.files
    names = unique_member_names([file.name for file in files], reserved=[MANIFEST_NAME])
    entries = [
        Entry(name, file.size_bytes, file.crc32, file.moment)
        for name, file in zip(names, files, strict=True)
    ]
    manifest = _manifest(names, files, has_dates=share.level.keeps_dates)
    latest = max(file.moment for file in files)
    entries.append(Entry(MANIFEST_NAME, len(manifest), zlib.crc32(manifest), latest))
    return PlannedArchive(files, manifest, plan_archive(entries), found.is_waiting, found.is_all)


def archive_body(share: Share, positions: set[int] | None) -> Body:
    """Describe the archive of these positions, or of all, as it can be sent now.

    Raises:
        EmptyArchiveError, ArchiveWaitsError: as `planned_archive`.
        FilesMissingError: files that belong into it can't be read.
    """
    planned = planned_archive(share, positions)
    plan = planned.plan
    key = _prepared_key(share, plan) if planned.is_all else None
    if key is None:
        planned.insist_on_files()
    return Body(
        size_bytes=plan.size_bytes,
        etag=plan.etag,
        content_type="application/zip",
        read=partial(store.read, key) if key else planned.pieces,
        download_name=f"{_title(planned.files)}.zip",
    )


def _prepared_key(share: Share, plan: Plan) -> str | None:
    """Return where the same bytes are stored, if they are."""
    prepared = Archive.objects.filter(share=share, etag=plan.etag, blob__size_bytes=plan.size_bytes)
    key = prepared.values_list("blob__key", flat=True).first()
    return key if key and store.size_of(key) == plan.size_bytes else None


def _reason_for_none(found: FilesOf) -> LookupError:
    if found.is_waiting:
        return ArchiveWaitsError()
    return ArchiveWithheldError() if found.is_withheld else EmptyArchiveError()


def _manifest(names: list[str], files: list[SharedFile], *, has_dates: bool) -> bytes:
    return manifest_of(
        [
            Listed(name, file.size_bytes, file.sha256, file.moment if has_dates else None)
            for name, file in zip(names, files, strict=True)
        ]
    )


def _title(files: Sequence[SharedFile]) -> str:
    videos = sum(file.is_video for file in files)
    return automatic_title(len(files) - videos, videos)
