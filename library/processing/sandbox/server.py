"""The decoding server: a small process that forks one limited child for each request.

It imports the decoders and nothing else of the site, so a child starts in milliseconds and
holds no secret, no database connection and no other person's file. Requests and answers are
JSON lines on standard input and output. It ends when its standard input closes.

What a child's limits are for: files that crash a decoder, or make it compute or allocate without
end. A file that takes a decoder over finds a process of the site's own user, which the kernel keeps
from other files, processes and the network where it can (`fence.py`).
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from library.processing.errors import DamagedMediaError, MediaError, ProcessingFailedError
from library.processing.metadata.cleaning import clean
from library.processing.metadata.reading import read, revealed
from library.processing.metadata.values import CLEAN_FILE, Level, Privacy
from library.processing.photos import render_photo
from library.processing.probe import probe
from library.processing.sandbox.fence import enclose
from library.processing.values import MediaKind, PixelLimits
from library.processing.videos import render_video

ANSWER_BYTES = 64 * 1024
FILE_BYTES = 64 * 1024 * 1024
OPEN_FILES = 64
TRACE_LINES = 20
CORES = 2  # seconds of computing that a second on the clock can hold

OUT_OF_MEMORY = "This file needs more memory to show than is allowed."
OUT_OF_TIME = "Showing this file took too long."
UNSURE = "This file is damaged, or needs more memory to show than is allowed."
UNSURE_PIXELS = 40_000_000  # some decoders say "damaged" when they run out of memory
DIED = "This file could not be shown: the program that reads it stopped."

_PR_SET_PDEATHSIG = 1


def serve() -> None:
    """Answer requests, one line each, until standard input closes."""
    waiting = b""
    while True:
        line, newline, rest = waiting.partition(b"\n")
        if newline:
            waiting = rest
            answer = _answer(json.loads(line))
            os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")
            continue
        more = os.read(sys.stdin.fileno(), ANSWER_BYTES)
        if not more:
            return
        waiting += more


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do one request in a child of its own and report what it said, or how it ended."""
    reading, writing = os.pipe()
    server = os.getpid()
    child = os.fork()
    if child == 0:
        _be_child(request, writing, server)
    os.close(writing)
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(child, child)
    try:
        said = _listen(reading, request["wall_seconds"])
    finally:
        for kill in (os.killpg, os.kill):  # it may have left its group
            with suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reading)
    if said is None:
        return _failure(OUT_OF_TIME)
    if said.endswith(b"\n"):
        return {"said": said.decode(errors="replace")}
    timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    return _failure(OUT_OF_TIME if timed_out else DIED)


def _listen(reading: int, wall_seconds: float) -> bytes | None:
    """Collect what the child says until it closes its end; None when its time is over.

    Raises:
        SystemExit: our own standard input closed: whoever asked is gone.
    """
    deadline = time.monotonic() + wall_seconds
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.register(sys.stdin.fileno(), 0)  # nothing is asked meanwhile; a hang-up is always told
    said = b""
    while (left := deadline - time.monotonic()) > 0:
        events = poll.poll(1000 * left)
        if any(file == sys.stdin.fileno() for file, _ in events):
            raise SystemExit
        if events:
            more = os.read(reading, ANSWER_BYTES)
            said += more
            if not more or len(said) > ANSWER_BYTES:
                return said
    return None


def _be_child(request: dict[str, Any], writing: int, server: int) -> NoReturn:
    """Do one request under limits, say the result, and end the process whatever happens."""
    status = 1
    try:
        answer = _do(request, writing, server)
        os.write(writing, json.dumps(answer).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def _confine(request: dict[str, Any], writing: int, server: int) -> None:
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it ended before the kernel was asked to tell
        os._exit(1)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # else it could forge the server's answers, or write into its log
        os.dup2(nothing, standard)
    os.closerange(3, writing)
    os.closerange(writing + 1, OPEN_FILES)
    seconds = 1 + int(CORES * request["wall_seconds"])
    for limit, value in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_BYTES + request.get("source_bytes", 0)),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    told = request["arguments"]
    folders = [Path(told["folder"])] if "folder" in told else []
    enclose(readable=[Path(told["path"])], writable=folders)


def _do(request: dict[str, Any], writing: int, server: int) -> dict[str, Any]:
    try:
        _confine(request, writing, server)
        return {"result": _FUNCTIONS[request["function"]](**request["arguments"])}
    except MediaError as error:
        return {"code": error.code, "message": str(error)}
    except MemoryError:
        return _failure(OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001 - it is told to the client, which logs it
        return {**_failure(DIED), "trace": traceback.format_exc(limit=-TRACE_LINES)}


def _failure(message: str) -> dict[str, Any]:
    return {"code": ProcessingFailedError.code, "message": message}


def _probe(path: str, max_pixels_jpeg: int, max_pixels_other: int) -> dict[str, Any]:
    facts = probe(Path(path), max_pixels_jpeg=max_pixels_jpeg, max_pixels_other=max_pixels_other)
    return facts.to_json()


def _render(
    path: str,
    folder: str,
    thumbnail_px: int,
    preview_px: int,
    max_pixels_jpeg: int,
    max_pixels_other: int,
) -> dict[str, Any]:
    facts = probe(Path(path), max_pixels_jpeg=max_pixels_jpeg, max_pixels_other=max_pixels_other)
    render = render_video if facts.kind == MediaKind.VIDEO else render_photo
    try:
        rendered = render(
            Path(path), Path(folder), facts, thumbnail_px=thumbnail_px, preview_px=preview_px
        )
    except DamagedMediaError as error:
        if facts.width_px * facts.height_px < UNSURE_PIXELS:
            raise
        raise ProcessingFailedError(UNSURE) from error
    return replace(rendered, reveals=revealed(Path(path))).to_json()


def _read(path: str) -> dict[str, Any]:
    """Tell what a file reveals, as much as an answer holds."""
    found: list[dict[str, str]] = []
    size = 0
    for fact in read(Path(path)):
        told = {"kind": fact.kind, "name": fact.name, "text": fact.text}
        size += len(json.dumps(told))
        if size > ANSWER_BYTES // 2:
            break
        found.append(told)
    return {"facts": found}


def _clean(
    path: str,
    folder: str,
    privacy: str,
    hides_dates: bool,  # noqa: FBT001 - by name, from JSON
    max_pixels_jpeg: int,
    max_pixels_other: int,
) -> dict[str, Any]:
    level = Level(Privacy(privacy), hides_dates=hides_dates)
    limits = PixelLimits(jpeg=max_pixels_jpeg, other=max_pixels_other)
    return clean(Path(path), Path(folder, CLEAN_FILE), level, limits).to_json()


_FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "clean": _clean,
    "probe": _probe,
    "read": _read,
    "render": _render,
}
