"""What one tile of a grid shows, for the library and for share pages alike: words and numbers, no rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.http import HttpResponse
from django.urls import reverse

from library.http import short_text
from library.models import Asset

PREPARING = "Being prepared"
NO_PREVIEW = "No preview"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture's place in a grid. `picture_url` is empty while there is none; `message` says why."""

    id: str
    url: str
    picture_url: str
    label: str
    field: str
    value: str
    is_video: bool
    is_waiting: bool  # a picture may still come
    width_px: int
    height_px: int
    placeholder: str
    duration_ms: int | None
    size_bytes: int

    @property
    def message(self) -> str:
        """Say what stands in the picture's place."""
        return PREPARING if self.is_waiting else NO_PREVIEW

    @property
    def note(self) -> str:
        """Return a film's length as m:ss; empty for a still."""
        return duration(self.duration_ms) if self.is_video else ""


@dataclass(frozen=True, slots=True)
class Day:
    """The tiles of one day, in the order of the grid."""

    on: date
    tiles: tuple[Tile, ...]

    @property
    def id(self) -> str:
        """Return the id of the day's grid, to which later pages add."""
        return f"day-{self.on:%Y%m%d}"


def tile_of(asset: Asset) -> Tile:
    """Describe an asset in its owner's library."""
    return Tile(
        id=f"asset-{asset.uuid}",
        url=asset.get_absolute_url(),
        picture_url=reverse("library:rendition", args=[asset.uuid, "thumbnail"])
        if asset.stills.is_prepared
        else "",
        label=label_of(asset.taken_at, is_video=asset.is_video),
        field="asset",
        value=str(asset.uuid),
        is_video=asset.is_video,
        is_waiting=asset.stills.is_waiting,
        width_px=asset.width_px,
        height_px=asset.height_px,
        placeholder=asset.stills.placeholder,
        duration_ms=asset.duration_ms,
        size_bytes=asset.blob.size_bytes,
    )


def days_of(assets: Iterable[Asset]) -> list[Day]:
    """Group assets, which come in the order of the grid, by the day of their capture."""
    groups = groupby(assets, key=lambda asset: asset.taken_at.date())
    return [Day(on, tuple(map(tile_of, group))) for on, group in groups]


def no_picture(*, is_waiting: bool) -> HttpResponse:
    """Answer for a picture that is not there: perhaps later, or never."""
    if not is_waiting:
        return short_text("There is no such picture of this file.", status=404)
    return short_text("This picture is still being prepared.", status=503, retry_after_seconds=2)


def label_of(taken_at: datetime, *, is_video: bool) -> str:
    """Return a tile's accessible name: "Photo, 4 May 2025, 14:03"."""
    return f"{'Video' if is_video else 'Photo'}, {spoken_moment(taken_at)}"


def spoken_moment(taken_at: datetime) -> str:
    """Return "4 May 2025, 14:03", ten times as fast as a template's filter: a page has hundreds."""
    return f"{taken_at.day} {taken_at:%B %Y, %H:%M}"


def duration(milliseconds: int | None) -> str:
    """Return a length as m:ss or h:mm:ss; empty for None."""
    if milliseconds is None:
        return ""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
