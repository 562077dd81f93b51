"""Reads and renders files of strangers in processes of their own; no decoder runs in this one."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from library.processing.disks import FULL, FullDiskError
from library.processing.errors import ProcessingFailedError, error_from_code
from library.processing.formats import FORMATS
from library.processing.metadata.values import CLEAN_FILE, Cleaning, Kind, Level, Verdict
from library.processing.sandbox.pool import ServerPool
from library.processing.values import Facts, PixelLimits, Rendered

logger = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
SERVERS = 3  # a file that takes its whole time holds up nobody, and neither do two

NO_ANSWER = "This file could not be shown: the program that reads it gave no answer."
NONSENSE = "This file could not be shown: the program that reads it gave a wrong answer."


class Sandbox:
    """Asks a few warm servers, each started when there is a call for it; threads beyond them wait.

    A process forked from this one has servers of its own. One that died is replaced.
    """

    def __init__(
        self, base_dir: Path, *, memory_bytes: int = 1 << 30, servers: int = SERVERS
    ) -> None:
        self._memory_bytes = memory_bytes
        self._pool = ServerPool(base_dir, size=servers)

    @property
    def pids(self) -> list[int]:
        """Return the numbers of the servers' processes, those that run."""
        return [server.pid for server in self._pool.servers if server.pid]

    def probe(self, path: Path, *, limits: PixelLimits, wall_seconds: float = 10) -> Facts:
        """Read a file's facts from its header.

        Raises:
            MediaError: the file is unsupported, damaged, too large, or its reading failed.
            FileNotFoundError: there is no such file.
        """
        arguments = _arguments(path, limits)
        answer = self._call("probe", arguments, wall_seconds)
        with _sense():
            facts = Facts.from_json(answer)
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
            FullDiskError: the pictures find no room.
            FileNotFoundError: there is no such file or folder.
        """
        arguments = {
            **_arguments(path, limits),
            "folder": str(folder.resolve(strict=True)),
            "thumbnail_px": thumbnail_px,
            "preview_px": preview_px,
        }
        answer = self._call("render", arguments, wall_seconds)
        with _sense():
            rendered = Rendered.from_json(answer)
            _check_format(rendered.facts)
        for file in rendered.renditions:
            written = folder / file.name
            if written.is_symlink() or not written.is_file():
                raise ProcessingFailedError(NONSENSE)
        return rendered

    def clean(
        self, path: Path, folder: Path, level: Level, *, limits: PixelLimits, wall_seconds: float
    ) -> tuple[Cleaning, Path]:
        """Write what is passed on of a file at this level into the folder, proved; return its path too.

        There is nothing at that path where the verdict is `withheld`.

        Raises:
            MediaError: the process died, or ran out of time or memory.
            FullDiskError: the copy finds no room.
            FileNotFoundError: there is no such file or folder.
        """
        arguments = {
            **_arguments(path, limits),
            "folder": str(folder.resolve(strict=True)),
            "privacy": level.privacy,
            "hides_dates": level.hides_dates,
        }
        answer = self._call("clean", arguments, wall_seconds, source_bytes=path.stat().st_size)
        with _sense():
            made = Cleaning.from_json(answer)
        written = folder / CLEAN_FILE
        is_there = written.is_file() and not written.is_symlink()
        if is_there == (made.verdict == Verdict.WITHHELD):
            raise ProcessingFailedError(NONSENSE)
        return made, written

    def read(self, path: Path, *, wall_seconds: float = 10) -> list[dict[str, str]]:
        """Return what a file would reveal, each fact with `kind`, `name` and `text`.

        Raises:
            MediaError: the file is unsupported, or its reading failed.
            FileNotFoundError: there is no such file.
        """
        answer = self._call("read", {"path": str(path.resolve(strict=True))}, wall_seconds)
        with _sense():
            return [
                {"kind": Kind(fact["kind"]), "name": str(fact["name"]), "text": str(fact["text"])}
                for fact in answer["facts"]
            ]

    def close(self) -> None:
        """End the servers; the next call starts another."""
        self._pool.close()

    def _call(
        self,
        function: str,
        arguments: dict[str, Any],
        wall_seconds: float,
        *,
        source_bytes: int = 0,
    ) -> dict[str, Any]:
        """Ask; `source_bytes` more may be written than pictures need."""
        request = {
            "function": function,
            "arguments": arguments,
            "memory_bytes": self._memory_bytes,
            "wall_seconds": wall_seconds,
            "source_bytes": 2 * source_bytes,
        }
        line = json.dumps(request).encode() + b"\n"
        seconds = wall_seconds + GRACE_SECONDS
        with self._pool.server() as server:
            try:  # a server that was found dead is replaced, and asked once more
                said = server.ask(line, seconds) or server.ask(line, seconds)
            except TimeoutError:
                said = None
        if said is None:
            raise ProcessingFailedError(NO_ANSWER)
        answer = _parse(said)
        if "trace" in answer:
            logger.error("a decoding child failed: %.9999r", answer["trace"])
        if answer.get("code") == FULL:
            raise FullDiskError
        if "code" in answer:
            raise error_from_code(str(answer["code"]), str(answer.get("message")))
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ProcessingFailedError(NONSENSE)
        return result


def _arguments(path: Path, limits: PixelLimits) -> dict[str, Any]:
    return {
        "path": str(path.resolve(strict=True)),
        "max_pixels_jpeg": limits.jpeg,
        "max_pixels_other": limits.other,
    }


@contextmanager
def _sense() -> Iterator[None]:
    """Refuse an answer that can't be read: a child may have been taken over, and say anything."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError):
        raise ProcessingFailedError(NONSENSE) from None


def _check_format(facts: Facts) -> None:
    """Check that the type to serve a file as is one of ours."""
    form = FORMATS.get(facts.format)
    if form is None or (form.content_type, form.kind) != (facts.content_type, facts.kind):
        raise ProcessingFailedError(NONSENSE)


def _parse(answer: bytes) -> dict[str, Any]:
    """Read the server's answer; what a child said comes through unread and may be anything."""
    with suppress(ValueError, RecursionError):
        parsed = json.loads(answer)
        if "said" in parsed:
            parsed = json.loads(parsed["said"])
        if isinstance(parsed, dict):
            return parsed
    return {"code": ProcessingFailedError.code, "message": NONSENSE}
