"""Keep a few processes running, and let none outlive the one that keeps them."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

POLL_SECONDS = 0.1
STEADY_SECONDS = 10.0  # a child that lived this long starts again without delay
LONGEST_DELAY_SECONDS = 30.0
STOP_SECONDS = 12.0
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Child:
    """One command, and the process that runs it at the moment."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    next_start: float = 0.0
    quick_deaths: int = field(default=0)


class Supervisor:
    """Starts children, each in its own process group, and starts anew whichever ends."""

    def __init__(self, children: Sequence[Child], *, say: Callable[[str], None]) -> None:
        self.children = children
        self.say = say
        self.stopping = False

    def run(self, each_round: Callable[[], None]) -> None:
        """Run until SIGINT or SIGTERM; then end all children and their groups."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # under nohup the site goes on after log-out
            signal.signal(number, self._on_signal)
        try:
            while not self.stopping:
                for child in self.children:
                    self._look_after(child)
                each_round()
                time.sleep(POLL_SECONDS)
        finally:
            self._stop_all()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        process = child.process
        if process is not None and process.poll() is not None:
            _kill_group(process)  # what it left behind must not work on beside its successor
            child.process = None
            child.quick_deaths = (
                0 if now - child.started > STEADY_SECONDS else child.quick_deaths + 1
            )
            delay = (
                min(LONGEST_DELAY_SECONDS, 0.25 * 2**child.quick_deaths)
                if child.quick_deaths > 1
                else 0.0
            )
            child.next_start = now + delay
            self.say(f"{child.name} ended ({process.returncode}); it starts again in {delay:.1f} s")
        if child.process is None and now >= child.next_start:
            child.started = now
            child.process = subprocess.Popen(
                child.command,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )

    def _stop_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"process {process.pid} does not end by itself")
            _kill_group(process)
            process.wait()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _end_with(parent: int) -> Callable[[], None]:
    """Return what a new child does first: ask the kernel for a SIGTERM when its parent is gone."""

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the kernel was asked
            os._exit(1)

    return ask
