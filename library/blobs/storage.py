"""The blob store: bytes go in durably, and come out by key, whole or in ranges.

A file is on disk, synced, under its final name, before a row speaks of it: write, fsync, rename,
fsync of the folder, commit.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from library.blobs.parts import Part
from library.models import Blob

PIECE_BYTES = 256 << 10
_PAGE_BYTES = 4 << 10
_LARGEST_READ_BYTES = PIECE_BYTES - _PAGE_BYTES  # with room for what a ZIP has between two files


class BlobGoneError(LookupError):
    """The blob was condemned in the meantime; keep the bytes anew."""


class BlobMissingError(OSError):
    """The row is there and its file is not."""


class BlobStore(Protocol):
    """What a place for blobs must do. Local files now; an object store can fill it too."""

    def adopt(self, part: Path, key: str) -> None:
        """Take over a finished file under this key; durable when it returns. `part` is gone then."""

    def size_of(self, key: str) -> int | None:
        """Return how many bytes are stored under this key; None when there are none."""

    def missing(self, sizes: Mapping[str, int]) -> set[str]:
        """Return which of these keys, each with its bytes, are not there or of another size."""

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes [start, stop) in pieces of at most 256 KiB. Raises BlobMissingError."""

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """Give a path to the bytes while the block runs; never write to it."""

    def delete(self, key: str) -> None:
        """Forget the bytes; nothing happens when they are gone already."""

    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Yield each key that has bytes, in any order, and when they were put there."""


class LocalBlobStore:
    """Blobs as files in a folder, spread over 256 sub-folders by the start of their key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def adopt(self, part: Path, key: str) -> None:
        """Sync the file, move it to its place, sync the folder."""
        target = self._path(key)
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            _sync(self.root)
        _sync(part)
        part.rename(target)
        _sync(target.parent)

    def size_of(self, key: str) -> int | None:
        """Ask the file system."""
        try:
            return os.stat(f"{self.root}/{key[:2]}/{key}").st_size  # noqa: PTH116 - a Path takes as long again
        except FileNotFoundError:
            return None

    def missing(self, sizes: Mapping[str, int]) -> set[str]:
        """Ask the file system once for each: ten thousand in some 20 ms."""
        return {key for key, size_bytes in sizes.items() if self.size_of(key) != size_bytes}

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes [start, stop) in pieces of about one size.

        So there is no small last one, and all but the first of a file in a ZIP are sent as they are read.
        """
        pieces = -(-(stop - start) // _LARGEST_READ_BYTES)
        piece_bytes = -(-(stop - start) // max(pieces, 1) // _PAGE_BYTES) * _PAGE_BYTES
        try:
            descriptor = os.open(f"{self.root}/{key[:2]}/{key}", os.O_RDONLY)
        except FileNotFoundError as error:
            raise BlobMissingError(f"the file of blob {key} is missing") from error
        try:
            while start < stop:
                piece = os.pread(descriptor, min(piece_bytes, stop - start), start)
                if not piece:
                    raise BlobMissingError(f"the file of blob {key} ends at {start} bytes")
                start += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """Give the file itself."""
        path = self._path(key)
        if not path.is_file():
            raise BlobMissingError(f"the file of blob {key} is missing")
        yield path

    def delete(self, key: str) -> None:
        """Remove the file."""
        self._path(key).unlink(missing_ok=True)

    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Walk the folders. A file's change is its rename into place: its bytes may be older."""
        for folder in filter(Path.is_dir, self.root.iterdir()):
            with os.scandir(folder) as files:
                for file in files:
                    with suppress(FileNotFoundError):  # it is deleted at this moment
                        put_at = file.stat(follow_symlinks=False).st_ctime
                        if file.name.startswith(folder.name):
                            yield file.name, datetime.fromtimestamp(put_at, UTC)

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key


store: BlobStore = LocalBlobStore(settings.BLOBS_DIR)


def keep(part: Part, *, content_type: str, now: datetime) -> Blob:
    """Store a part durably and return its blob, or the living blob of the same bytes.

    Where that blob's file was lost or cut short, the part takes its place. Call it outside a
    transaction: it syncs to disk. Nothing holds the blob yet, so follow it by `hold` in the
    transaction that makes the row which does. A part that was not needed stays where it is, so that
    it can be kept again; its maker discards it.
    """
    part.close()
    _sync(part.path)  # known bytes take as long as new ones: the time tells nobody what others have
    _sync(part.path.parent)
    known = Blob.objects.filter(sha256=part.sha256, condemned_at=None).first()
    if known and (store.size_of(known.key) == known.size_bytes or _restore(known, part, now)):
        return known
    key = f"{part.sha256}-{secrets.token_hex(4)}"
    store.adopt(part.path, key)
    try:
        with transaction.atomic():
            return Blob.objects.create(
                key=key,
                sha256=part.sha256,
                crc32=part.crc32,
                size_bytes=part.size_bytes,
                content_type=content_type,
                created_at=now,
                touched_at=now,
            )
    except IntegrityError:  # the same bytes came in elsewhere at this moment: theirs stands
        store.delete(key)
        return Blob.objects.get(sha256=part.sha256, condemned_at=None)


def _restore(blob: Blob, part: Part, now: datetime) -> bool:
    """Give a blob its lost bytes back; False when it was condemned in the meantime."""
    wanted = Blob.objects.filter(pk=blob.pk, condemned_at=None).update(touched_at=now)
    if wanted:
        store.adopt(part.path, blob.key)
    return bool(wanted)


def hold(blob_ids: set[int], *, now: datetime) -> None:
    """Touch blobs before rows that hold them are written, in the same transaction.

    Raises:
        BlobGoneError: one was condemned since it was found.
    """
    living = Blob.objects.filter(pk__in=blob_ids, condemned_at=None)
    if connection.features.has_select_for_update:  # in one order, or two could wait for each other
        list(living.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    if living.update(touched_at=now) != len(blob_ids):
        raise BlobGoneError


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
