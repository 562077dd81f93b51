"""How far a TCP connection's other side has read, and how to end one at once (Linux: tcp(7))."""

import fcntl
import socket
import struct
import sys
import termios
from typing import NamedTuple

SEND_BUFFER_BYTES = (
    256 << 10
)  # what a connection may hold of a page or piece, so that no thread waits
_CLOSED = 7  # of tcpi_state
_ACKED_AT = 120  # of tcpi_bytes_acked in struct tcp_info
_INFO_BYTES = 128
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def set_send_buffer(connection: socket.socket) -> None:
    """Let the kernel take a whole small answer at once, however slowly it is read, and no more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


class Progress(NamedTuple):
    """How many bytes the other side has taken since the connection began, and how many wait for it."""

    taken_bytes: int
    waiting_bytes: int


def progress_of(connection: socket.socket) -> Progress:
    """Return how far the other side has read; nothing waits for one that is gone.

    The sum of both is never less than what was written.
    """
    try:
        queue = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:
        return Progress(0, 0)
    taken = int.from_bytes(info[_ACKED_AT : _ACKED_AT + 8], sys.byteorder)
    is_gone = info[0] == _CLOSED
    return Progress(taken, 0 if is_gone else int.from_bytes(queue, sys.byteorder))


def cut(connection: socket.socket) -> None:
    """End a connection now: what waits in the kernel is dropped, and whoever writes to it wakes up."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended by itself
    connection.close()
