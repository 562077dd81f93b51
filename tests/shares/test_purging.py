"""The purge: what ended links leave behind is deleted, and nothing that anybody still has or needs."""

import io
import tracemalloc
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.models import Blob
from library.work import WorkState
from shares import purging
from shares.models import (
    RENEWABLE_FOR,
    Archive,
    CleanCopy,
    Keep,
    Receipt,
    Share,
    ShareItem,
    Tombstone,
)
from shares.publishing import change_terms, stop_share
from shares.purging import Purged, delete_links, purge
from shares.receiving import add
from shares.tasks import purge_task
from tests.rows import AS_THEY_ARE
from tests.shares.helpers import many_assets, many_links
from tests.shares.planted import CLEAN, UNDATED

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NOTHING = Purged(links=0, tombstones=0, archives=0, copies=0)


@pytest.fixture
def assets(alice):
    return many_assets(alice, 3)


def renew(share: Share, *, now) -> None:
    Share.objects.filter(pk=share.pk).update(expires_at=now + 30 * DAY, ended_at=None)


def copies_of(share: Share) -> int:
    return CleanCopy.objects.filter(source__in=share.items.values("source")).count()


# Links


def test_a_stopped_link_goes_at_once_with_all_below_it(make_share, assets, bob):
    share = make_share(assets)
    add(share, bob, None, now=timezone.now())
    stop_share(share, now=timezone.now())

    purged = purge(now=timezone.now())

    assert purged == Purged(links=1, tombstones=0, archives=1, copies=0)
    for model in (Share, ShareItem, Receipt, Archive):
        assert not model.objects.exists(), model
    assert Tombstone.objects.get().token == share.token


def test_every_row_that_belongs_to_a_link_is_known_to_the_purge():
    below = {
        relation.related_model
        for model in (Share, ShareItem)
        for relation in model._meta.related_objects
    }

    assert below == {ShareItem, Receipt, Archive, Keep}


@pytest.mark.parametrize(("after", "is_left"), [(-SECOND, True), (timedelta(0), False)])
def test_an_expired_link_goes_thirty_days_after_its_end(after, is_left, make_share, assets):
    share = make_share(assets)

    purge(now=share.expires_at + RENEWABLE_FOR + after)

    assert Share.objects.filter(pk=share.pk).exists() is is_left
    assert ShareItem.objects.exists() is is_left


def test_an_open_link_stays_as_it_is(make_share, assets):
    share = make_share(assets, terms=CLEAN)

    assert purge(now=timezone.now()) == NOTHING
    assert copies_of(share) == 3
    assert share.archive


def test_the_link_of_a_suspended_sender_stays_as_it_is(make_share, assets, alice):
    share = make_share(assets, terms=CLEAN)
    alice.is_active = False
    alice.save()

    assert purge(now=timezone.now()) == NOTHING
    assert copies_of(share) == 3


def test_what_recipients_have_added_stays_theirs(make_share, assets, bob):
    share = make_share(assets)
    add(share, bob, None, now=timezone.now())
    stop_share(share, now=timezone.now())

    purge(now=timezone.now())

    assert {asset.blob_id for asset in bob.assets.all()} == {asset.blob_id for asset in assets}
    assert list(Keep.objects.values_list("recipient", "item")) == [(bob.pk, None)] * 3


def test_a_link_that_was_renewed_after_it_was_chosen_survives(make_share, assets):
    share = make_share(assets)
    late = share.expires_at + RENEWABLE_FOR
    purging.end_expired(now=late)
    chosen = [share.pk]
    renew(share, now=late)

    assert delete_links(chosen, now=late) == 0
    assert share.items.count() == 3
    assert not Tombstone.objects.exists()


def test_a_second_run_finds_nothing(make_share, assets, alice):
    stop_share(make_share(assets, terms=CLEAN), now=timezone.now())
    many_links(alice, 2, assets, ended_at=timezone.now() - 31 * DAY)

    assert purge(now=timezone.now()) == Purged(links=3, tombstones=0, archives=1, copies=3)
    assert purge(now=timezone.now()) == NOTHING


# What only links that go on need


def test_an_expired_link_gives_up_its_archive_and_its_copies_and_can_be_renewed(make_share, assets):
    share = make_share(assets, terms=CLEAN)

    purged = purge(now=share.expires_at)

    assert purged == Purged(links=0, tombstones=0, archives=1, copies=3)
    share.refresh_from_db()
    assert share.ended_at == share.expires_at
    assert share.items.count() == 3


def test_a_copy_that_another_link_needs_stays(make_share, assets):
    ended, running = make_share(assets, terms=CLEAN), make_share(assets[:1], terms=CLEAN)
    make_share(assets[1:2], terms=UNDATED)
    stop_share(ended, now=timezone.now())

    assert purge(now=timezone.now()).copies == 2

    assert copies_of(running) == 1
    kept = CleanCopy.objects.values_list("source", "hides_dates").order_by("source")
    assert list(kept) == [(assets[0].blob_id, False), (assets[1].blob_id, True)]


