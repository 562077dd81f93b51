"""Another end for a link that was made: later, sooner, or anew after it has ended, under the same address."""

from datetime import datetime, timedelta

from django.db import transaction

from shares.cleaning import want_copies
from shares.lifetimes import no_reminder_at
from shares.models import RENEWABLE_FOR, Share
from shares.prepared_archives import want_archive

STOPPED = "This link was stopped, and a stopped link never works again. Make a new one instead."
TOO_LATE = (
    f"This link ended more than {RENEWABLE_FOR.days} days ago, so it can't be renewed any more. "
    "Make a new one instead."
)
CLOCK_IS_BEHIND = (
    "By this site's clock, that is before the link was made. Nothing was changed; "
    "whoever looks after the site can set the clock."
)


class NotRenewableError(ValueError):
    """The link's end can't be moved; the message says why."""


@transaction.atomic
def set_lifetime(share: Share, lifetime: timedelta, *, now: datetime) -> datetime:
    """Let a link end a lifetime from now, whether it is open or has ended; return that moment.

    What it lets out stays as it is: neither token nor `epoch` moves. One that had ended is prepared again.

    Raises:
        NotRenewableError: it was stopped, it ended too long ago, or the clock stands before its making.
    """
    found = Share.objects.select_for_update(no_key=True).filter(pk=share.pk).first()
    if found is None:  # purged in the meantime
        raise NotRenewableError(TOO_LATE)
    if why_not := why_not_renewable(found, now=now):
        raise NotRenewableError(why_not)
    until = now + lifetime
    if until <= found.created_at:
        raise NotRenewableError(CLOCK_IS_BEHIND)
    had_ended = found.ended_at is not None or found.expires_at <= now
    found.expires_at, found.ended_at = until, None
    found.reminded_at = no_reminder_at(lifetime, now=now)
    found.save(update_fields=["expires_at", "ended_at", "reminded_at"])
    if had_ended:
        want_copies(found, now=now)
        want_archive(found, now=now)
    return until


def why_not_renewable(share: Share, *, now: datetime) -> str:
    """Say why a link can have no other end; empty where it can."""
    if share.stopped_at:
        return STOPPED
    return "" if share.is_renewable_at(now) else TOO_LATE
