"""Levels, and what the cleaners and the proof hand to each other."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from library.processing.formats import FORMATS

MAX_REASON = 200
CLEAN_FILE = "clean"  # the name under which a cleaned file is written


class Privacy(StrEnum):
    """What recipients get of a file, beside its picture."""

    CLEAN = "clean"  # nothing but when it was taken
    LOCATION = "location"  # when and where
    EVERYTHING = "everything"  # the file as it is


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a file is passed on. `everything` hides no dates: it changes nothing."""

    privacy: Privacy = Privacy.CLEAN
    hides_dates: bool = False

    @property
    def hides_something(self) -> bool:
        """Tell whether files are cleaned; else they are passed on as they are."""
        return self.privacy != Privacy.EVERYTHING

    @property
    def keeps_dates(self) -> bool:
        """Tell whether the capture date stays."""
        return not self.hides_dates

    @property
    def keeps_location(self) -> bool:
        """Tell whether the coordinates stay."""
        return self.privacy == Privacy.LOCATION


class UncleanableError(Exception):
    """The cleaner does not know how to write this file without what it tells. Says why, for the log."""


class UnexplainedError(Exception):
    """The proof met bytes that no rule explains. Says which, for the log."""


class Block(NamedTuple):
    """Something that a file tells beside its picture, as it stands there.

    Kinds: `exif` (a TIFF block without prefix), `xmp`, `iptc` (bare records), `icc`, `text` (a
    comment; `name` is its keyword), `thumbnail`, `motion` (an appended or embedded film), and
    `other` (anything else: C2PA, vendors' segments, trailers; `name` says which).
    """

    kind: str
    name: str
    content: bytes


class Piece(NamedTuple):
    """A stretch of a proved file. Pieces cover the file without a gap, in order.

    Kinds: `coded` (pixels and what a decoder needs for them), `frame` (lengths, markers, offsets:
    checked by the walk itself), `exif` (a TIFF block without prefix), `xmp`, `icc` (a whole profile,
    or b"" where it goes on from an earlier piece).
    """

    kind: str
    start: int
    stop: int
    content: bytes = b""


class Coordinates(NamedTuple):
    """A place on earth in degrees; those to the south and to the west are negative."""

    latitude: float
    longitude: float

    @property
    def is_on_earth(self) -> bool:
        """Tell whether there is such a place: both are finite, and in range."""
        return abs(self.latitude) <= 90 and abs(self.longitude) <= 180


class Kind(StrEnum):
    """What a fact is about."""

    LOCATION = "location"
    DATE = "date"
    PERSON = "person"
    SERIAL = "serial"
    CAPTION = "caption"
    CAMERA = "camera"
    SETTINGS = "settings"
    SOFTWARE = "software"
    HIDDEN = "hidden"  # pictures, films and blocks that nobody sees
    COLOR = "color"


class Fact(NamedTuple):
    """One thing that a file tells: where it stands, and its value, as text and as bytes."""

    kind: Kind
    name: str
    text: str
    raw: bytes


class Verdict(StrEnum):
    """What became of a file."""

    IDENTICAL = "identical"  # there was nothing to remove
    CLEANED = "cleaned"  # the same picture, without the rest
    CONVERTED = "converted"  # encoded anew at full size
    WITHHELD = "withheld"  # not passed on at this level


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What became of a file, and why: a sentence for its owner where it is converted or withheld.

    `found` is what stood in the way of doing better, for the log. `content_type` is that of the
    written file, empty where nothing was written.
    """

    verdict: Verdict
    content_type: str = ""
    reason: str = ""
    found: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Cleaning":
        """Rebuild what `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: no cleaning gives this.
        """
        made = cls(**{**data, "verdict": Verdict(data["verdict"])})
        types = {form.content_type for form in FORMATS.values()} | {""}
        texts = (made.reason, made.found)
        if made.content_type not in types or not all(
            type(text) is str and len(text) <= MAX_REASON for text in texts
        ):
            raise ValueError(made)
        if bool(made.content_type) == (made.verdict == Verdict.WITHHELD):
            raise ValueError(made)
        return made
