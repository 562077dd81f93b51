"""Beat by the clock that nobody sets: what is periodic goes on, whatever the time of day does.

Celery's own scheduler compares times of day. Once the clock is set back it waits until the old time
comes round again. Here an entry is due by seconds since its last run on the monotonic clock, and all
are due once at the start, so nothing is kept on disk. Each entry may run once too often.
"""

import logging
import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from celery.schedules import schedule

LONGEST_SLEEP_SECONDS = 60.0

logger = logging.getLogger(__name__)


class SteadyScheduler(Scheduler):
    """Sends each entry every so many seconds; entries by the calendar are not meant for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._due: dict[str, float] = {}  # by name, when it is next sent, on the monotonic clock
        super().__init__(*args, **kwargs)

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Send what is due; return for how many seconds nothing is."""
        for name, entry in list(self.schedule.items()):
            now = time.monotonic()
            if self._due.get(name, now) <= now:
                self._due[name] = now + _seconds_between(entry)
                self.apply_entry(entry, producer=self.producer)
        soonest = min(self._due.values(), default=float("inf"))
        return min(max(soonest - time.monotonic(), 0.0), LONGEST_SLEEP_SECONDS)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send an entry's task; a broker that can't take it, or a full disk, gets it the next time."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            logger.warning("%s", error)


def _seconds_between(entry: ScheduleEntry) -> float:
    every: Any = entry.schedule  # its stubs leave run_every out
    if not isinstance(entry.schedule, schedule):
        raise TypeError(f"{entry.name} is not sent every so many seconds, but by {every}")
    return float(every.run_every.total_seconds())
