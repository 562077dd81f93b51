"""The whole site as one command: web server, worker and beat."""

import fcntl
import hashlib
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config import env, queue_folder
from config.supervisor import Child, Supervisor
from library.accounts import is_unclaimed
from library.blobs.space import fill_reserve, with_reserve

REQUEST_LINE_BYTES = 8190


class Command(BaseCommand):
    """Bring the database and static files up to date, then keep every process running."""

    help = "Run the site: web server, worker and beat. Ctrl-C ends all of it."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until interrupted."""
        _refuse_open_host()
        _refuse_taken_port()
        lock = _only_one()
        queue_folder.empty(settings.QUEUE_DIR)
        _in_a_child(partial(with_reserve, self._bring_up_to_date))
        started = time.monotonic()
        announced = False

        def announce() -> None:
            nonlocal announced
            if not announced and _is_listening():
                announced = True
                self._announce(time.monotonic() - started)

        Supervisor(_children(), say=self._say).run(announce)
        lock.close()
        self._say("everything has ended")

    def _bring_up_to_date(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._say("bringing the database up to date")
            call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0, database="cache")
        stamp = settings.STATIC_ROOT / "stamp"
        digest = _static_digest()
        if not stamp.is_file() or stamp.read_text() != digest:
            self._say("collecting static files")
            call_command("collectstatic", verbosity=0, interactive=False, clear=True)
            stamp.write_text(digest)
        fill_reserve()

    def _announce(self, seconds: float) -> None:
        self._say(
            f"Passalong is at {settings.PUBLIC_BASE_URL}/ (ready in {seconds:.1f} s; Ctrl-C ends it)"
        )
        if is_unclaimed():
            address = f"{settings.PUBLIC_BASE_URL}/accounts/signup/?setup={settings.SETUP_CODE}"
            self._say(f"Make the first account, which will look after the site, at {address}")
        connection.close()

    def _say(self, message: str) -> None:
        with suppress(OSError):  # a log on a disk that is full ends no site
            self.stdout.write(message)
            self.stdout.flush()


def _in_a_child(act: Callable[[], None]) -> None:
    """Do something in a process of its own, so that what it loads leaves with it."""
    child = get_context("fork").Process(target=act)
    child.start()
    child.join()
    if child.exitcode:
        raise CommandError("The site can't start: what went wrong stands above.")


def _children() -> list[Child]:
    python, cores = sys.executable, len(os.sched_getaffinity(0))
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    proxies = "*" if settings.ALLAUTH_TRUSTED_PROXY_COUNT else "127.0.0.1"
    web = [
        *(python, "-m", "gunicorn", "config.wsgi:application"),
        *("--bind", f"{host}:{settings.PORT}", "--workers", str(cores)),
        *("--worker-class", "gthread", "--threads", str(settings.WEB_THREADS)),
        *("--keep-alive", "15"),
        *("--limit-request-line", str(REQUEST_LINE_BYTES), "--no-control-socket"),
        *("--graceful-timeout", "5", "--forwarded-allow-ips", proxies, "--log-level", "warning"),
    ]
    # Celery warns of root because of pickled messages; ours are JSON, and carry nothing
    calm = "ignore:You're running the worker with superuser privileges"
    celery = [python, "-W", calm, "-m", "celery", "--app", "config", "--quiet"]
    processes = str(settings.WORKER_PROCESSES)
    worker = [
        *(*celery, "worker", "--concurrency", processes, "--loglevel", "warning"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    beat = [*celery, "beat", "--pidfile=", "--loglevel", "warning"]
    return [Child("web", web), Child("worker", worker), Child("beat", beat)]


def _refuse_open_host() -> None:
    if settings.HOST not in settings.LOOPBACK_HOSTS and not env.text("PUBLIC_BASE_URL"):
        msg = (
            f"HOST={settings.HOST} lets other machines in, so links need the address they use. Type:\n"
            f"  HOST={settings.HOST} PUBLIC_BASE_URL=http://{_own_address()}:{settings.PORT} make run"
        )
        raise CommandError(msg)


def _own_address() -> str:
    """Return this machine's address towards the world; a datagram socket sends nothing to learn it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "192.168.1.20"
        return str(probe.getsockname()[0])


def _refuse_taken_port() -> None:
    with socket.socket(_family()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            msg = (
                f"{settings.HOST}:{settings.PORT} can't be used ({error.strerror}). "
                f"Another one: PORT={settings.PORT + 1} make run"
            )
            raise CommandError(msg) from error


def _family() -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET


def _only_one() -> Any:
    """Hold a lock on DATA_DIR for as long as the site runs; the kernel lets go of it with us."""
    file = Path(settings.DATA_DIR / "up.lock").open("w")  # noqa: SIM115 - open until the end
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        msg = f"The site already runs on {settings.DATA_DIR}. Another one needs a DATA_DIR of its own."
        raise CommandError(msg) from error
    return file


def _is_listening() -> bool:
    with socket.socket(_family()) as probe:
        probe.settimeout(0.2)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - compared, not bound
        return probe.connect_ex((host, settings.PORT)) == 0


def _static_digest() -> str:
    """Return a digest of our static files and of the packages that bring others."""
    digest = hashlib.sha256((settings.BASE_DIR / "requirements.txt").read_bytes())
    for path in sorted((settings.BASE_DIR / "config" / "static").rglob("*")):
        if path.is_file():
            digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()
