"""The locks: all that is needed is in them, with its version and hashes, and no address.

They are installed without resolving anything, so what is missing here would be missing there; and
`pip check` does not ask for what a package needs only with an extra (celery[redis]).
"""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.site import ROOT

PYTHONS = ("3.11.2", "3.12.3", "3.13.5")  # Debian 12's, Ubuntu 24.04's, Debian 13's
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PROJECT["project"]["dependencies"]
LOCKS = {
    "requirements.txt": RUN,
    "requirements-dev.txt": RUN + PROJECT["dependency-groups"]["dev"],
}
ENTRY = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))? \\$")


def environment(python: str) -> dict[str, str]:
    short = python.rpartition(".")[0]
    return default_environment() | {"python_version": short, "python_full_version": python}


def pins(lock: str, python: str) -> dict[str, str]:
    """Return the versions, by name, that a lock holds for one Python."""
    entries = [ENTRY.match(line) for line in (ROOT / lock).read_text().splitlines()]
    return {
        canonicalize_name(entry["name"]): entry["version"]
        for entry in filter(None, entries)
        if entry["marker"] is None or Marker(entry["marker"]).evaluate(environment(python))
    }


def needs(requirement: Requirement, python: str) -> list[Requirement]:
    """Return what a package asks for with these extras; what only another Python has tells nothing."""
    try:
        asked = map(Requirement, metadata.requires(requirement.name) or [])
    except metadata.PackageNotFoundError:
        return []
    place = environment(python)
    extras = requirement.extras or {""}
    return [
        need
        for need in asked
        if need.marker is None
        or any(need.marker.evaluate(place | {"extra": extra}) for extra in extras)
    ]


def shortcomings(wanted: list[str], pinned: dict[str, str], python: str) -> set[str]:
    """Follow everything that is needed; return what the pins lack or have in a wrong version."""
    found: set[str] = set()
    waiting = list(map(Requirement, wanted))
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found.add(f"{requirement} (it has {version})")
        else:
            waiting += needs(requirement, python)
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_everything_that_is_needed_with_its_extras(lock, python):
    pinned = pins(lock, python)

    assert shortcomings(LOCKS[lock], pinned, python) == set()


@pytest.mark.parametrize(
    ("gone", "lacking"),
    [
        ("redis", "redis"),  # of celery[redis]
        ("psycopg-pool", "psycopg-pool"),  # of psycopg[binary,pool]
        ("brotli", "brotli"),  # of whitenoise[brotli]
        ("kombu", "kombu"),  # of celery, with or without an extra
    ],
)
def test_a_lock_that_lacks_something_is_found_out(gone, lacking):
    pinned = pins("requirements.txt", PYTHONS[0])
    del pinned[gone]

    found = shortcomings(RUN, pinned, PYTHONS[0])

    assert found
    assert all(lacking in each.lower() for each in found)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_entry_with_hashes_and_holds_no_address(lock):
    lines = (ROOT / lock).read_text().splitlines()
    entries = [number for number, line in enumerate(lines) if line and line[0] not in "# "]

    assert entries
    for number in entries:
        assert ENTRY.match(lines[number]), lines[number]
        assert lines[number + 1].startswith("    --hash=sha256:")
    rest = [line for number, line in enumerate(lines) if number not in entries]
    assert all(re.match(r"$|\s*#|    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in rest)
    assert not [line for line in lines if "://" in line or re.search(r"\s(/|@ )", line)]


def test_both_locks_agree():
    for python in PYTHONS:
        run, dev = pins("requirements.txt", python), pins("requirements-dev.txt", python)
        assert run.items() <= dev.items()
