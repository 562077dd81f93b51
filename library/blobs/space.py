"""Room on the disk: what is refused while little is left, and a reserve for what must go on all the same.

Below the floor nothing large is begun: no upload, no preparing. The room that is left then is the
database's. Where something else takes that too, a reserve that is given up piece by piece has room
for the few small writes that must never wait, such as Stop Sharing.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from library.processing.disks import FullDiskError, is_full

RESERVE_PIECES = 8
PIECE_BYTES = 1 << 20

T = TypeVar("T")


class NoRoomError(FullDiskError):
    """There is less room on the disk than is kept free: what needs it can be done later."""


def free_bytes() -> int:
    """Return how many bytes can still be written below DATA_DIR."""
    disk = os.statvfs(settings.DATA_DIR)
    return disk.f_bavail * disk.f_frsize


def has_room(bytes_wanted: int = 0) -> bool:
    """Tell whether FREE_SPACE_FLOOR_BYTES stay free once this many are written; always when that is 0."""
    floor: int = settings.FREE_SPACE_FLOOR_BYTES
    return floor == 0 or free_bytes() - bytes_wanted >= floor


def require_room(bytes_wanted: int = 0) -> None:
    """Go on only where there is room; work that ends this way is put off, and no attempt is counted.

    Raises:
        NoRoomError: there is not.
    """
    if not has_room(bytes_wanted):
        raise NoRoomError


def fill_reserve() -> None:
    """Write what is missing of the reserve, unless room is short; any number of processes may."""
    folder = _reserve()
    folder.mkdir(mode=0o700, exist_ok=True)
    for piece in _pieces():
        if piece.exists():
            continue
        if not has_room(PIECE_BYTES) or free_bytes() < 2 * RESERVE_PIECES * PIECE_BYTES:
            return
        with suppress(FileExistsError):
            _write(piece)


def with_reserve(act: Callable[[], T]) -> T:
    """Do something small; where the disk is full, give up a piece of the reserve and do it once more.

    Call it outside a transaction, with an act that may run twice.
    """
    try:
        return act()
    except Exception as error:
        if not (is_full(error) and _give_up_a_piece()):
            raise
    return act()


def _reserve() -> Path:
    return Path(settings.DATA_DIR) / "reserve"


def _pieces() -> list[Path]:
    return [_reserve() / str(number) for number in range(RESERVE_PIECES)]


def _write(piece: Path) -> None:
    """Fill a piece with bytes that no file system can store as fewer."""
    try:
        with piece.open("xb") as file:
            file.write(os.urandom(PIECE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if not is_full(error):
            raise
        piece.unlink()  # else a shorter one would stand for it


def _give_up_a_piece() -> bool:
    """Free one piece; False where none is left. Of two processes, each frees one of its own."""
    for piece in _pieces():
        with suppress(FileNotFoundError):
            piece.unlink()
            return True
    return False
