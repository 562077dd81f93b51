"""Files on their way into the store: in a folder on its own file system, so that a rename moves them in."""

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Self

from django.conf import settings

_HASH_BYTES = 128 << 10  # they stay in the cache of a core for both sums


class Part:
    """A file on its way into the store, hashed while its bytes pass."""

    def __init__(self, path: Path, descriptor: int = -1) -> None:
        self.path = path
        self.size_bytes = 0
        self.crc32 = 0
        self._descriptor = descriptor
        self._sha256 = hashlib.sha256()

    @classmethod
    def create(cls) -> Self:
        """Open a new part in DATA_DIR/incoming, on the file system of the store."""
        descriptor, path = mkstemp(prefix="part-", dir=settings.INCOMING_DIR)
        return cls(Path(path), descriptor)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Take a finished file as a part: one read for its hashes, no copy."""
        part = cls(path)
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_HASH_BYTES):
                part._count(piece)
        return part

    @property
    def sha256(self) -> str:
        """Return the hash of what has passed so far, in hex."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OSError when the disk is full."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._count(data)

    def close(self) -> None:
        """End writing; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Drop the file; nothing happens when the store has taken it over."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _count(self, data: bytes) -> None:
        self._sha256.update(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        self.size_bytes += len(data)


@contextmanager
def working_folder() -> Iterator[Path]:
    """Give an empty folder on the file system of the store; it is gone afterwards."""
    with TemporaryDirectory(prefix="work-", dir=settings.INCOMING_DIR) as folder:
        yield Path(folder)


def tidy_incoming(*, before: datetime) -> int:
    """Drop parts and working folders that nobody has written to since then; how many."""
    dropped = 0
    for path in settings.INCOMING_DIR.iterdir():
        with suppress(FileNotFoundError):  # the store may take it over at this moment
            if path.stat().st_mtime >= before.timestamp():
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
            dropped += 1
    return dropped
