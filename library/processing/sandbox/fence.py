"""What a decoding process may still do, as far as the kernel can be asked: Landlock and seccomp.

Both need no rights, and hold for good. Where a kernel or machine lacks one, the other and the limits
of the server still stand. Numbers: linux/landlock.h, linux/seccomp.h, asm/unistd.h.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _REMOVE_FILE = (1 << n for n in (0, 1, 2, 3, 5))
_MAKE_FILE, _TRUNCATE = 1 << 8, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CODE = _EXECUTE | _READ_FILE | _READ_FOLDER
_SCRATCH = _WRITE_FILE | _READ_FILE | _READ_FOLDER | _REMOVE_FILE | _MAKE_FILE | _TRUNCATE
# How many of the file rights each version of Landlock knows
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_RIGHTS = 16
_TCP = 0b11  # to bind and to connect
_SCOPES = 0b11  # abstract sockets and signals of others

# (AUDIT_ARCH, then the numbers of socket, ptrace, execve, execveat, io_uring_setup)
_FORBIDDEN_CALLS = {
    "x86_64": (0xC000003E, (41, 101, 59, 322, 425)),
    "aarch64": (0xC00000B7, (198, 117, 221, 281, 425)),
}
_X32 = 0x40000000  # from here on: another way to call the same
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES


def enclose(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Let this process read these, write into these folders, and run Python's own code; no more.

    It can't open sockets, trace others or start programs any more. Its threads from here on and its
    children are enclosed too. Does what the kernel can, and is silent about the rest.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    _restrict_files(readable, writable)
    _refuse_calls()


def landlock_version() -> int:
    """Return which Landlock the kernel has; 0 when it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION)))


def _restrict_files(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    version = landlock_version()
    if not version:
        return
    known = (1 << _RIGHTS.get(version, _NEWEST_RIGHTS)) - 1
    attributes = struct.pack("=3Q", known, _TCP, _SCOPES)[: _ruleset_bytes(version)]
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return
    try:
        for rights, paths in ((_CODE, _code()), (_READ_FILE, readable), (_SCRATCH, writable)):
            for path in paths:
                _allow(ruleset, path, rights & known)
        _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _ruleset_bytes(version: int) -> int:
    return 8 if version < 4 else 16 if version < 6 else 24


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with suppress(FileNotFoundError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & _OF_FILES
            _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
        finally:
            os.close(place)


def _code() -> list[Path]:
    """Return where code lies that Python or the decoders may load as late as now."""
    ours = Path(__file__).resolve().parents[1]
    pythons = [Path(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)]
    systems = map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache"))
    return [ours, *pythons, *systems, Path("/dev/null"), Path("/dev/urandom")]


def _refuse_calls() -> None:
    """Answer some calls with EACCES, by a filter that the kernel asks about each call."""
    found = _FORBIDDEN_CALLS.get(platform.machine())
    if found is None or sys.maxsize < 1 << 32:
        return
    architecture, calls = found
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 0, len(calls) + 3, architecture), (_LOAD, 0, 0, 0)]
    for left, number in zip(range(len(calls), 0, -1), calls, strict=True):
        steps.append((_EQUAL, left + 1, 0, number))
    steps += [(_AT_LEAST, 1, 0, _X32), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    filters = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(steps), ctypes.addressof(filters))
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program)
