"""How often something may be tried: counted in rows, so that every process knows, on either database.

A key is kept as a digest with the site's own secret: no address of a visitor is stored.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection
from django.utils.crypto import salted_hmac

from library.models import Throttle

logger = logging.getLogger(__name__)
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries of one kind in a stretch of time."""

    scope: str
    most: int
    within: timedelta


def wait_seconds(limit: Limit, *key: object, now: datetime) -> int:
    """Count a try, and return how long the next one has to wait; 0 while this one is within the limit.

    Where the database can't take it, as on a full disk, the try is not counted.
    """
    began = _window(limit, now)
    try:
        count = _count(limit.scope, _digest(limit.scope, key), began)
    except DatabaseError as error:
        logger.warning("a try of %s could not be counted: %s", limit.scope, error)
        return 0
    return _wait(limit, began, now) if count > limit.most else 0


def wait_before(limit: Limit, *key: object, now: datetime) -> int:
    """Return how long the next try has to wait, without counting one; 0 while it is within the limit."""
    began = _window(limit, now)
    rows = Throttle.objects.filter(scope=limit.scope, key=_digest(limit.scope, key), window=began)
    return _wait(limit, began, now) if rows.filter(count__gte=limit.most).exists() else 0


def forget(*, now: datetime) -> int:
    """Drop the counts of stretches that are long over; how many."""
    over = Throttle.objects.filter(window__lt=now - KEPT_FOR)
    return over.delete()[0] if over.exists() else 0


def _wait(limit: Limit, began: datetime, now: datetime) -> int:
    return max(1, round((began + limit.within - now).total_seconds()))


def _window(limit: Limit, now: datetime) -> datetime:
    seconds = int(limit.within.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _digest(scope: str, key: tuple[object, ...]) -> str:
    return salted_hmac(f"throttle {scope}", repr(key), algorithm="sha256").hexdigest()


def _count(scope: str, key: str, window: datetime) -> int:
    table = connection.ops.quote_name(Throttle._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} (scope, "key", "window", count) VALUES (%s, %s, %s, 1)
            ON CONFLICT (scope, "key", "window") DO UPDATE SET count = {table}.count + 1
            RETURNING count
            """,  # noqa: S608 - only the name of our own table is put in
            [scope, key, connection.ops.adapt_datetimefield_value(window)],
        )
        return int(cursor.fetchone()[0])
