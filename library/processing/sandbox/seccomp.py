"""A seccomp filter: which calls this process may make, from now on and for good.

Numbers: linux/seccomp.h, linux/filter.h, asm/unistd.h.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterable, Iterator

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

# How seccomp names each machine
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# The numbers of calls that no decoder makes, on these machines in this order; 0 where there is none
_REFUSED = {
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, 0), "vfork": (58, 0), "ptrace": (101, 117),
    "setsid": (112, 157), "setpgid": (109, 154), "unshare": (272, 97), "setns": (308, 268),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    # other processes
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "sched_setaffinity": (203, 122),
    "setpriority": (141, 140), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    # sockets
    "socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425),
    # what Landlock leaves open about files
    "truncate": (76, 45), "chmod": (90, 0), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, 0), "fchown": (93, 55), "lchown": (94, 0),
    "fchownat": (260, 54), "utime": (132, 0), "utimes": (235, 0), "futimesat": (261, 0),
    "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "inotify_init": (253, 0), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    # the kernel's own workings
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
}  # fmt: skip
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_THREAD = 0x00010000  # the flag of `clone` that makes a thread of it
_X32 = 0x40000000  # from here on: another way to call the same

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CALL, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they lie in what the filter sees
_ENDINGS = {
    "allow": 0x7FFF0000,
    "refuse": 0x00050000 | errno.EACCES,
    "unknown": 0x00050000 | errno.ENOSYS,
}
_Step = tuple[int, int, str, str]  # operation, operand, where to go if so, and if not; "" is on

_libc = ctypes.CDLL(None, use_errno=True)


def refuse_calls(code: bytes) -> None:
    """Answer with an error whatever starts processes, reaches others, or opens a way out of here.

    `code` is what `filter_code` returned. Needs PR_SET_NO_NEW_PRIVS.
    """
    if not code:
        return
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program)


def filter_code() -> bytes:
    """Return the filter for this machine; empty on one whose calls have other numbers."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES or sys.maxsize < 1 << 32:
        return b""
    return _assemble(_filter(machine))


def _filter(machine: str) -> Iterator[_Step | str]:
    """Yield the steps of the filter, and names of places in it."""
    column = list(_ARCHITECTURES).index(machine)
    yield _LOAD, _ARCHITECTURE, "", ""
    yield _EQUAL, _ARCHITECTURES[machine], "", "refuse"
    yield _LOAD, _CALL, "", ""
    yield _AT_LEAST, _X32, "refuse", ""
    for numbers in _REFUSED.values():
        if numbers[column]:
            yield _EQUAL, numbers[column], "refuse", ""
    # The flags of clone3 lie where no filter sees them: libc takes `clone` when it is unknown
    yield _EQUAL, _CLONE3[column], "unknown", ""
    yield _EQUAL, _CLONE[column], "is it a thread", ""
    yield _EQUAL, _PRLIMIT[column], "is it its own", "allow"
    yield "is it its own"
    yield _LOAD, _FIRST_ARGUMENT, "", ""
    yield _EQUAL, 0, "allow", "refuse"
    yield "is it a thread"
    yield _LOAD, _FIRST_ARGUMENT, "", ""
    yield _ANY_BIT, _THREAD, "allow", "refuse"
    for name, value in _ENDINGS.items():
        yield name
        yield _RETURN, value, "", ""


def _assemble(program: Iterable[_Step | str]) -> bytes:
    """Turn names of places into the distances that the kernel reads."""
    steps: list[_Step] = []
    places: dict[str, int] = {}
    for each in program:
        if isinstance(each, str):
            places[each] = len(steps)
        else:
            steps.append(each)
    code = b""
    for at, (operation, operand, so, not_so) in enumerate(steps, start=1):
        distances = [places.get(name, at) - at for name in (so, not_so)]
        code += struct.pack("=HBBI", operation, *distances, operand)
    return code
