"""Give the test run a data folder and settings of its own, before Django reads any.

And say which process runs which tests, where there are several.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

_FOLDER = Path(tempfile.mkdtemp(prefix="passalong-tests-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

# The processes that test for this one, and it, share what is made once for all (tests/prepared.py)
os.environ.setdefault("PREPARED_DIR", str(_FOLDER / "prepared"))
os.environ |= {
    "DATA_DIR": str(_FOLDER),
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    "SECRET_KEY": "only-for-tests",
    "FREE_SPACE_FLOOR_BYTES": "0",  # what is tested does not hang on the room of this machine
    "DJANGO_SETTINGS_MODULE": "config.settings",
    # Playwright keeps an event loop in the main thread, which Django takes for asynchronous code.
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
}
for _name in (
    "DEBUG",
    "HOST",
    "PORT",
    "SIGN_UPS",
    "EMAIL_URL",
    "UPLOAD_MAX_BYTES",
    "TRUSTED_PROXIES",
):
    os.environ.pop(_name, None)

# An example may take as long as a busy machine makes it take. CI tries the same ones each time, so that
# what it says of a change is about that change.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("patient")

BROWSER = "tests/browser/"
# What takes longest, so that no process begins with it when the others are at their end
LONGEST = (
    BROWSER,
    "tests/config/test_up.py",
    "tests/config/test_postgresql.py",
    "tests/shares/test_adding_at_once.py",
    "tests/shares/test_purging_at_once.py",
    "tests/shares/test_life_and_death.py",
    "tests/processing/metadata/test_markers.py",
    "tests/processing/metadata/test_corpus.py",
    "tests/processing/sandbox/",
    "tests/shares/test_every_marker.py",
    "tests/shares/test_publishing.py",
    "tests/shares/test_archives.py",
    "tests/processing/metadata/test_mutations.py",
)


class OneBrowser(LoadFileScheduling):
    """All tests of a file in one process, and all with a browser: they share it, and a site."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneBrowser | None:
    return OneBrowser(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes test, begin with what takes longest; else every order is as good."""

    def turn(item: pytest.Item) -> int:
        return next(
            (n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST)
        )

    if hasattr(config, "workerinput"):
        items.sort(key=turn)
