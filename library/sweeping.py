"""Find the work that its bells missed: lost messages, killed workers, older code, a clock set back."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models

from library.bells import bells, ring
from library.work import DUE_AT_ONCE, LEASE, Work, WorkState, let_go, make_due

OVERDUE = timedelta(seconds=20)
MAX_LAPSES = 20


def sweep(*, now: datetime, workers: int, overdue: timedelta = OVERDUE) -> int:
    """Find what the bells missed and ring for it; the number of rings. Safe to run any number of times.

    Lapsed leases are due again at once (failed after `MAX_LAPSES`), results and failures of older
    code are due again, and so is what waits only because the clock was set back. While rows have been
    due for as long as `overdue`, each of the `workers` that has no row in hand is rung for: the others
    go on by themselves.
    """
    rings = 0
    for model in _models():
        lapsed = _reclaim_lapsed(model, now=now) + _reclaim_misdated(model, now=now)
        outdated = _outdated(model)
        if outdated.exists():  # else every sweep would wait for the right to write
            make_due(outdated, now=now)
        waiting = model.objects.filter(state=WorkState.DUE, due_at__lte=now - overdue)
        at_work = model.objects.filter(state=WorkState.RUNNING)
        count = min(
            lapsed + len(waiting.values_list("pk")[:workers]),
            workers - len(at_work.values_list("pk")[:workers]),
        )
        for _ in range(count):
            ring(model)
        rings += count
    return rings


def _models() -> list[type[Work]]:
    return [model for model in bells if issubclass(model, Work)]


def _outdated(model: type[Work]) -> models.QuerySet[Any]:
    worked = model.objects.filter(state__in=[WorkState.DONE, WorkState.FAILED])
    return worked.filter(version__lt=model.WORK_VERSION)


def _lapsed(model: type[Work], now: datetime) -> models.QuerySet[Any]:
    return model.objects.filter(state=WorkState.RUNNING, leased_until__lt=now)


def _reclaim_lapsed(model: type[Work], *, now: datetime) -> int:
    lapsed = _lapsed(model, now)
    if not lapsed.exists():
        return 0
    lapsed.filter(lapses__gte=MAX_LAPSES - 1).update(
        state=WorkState.FAILED,
        failure="The site was interrupted too often while it worked on this. Try again.",
        version=model.WORK_VERSION,
        **let_go(),
    )
    return lapsed.update(state=WorkState.DUE, lapses=models.F("lapses") + 1, due_at=now, **let_go())


def _misdated(model: type[Work], now: datetime) -> models.QuerySet[Any]:
    return model.objects.filter(state=WorkState.DUE, due_at__gt=now + model.LONGEST_WAIT)


def _misleased(model: type[Work], now: datetime) -> models.QuerySet[Any]:
    return model.objects.filter(state=WorkState.RUNNING, leased_until__gt=now + 2 * LEASE)


def _reclaim_misdated(model: type[Work], *, now: datetime) -> int:
    """Date anew what was dated by a clock that has been set back; how many rows are due by that.

    A lease gets the time of any other: who holds it renews it, or it lapses. Of rows that are due in
    a far future, `DUE_AT_ONCE` become due now; the next sweep finds the others.
    """
    leased = _misleased(model, now)
    if leased.exists():
        leased.update(leased_until=now + LEASE)
    found = list(_misdated(model, now).values_list("pk", flat=True)[:DUE_AT_ONCE])
    return _misdated(model, now).filter(pk__in=found).update(due_at=now) if found else 0