def test_copies_of_a_level_that_no_link_has_any_more_go(make_share, assets):
    share = make_share(assets, terms=CLEAN)
    change_terms(share, UNDATED, now=timezone.now())

    assert purge(now=timezone.now()).copies == 3
    assert set(CleanCopy.objects.values_list("hides_dates", flat=True)) == {True}


def test_the_copy_of_an_item_that_was_taken_out_goes(make_share, assets):
    share = make_share(assets, terms=CLEAN)
    share.items.filter(position=2).update(removed_at=timezone.now())

    assert purge(now=timezone.now()).copies == 1
    assert copies_of(share) == 2


def test_a_renewed_link_has_its_copies_made_again(make_share, assets):
    share = make_share(assets, terms=CLEAN)
    late = share.expires_at + DAY
    purge(now=late)
    renew(share, now=late)

    change_terms(Share.objects.get(), CLEAN, now=late)

    assert copies_of(share) == 3
    assert set(CleanCopy.objects.values_list("state", flat=True)) == {WorkState.DUE}
    assert purge(now=late) == NOTHING


def test_who_needs_copies_has_touched_their_sources_before(make_share, assets):
    share = make_share(assets, terms=AS_THEY_ARE)
    Blob.objects.update(touched_at=timezone.now() - DAY)
    now = timezone.now()

    change_terms(share, CLEAN, now=now)

    assert set(Blob.objects.values_list("touched_at", flat=True)) == {now}


# Dry runs, doors


def test_a_dry_run_changes_nothing_and_tells_the_same_numbers(make_share, assets, alice):
    now = timezone.now()
    stop_share(make_share(assets, terms=CLEAN), now=now)
    many_links(alice, 2, assets, ended_at=now - 31 * DAY)
    running_out = make_share(assets[:2], terms=UNDATED)
    Tombstone.objects.create(token="old", ended_at=now - 91 * DAY)
    late = running_out.expires_at
    rows = {model: list(model.objects.values()) for model in (Share, CleanCopy, Archive, Tombstone)}

    told = purge(now=late, is_dry_run=True)

    assert rows == {model: list(model.objects.values()) for model in rows}
    assert told == Purged(links=3, tombstones=1, archives=2, copies=5)
    assert purge(now=late) == told


def test_the_command_says_what_it_did_and_what_it_would_do(make_share, assets):
    stop_share(make_share(assets, terms=CLEAN), now=timezone.now())
    would, did = io.StringIO(), io.StringIO()

    call_command("purge", "--dry-run", stdout=would)
    assert Share.objects.exists()
    call_command("purge", stdout=did)

    counts = "links 1, archives 1, clean copies 3, tombstones 0."
    assert would.getvalue() == f"Would delete: {counts}\n"
    assert did.getvalue() == f"Deleted: {counts}\n"
    assert not Share.objects.exists()


def test_the_task_purges(make_share, assets):
    stop_share(make_share(assets), now=timezone.now())

    purge_task()

    assert not Share.objects.exists()


# Many


def queries_of_purge() -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        purge(now=timezone.now())
    return len(captured)


def test_the_number_of_queries_follows_the_batches_and_not_the_items(alice, monkeypatch):
    monkeypatch.setattr(purging, "LINKS_AT_ONCE", 10)
    few, many, ended = many_assets(alice, 1), many_assets(alice, 40), timezone.now() - 31 * DAY
    none = queries_of_purge()

    many_links(alice, 10, few, ended_at=ended)
    one_batch = queries_of_purge() - none
    many_links(alice, 10, many, ended_at=ended)
    one_batch_of_many = queries_of_purge() - none
    many_links(alice, 20, many, ended_at=ended)
    two_batches = queries_of_purge() - none

    assert one_batch == one_batch_of_many
    assert two_batches == 2 * one_batch
    assert not Share.objects.exists()


def test_a_batch_has_few_enough_items_or_is_a_single_link(alice, monkeypatch):
    monkeypatch.setattr(purging, "ITEMS_AT_ONCE", 5)
    assets, now = many_assets(alice, 7), timezone.now()
    sizes = [2, 2, 2, 7, 1, 1]
    links = [many_links(alice, 1, assets[:size], ended_at=now - 31 * DAY)[0].pk for size in sizes]

    batches = list(purging._batches_of_links(Share.objects.all()))

    assert batches == [links[:2], links[2:3], links[3:4], links[4:]]
    assert purge(now=now).links == 6


def test_two_thousand_links_take_no_more_memory_than_a_batch(alice):
    assets, ended = many_assets(alice, 2), timezone.now() - 31 * DAY
    many_links(alice, 400, assets, ended_at=ended)
    purge(now=timezone.now())  # what is loaded once is loaded
    many_links(alice, 2_000, assets, ended_at=ended)

    tracemalloc.start()
    purged = purge(now=timezone.now())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert purged.links == 2_000
    assert peak_bytes < 1_000_000
    assert Tombstone.objects.count() == 2_400
