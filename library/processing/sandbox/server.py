"""The decoding server: a small process that forks one limited child for each request, ahead of it.

It imports the decoders and nothing else of the site, so a child holds no secret, no database
connection and no other person's file. Requests and answers are JSON lines on standard input and
output. It ends when its standard input closes.
"""

import gc
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from library.processing.sandbox.child import DIED, be_child, failure
from library.processing.sandbox.functions import ANSWER_BYTES, rehearse

OUT_OF_TIME = "Showing this file took too long."


def serve() -> None:
    """Answer requests, one line each, until standard input closes."""
    rehearse()
    gc.freeze()  # what is there by now stays: a child need not look through it, and so not copy it
    waiting = b""
    child = _Child()
    while True:
        line, newline, rest = waiting.partition(b"\n")
        if newline:
            waiting = rest
            if child.has_ended():
                child = _Child()
            answer = child.do(line + newline)
            os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")
            child.end()
            child = _Child()
            continue
        more = os.read(sys.stdin.fileno(), ANSWER_BYTES)
        if not more:
            return
        waiting += more


class _Child:
    """A child that waits for its one request."""

    def __init__(self) -> None:
        asked, self._asking = os.pipe()
        self._reading, writing = os.pipe()
        server = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            be_child(asked, writing, server)
        os.close(asked)
        os.close(writing)
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(self._pid, self._pid)

    def has_ended(self) -> bool:
        """Tell whether something ended it while it waited."""
        poll = select.poll()
        poll.register(self._asking, 0)  # nobody reads any more: an error, which is always told
        if not poll.poll(0):
            return False
        self.end()
        return True

    def do(self, line: bytes) -> dict[str, Any]:
        """Hand it the request, and report what it said or how it ended. It has been killed then."""
        try:
            with suppress(BrokenPipeError):
                os.write(self._asking, line)
            said = _listen(self._reading, json.loads(line)["wall_seconds"])
        finally:
            self._kill()
        if said is None:
            return failure(OUT_OF_TIME)
        if said.endswith(b"\n"):
            return {"said": said.decode(errors="replace")}
        return failure(OUT_OF_TIME if self._ended_by() == signal.SIGXCPU else DIED)

    def end(self) -> None:
        """Kill it if it lives, and let go of all that is its."""
        self._kill()
        os.waitpid(self._pid, 0)
        os.close(self._asking)
        os.close(self._reading)

    def _kill(self) -> None:
        for kill in (os.killpg, os.kill):  # it may have left its group
            with suppress(ProcessLookupError):
                kill(self._pid, signal.SIGKILL)

    def _ended_by(self) -> int:
        """Wait for its end and return the signal that ended it, 0 for none; leave it to be asked again."""
        told = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        return told.si_status if told and told.si_code != os.CLD_EXITED else 0


def _listen(reading: int, wall_seconds: float) -> bytes | None:
    """Collect what the child says up to a line's end or its own; None when its time is over.

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
            if not more or said.endswith(b"\n") or len(said) > ANSWER_BYTES:
                return said
    return None
