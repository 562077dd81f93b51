"""A whole site for a test: `manage.py up` on a free port, with a data folder of its own."""

import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.patience import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {"web": "gunicorn", "worker": "worker", "beat": "beat"}
_chance = random.SystemRandom()  # the tests' own is seeded alike in every process


def free_port() -> int:
    """Return a port that is free, and that no connection of this machine will be given meanwhile."""
    while True:
        port = _chance.randrange(20_000, 32_000)  # the kernel gives those from 32,768 on
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_gone(process: psutil.Process) -> bool:
    """Tell whether a process has ended; one that only waits to be reaped has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def command_of(process: psutil.Process) -> list[str]:
    """Return the words of a process's command; it may end meanwhile, and then has none."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def run_python(*words: str, environment: dict[str, str]) -> str:
    """Run Python on these words, in the project's folder, until it has ended well; return what it says."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Site:
    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def setup_path(self) -> str:
        """Return where the first account is made, as the console says it."""
        return f"/accounts/signup/?setup={(self.data_dir / 'setup.code').read_text()}"

    @property
    def log(self) -> str:
        return (self.data_dir / "up.log").read_text(errors="replace")

    @property
    def variables(self) -> dict[str, str]:
        dropped = {"SECRET_KEY", "DATA_DIR", "PUBLIC_BASE_URL", "DJANGO_ALLOW_ASYNC_UNSAFE"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return kept | {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), **self.environment}

    def start(self) -> "Site":
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_it_serves()
        return self

    def wait_until_it_serves(self) -> None:
        def serves() -> bool:
            assert self.process.poll() is None, self.log
            return self.answers()

        wait_until(serves, told=lambda: self.log)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"{self.url}/accounts/login/", timeout=PATIENCE_SECONDS
            ) as page:
                return page.status == 200
        except OSError:
            return False

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def children(self) -> dict[str, psutil.Process]:
        """Return the supervisor's own children by name, once they run their command."""
        return {
            name: process
            for process in psutil.Process(self.process.pid).children()
            for name, word in COMMANDS.items()
            if word in command_of(process)
        }

    def hold(self, processes: list[psutil.Process]) -> None:
        """Hold processes still, but none while it writes: all other writers would wait for it."""

        def hold() -> bool:
            for process in processes:
                process.suspend()
            if self._can_be_written():
                return True
            for process in processes:
                process.resume()
            return False

        wait_until(hold)

    def _can_be_written(self) -> bool:
        path = self.data_dir / "passalong.sqlite3"
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            database.execute("ROLLBACK")
        return True

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the site's database; a program of the site's own would take far longer to begin."""
        path = self.data_dir / "passalong.sqlite3"
        with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as database:
            return database.execute(question, values).fetchall()

    def manage(self, *words: str) -> str:
        return run_python("manage.py", *words, environment=self.variables)

    def survivors(self, running: list[psutil.Process]) -> list[psutil.Process]:
        """Return which of these still run, however long one waits for them to end."""
        with suppress(AssertionError):
            wait_until(lambda: all(map(is_gone, running)))
        return [process for process in running if not is_gone(process)]

    def stop(self, number: int = signal.SIGTERM) -> list[psutil.Process]:
        """End the site and return what was running."""
        running = self.processes()
        self.process.send_signal(number)
        self.process.wait(timeout=PATIENCE_SECONDS)
        return running

    def mail_links(self, to: str) -> list[str]:
        """Return the links of the mails to an address, oldest first."""
        mails = sorted(
            (self.data_dir / "outbox").glob("*.log"), key=lambda path: path.stat().st_mtime
        )
        texts = [path.read_text() for path in mails]
        return [link for text in texts if to in text for link in re.findall(r"http://\S+", text)]
