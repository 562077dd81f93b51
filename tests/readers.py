"""People who download: fast, at a pace of their own, or not at all. Each is a socket and a thread."""

import socket
import struct
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.patience import PATIENCE_SECONDS, wait_until

PIECE_BYTES = 64 << 10
ESTABLISHED = "01"


class Reader:
    """Asks for an address and reads the answer at `pace` bytes a second; None is as it comes, 0 never."""

    def __init__(self, address: str, *, pace: int | None, headers: str = "") -> None:
        parts = urlsplit(address)
        self.pace = pace
        self.read_bytes = 0
        self.ended = False  # the server's side has ended it, or everything is read
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect((parts.hostname, parts.port))
        self._ends = self.socket.getsockname(), self.socket.getpeername()
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{headers}\r\n".encode()
        )
        head, _, rest = self._head().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])
        }
        self.read_bytes = len(rest)
        self._going = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if pace != 0:
            self._thread.start()

    @property
    def length(self) -> int:
        return int(self.headers["content-length"])

    @property
    def is_complete(self) -> bool:
        return self.read_bytes >= self.length

    def read_on(self) -> int:
        """Read whatever can still be had; return the number of bytes that came in all."""
        if self.pace == 0:
            self._read()
        else:
            self._thread.join(timeout=PATIENCE_SECONDS)
        assert self.ended
        return self.read_bytes

    def is_connected(self) -> bool:
        """Tell whether the server's kernel still holds its side of the connection open."""
        return state_of(*self._ends) == ESTABLISHED

    def close(self) -> None:
        """Leave at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.ended = True

    def _head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(1024)
            assert piece, "the connection ended before an answer began"
            head += piece
        return head

    def _read(self) -> None:
        try:
            while not self.is_complete:
                piece = self.socket.recv(self.pace // 10 if self.pace else PIECE_BYTES)
                if not piece:
                    break
                self.read_bytes += len(piece)
                if self.pace:
                    time.sleep(len(piece) / self.pace)
        except OSError:
            pass
        self.ended = True


def state_of(reader: tuple[str, int], server: tuple[str, int]) -> str | None:
    """Return the state of the server's end of a connection on this machine; None when it is gone."""
    ours, theirs = _hex(reader), _hex(server)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if (local, remote) == (theirs, ours):
            return state
    return None


def wait_until_let_go(readers: list[Reader]) -> None:
    """Wait until the server holds no connection to any of these."""
    wait_until(
        lambda: not any(reader.is_connected() for reader in readers),
        told=lambda: f"{sum(reader.is_connected() for reader in readers)} are held",
    )


def _hex(address: tuple[str, int]) -> str:
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
