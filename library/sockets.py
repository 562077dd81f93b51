"""How far a TCP connection's other side has read, and how to end one at once (Linux: tcp(7))."""

import ctypes
import errno
import fcntl
import socket
import struct
import sys
import termios
import time
from contextlib import suppress
from typing import NamedTuple

# What a connection may hold of a page or piece, so that no thread waits
SEND_BUFFER_BYTES = 256 << 10
_CLOSED = 7  # of tcpi_state
_ACKED_AT = 120  # of tcpi_bytes_acked in struct tcp_info
_INFO_BYTES = 128
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_NOWHERE = bytes(16)  # struct sockaddr of the family AF_UNSPEC
_TRIES, _TRY_SECONDS = 100, 0.005

_libc = ctypes.CDLL(None, use_errno=True)


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
    """End a connection now: what waits in the kernel is dropped, and whoever writes to it wakes up.

    Shutting it down wakes them. To connect it to nowhere drops its queue at once, whoever else has it open;
    closing it would do so only once the last of them has closed theirs.
    """
    with suppress(OSError):  # it has ended by itself
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RDWR)
    for _ in range(_TRIES):
        if _libc.connect(connection.fileno(), _NOWHERE, len(_NOWHERE)) == 0:
            break
        if ctypes.get_errno() != errno.EBUSY:  # whoever wakes up has not let go of it yet
            break
        time.sleep(_TRY_SECONDS)
    connection.close()
