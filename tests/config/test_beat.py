"""Beat goes on while the clock of the day jumps, and keeps nothing on disk."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery
from celery.schedules import crontab

from config.beat import LONGEST_SLEEP_SECONDS, SteadyScheduler

SCHEDULE = {
    "sweep": {"task": "tests.sweep", "schedule": 10},
    "tidy": {"task": "tests.tidy", "schedule": 600},
}


class Clocks:
    """The time of day, which somebody sets, and the seconds that pass."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, tzinfo=UTC)
        self.seconds = 1_000.0

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)


class Site(Celery):
    """An application whose time of day can be set, and whose messages are counted."""

    def now(self) -> datetime:
        return self.clocks.now

    def send_task(self, name: str, *args, **options) -> None:
        if name in self.refused:
            raise OSError("no space left on device")
        self.sent.append(name)


@pytest.fixture
def clocks(monkeypatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(time, "monotonic", lambda: clocks.seconds)
    return clocks


@pytest.fixture
def site(clocks) -> Site:
    site = Site("tests", broker="memory://", set_as_current=False)
    site.conf.beat_schedule = SCHEDULE
    site.conf.timezone = "UTC"
    site.clocks, site.sent, site.refused = clocks, [], set()
    return site


@pytest.fixture
def beat(site) -> SteadyScheduler:
    return SteadyScheduler(site)


def sent_by(beat: SteadyScheduler) -> list[str]:
    """Return what the next tick sends."""
    beat.app.sent.clear()
    seconds = beat.tick()
    while not seconds:
        seconds = beat.tick()
    return sorted(beat.app.sent)


def test_all_is_sent_once_at_the_start(beat):
    assert sent_by(beat) == ["tests.sweep", "tests.tidy"]
    assert sent_by(beat) == []


def test_an_entry_is_sent_again_when_its_seconds_have_passed_and_not_before(beat, clocks):
    sent_by(beat)

    clocks.pass_by(9.5)
    assert sent_by(beat) == []
    clocks.pass_by(0.5)
    assert sent_by(beat) == ["tests.sweep"]
    clocks.pass_by(590)
    assert sent_by(beat) == ["tests.sweep", "tests.tidy"]


@pytest.mark.parametrize("days", [-31, -1, 1, 31])
def test_a_clock_that_jumps_changes_nothing(days, beat, clocks):
    sent_by(beat)
    clocks.pass_by(4)

    clocks.now += timedelta(days=days)

    assert sent_by(beat) == []
    assert beat.tick() == pytest.approx(6)
    clocks.pass_by(6)
    assert sent_by(beat) == ["tests.sweep"]
    clocks.pass_by(10)
    assert sent_by(beat) == ["tests.sweep"]


def test_it_sleeps_until_the_next_entry_is_due_and_never_for_long(beat, clocks, site):
    sent_by(beat)
    assert beat.tick() == pytest.approx(10)

    site.conf.beat_schedule = {"tidy": SCHEDULE["tidy"]}
    alone = SteadyScheduler(site)
    sent_by(alone)

    assert alone.tick() == LONGEST_SLEEP_SECONDS


def test_what_was_missed_while_the_machine_slept_is_sent_once(beat, clocks):
    sent_by(beat)
    clocks.pass_by(3_600)

    assert sent_by(beat) == ["tests.sweep", "tests.tidy"]
    assert sent_by(beat) == []


def test_a_broker_that_refuses_one_entry_gets_the_others_and_that_one_the_next_time(
    beat, clocks, site, caplog
):
    site.refused = {"tests.sweep"}

    assert sent_by(beat) == ["tests.tidy"]

    assert "Couldn't apply scheduled task sweep" in caplog.text
    assert "Traceback" not in caplog.text
    site.refused = set()
    clocks.pass_by(10)
    assert sent_by(beat) == ["tests.sweep"]


def test_an_entry_by_the_calendar_is_refused_by_name(site):
    site.conf.beat_schedule = {"daily": {"task": "tests.tidy", "schedule": crontab(hour=4)}}

    with pytest.raises(TypeError, match="daily is not sent every so many seconds"):
        SteadyScheduler(site).tick()


def test_a_site_beats_with_it(settings):
    module, _, name = settings.CELERY_BEAT_SCHEDULER.partition(":")

    assert (module, name) == (SteadyScheduler.__module__, SteadyScheduler.__name__)
