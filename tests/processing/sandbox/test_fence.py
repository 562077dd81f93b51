"""What a decoder that a file has taken over can still reach."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from library.processing.sandbox import landlock, pool, seccomp
from tests.processing.corpus import ROOT

needs_landlock = pytest.mark.skipif(
    not landlock.version(), reason="this kernel has no Landlock, so files are not fenced here"
)

INTRUDER = """
import os, resource, signal, socket, sys, threading
from pathlib import Path


def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"


def live_in_a_thread():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()


def intrude(path, folder, secret, outside, victim, **_limits):
    return {
        "reads its file": outcome(Path(path).read_bytes),
        "writes its pictures": outcome(lambda: Path(folder, "thumbnail.webp").write_bytes(b"x")),
        "lives in threads": outcome(live_in_a_thread),
        "asks for its limits": outcome(lambda: resource.prlimit(0, resource.RLIMIT_CPU)),
        "writes its file": outcome(lambda: Path(path).open("r+b")),
        "reads another file": outcome(Path(secret).read_bytes),
        "lists another folder": outcome(lambda: list(Path(outside).iterdir())),
        "writes elsewhere": outcome(lambda: Path(outside, "new").write_bytes(b"x")),
        "removes elsewhere": outcome(Path(secret).unlink),
        "reads its parent's environment": outcome(Path(f"/proc/{os.getppid()}/environ").read_bytes),
        "empties elsewhere": outcome(lambda: os.truncate(secret, 0)),
        "opens a folder to all": outcome(lambda: Path(outside).chmod(0o777)),
        "dates a file back": outcome(lambda: os.utime(secret, (0, 0))),
        "labels a file": outcome(lambda: os.setxattr(secret, "user.label", b"x")),
        "calls out": outcome(lambda: socket.create_connection(("127.0.0.1", 9))),
        "opens a local socket": outcome(lambda: socket.socket(socket.AF_UNIX)),
        "opens a pair of sockets": outcome(socket.socketpair),
        "starts a program": outcome(lambda: os.execv("/bin/true", ["true"])),
        "starts a process": outcome(lambda: os.fork() or os._exit(0)),
        "leaves its group": outcome(os.setsid),
        "signals another": outcome(lambda: os.kill(int(victim), signal.SIGKILL)),
        "limits another": outcome(
            lambda: resource.prlimit(int(victim), resource.RLIMIT_CPU, (0, 0))
        ),
    }
"""
SERVE = """
sys.path.insert(0, sys.argv[1])
from library.processing.sandbox import functions, server
functions.FUNCTIONS["probe"] = intrude
server.serve()
"""
DONE = {"reads its file", "writes its pictures", "lives in threads", "asks for its limits"}
BY_LANDLOCK = {
    "writes its file",
    "reads another file",
    "lists another folder",
    "writes elsewhere",
    "removes elsewhere",
    "reads its parent's environment",
}
BY_FILTER = {
    "empties elsewhere",
    "opens a folder to all",
    "dates a file back",
    "labels a file",
    "calls out",
    "opens a local socket",
    "opens a pair of sockets",
    "starts a program",
    "starts a process",
    "leaves its group",
    "signals another",
    "limits another",
}
KEPT_IN = dict.fromkeys(DONE, "done") | dict.fromkeys(BY_LANDLOCK | BY_FILTER, "PermissionError")


@pytest.fixture
def victim() -> Iterator[subprocess.Popen]:
    """Another process of the same user, which ends with its standard input."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process


@pytest.fixture
def told(tmp_path, victim) -> dict[str, str]:
    for name in ("outside", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside" / "secret").write_text("of somebody else")
    (tmp_path / "file").write_text("sent by a stranger")
    return {
        "path": str(tmp_path / "file"),
        "folder": str(tmp_path / "pictures"),
        "secret": str(tmp_path / "outside" / "secret"),
        "outside": str(tmp_path / "outside"),
        "victim": str(victim.pid),
    }


@needs_landlock
def test_a_child_reaches_its_file_and_its_pictures_and_nothing_else(
    own_sandbox, told, victim, monkeypatch
):
    monkeypatch.setattr(pool, "_START", INTRUDER + SERVE)

    assert own_sandbox()._call("probe", told, 10) == KEPT_IN
    assert victim.poll() is None


def enclosed(told: dict[str, str], kernel: str) -> dict[str, str]:
    """Intrude from a process that encloses itself on another kernel or machine."""
    script = INTRUDER + (
        "import json; sys.path.insert(0, sys.argv[1])\n"
        "from library.processing.sandbox import fence\n"
        "told = json.loads(sys.argv[2]); os.chdir(told['folder'])\n"
        f"{kernel}\n"
        "fence.Fence().enclose(readable=[Path(told['path'])], writable=[Path(told['folder'])])\n"
        "print(json.dumps(intrude(**told)), flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(ROOT), json.dumps(told)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@needs_landlock
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 99])
def test_each_landlock_does_what_it_can(version, told):
    if version > landlock.version() and version != 99:
        pytest.skip(f"this kernel's Landlock is older than {version}")

    assert enclosed(told, f"fence.landlock.version = lambda: {version}") == KEPT_IN


def test_without_landlock_the_calls_are_still_refused(told, victim):
    found = enclosed(told, "fence.landlock.version = lambda: 0")

    assert found["reads another file"] == "done"
    assert {each: found[each] for each in BY_FILTER} == dict.fromkeys(BY_FILTER, "PermissionError")
    assert victim.poll() is None


def test_on_a_machine_whose_calls_have_other_numbers_the_files_are_still_fenced(told):
    found = enclosed(told, "fence.seccomp.platform.machine = lambda: 'vax'")

    assert found["opens a local socket"] == "done"
    assert (found["reads another file"] == "PermissionError") == bool(landlock.version())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_one_that_a_kernel_takes(machine):
    """Walk it as the kernel does: only forward, and never past its end."""
    code = list(struct.iter_unpack("=HBBI", seccomp._assemble(seccomp._filter(machine))))

    def answer(architecture: int, number: int, argument: int = 0) -> int:
        seen = {0: number, 4: architecture, 16: argument}
        at, held = 0, 0
        while True:
            operation, so, not_so, operand = code[at]
            at += 1
            if operation == seccomp._RETURN:
                return operand
            if operation == seccomp._LOAD:
                held = seen[operand]
                continue
            is_so = {
                seccomp._EQUAL: held == operand,
                seccomp._AT_LEAST: held >= operand,
                seccomp._ANY_BIT: bool(held & operand),
            }[operation]
            at += so if is_so else not_so

    ours, column = seccomp._ARCHITECTURES[machine], list(seccomp._ARCHITECTURES).index(machine)
    allow, refuse, unknown = seccomp._ENDINGS.values()
    refused = {numbers[column] for numbers in seccomp._REFUSED.values()} - {0}
    special = {seccomp._CLONE[column], seccomp._CLONE3[column], seccomp._PRLIMIT[column]}
    for number in range(500):
        if number not in special:
            assert answer(ours, number) == (refuse if number in refused else allow)
    assert answer(ours + 1, 0) == refuse
    assert answer(ours, 0x40000000) == refuse
    assert answer(ours, seccomp._CLONE3[column]) == unknown
    assert answer(ours, seccomp._CLONE[column], 0x003D0F00) == allow
    assert answer(ours, seccomp._CLONE[column], 0x01200011) == refuse
    assert answer(ours, seccomp._PRLIMIT[column], 0) == allow
    assert answer(ours, seccomp._PRLIMIT[column], 4711) == refuse
