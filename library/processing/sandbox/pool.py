"""The servers of one process: started when there is work for them, each for one caller at a time."""

import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import LifoQueue

CALLS_PER_SERVER = 500
ANSWER_BYTES = 256 * 1024

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from library.processing.sandbox.server import serve; serve()"
)
# The site's secrets stay behind: of the environment, only what starting Python may need.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL")
# For glibc: few arenas, and what was used for one whole file is used for the next, not given back between
_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


class Server:
    """One server process, warm once it was asked. For one caller at a time."""

    def __init__(self, base_dir: Path) -> None:
        self._base_dir = base_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._calls = 0

    @property
    def pid(self) -> int | None:
        """Return the number of its process, None while there is none."""
        return self._process.pid if self._process else None

    def ask(self, line: bytes, seconds: float) -> bytes | None:
        """Send one line and return the line that answers it; None when the process was found dead.

        Raises:
            TimeoutError: there was no whole answer in time. The process has ended then.
        """
        process = self._running()
        answer = b""
        try:
            _write(process, line)
            answer = _read_line(process, seconds)
        except TimeoutError:
            raise
        except OSError:  # it died between two questions
            pass
        finally:
            if answer:
                self._calls += 1
            else:  # one that comes late, or to nobody, must not meet the next question
                self.end()
        return answer or None

    def end(self) -> None:
        """End the process; the next question starts another."""
        process, self._process, self._calls = self._process, None, 0
        if process is not None:
            process.kill()
            _close_pipes(process)
            process.wait()

    def forget(self) -> None:
        """In a forked process: let go of the parent's server, so that it can see its parent end."""
        if self._process is not None:
            _close_pipes(self._process)
            self._process.returncode = 0  # it is not this process's child to wait for
        self._process, self._calls = None, 0

    def _running(self) -> "subprocess.Popen[bytes]":
        dead = self._process is not None and self._process.poll() is not None
        if dead or self._calls >= CALLS_PER_SERVER:
            self.end()
        if self._process is None:
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", "-c", _START, str(self._base_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**environment, **_MEMORY},
                start_new_session=True,
            )
        return self._process


class ServerPool:
    """A few servers, of which the one used last is used first: where calls do not meet, one is enough.

    A process forked from this one has servers of its own.
    """

    def __init__(self, base_dir: Path, *, size: int) -> None:
        self.servers = [Server(base_dir) for _ in range(size)]
        self._fill()
        _pools.add(self)

    @contextmanager
    def server(self) -> Iterator[Server]:
        """Give a server that nobody else uses; wait for one when all are in use."""
        idle = self._idle
        server = idle.get()
        try:
            yield server
        finally:
            idle.put(server)

    def close(self) -> None:
        """End every server, each once it has answered; the next call starts another."""
        with self._closing:  # two at once would wait for each other's servers
            for server in [self._idle.get() for _ in self.servers]:
                server.end()
                self._idle.put(server)

    def forget(self) -> None:
        """In a forked process: let go of the parent's servers, also of those that its threads use."""
        for server in self.servers:
            server.forget()
        self._fill()

    def _fill(self) -> None:
        self._closing = threading.Lock()
        self._idle: LifoQueue[Server] = LifoQueue()
        for server in self.servers:
            self._idle.put(server)


_pools: "weakref.WeakSet[ServerPool]" = weakref.WeakSet()


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


os.register_at_fork(after_in_child=_forget_all)


def _write(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert process.stdin is not None  # noqa: S101
    process.stdin.write(line)


def _read_line(process: "subprocess.Popen[bytes]", seconds: float) -> bytes:
    """Read up to a line's end; empty when the process died.

    Raises:
        TimeoutError: the line was not complete in time.
    """
    assert process.stdout is not None  # noqa: S101
    deadline = time.monotonic() + seconds
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(1000 * left):
            raise TimeoutError
        more = os.read(process.stdout.fileno(), ANSWER_BYTES)
        if not more:
            return b""
        line += more
    return line


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
