"""What one tile of a grid shows, for the library and for share pages alike: words and numbers, no rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.urls import reverse

from library.models import Asset
from library.processing.values import RenditionKind
from library.wording import duration, label_of

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
        """Return a video's length as m:ss; empty for a photo."""
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
        picture_url=reverse("library:rendition", args=[asset.uuid, RenditionKind.THUMBNAIL])
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
