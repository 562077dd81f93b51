"""What a decoder that a file has taken over can still reach."""

import json
import subprocess
import sys

import pytest

from library.processing.sandbox import pool
from library.processing.sandbox.fence import landlock_version
from tests.processing.corpus import ROOT

needs_landlock = pytest.mark.skipif(
    not landlock_version(), reason="this kernel has no Landlock, so files are not fenced here"
)

INTRUDER = """
import os, socket, sys
from pathlib import Path


def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"


def intrude(path, folder, secret, outside, **_limits):
    return {
        "reads its file": outcome(Path(path).read_bytes),
        "writes its file": outcome(lambda: Path(path).open("r+b")),
        "writes its pictures": outcome(lambda: Path(folder, "thumbnail.webp").write_bytes(b"x")),
        "works in its folder": outcome(lambda: Path("scratch").write_bytes(b"x")),
        "reads another file": outcome(Path(secret).read_bytes),
        "lists another folder": outcome(lambda: list(Path(outside).iterdir())),
        "writes elsewhere": outcome(lambda: Path(outside, "new").write_bytes(b"x")),
        "removes elsewhere": outcome(Path(secret).unlink),
        "reads its parent's environment": outcome(Path(f"/proc/{os.getppid()}/environ").read_bytes),
        "calls out": outcome(lambda: socket.create_connection(("127.0.0.1", 9))),
        "opens a local socket": outcome(lambda: socket.socket(socket.AF_UNIX)),
        "starts a program": outcome(lambda: os.execv("/bin/true", ["true"])),
    }
"""
SERVE = """
sys.path.insert(0, sys.argv[1])
from library.processing.sandbox import server
server._FUNCTIONS["probe"] = intrude
server.serve()
"""
KEPT_OUT = {
    "reads its file": "done",
    "writes its file": "PermissionError",
    "writes its pictures": "done",
    "works in its folder": "done",
    "reads another file": "PermissionError",
    "lists another folder": "PermissionError",
    "writes elsewhere": "PermissionError",
    "removes elsewhere": "PermissionError",
    "reads its parent's environment": "PermissionError",
    "calls out": "PermissionError",
    "opens a local socket": "PermissionError",
    "starts a program": "PermissionError",
}


@pytest.fixture
def told(tmp_path) -> dict[str, str]:
    for name in ("outside", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside" / "secret").write_text("of somebody else")
    (tmp_path / "file").write_text("sent by a stranger")
    return {
        "path": str(tmp_path / "file"),
        "folder": str(tmp_path / "pictures"),
        "secret": str(tmp_path / "outside" / "secret"),
        "outside": str(tmp_path / "outside"),
    }


@needs_landlock
def test_a_child_reaches_its_file_and_its_folders_and_nothing_else(own_sandbox, told, monkeypatch):
    monkeypatch.setattr(pool, "_START", INTRUDER + SERVE)

    assert own_sandbox()._call("probe", told, 10) == KEPT_OUT


def enclosed(told: dict[str, str], kernel: str) -> dict[str, str]:
    """Intrude from a process that encloses itself on another kernel or machine."""
    script = INTRUDER + (
        "import json; sys.path.insert(0, sys.argv[1])\n"
        "from library.processing.sandbox import fence\n"
        "told = json.loads(sys.argv[2]); os.chdir(told['folder'])\n"
        f"{kernel}\n"
        "fence.enclose(readable=[Path(told['path'])], writable=[Path(told['folder'])])\n"
        "print(json.dumps(intrude(**told)), flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(ROOT), json.dumps(told)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@needs_landlock
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 99])
def test_each_landlock_does_what_it_can(version, told):
    if version > landlock_version() and version != 99:
        pytest.skip(f"this kernel's Landlock is older than {version}")

    assert enclosed(told, f"fence.landlock_version = lambda: {version}") == KEPT_OUT


def test_without_landlock_there_are_still_no_sockets_and_no_programs(told):
    found = enclosed(told, "fence.landlock_version = lambda: 0")

    assert found["reads another file"] == "done"
    refused = ("calls out", "opens a local socket", "starts a program")
    assert {found[each] for each in refused} == {"PermissionError"}


def test_on_a_machine_whose_calls_have_other_numbers_the_files_are_still_fenced(told):
    found = enclosed(told, "fence.platform.machine = lambda: 'vax'")

    assert found["opens a local socket"] == "done"
    assert (found["reads another file"] == "PermissionError") == bool(landlock_version())
