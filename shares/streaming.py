"""What makes a transfer of a link end at once, and keeps readers who don't read from holding up the site.

Each web process keeps a register of the connections that carry bytes of links, from the first byte until
the other side has taken the last one, and one thread that looks at them every second. It asks in one query
which links allow less than when their bytes set out, and cuts those connections: also where the thread that
writes is stuck behind a reader who has stopped, and where everything waits in the kernel already.
"""

import errno
import logging
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase

from library.http import client_of, short_text, when_closed
from library.sockets import cut, progress_of, set_send_buffer
from shares.models import Share

LOOK_EVERY_SECONDS = 1.0
RETRY_AFTER_SECONDS = 30
_GONE = {errno.EBADF, errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE, errno.EINVAL}

logger = logging.getLogger(__name__)


class TooManyStreamsError(Exception):
    """As many transfers run as one process carries; the message says of whom, for the reader."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many long answers one process carries at once, so that threads are left for pages."""

    in_all: int
    of_a_link: int
    of_a_client: int


@dataclass(slots=True, eq=False)
class Carried:
    """A connection that carries bytes of links. `wire` is a duplicate: the server may close its own."""

    wire: socket.socket
    client: str
    epochs: dict[int, int] = field(default_factory=dict)  # of the links whose bytes may be in it
    is_written: bool = False  # then they end at `ends_at_bytes`; what follows is of something else
    ends_at_bytes: int = 0
    stream_of: int | None = None  # the link whose long answer a thread is writing
    taken_bytes: int = 0
    moved_at: float = 0.0  # when the other side last took anything, on the monotonic clock

    def be_written(self) -> None:
        """Hear that nothing more of a link is written; what waits in the kernel is its last."""
        self.stream_of = None
        self.is_written = True
        self.ends_at_bytes = sum(progress_of(self.wire))


class Register:
    """The connections of one process that carry bytes of links."""

    def __init__(self, bounds: Bounds, *, idle_seconds: float) -> None:
        self.bounds = bounds
        self.idle_seconds = idle_seconds
        self._carried: dict[socket.socket, Carried] = {}
        self._changed = threading.Condition()
        self._watcher: threading.Thread | None = None

    def begin(
        self, server_end: socket.socket, share: Share, client: str, *, is_stream: bool
    ) -> None:
        """Watch a connection that is about to carry an answer of this link.

        Raises:
            TooManyStreamsError: it is a long one, and too many run.
        """
        with self._changed:
            if is_stream:
                self._admit(share.pk, client)
            carried = self._carried.get(server_end)
            if carried is None:
                set_send_buffer(server_end)
                carried = self._carried[server_end] = Carried(server_end.dup(), client)
            elif _is_over(carried):
                carried.epochs.clear()
            carried.client = client  # a proxy's connections carry the answers of many
            carried.epochs.setdefault(share.pk, share.epoch)
            carried.is_written = False
            carried.stream_of = share.pk if is_stream else None
            carried.moved_at = time.monotonic()
            if self._watcher is None:  # here, so that each process has its own after the fork
                self._watcher = threading.Thread(target=self._watch, name="streams", daemon=True)
                self._watcher.start()
            self._changed.notify()

    def end(self, server_end: socket.socket) -> None:
        """Hear that an answer is written: what the other side has not taken yet stays watched."""
        with self._changed:
            if carried := self._carried.get(server_end):
                carried.be_written()
                self._drop_if_over(server_end, carried)

    def _admit(self, share_id: int, client: str) -> None:
        running = [each for each in self._carried.values() if each.stream_of is not None]
        if len(running) >= self.bounds.in_all:
            raise TooManyStreamsError("The site is busy with other downloads.")
        if sum(each.stream_of == share_id for each in running) >= self.bounds.of_a_link:
            raise TooManyStreamsError("Many people are downloading from this link at the moment.")
        if sum(each.client == client for each in running) >= self.bounds.of_a_client:
            raise TooManyStreamsError("Many downloads from your network are running already.")

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._carried:
                    self._changed.wait()
                seen = {end: (each, dict(each.epochs)) for end, each in self._carried.items()}
            try:
                self._look(seen)
            except Exception:  # the next look is to come, whatever happened to this one
                logger.exception("a look at the running transfers ended badly")
            time.sleep(LOOK_EVERY_SECONDS)

    def _look(self, seen: dict[socket.socket, tuple[Carried, dict[int, int]]]) -> None:
        present = _present_epochs({pk for _, epochs in seen.values() for pk in epochs})
        for server_end, (carried, epochs) in seen.items():
            with self._changed:
                reason = self._reason_to_cut(server_end, carried, epochs, present)
                if reason:
                    del self._carried[server_end]
            if reason:
                logger.info("cut a connection: %s", reason)
                cut(carried.wire)

    def _reason_to_cut(
        self,
        server_end: socket.socket,
        carried: Carried,
        epochs: dict[int, int],
        present: dict[int, int] | None,
    ) -> str:
        """Say why a connection is to end; empty where it may go on.

        `epochs` are those of the links that `present` was asked about. What it carries since then is looked
        at next time.
        """
        if self._carried.get(server_end) is not carried:
            return ""
        if server_end.fileno() < 0:  # the server has closed its own: nothing more is written
            carried.be_written()
        if self._drop_if_over(server_end, carried):
            return ""
        still = {pk: epoch for pk, epoch in epochs.items() if carried.epochs.get(pk) == epoch}
        if present is not None and _allows_less(still, present):
            return "its link allows less now"
        return "it was not read" if self._is_stalled(carried) else ""

    def _drop_if_over(self, server_end: socket.socket, carried: Carried) -> bool:
        """Forget a connection that has nothing of a link in it any more; it may go on with something else."""
        if not _is_over(carried):
            return False
        del self._carried[server_end]
        carried.wire.close()
        return True

    def _is_stalled(self, carried: Carried) -> bool:
        """Tell whether bytes wait that the other side has not taken any of for too long."""
        now, progress = time.monotonic(), progress_of(carried.wire)
        if progress.taken_bytes != carried.taken_bytes or not progress.waiting_bytes:
            carried.taken_bytes, carried.moved_at = progress.taken_bytes, now
        return now - carried.moved_at >= self.idle_seconds


