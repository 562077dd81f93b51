"""The purge on both databases while links are renewed and made: nothing that somebody relies on goes."""

import json

import pytest

from tests.postgresql import OnPostgreSQL
from tests.shares.test_adding_at_once import ROWS, site

__all__ = ["site"]

LINKS = """
from django.db import transaction
from shares import purging
from shares.cleaning import want_copies
from shares.models import CleanCopy, ShareItem, Tombstone
from shares.purging import delete_links, purge
from tests.shares.planted import CLEAN

DAY = timedelta(days=1)

def clean_link(sender):
    return publish_share(sender, list(sender.assets.values_list("uuid", flat=True)), terms=CLEAN,
                         max_items=100, now=timezone.now(), lifetime=30 * DAY)

def ended(share, days):
    end = timezone.now() - days * DAY
    Share.objects.filter(pk=share.pk).update(
        created_at=end - 30 * DAY, expires_at=end, ended_at=end)
    return share

def renew(share):
    with transaction.atomic():
        found = Share.objects.select_for_update(no_key=True).filter(pk=share.pk).first()
        if found:
            found.expires_at, found.ended_at = timezone.now() + 30 * DAY, None
            found.save()
            want_copies(found, now=timezone.now())

def lacking():
    running = ShareItem.objects.filter(share__privacy="clean", share__ended_at=None)
    return sum(not CleanCopy.objects.filter(source=item.source_id).exists() for item in running)

def is_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND wait_event_type = 'Lock'")
        return cursor.fetchone()[0]

def in_thread(act):
    def run():
        ends.append(act())
        connection.close()
    ends = []
    thread = threading.Thread(target=run)
    thread.ends = ends
    thread.start()
    return thread

def until(happened):
    while not happened():
        time.sleep(0.01)
"""


def told(site: OnPostgreSQL, program: str) -> list:
    return json.loads(site.run(ROWS + LINKS + program).splitlines()[-1])


@pytest.fixture
def locking_site(site) -> OnPostgreSQL:
    if site.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time, so there is no in between")
    return site


def test_a_link_renewed_at_this_moment_is_kept_whole_or_gone_whole(site):
    rounds = told(
        site,
        """
rounds = []
for _ in range(15):
    alice = person("Alice")
    share = ended(share_of(alice, 5), 31)
    purging_ = lambda: purge(now=timezone.now()).links
    ends = at_once(purging_, lambda: renew(share), purging_)
    kept = Share.objects.filter(pk=share.pk).exists()
    rounds.append([kept, share.items.count(),
                   Tombstone.objects.filter(token=share.token).count(), ends])
print(json.dumps(rounds))
""",
    )

    for is_kept, items, tombstones, ends in rounds:
        assert (items, tombstones) == ((5, 0) if is_kept else (0, 1))
        assert ends[0] + ends[2] == tombstones
        assert ends[1] is None


def test_links_made_and_renewed_while_copies_are_purged_lack_none(site):
    rounds = told(
        site,
        """
rounds = []
for number in range(15):
    alice = person("Alice")
    share_of(alice, 20)
    first = ended(clean_link(alice), 1)
    ends = at_once(lambda: purge(now=timezone.now()).copies, lambda: clean_link(alice) and "made",
                   lambda: renew(first) if number % 2 else None,
                   lambda: purge(now=timezone.now()).copies)
    rounds.append([lacking(), ends])
print(json.dumps(rounds))
""",
    )

    for lacking, ends in rounds:
        assert lacking == 0
        assert isinstance(ends[0], int)
        assert ends[1:3] == ["made", None]
        assert isinstance(ends[3], int)


def test_a_link_whose_renewal_is_not_committed_is_passed_over(locking_site):
    deleted, items, tombstones = told(
        locking_site,
        """
alice = person("Alice")
share = ended(share_of(alice, 5), 31)
with transaction.atomic():
    renew(share)
    thread = in_thread(lambda: delete_links([share.pk], now=timezone.now()))
    thread.join()
print(json.dumps([thread.ends[0], share.items.count(), Tombstone.objects.filter(token=share.token).count()]))
""",
    )

    assert (deleted, items, tombstones) == (0, 5, 0)


@pytest.mark.parametrize("act", ["clean_link(alice)", "renew(first)"])
def test_the_copies_of_a_link_that_is_not_committed_are_passed_over(act, locking_site):
    dropped, later, lacks = told(
        locking_site,
        f"""
alice = person("Alice")
share_of(alice, 5)
first = ended(clean_link(alice), 1)
with transaction.atomic():
    {act}
    thread = in_thread(lambda: purge(now=timezone.now()).copies)
    thread.join()
print(json.dumps([thread.ends[0], purge(now=timezone.now()).copies, lacking()]))
""",
    )

    assert (dropped, later, lacks) == (0, 0, 0)


def test_a_link_made_while_copies_are_being_deleted_waits_and_has_its_own(locking_site):
    dropped, waited, lacks = told(
        locking_site,
        """
alice = person("Alice")
share_of(alice, 5)
ended(clean_link(alice), 1)
with transaction.atomic():
    dropped = purge(now=timezone.now()).copies
    thread = in_thread(lambda: clean_link(alice).pk)
    until(lambda: is_waiting() or not thread.is_alive())
    waited = thread.is_alive()
thread.join()
print(json.dumps([dropped, waited, lacking()]))
""",
    )

    assert dropped == 5
    assert waited
    assert lacks == 0
