"""Reads and renders strangers' files in a process of their own; no decoder runs in this one."""

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from library.processing.errors import ProcessingFailedError, error_from_code
from library.processing.formats import FORMATS
from library.processing.values import Facts, PixelLimits, Rendered

CALLS_PER_HELPER = 500
GRACE_SECONDS = 10.0
ANSWER_BYTES = 256 * 1024

NO_ANSWER = "This file could not be shown: the program that reads it gave no answer."
NONSENSE = "This file could not be shown: the program that reads it gave a wrong answer."

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from library.processing.sandbox.server import serve; serve()"
)
# The site's secrets stay behind: of the environment, only what starting Python may need.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL")


class Sandbox:
    """One warm helper process, started at the first call; threads take turns.

    A process forked from this one starts a helper of its own. A helper that died is replaced.
    """

    def __init__(self, base_dir: Path, *, memory_bytes: int = 1 << 30) -> None:
        self._base_dir = base_dir
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[bytes] | None = None
        self._calls = 0
        _sandboxes.add(self)

    def probe(self, path: Path, *, limits: PixelLimits, wall_seconds: float = 10) -> Facts:
        """Read a file's facts from its header.

        Raises:
            MediaError: the file is unsupported, damaged, too large, or its reading failed.
            FileNotFoundError: there is no such file.
        """
        arguments = _arguments(path, limits)
        answer = self._call("probe", arguments, wall_seconds)
        try:
            facts = Facts.from_json(answer)
        except (ValueError, TypeError, LookupError):
            raise ProcessingFailedError(NONSENSE) from None
        _check_format(facts)
        return facts

    def render(
        self,
        path: Path,
        folder: Path,
        *,
        thumbnail_px: int,
        preview_px: int,
        limits: PixelLimits,
        wall_seconds: float,
    ) -> Rendered:
        """Read a file's facts and write its pictures into the folder, at most this long an edge.

        Raises:
            MediaError: the file is unsupported, damaged, too large, or its rendering failed.
            FileNotFoundError: there is no such file or folder.
        """
        arguments = {
            **_arguments(path, limits),
            "folder": str(folder.resolve(strict=True)),
            "thumbnail_px": thumbnail_px,
            "preview_px": preview_px,
        }
        answer = self._call("render", arguments, wall_seconds)
        try:
            rendered = Rendered.from_json(answer)
        except (ValueError, TypeError, LookupError):
            raise ProcessingFailedError(NONSENSE) from None
        _check_format(rendered.facts)
        for file in rendered.renditions:
            written = folder / file.name
            if written.is_symlink() or not written.is_file():
                raise ProcessingFailedError(NONSENSE)
        return rendered

    def close(self) -> None:
        """End the helper; the next call starts another."""
        with self._lock:
            self._end()

    def _call(
        self, function: str, arguments: dict[str, Any], wall_seconds: float
    ) -> dict[str, Any]:
        request = {
            "function": function,
            "arguments": arguments,
            "memory_bytes": self._memory_bytes,
            "wall_seconds": wall_seconds,
        }
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            answer = self._ask(line, wall_seconds) or self._ask(line, wall_seconds)
        if answer is None:
            raise ProcessingFailedError(NO_ANSWER)
        if "code" in answer:
            raise error_from_code(str(answer["code"]), str(answer.get("message")))
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ProcessingFailedError(NONSENSE)
        return result

    def _ask(self, line: bytes, wall_seconds: float) -> dict[str, Any] | None:
        """Send one request and read its answer; None when the helper was found dead."""
        helper = self._running_helper()
        try:
            _write(helper, line)
            answer = _read_line(helper, wall_seconds + GRACE_SECONDS)
        except TimeoutError:
            self._end()
            raise ProcessingFailedError(NO_ANSWER) from None
        except OSError:
            answer = b""
        if not answer:
            self._end()
            return None
        self._calls += 1
        return _parse(answer)

    def _running_helper(self) -> "subprocess.Popen[bytes]":
        dead = self._helper is not None and self._helper.poll() is not None
        if dead or self._calls >= CALLS_PER_HELPER:
            self._end()
        if self._helper is None:
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            self._helper = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", "-c", _START, str(self._base_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**environment, "MALLOC_ARENA_MAX": "2"},
                start_new_session=True,
            )
        return self._helper

    def _end(self) -> None:
        helper, self._helper, self._calls = self._helper, None, 0
        if helper is not None:
            helper.kill()
            _close_pipes(helper)
            helper.wait()

    def _forget_after_fork(self) -> None:
        """In a forked process: let go of the parent's helper, so that it can see its parent end."""
        if self._helper is not None:
            _close_pipes(self._helper)
            self._helper.returncode = 0  # it is not this process's child to wait for
        self._lock, self._helper, self._calls = threading.Lock(), None, 0


_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()


def _forget_all() -> None:
    for sandbox in list(_sandboxes):
        sandbox._forget_after_fork()  # noqa: SLF001


os.register_at_fork(after_in_child=_forget_all)


def _arguments(path: Path, limits: PixelLimits) -> dict[str, Any]:
    return {
        "path": str(path.resolve(strict=True)),
        "max_pixels_jpeg": limits.jpeg,
        "max_pixels_other": limits.other,
    }


def _check_format(facts: Facts) -> None:
    """Check that the type to serve a file as is one of ours: a child may have been taken over."""
    form = FORMATS.get(facts.format)
    if form is None or (form.content_type, form.kind) != (facts.content_type, facts.kind):
        raise ProcessingFailedError(NONSENSE)


def _write(helper: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert helper.stdin is not None  # noqa: S101
    helper.stdin.write(line)


def _read_line(helper: "subprocess.Popen[bytes]", seconds: float) -> bytes:
    """Read up to a line's end; empty when the helper died.

    Raises:
        TimeoutError: the line was not complete in time.
    """
    assert helper.stdout is not None  # noqa: S101
    deadline = time.monotonic() + seconds
    poll = select.poll()
    poll.register(helper.stdout, select.POLLIN)
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(1000 * left):
            raise TimeoutError
        more = os.read(helper.stdout.fileno(), ANSWER_BYTES)
        if not more:
            return b""
        line += more
    return line


def _parse(answer: bytes) -> dict[str, Any]:
    """Read the helper's answer; what a child said comes through unread and may be anything."""
    with suppress(ValueError):
        parsed = json.loads(answer)
        if "said" in parsed:
            parsed = json.loads(parsed["said"])
        if isinstance(parsed, dict):
            return parsed
    return {"code": ProcessingFailedError.code, "message": NONSENSE}


def _close_pipes(helper: "subprocess.Popen[bytes]") -> None:
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
