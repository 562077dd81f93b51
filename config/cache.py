"""The cache in the database, which holds the throttles of log-ins: it says what a full disk keeps from it."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache

from library.blobs.space import PIECE_BYTES, free_bytes
from library.processing.disks import FullDiskError


class CountingCache(DatabaseCache):
    """Django's own fails in silence: while the disk was full, nobody's wrong passwords were counted."""

    def set(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        """Keep a value.

        Raises:
            FullDiskError: it is not kept, and there is no room on the disk.
        """
        super().set(key, value, timeout, version)
        if free_bytes() < PIECE_BYTES and self.get(key, version=version) != value:
            raise FullDiskError
