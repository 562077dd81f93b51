"""Turn DATABASE_URL, EMAIL_URL and what Celery needs into settings."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import queue_folder

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
    "PRAGMA foreign_keys=ON; PRAGMA busy_timeout=20000"
)


def sqlite_database(path: Path) -> dict[str, Any]:
    """Describe one SQLite file: durable at every commit, patient with other writers."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": 600,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS},
        "TEST": {"NAME": str(path.with_suffix(".test.sqlite3"))},
    }


def databases(url: str, *, folder: Path) -> dict[str, dict[str, Any]]:
    """Describe the main database and that of the cache.

    `postgresql://user:password@host:port/name` is both; when empty, each is a SQLite file.
    """
    if not url:
        return {
            "default": sqlite_database(folder / "passalong.sqlite3"),
            "cache": sqlite_database(folder / "cache.sqlite3"),
        }
    main = _postgresql(url)
    return {"default": main, "cache": {**main, "TEST": {"MIRROR": "default"}}}


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        msg = f"DATABASE_URL starts with {parts.scheme}://; it can be postgresql://."
        raise ImproperlyConfigured(msg)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        **_credentials(parts),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 20}, **dict(parse_qsl(parts.query))},
    }


def mail(url: str, *, outbox: Path) -> dict[str, Any]:
    """Describe how mail leaves: `smtp://`, `smtp+tls://` or `smtps://` with user and host, else a folder."""
    if not url:
        return {"EMAIL_BACKEND": "config.mail.OutboxBackend", "EMAIL_FILE_PATH": str(outbox)}
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps", "smtp+tls"}:
        msg = (
            f"EMAIL_URL starts with {parts.scheme}://; it can be smtp://, smtp+tls:// or smtps://."
        )
        raise ImproperlyConfigured(msg)
    known = _credentials(parts)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": known["HOST"],
        "EMAIL_PORT": known["PORT"] or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "EMAIL_HOST_USER": known["USER"],
        "EMAIL_HOST_PASSWORD": known["PASSWORD"],
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 10,
    }


def broker(redis_url: str, *, queue: Path) -> tuple[str, dict[str, Any]]:
    """Give Celery's broker address and transport options: Redis, or folders below `queue`.

    Tasks are doorbells (library/work.py), so a broker that loses, doubles or delays them costs
    time only. `max_retries` bounds how long a request waits for a broker that is down.
    """
    if redis_url:
        return redis_url, {
            "visibility_timeout": 1800,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
        }
    options = queue_folder.make_folders(queue)
    return f"{queue_folder.SCHEME}://localhost", {**options, "polling_interval": 0.1}


def _credentials(parts: SplitResult) -> dict[str, Any]:
    return {
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }
