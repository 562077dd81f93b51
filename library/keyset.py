"""A place in a list by time as a short piece of an address. It outlives the row it was read from."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
_TICK = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a row stands: by moment, and by number where moments are equal."""

    moment: datetime
    pk: int

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
        return f"{(self.moment - _BEGINNING) // _TICK}-{self.pk}"
