"""The work of one asset: its pictures for the grid and the screen, and the facts in its file."""

from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from library import work
from library.decoding import limits, sandbox
from library.models import Asset, Blob, Rendition
from library.processing.values import Facts, Rendered
from library.storage import Part, hold, keep, store, working_folder

PHOTO_SECONDS = 60.0
VIDEO_SECONDS = 60.0
RENDITION_TYPE = "image/webp"


def prepare_asset(asset: Asset) -> None:
    """Make an asset's renditions, store them durably, and finish its work in one transaction.

    A second run makes the same again; a newer version's pictures take the place of older ones.

    Raises:
        MediaError: the file can't be shown; its message says why.
        BlobGoneError, OSError: storage failed; another run may succeed.
    """
    with working_folder() as folder, store.local_copy(asset.blob.key) as source:
        rendered = sandbox.render(
            source,
            folder,
            thumbnail_px=settings.THUMBNAIL_LONGEST_EDGE_PX,
            preview_px=settings.PREVIEW_LONGEST_EDGE_PX,
            limits=limits,
            wall_seconds=wall_seconds(asset.kind, asset.duration_ms),
        )
        pictures = _keep_pictures(asset.blob, rendered, folder)
    _finish(asset, rendered, pictures)


def facts_of_asset(facts: Facts, *, added_at: datetime) -> dict[str, object]:
    """Turn what a file says of itself into an asset's fields."""
    taken_at = facts.taken_at.replace(tzinfo=UTC) if facts.taken_at else added_at
    return {
        "kind": facts.kind,
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "duration_ms": facts.duration_ms,
        "camera_make": facts.camera_make,
        "camera_model": facts.camera_model,
        "taken_at": taken_at,
        "taken_offset_minutes": facts.taken_offset_minutes,
        "taken_from": facts.taken_from or Asset.TakenFrom.UPLOAD,
    }


def wall_seconds(kind: str, duration_ms: int | None) -> float:
    """Return how long a file's decoding may take: longer films may take longer."""
    if kind == Asset.Kind.VIDEO:
        return VIDEO_SECONDS + 30 * (duration_ms or 0) / 1000
    return PHOTO_SECONDS


def _keep_pictures(source: Blob, rendered: Rendered, folder: Path) -> list[Rendition]:
    now = timezone.now()
    return [
        Rendition(
            source=source,
            kind=picture.kind,
            blob=keep(Part.of(folder / picture.name), content_type=RENDITION_TYPE, now=now),
            width_px=picture.width_px,
            height_px=picture.height_px,
        )
        for picture in rendered.renditions
    ]


def _finish(asset: Asset, rendered: Rendered, pictures: list[Rendition]) -> None:
    now = timezone.now()
    with transaction.atomic():
        if not work.finish(asset):  # the lease was lost: whoever holds it now does the same
            return
        hold({picture.blob_id for picture in pictures}, now=now)
        Rendition.objects.bulk_create(
            pictures,
            update_conflicts=True,
            unique_fields=["source", "kind"],
            update_fields=["blob", "width_px", "height_px"],
        )
        facts = facts_of_asset(rendered.facts, added_at=asset.added_at)
        Asset.objects.filter(pk=asset.pk).update(
            **facts, placeholder=rendered.placeholder, prepared_at=now
        )
