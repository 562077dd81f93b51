"""Waiting for what will come, however busy the machine is. No test says how soon it has to."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 120
POLL_SECONDS = 0.05

T = TypeVar("T")


def wait_until(happened: Callable[[], T], *, told: Callable[[], str] = str) -> T:
    """Ask until the answer is true and return it; `told` explains where it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"it never happened. {told()}"
        time.sleep(POLL_SECONDS)
    return answer
