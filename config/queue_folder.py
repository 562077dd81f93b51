"""A folder as the broker, in which messages appear whole, and which is emptied at every start.

kombu's own transport writes a message under its final name, so that a worker can take it while it
is still empty; that ends the worker. Here it is written beside, and renamed. What a power cut left
in the folder may be cut short, a table of kombu's as well as a message, and would end every worker
that reads it; so the site starts with an empty folder. Messages are doorbells (library/work.py):
one that is lost costs time only.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

SCHEME = "folder"
LISTEN_SECONDS = 0.3


def make_folders(queue: Path) -> dict[str, str]:
    """Make the folders below `queue` where they are missing; return them as transport options."""
    bells, control = queue / "bells", queue / "control"
    for folder in (bells, control):
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(bells),
        "data_folder_out": str(bells),
        "control_folder": str(control),
    }


def empty(queue: Path) -> None:
    """Drop every message and table below `queue`. Nothing may use the folder meanwhile."""
    queue.mkdir(parents=True, exist_ok=True)
    for path in queue.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    make_folders(queue)


class Channel(filesystem.Channel):
    """kombu's channel, with messages that are whole or not there."""

    def _put(self, queue: str, message: Any, **_options: Any) -> None:  # type: ignore[override]
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        place = Path(self.data_folder_out) / name
        part = place.with_suffix(".part")
        try:
            part.write_text(dumps(message), encoding="utf-8")
            part.rename(place)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise ChannelError(f"the message can't be put into {place.parent}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002 - kombu's own signature
        """Take the oldest message of a queue; what another worker took first is passed over."""
        for place in sorted(Path(self.data_folder_in).iterdir()):
            if place.name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = place.with_suffix(".taken")
            with suppress(FileNotFoundError):
                place.rename(taken)
                text = taken.read_text(encoding="utf-8")
                taken.unlink()
                return loads(text)
        raise Empty


class Transport(filesystem.Transport):
    """kombu's transport with our channel; its address is folder://localhost."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # type: ignore[override]
        """Wait for a message, but not for long: a worker hears only between two waits that it is to end."""
        super().drain_events(connection, timeout=timeout and min(timeout, LISTEN_SECONDS))


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