register = Register(
    Bounds(
        in_all=settings.LINK_STREAMS_MAX,
        of_a_link=settings.LINK_STREAMS_OF_A_LINK,
        of_a_client=settings.LINK_STREAMS_OF_A_CLIENT,
    ),
    idle_seconds=settings.LINK_READER_IDLE_SECONDS,
)


def carry(request: HttpRequest, share: Share, response: HttpResponseBase) -> HttpResponseBase:
    """Have an answer of a link watched until its last byte was taken; 429 where too many long ones run."""
    server_end = request.META.get("gunicorn.socket")
    if server_end is None or request.method == "HEAD" or response.status_code not in {200, 206}:
        return response
    try:
        register.begin(server_end, share, client_of(request), is_stream=response.streaming)
    except TooManyStreamsError as error:
        response.close()
        return short_text(
            f"{error} Try again in half a minute.",
            status=429,
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    except OSError as error:
        if error.errno in _GONE:  # the other side has; writing will find out
            return response
        logger.warning("an answer can't be watched, so it is not sent: %s", error.strerror)
        response.close()
        return short_text(
            "The site is too busy. Try again in a moment.", status=503, retry_after_seconds=5
        )
    when_closed(response, partial(register.end, server_end))
    return response


def _present_epochs(share_ids: Iterable[int]) -> dict[int, int] | None:
    """Return the epochs of those of these links whose sender is active; None: the database is away."""
    try:
        found = Share.objects.filter(pk__in=share_ids, sender__is_active=True)
        return dict(found.values_list("pk", "epoch"))
    except DatabaseError:
        logger.warning("the database did not say which links have ended; it is asked again")
        return None
    finally:
        connection.close()


def _allows_less(set_out: dict[int, int], present: dict[int, int]) -> bool:
    """Tell whether a link is gone, or its epoch, which only rises, is past that of bytes that set out."""
    return any(pk not in present or present[pk] > epoch for pk, epoch in set_out.items())


def _is_over(carried: Carried) -> bool:
    """Tell whether the other side has taken all that was of a link, or is gone."""
    taken_bytes, waiting_bytes = progress_of(carried.wire)
    return carried.is_written and (not waiting_bytes or taken_bytes >= carried.ends_at_bytes)
