"""What the page of an ended link tells those whom it concerns: its sender, and whoever had received it."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from library.models import User
from shares.models import Share


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and when a link ended; the addresses are the sender's, and empty for others."""

    at: datetime
    was_stopped: bool
    is_own: bool
    renewable_until: datetime | None
    renew_url: str


def ending_for(share: Share | None, member: User | None, *, now: datetime) -> Ending | None:
    """Say how a link ended; None for whom that does not concern, and where it was something else."""
    if share is None or member is None:
        return None
    has_run_out = share.ended_at is not None or share.expires_at <= now
    is_own = member.pk == share.sender_id
    if not (share.stopped_at or has_run_out):
        return None
    if not (is_own or share.receipts.filter(recipient=member).exists()):
        return None
    can_renew = is_own and share.is_renewable_at(now)
    return Ending(
        at=share.stopped_at or share.ran_out_at,
        was_stopped=share.stopped_at is not None,
        is_own=is_own,
        renewable_until=share.renewable_until if can_renew else None,
        renew_url=reverse("shares:lifetime", args=[share.uuid]) if can_renew else "",
    )
