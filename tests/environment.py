"""Give the test run a data folder and settings of its own, before Django reads any."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

_FOLDER = Path(tempfile.mkdtemp(prefix="passalong-tests-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

os.environ |= {
    "DATA_DIR": str(_FOLDER),
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    "SECRET_KEY": "only-for-tests",
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
