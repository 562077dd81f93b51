"""How long a link stays open: a whole number of days, from the sheet to a span of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from library.http import whole_number

DAY = timedelta(days=1)
LEAST_DAYS, MOST_DAYS = 1, 365
OFFERED_DAYS = (7, 30, 90, 365)
REMINDED_BEFORE = timedelta(days=3)
NO_LIFETIME = f"Choose a whole number of days from {LEAST_DAYS} to {MOST_DAYS}."


class LifetimeRefusedError(ValueError):
    """Not a number of days that a link can live for; the message says which are."""


@dataclass(frozen=True, slots=True)
class LifetimeChoice:
    """The number of days in a sheet: what stands in its field, and when a link would end then."""

    days: int
    until: datetime
    least: int = LEAST_DAYS
    most: int = MOST_DAYS
    offered: tuple[int, ...] = OFFERED_DAYS

    @property
    def others(self) -> tuple[int, ...]:
        """Return the numbers that are offered beside the one in the field."""
        return tuple(days for days in self.offered if days != self.days)


def lifetime_of(form: Mapping[str, str], *, default_days: int) -> timedelta:
    """Read what the sheet sends; a number that is not sent, or empty, is the default.

    Raises:
        LifetimeRefusedError: it is no whole number, or too small or large a one.
    """
    text = form.get("days", "").strip()
    days = whole_number(text) if text else default_days
    if days is None or not LEAST_DAYS <= days <= MOST_DAYS:
        raise LifetimeRefusedError(NO_LIFETIME)
    return days * DAY


def lifetime_choice(
    *, default_days: int, now: datetime, ends_at: datetime | None = None
) -> LifetimeChoice:
    """Offer the default; to a link that ends later than that, what it has, up to a year."""
    left = -((now - ends_at) // DAY) if ends_at else 0  # rounded up
    days = min(max(default_days, left), MOST_DAYS)
    return LifetimeChoice(days=days, until=now + days * DAY)


def no_reminder_at(lifetime: timedelta, *, now: datetime) -> datetime | None:
    """Return `now` for so short a life that its end needs no reminder, as the moment of one; else None."""
    return now if lifetime <= REMINDED_BEFORE else None
