"""What a decoding process may still do, as far as the kernel can be asked: Landlock and seccomp.

Landlock says which files it reaches, the filter which calls it may make. Both need no rights and hold
for good; where a kernel or machine lacks one, the other and the server's limits still stand. Neither
hides that a file exists, and root is more than either holds.
"""

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path

from library.processing.sandbox import landlock, seccomp

_PR_SET_NO_NEW_PRIVS = 38
_OURS = Path(__file__).resolve().parents[1]
# Where the loader looks when a library is needed late; threads need one to end
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
)


class Fence:
    """What a process will still be able to do, got ready before it is known for which file."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        self._ruleset = landlock.Ruleset(_code())
        self._filter = seccomp.filter_code()

    def enclose(self, *, readable: Iterable[Path], writable: Iterable[Path]) -> None:
        """Let this process read these, write into these folders, and run Python's own code; no more.

        It can't open sockets, start programs or processes, or signal others any more. Its threads from
        here on are enclosed too. Does what the kernel can, and is silent about the rest. Call it once.
        """
        self._ruleset.restrict(readable=readable, writable=writable)
        seccomp.refuse_calls(self._filter)


def _code() -> list[Path]:
    """Return where code lies that Python or the decoders may load as late as now.

    The folder of the site itself is not among it: the site's data may lie there.
    """
    pythons = [Path(entry) for entry in sys.path if entry and not _OURS.is_relative_to(entry)]
    return [_OURS, *pythons, *map(Path, _SYSTEM)]
