"""A folder as the broker, in which messages appear whole.

kombu's own transport writes a message under its final name, so that a worker can take it while it
is still empty; that ends the worker. Here it is written beside, and renamed.
"""

from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "folder"


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
            raise ChannelError(f"the message can't be put into {place.parent}") from error


class Transport(filesystem.Transport):
    """kombu's transport with our channel; its address is folder://localhost."""

    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
