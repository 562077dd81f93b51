"""What a tile or a large picture shows, for the library and share pages alike: words and numbers, no rows."""

from dataclasses import dataclass

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
    is_waiting: bool  # a picture may still come, or on a share page its file
    width_px: int
    height_px: int
    placeholder: str
    duration_ms: int | None
    size_bytes: int
    is_in_library: bool = False  # on a share page: of the member who looks at it
    is_withheld: bool = False  # on a share page: its file is not passed on

    @property
    def message(self) -> str:
        """Say what stands in the picture's place."""
        return PREPARING if self.is_waiting else NO_PREVIEW

    @property
    def note(self) -> str:
        """Return a video's length as m:ss; empty for a photo."""
        return duration(self.duration_ms) if self.is_video else ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An item large, on a page of its own: its tile, and where its file and pictures are.

    `file_url` is empty where there is none to be had.
    """

    tile: Tile
    file_url: str
    preview_url: str
    poster_url: str


def tile_of(asset: Asset) -> Tile:
    """Describe an asset in its owner's library."""
    return Tile(
        id=f"asset-{asset.uuid}",
        url=asset.get_absolute_url(),
        picture_url=_rendition_url(asset, RenditionKind.THUMBNAIL)
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


def picture_of(asset: Asset) -> Picture:
    """Describe an asset on its owner's page of it."""
    return Picture(
        tile=tile_of(asset),
        file_url=reverse("library:original", args=[asset.uuid]),
        preview_url=_rendition_url(asset, RenditionKind.PREVIEW),
        poster_url=_rendition_url(asset, RenditionKind.POSTER),
    )


def _rendition_url(asset: Asset, kind: RenditionKind) -> str:
    return reverse("library:rendition", args=[asset.uuid, kind])
