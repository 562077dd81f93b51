"""A decoding child: a process that is forked ahead, waits for one request, does it under limits and ends.

What the limits are for: files that crash a decoder, or make it compute or allocate without end. A file
that takes a decoder over finds a process of the site's own user, which the kernel keeps from other
files, processes and the network where it can (`fence.py`).
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from library.processing.disks import FULL, is_full
from library.processing.errors import MediaError, ProcessingFailedError
from library.processing.sandbox.fence import Fence
from library.processing.sandbox.functions import ANSWER_BYTES, FUNCTIONS, rehearse

FILE_BYTES = 64 * 1024 * 1024
OPEN_FILES = 64
TRACE_LINES = 20
QUIET_SECONDS = 0.02  # without a request: until then whoever got the last answer has the machine
CORES = 2  # seconds of computing that a second on the clock can hold

OUT_OF_MEMORY = "This file needs more memory to show than is allowed."
DIED = "This file could not be shown: the program that reads it stopped."

_PR_SET_PDEATHSIG = 1


def be_child(asked: int, writing: int, server: int) -> NoReturn:
    """Read one request from a file, write the answer into another, and end whatever happens.

    Call it in a process just forked. All that needs no request is done before there is one.
    """
    status = 1
    try:
        fence = _detached(asked, writing, server)
        if not select.select([asked], [], [], QUIET_SECONDS)[0]:
            rehearse()
        request = _request(asked)
        answer = _do(request, fence)
        os.write(writing, json.dumps(answer).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def failure(message: str) -> dict[str, Any]:
    """Return the answer that tells of a failure."""
    return {"code": ProcessingFailedError.code, "message": message}


def _detached(asked: int, writing: int, server: int) -> Fence:
    """Let go of all that is the server's, and get the fence ready."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it ended before the kernel was asked to tell
        os._exit(1)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # else it could forge the server's answers, or write into its log
        os.dup2(nothing, standard)
    low, high = sorted((asked, writing))
    for first, last in ((3, low), (low + 1, high), (high + 1, OPEN_FILES)):
        os.closerange(first, last)
    return Fence()


def _request(asked: int) -> dict[str, Any]:
    """Wait for the request; end where the server has ended."""
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(asked, ANSWER_BYTES)
        if not more:
            os._exit(1)
        line += more
    os.close(asked)
    request: dict[str, Any] = json.loads(line)
    return request


def _confine(request: dict[str, Any], fence: Fence) -> None:
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
    fence.enclose(readable=[Path(told["path"])], writable=folders)


def _do(request: dict[str, Any], fence: Fence) -> dict[str, Any]:
    try:
        _confine(request, fence)
        return {"result": FUNCTIONS[request["function"]](**request["arguments"])}
    except MemoryError:
        return failure(OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - it is told to the client, which logs it
        return _told(error)


def _told(error: Exception) -> dict[str, Any]:
    if is_full(error):  # whatever a decoder took it for
        return {"code": FULL, "message": str(error)}
    if isinstance(error, MediaError):
        return {"code": error.code, "message": str(error)}
    return {**failure(DIED), "trace": traceback.format_exc(limit=-TRACE_LINES)}
