"""What follows from a link's end. Whether it has ended is decided whenever it is read, not here."""

from datetime import datetime

from django.db.models import F

from shares.models import Share


def end_expired(*, now: datetime) -> int:
    """Stamp shares that have run out, so that a clock set back revives none; how many.

    A share is stamped with its own end, whenever that is noticed.
    """
    return Share.objects.filter(expires_at__lte=now, ended_at=None).update(ended_at=F("expires_at"))
