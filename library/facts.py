"""What a file says of itself, as an asset's fields."""

from datetime import UTC, datetime

from django.db.models import F

from library.models import Asset, Blob
from library.processing.values import Facts


def asset_fields(facts: Facts, *, undated: datetime | F) -> dict[str, object]:
    """Turn a file's facts into an asset's fields; `undated` stands for a moment that is not told."""
    return {
        "kind": facts.kind,
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "duration_ms": facts.duration_ms,
        "camera_make": facts.camera_make,
        "camera_model": facts.camera_model,
        "taken_at": facts.taken_at.replace(tzinfo=UTC) if facts.taken_at else undated,
        "taken_offset_minutes": facts.taken_offset_minutes,
        "taken_from": facts.taken_from or Asset.TakenFrom.UPLOAD,
    }


def tell_assets(blob: Blob, facts: Facts) -> None:
    """Give every asset of a blob the facts of its file, whoever owns it."""
    Asset.objects.filter(blob=blob).update(**asset_fields(facts, undated=F("added_at")))
