"""The values that the media functions give back, and their form as JSON."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

TakenFrom = Literal["exif", "quicktime", "container"]

MAX_TEXT_LENGTH = 120
MAX_NUMBER = (1 << 31) - 1  # what a database's integer holds

_COLOR = re.compile(r"#[0-9a-f]{6}")
_KIND = re.compile(r"[a-z]{1,20}")


class MediaKind(StrEnum):
    """What a file is to a person."""

    PHOTO = "photo"
    VIDEO = "video"


class RenditionKind(StrEnum):
    """What a picture is made for: grids, a whole screen, a video at rest."""

    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"
    POSTER = "poster"

    @property
    def file_name(self) -> str:
        """Return the name under which it is written."""
        return f"{self}.webp"


@dataclass(frozen=True, slots=True)
class Format:
    """A file format, as its content shows it; `extension` begins with a dot."""

    name: str
    content_type: str
    extension: str
    kind: MediaKind


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """The most pixels that a picture may have: width x height x frames.

    `jpeg` is for those that can be decoded at a fraction of their size: all but progressive ones.
    """

    jpeg: int = 250_000_000
    other: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file's header says. Sizes are as displayed, after every rotation.

    `taken_at` is the camera's wall clock without a zone; `taken_offset_minutes` is that clock's
    distance from UTC where the file tells it. `frames` is 1 for a photo that does not move.
    """

    format: str
    content_type: str
    kind: MediaKind
    width_px: int
    height_px: int
    frames: int = 1
    duration_ms: int | None = None
    taken_at: datetime | None = None
    taken_offset_minutes: int | None = None
    taken_from: TakenFrom | None = None
    camera_make: str = ""
    camera_model: str = ""
    has_sound: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; the date becomes an ISO string."""
        return {**asdict(self), "taken_at": self.taken_at and self.taken_at.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Facts":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: these are not the facts of a file.
        """
        taken_at = data["taken_at"] and datetime.fromisoformat(data["taken_at"])
        facts = cls(**{**data, "taken_at": taken_at, "kind": MediaKind(data["kind"])})
        numbers = (facts.duration_ms or 0, abs(facts.taken_offset_minutes or 0))
        sizes = (facts.width_px, facts.height_px, facts.frames)
        texts = (facts.camera_make, facts.camera_model)
        if not (
            all(type(number) is int and 1 <= number <= MAX_NUMBER for number in sizes)
            and all(type(number) is int and 0 <= number <= MAX_NUMBER for number in numbers)
            and all(type(text) is str and _is_shown(text) for text in texts)
            and (taken_at is None or taken_at.tzinfo is None)
            and type(facts.has_sound) is bool
            and facts.taken_from in (None, "exif", "quicktime", "container")
        ):
            raise ValueError(facts)
        return facts


def _is_shown(text: str) -> bool:
    """Tell whether a text is short and of characters that can be seen, as `exif.clean_text` leaves it."""
    seen = all(not unicodedata.category(character).startswith("C") for character in text)
    return seen and len(text) <= MAX_TEXT_LENGTH


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One WebP picture written beside the others."""

    kind: RenditionKind
    name: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file's facts, the pictures made of it, and its average color as "#rrggbb".

    `reveals` are the kinds of what the file tells beside its picture, as `metadata.values.Kind` has them.
    """

    facts: Facts
    renditions: tuple[RenderedFile, ...]
    placeholder: str
    reveals: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "facts": self.facts.to_json(),
            "renditions": [asdict(file) for file in self.renditions],
            "placeholder": self.placeholder,
            "reveals": list(self.reveals),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Rendered":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: a name or number that no rendering gives.
        """
        renditions = tuple(
            RenderedFile(**{**file, "kind": RenditionKind(file["kind"])})
            for file in data["renditions"]
        )
        for file in renditions:
            if file.name != file.kind.file_name or min(file.width_px, file.height_px) < 1:
                raise ValueError(file)
        if not _COLOR.fullmatch(data["placeholder"]):
            raise ValueError(data["placeholder"])
        reveals = tuple(data["reveals"])
        if not all(type(kind) is str and _KIND.fullmatch(kind) for kind in reveals):
            raise ValueError(reveals)
        return cls(Facts.from_json(data["facts"]), renditions, data["placeholder"], reveals)
