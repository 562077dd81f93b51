"""What a file says of itself, as an asset's fields, and what is kept of an asset that goes."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from django.db.models import Case, When

from library.models import Asset, Blob
from library.processing.values import Facts


def asset_fields(facts: Facts, *, undated: datetime | Case) -> dict[str, object]:
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
    """Give every asset of a blob the facts of its file, whoever owns it.

    Where the file tells no moment, what was received stays where its sender had it.
    """
    stands = Case(When(received_at=None, then="added_at"), default="taken_at")
    Asset.objects.filter(blob=blob).update(**asset_fields(facts, undated=stands))


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What can be said of an asset, as a value that outlives its row. Sizes are as displayed."""

    name: str
    kind: str
    taken_at: datetime
    taken_offset_minutes: int | None
    taken_from: str
    width_px: int
    height_px: int
    duration_ms: int | None
    camera_make: str
    camera_model: str

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """Read an asset."""
        return cls(**{name: getattr(asset, name) for name in cls.__slots__})

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; the date becomes an ISO string."""
        return {**asdict(self), "taken_at": self.taken_at.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild what `to_json` gave."""
        return cls(**{**data, "taken_at": datetime.fromisoformat(data["taken_at"])})
