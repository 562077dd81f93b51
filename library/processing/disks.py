"""Whether an error says that a disk is full, whatever raised it."""

import errno
import os

FULL = "full"  # what a process says to another in place of such an error

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SQLITE_FULL = {13, 4874}  # SQLITE_FULL, and SQLITE_IOERR_SHMSIZE of whoever opens the file first
_POSTGRESQL_FULL = "53100"


class FullDiskError(OSError):
    """The disk has no room left."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_full(error: BaseException) -> bool:
    """Tell whether this error, or one that led to it, is about a disk or a quota with no room left."""
    link: BaseException | None = error
    while link is not None:
        if (
            (isinstance(link, OSError) and link.errno in _FULL)
            or getattr(link, "sqlite_errorcode", None) in _SQLITE_FULL
            or getattr(link, "sqlstate", None) == _POSTGRESQL_FULL
        ):
            return True
        link = link.__cause__ or link.__context__
    return False
