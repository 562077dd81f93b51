"""Landlock: which files this process may reach, from now on and for good. Numbers: linux/landlock.h."""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _REMOVE_FILE = (1 << n for n in (0, 1, 2, 3, 5))
_MAKE_FILE, _TRUNCATE = 1 << 8, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CODE = _EXECUTE | _READ_FILE | _READ_FOLDER
_CONTENT = _WRITE_FILE | _READ_FILE | _READ_FOLDER | _REMOVE_FILE | _MAKE_FILE | _TRUNCATE
# How many of the file rights each version of Landlock knows
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_RIGHTS = 16
_TCP = 0b11  # to bind and to connect
_SCOPES = 0b11  # abstract sockets and signals of others

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Return which Landlock the kernel has; 0 when it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION)))


class Ruleset:
    """What this process will reach: made at leisure, in force from `restrict` on."""

    def __init__(self, code: Iterable[Path]) -> None:
        """Allow code to be read and run. Does nothing where there is no Landlock."""
        known = version()
        self._rights = (1 << _RIGHTS.get(known, _NEWEST_RIGHTS)) - 1
        attributes = struct.pack("=3Q", self._rights, _TCP, _SCOPES)[: _ruleset_bytes(known)]
        self._file = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0) if known else -1
        self._allow(_CODE, code)

    def restrict(self, *, readable: Iterable[Path], writable: Iterable[Path]) -> None:
        """Leave this process the code, files to read, and folders to write files in. Call it once.

        Where the kernel can, TCP, abstract sockets and signals end at the same fence. Needs
        PR_SET_NO_NEW_PRIVS.
        """
        if self._file < 0:
            return
        try:
            self._allow(_READ_FILE, readable)
            self._allow(_CONTENT, writable)
            _libc.syscall(_RESTRICT_SELF, self._file, 0)
        finally:
            os.close(self._file)

    def _allow(self, wanted: int, paths: Iterable[Path]) -> None:
        for path in paths if self._file >= 0 else ():
            _allow(self._file, path, wanted & self._rights)


def _ruleset_bytes(known: int) -> int:
    return 8 if known < 4 else 16 if known < 6 else 24


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with suppress(OSError):  # what this process can't open, it need not be allowed
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & _OF_FILES
            _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
        finally:
            os.close(place)
