"""Throttles on a full disk: what can't be counted is not let through."""

import sqlite3
import subprocess

import pytest
from django.core.cache import cache
from django.db import connections

from library.processing.disks import FullDiskError

pytestmark = pytest.mark.django_db(databases=["default", "cache"])


@pytest.fixture
def full_disk(settings, tmp_path):
    """Data on a disk without room."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk of one's own can be mounted here")
    settings.DATA_DIR = tmp_path
    yield
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.fixture
def refused():
    """A cache whose file can't grow."""

    def refuse(execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE")):
            with context["connection"].wrap_database_errors:
                raise sqlite3.OperationalError("database or disk is full")
        return execute(sql, params, many, context)

    with connections["cache"].execute_wrapper(refuse):
        yield


def test_what_is_not_kept_because_the_disk_is_full_is_an_error(full_disk, refused):
    with pytest.raises(FullDiskError):
        cache.set("tries", [1])


def test_what_is_kept_on_a_disk_that_is_nearly_full_is_none(full_disk):
    cache.set("tries", [1])

    assert cache.get("tries") == [1]


def test_what_is_not_kept_for_another_reason_is_passed_over_as_ever(refused):
    cache.set("tries", [1])

    assert cache.get("tries") is None
