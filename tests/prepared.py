"""What takes long to make and is the same for many tests, made once for all processes of a test run.

Collecting and compressing the static files takes longer than most tests. The tests of `manage.py up`
start from nothing; those that are about something else start from here.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.site import run_python

STATIC_FILES = ("static",)
DATABASES = ("passalong.sqlite3", "cache.sqlite3")
BRING_UP_TO_DATE = """
import django
django.setup()
from django.db import connections
from config.management.commands.up import Command
Command()._bring_up_to_date()
connections.close_all()  # with the last connection all that was written is in the one file
"""


def prepare(data_dir: Path, parts: tuple[str, ...] = (*STATIC_FILES, *DATABASES)) -> None:
    """Put static files, and databases in which nobody is yet, where a site will look for its own."""

    def make(folder: Path) -> None:
        run_python("-c", BRING_UP_TO_DATE, environment=os.environ | {"DATA_DIR": str(folder)})

    prepared = made_once("site", make)
    for part in parts:
        _copy(prepared / part, data_dir / part)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of this name; of processes that test at once, one makes it."""
    folder = Path(os.environ["PREPARED_DIR"]) / name
    folder.mkdir(parents=True, exist_ok=True)
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
