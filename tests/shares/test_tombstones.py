"""What is said of a link that was deleted: that it has ended, for ninety days; then it never was."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from library.models import User
from shares.access import EndedError, open_share
from shares.models import REMEMBERED_FOR, Archive, Share, Tombstone
from shares.publishing import stop_share
from shares.purging import purge
from tests.shares.helpers import many_assets, many_links

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def share(make_share, alice) -> Share:
    return make_share(many_assets(alice, 2))


@pytest.fixture
def purged(share) -> Tombstone:
    stop_share(share, now=timezone.now())
    purge(now=timezone.now())
    return Tombstone.objects.get()


def test_the_page_of_a_deleted_link_is_that_of_one_that_was_stopped(share, carol):
    stop_share(share, now=timezone.now())
    before = carol.get(share.get_absolute_url())

    purge(now=timezone.now())
    after = carol.get(share.get_absolute_url())

    assert not Share.objects.exists()
    assert before.status_code == after.status_code == 410
    assert before.content == after.content
    assert after["Cache-Control"] == "no-store"
    assert carol.get(reverse("shares:file", args=[share.token, 1])).status_code == 410


@pytest.mark.parametrize(("after", "error"), [(-SECOND, EndedError), (timedelta(0), Http404)])
def test_a_deleted_link_is_remembered_for_ninety_days_from_its_end(after, error, purged):
    moment = purged.ended_at + REMEMBERED_FOR + after

    with pytest.raises(error):
        open_share(purged.token, now=moment)


def test_what_is_remembered_is_when_it_ended_and_not_when_it_was_deleted(make_share, alice):
    assets, now = many_assets(alice, 1), timezone.now()
    stopped = make_share(assets, stopped_at=now - timedelta(days=2))
    [expired] = many_links(alice, 1, assets, ended_at=now - timedelta(days=31))

    purge(now=now)

    ends = dict(Tombstone.objects.values_list("token", "ended_at"))
    assert ends == {stopped.token: stopped.stopped_at, expired.token: expired.expires_at}


def test_a_purge_forgets_what_was_remembered_for_long_enough(purged):
    end = purged.ended_at

    assert purge(now=end + REMEMBERED_FOR - SECOND).tombstones == 0
    assert purge(now=end + REMEMBERED_FOR).tombstones == 1

    assert not Tombstone.objects.exists()


def test_a_link_is_known_by_one_query_and_an_unknown_token_by_two(share, django_assert_num_queries):
    with django_assert_num_queries(1):
        open_share(share.token, now=timezone.now())
    with django_assert_num_queries(2), pytest.raises(Http404):
        open_share("never-was-a-token", now=timezone.now())


def test_the_links_of_a_deleted_account_have_ended(make_share, alice, as_alice, carol):
    assets, now = many_assets(alice, 1), timezone.now()
    running, stopped = make_share(assets), make_share(assets, stopped_at=now - timedelta(days=1))
    expired = make_share(assets, days=-3, ended_at=now - timedelta(days=3))

    User.objects.get(pk=alice.pk).delete()

    assert not Share.objects.exists()
    assert not Archive.objects.exists()
    ends = dict(Tombstone.objects.values_list("token", "ended_at"))
    assert ends[stopped.token] == stopped.stopped_at
    assert ends[expired.token] == expired.ended_at
    assert now - SECOND <= ends[running.token] <= timezone.now() + SECOND
    for share in (running, stopped, expired):
        assert carol.get(share.get_absolute_url()).status_code == 410


def test_an_account_that_is_not_deleted_after_all_leaves_no_tombstone(share, alice):
    with transaction.atomic():
        User.objects.get(pk=alice.pk).delete()
        transaction.set_rollback(True)

    assert not Tombstone.objects.exists()
    assert Share.objects.count() == 1
