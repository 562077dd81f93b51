"""The end of a link by itself: decided at each reading, and stamped so that no clock undoes it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from shares.expiry import end_expired
from shares.models import Share
from shares.tasks import end_expired_task
from tests.shares.helpers import nothing_is_written

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def share(make_share) -> Share:
    return make_share()


@pytest.mark.parametrize(
    ("after", "is_open"), [(-SECOND, True), (-TICK, True), (0 * TICK, False), (TICK, False)]
)
def test_a_link_is_open_until_its_end_and_not_at_it(after, is_open, share):
    moment = share.expires_at + after

    assert share.is_open_at(moment) is is_open
    assert Share.objects.open_at(moment).filter(pk=share.pk).exists() is is_open


def test_an_expired_link_is_closed_before_anything_has_noticed(make_share, carol):
    share = make_share(days=-0.00001)

    response = carol.get(share.get_absolute_url())

    assert share.ended_at is None
    assert response.status_code == 410


def test_a_link_is_stamped_with_its_own_end_however_late_that_is_noticed(share):
    noticed = end_expired(now=share.expires_at + timedelta(days=400))

    share.refresh_from_db()
    assert noticed == 1
    assert share.ended_at == share.expires_at


def test_a_link_is_stamped_at_its_end_and_not_before(share):
    assert end_expired(now=share.expires_at - TICK) == 0
    assert end_expired(now=share.expires_at) == 1


def test_a_clock_set_back_revives_no_link(share):
    made = share.created_at
    end_expired(now=share.expires_at)

    share.refresh_from_db()

    assert not share.is_open_at(made + SECOND)
    assert not Share.objects.open_at(made + SECOND).exists()
    assert end_expired(now=made) == 0
    share.refresh_from_db()
    assert share.ended_at == share.expires_at


def test_only_links_that_ran_out_are_stamped(make_share, make_asset):
    asset = make_asset()
    open_one, expired = make_share([asset]), make_share([asset], days=-1)

    end_expired_task()

    open_one.refresh_from_db()
    expired.refresh_from_db()
    assert open_one.ended_at is None
    assert expired.ended_at == expired.expires_at


def test_a_second_run_finds_nothing_more(make_share):
    share = make_share(days=-1)

    end_expired_task()
    first = Share.objects.get(pk=share.pk).ended_at
    end_expired_task()

    assert Share.objects.get(pk=share.pk).ended_at == first
    assert end_expired(now=timezone.now()) == 0


def test_while_nothing_has_run_out_nothing_waits_for_the_right_to_write(share):
    with nothing_is_written():
        assert end_expired(now=share.expires_at - TICK) == 0


def test_a_stopped_link_that_runs_out_stays_stopped(make_share):
    share = make_share(days=-1, stopped_at=timezone.now() - timedelta(days=2), epoch=1)

    end_expired_task()

    share.refresh_from_db()
    assert share.stopped_at is not None
    assert share.epoch == 1


def test_running_out_moves_no_epoch(make_share):
    share = make_share(days=-1)

    end_expired_task()

    share.refresh_from_db()
    assert share.epoch == 0
