"""What the walks over files give: parts, and what a header says."""

from dataclasses import dataclass, field
from typing import NamedTuple

MAX_PARTS = 1_000_000
MAX_EXIF_BYTES = 1 << 20  # of formats that would allow gigabytes
CUT_SHORT = "This file is cut short: its end is missing. Copy it again from the camera or phone."
DAMAGED = "This picture is damaged and can't be shown. Copy it again from the camera or phone."
TOO_MANY_PARTS = (
    "This file is made of more pieces than any camera writes, so it can't be shown. "
    "Open it in a program for pictures, and save it anew."
)


class Part(NamedTuple):
    """One part of a file, by place: the whole of it is [at, end), its content [start, stop).

    `kind` is the part's own name in the file, as its module says; coded data without a name has b"".
    Every number comes from the file, so a part may claim to end behind it.
    """

    kind: bytes
    at: int
    start: int
    stop: int
    end: int


@dataclass(slots=True)
class Header:
    """Sizes as stored, before any rotation. `largest` is the pixels of the largest frame.

    HEIC and AVIF leave width and height at 0: their decoder knows them. A picture is `reducible`
    when it can be decoded at a fraction of its size; a progressive JPEG is first held whole.
    """

    width_px: int = 0
    height_px: int = 0
    frames: int = 1
    duration_ms: int | None = None
    largest: int = 0
    exif: bytes = field(default=b"", repr=False)
    complete: bool = False
    reducible: bool = False

    @property
    def pixels(self) -> int:
        """Return what decoding every frame would come to."""
        return self.frames * max(self.largest, self.width_px * self.height_px)
