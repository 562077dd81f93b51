"""A PostgreSQL database of a test's own, and programs that run the site's code on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from tests.prepared import STATIC_FILES, prepare
from tests.site import run_python

SERVER = os.environ.get("TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
START = """
import sys, threading
import django
django.setup()
from datetime import timedelta
from django.db import connection
from django.utils import timezone

def at_once(*acts):
    barrier, ends = threading.Barrier(len(acts)), [None] * len(acts)
    def run(number):
        barrier.wait()
        try:
            ends[number] = acts[number]()
        except Exception as error:
            ends[number] = type(error).__name__
        finally:
            connection.close()
    threads = [threading.Thread(target=run, args=[n]) for n in range(len(acts))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return ends
"""


@contextmanager
def database() -> Iterator[str]:
    """Make a database of a name of its own and drop it; skips where no server answers."""
    name = f"passalong_test_{token_hex(4)}"
    try:
        server = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=60)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL answers at {SERVER} (set TEST_POSTGRESQL)")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{SERVER}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class OnPostgreSQL:
    """The site's code on a database of PostgreSQL."""

    def __init__(self, url: str, data_dir: Path, *, serves_pages: bool = True) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        self.run_manage("migrate", "--verbosity", "0")
        if serves_pages:
            self.run_manage("createcachetable", "--database", "cache", "--verbosity", "0")
            prepare(data_dir, STATIC_FILES)

    def run_manage(self, *words: str) -> str:
        return run_python("manage.py", *words, environment=self.environment)

    def run(self, code: str) -> str:
        """Run a program behind `START`; return what it says."""
        return run_python("-c", START + code, environment=self.environment)
