"""What a site makes when it starts for the first time, made once for all sites of a test run.

Collecting and compressing the static files takes longer than most tests. The tests of `manage.py up`
start from nothing; those that are about something else start from here.
"""

import fcntl
import os
import shutil
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
    prepared = Path(os.environ["PREPARED_DIR"])
    prepared.mkdir(exist_ok=True)
    with (prepared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes that test at once, one makes it
        if not (prepared / "done").exists():
            environment = os.environ | {"DATA_DIR": str(prepared)}
            run_python("-c", BRING_UP_TO_DATE, environment=environment)
            (prepared / "done").touch()
    for part in parts:
        _copy(prepared / part, data_dir / part)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
