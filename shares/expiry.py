"""What follows from a link's end. Whether it has ended is decided whenever it is read, not here."""

from datetime import datetime

from django.db.models import F

from shares.models import Share


def end_expired(*, now: datetime) -> int:
    """Stamp shares that have run out, so that a clock set back revives none; how many.

    A share is stamped with its own end, whenever that is noticed.
    """
    expired = Share.objects.filter(expires_at__lte=now, ended_at=None)
    if not expired.exists():  # else every run would wait for the right to write
        return 0
    return expired.update(ended_at=F("expires_at"))
