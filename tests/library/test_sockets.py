"""Real connections: how far the other side has read, and one that is ended while others have it open."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from library.sockets import SEND_BUFFER_BYTES, cut, progress_of, set_send_buffer
from tests.patience import PATIENCE_SECONDS, wait_until

PIECE = b"x" * 65_536


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the server's and the reader's end of a connection; the reader takes little by itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        reader.settimeout(PATIENCE_SECONDS)
        reader.connect(listener.getsockname())
        server, _ = listener.accept()
        with reader, server:
            set_send_buffer(server)
            yield server, reader


def fill(server: socket.socket) -> int:
    """Write until the kernel takes no more; how many bytes."""
    server.setblocking(False)
    written = 0
    with suppress(BlockingIOError):
        while True:
            written += server.send(PIECE)
    return written


def read_all(reader: socket.socket) -> int:
    """Read to the end, however it comes; how many bytes."""
    taken = 0
    with suppress(ConnectionError):
        while piece := reader.recv(65_536):
            taken += len(piece)
    return taken


def test_a_small_answer_fits_into_the_kernel_though_nobody_reads(ends):
    server, _ = ends

    assert fill(server) >= SEND_BUFFER_BYTES


def test_what_was_taken_and_what_waits_is_all_that_was_written(ends):
    server, reader = ends
    before = sum(progress_of(server))
    written = fill(server)

    assert sum(progress_of(server)) == before + written
    assert progress_of(server).waiting_bytes > 0

    server.setblocking(True)
    server.shutdown(socket.SHUT_WR)
    assert read_all(reader) == written
    wait_until(lambda: progress_of(server).waiting_bytes <= 1)  # the end itself counts as one


def test_a_cut_drops_what_waits_though_somebody_else_has_the_connection_open(ends):
    server, reader = ends
    written = fill(server)

    cut(server.dup())

    assert read_all(reader) < written - SEND_BUFFER_BYTES // 2
    assert server.fileno() >= 0
    assert progress_of(server).waiting_bytes == 0


def test_a_cut_wakes_whoever_writes(ends):
    server, reader = ends
    server.setblocking(True)
    ended: list[Exception] = []

    def write() -> None:
        try:
            while True:
                server.sendall(PIECE)
        except OSError as error:
            ended.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: progress_of(server).waiting_bytes >= SEND_BUFFER_BYTES // 2)

    cut(server.dup())
    writer.join(timeout=PATIENCE_SECONDS)

    assert len(ended) == 1
    read_all(reader)


def test_one_that_has_ended_already_can_be_cut(ends):
    server, reader = ends
    reader.close()

    cut(server.dup())
    cut(server.dup())

    assert progress_of(server).waiting_bytes == 0
