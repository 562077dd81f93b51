"""Run one drill, or all: `python -m tests.drills [NAME [COUNT]]`. Each says what it saw."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

_FOLDER = tempfile.mkdtemp(prefix="passalong-drill-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ |= {"DATA_DIR": _FOLDER, "DJANGO_SETTINGS_MODULE": "config.settings"}

import django  # noqa: E402 - the data folder has to be named before Django reads its settings

django.setup()
from tests.drills import purge, revocation, stalled  # noqa: E402 - models exist only from here on


def tests_of(*files: str) -> Callable[[int], None]:
    """Return a drill that runs tests with a count of their own choosing."""

    def run(count: int) -> None:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "load", *files]
        subprocess.run(command, check=True, env=os.environ | {"DRILL_COUNT": str(count)})

    return run


DRILLS: dict[str, tuple[Callable[[int], None], int]] = {
    "mutations": (tests_of("tests/processing/metadata/test_mutations.py"), 2_000),
    "life": (tests_of("tests/shares/test_life_and_death.py"), 300),
    "purge": (purge.run, 100_000),
    "revocation": (revocation.run, 5),
    "stalled": (stalled.run, 140),
}


def main(words: list[str]) -> None:
    names = words[:1] or list(DRILLS)
    if unknown := [name for name in names if name not in DRILLS]:
        sys.exit(f"There is no drill {unknown[0]!r}. There are: {', '.join(DRILLS)}.")
    if len(words) > 1 and not (words[1].isdecimal() and int(words[1])):
        sys.exit(f"{words[1]!r} is no count: it has to be a whole number above 0.")
    for name in names:
        run, count = DRILLS[name]
        count = int(words[1]) if len(words) > 1 else count
        print(f"== {name}, {count:,}", flush=True)
        run(count)


if __name__ == "__main__":
    main(sys.argv[1:])
