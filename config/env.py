"""Typed values from the environment and from a `.env` file beside manage.py."""

import fcntl
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def load_env_file(path: Path) -> None:
    """Put `NAME=value` lines of a file into the environment; what is already set there wins."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("\"'"))


def text(name: str, default: str = "", *, choices: Iterable[str] = ()) -> str:
    """Return a variable's text; an empty one counts as not set."""
    value = os.environ.get(name, "").strip() or default
    allowed = tuple(choices)
    if allowed and value not in allowed:
        msg = f"{name} is {value!r}; it can be {' or '.join(allowed)}."
        raise ImproperlyConfigured(msg)
    return value


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return a whole number within bounds."""
    value = text(name, str(default))
    if not value.isdecimal():
        msg = f"{name} is {value!r}; it has to be a whole number."
        raise ImproperlyConfigured(msg)
    if int(value) < least or (most is not None and int(value) > most):
        msg = f"{name} is {value}; it has to be " + (
            f"at least {least}." if most is None else f"from {least} to {most}."
        )
        raise ImproperlyConfigured(msg)
    return int(value)


def origin(name: str, default: str) -> str:
    """Return an origin such as `https://photos.example.org`, without a path."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or value != f"{parts.scheme}://{parts.netloc}"
    ):
        msg = (
            f"{name} is {value!r}; it has to look like https://photos.example.org, without a path."
        )
        raise ImproperlyConfigured(msg)
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes or no, written as 1/0, true/false, yes/no or on/off."""
    value = text(name, "1" if default else "0").lower()
    if value not in _WORDS:
        msg = f"{name} is {value!r}; it can be 1 or 0."
        raise ImproperlyConfigured(msg)
    return _WORDS[value]


def free_space_floor(folder: Path) -> int:
    """Return the bytes to keep free on a folder's file system: 5 % of it, and never more than 5 GiB."""
    disk = os.statvfs(folder)
    return min(5 << 30, disk.f_blocks * disk.f_frsize // 20)


def kept_secret(path: Path, *, random_bytes: int) -> str:
    """Return the secret in a file, which is made where there is none.

    It is whole and on disk before it is used. A file that a power cut left empty is made anew.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # of processes that start together, one makes it
        if path.is_file() and (kept := path.read_text(encoding="ascii").strip("\0 \n")):
            return kept
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        made = secrets.token_urlsafe(random_bytes)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        os.fsync(folder)
        return made
    finally:
        os.close(folder)
