"""A place in the order of the grid as a short piece of an address. It outlives the item it was read from."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from library.models import Asset

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
_TICK = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where an item stands: by moment of capture, and by number where moments are equal."""

    taken_at: datetime
    pk: int

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """Return an item's place."""
        return cls(asset.taken_at, asset.pk)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None for anything else."""
        match = _PLACE.fullmatch(text)
        if match is None:
            return None
        try:
            return cls(_BEGINNING + int(match[1]) * _TICK, int(match[2]))
        except OverflowError:
            return None

    def __str__(self) -> str:
        return f"{(self.taken_at - _BEGINNING) // _TICK}-{self.pk}"
