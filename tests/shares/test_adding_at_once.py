"""Adding on both databases: many at once while the sender stops, and a thousand at a time."""

import json
from contextlib import nullcontext

import pytest

from tests.postgresql import OnPostgreSQL, database

ROWS = """
import json, random, time
from uuid import uuid4
from django.db import connection
from django.test.utils import CaptureQueriesContext
from library.blobs import storage
from library.models import Asset, Blob, Stills, User
from shares.models import Keep, Receipt, Share
from shares.publishing import publish_share, stop_share
from tests.rows import AS_THEY_ARE
from shares.receiving import NotOpenError, add, decline_share, open_received

class Closed:
    def __getattr__(self, name):
        raise AssertionError(name)
storage.store = Closed()

def person(name):
    return User.objects.create(email=f"{name}{uuid4().hex}@example.org", display_name=name)

def share_of(sender, count):
    now = timezone.now()
    blobs = Blob.objects.bulk_create(
        Blob(key=(key := uuid4().hex), sha256=key, crc32=0, size_bytes=1, content_type="image/jpeg",
             created_at=now, touched_at=now) for _ in range(count))
    Stills.objects.bulk_create(
        Stills(source=blob, owner=sender, due_at=now, turn=0, state="done", prepared_at=now)
        for blob in blobs)
    assets = Asset.objects.bulk_create(
        Asset(owner=sender, blob=blob, name="1.jpg", kind="photo", width_px=4, height_px=3,
              taken_at=now, taken_from="exif", added_at=now) for blob in blobs)
    return publish_share(sender, [asset.uuid for asset in assets], terms=AS_THEY_ARE,
                         max_items=count, now=now, lifetime=timedelta(days=30))

def adding(share, recipient, positions=None):
    def act():
        try:
            return str(add(share, recipient, positions, now=timezone.now()))
        except NotOpenError:
            return "ended"
    return act

def stopping(share):
    def act():
        time.sleep(random.random() * 0.2)
        stop_share(share, now=timezone.now())
    return act
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request, tmp_path_factory) -> OnPostgreSQL:
    """The site's code on either database, each empty and of the test's own."""
    with database() if request.param == "postgresql" else nullcontext("") as url:
        site = OnPostgreSQL(url, tmp_path_factory.mktemp(request.param), serves_pages=False)
        site.vendor = request.param
        yield site


def told(site: OnPostgreSQL, program: str) -> list:
    return json.loads(site.run(ROWS + program).splitlines()[-1])


def test_twenty_tabs_add_the_same_ten_while_the_sender_stops(site):
    rounds = told(
        site,
        """
rounds = []
for _ in range(6):
    alice, bob = person("Alice"), person("Bob")
    share = share_of(alice, 10)
    ends = at_once(*[adding(share, bob)] * 20, stopping(share))
    rounds.append([bob.assets.count(), Keep.objects.filter(recipient=bob).count(),
                   Receipt.objects.filter(recipient=bob).count(), ends])
print(json.dumps(rounds))
""",
    )

    for assets, keeps, receipts, ends in rounds:
        assert (assets, keeps, receipts) in {(0, 0, 0), (10, 10, 1)}
        added = ends[:20].count("10 added.")
        assert added == (1 if assets else 0)
        allowed = {"10 added.", "All 10 are in your library already.", "ended"}
        assert set(ends[:20]) <= allowed
        assert ends[20] is None


def test_twenty_people_add_at_once_and_each_has_all_or_nothing(site):
    counts = told(
        site,
        """
alice, people = person("Alice"), [person(f"P{n}") for n in range(20)]
share = share_of(alice, 10)
ends = at_once(*[adding(share, each) for each in people], stopping(share))
print(json.dumps([[each.assets.count(), end] for each, end in zip(people, ends)]))
""",
    )

    assert {count for count, _ in counts} <= {0, 10}
    for count, end in counts:
        assert end == ("10 added." if count else "ended")


def test_two_links_with_the_same_items_and_overlapping_choices_do_not_wait_for_each_other(site):
    ends, assets, keeps = told(
        site,
        """
alice, bob = person("Alice"), person("Bob")
first = share_of(alice, 30)
second = publish_share(alice, list(alice.assets.values_list("uuid", flat=True)), terms=AS_THEY_ARE,
                       max_items=30, now=timezone.now(), lifetime=timedelta(days=30))
acts = [adding(share, bob, set(range(start, start + 20))) for share in (first, second)
        for start in (1, 6, 11)] * 3
ends = at_once(*acts)
print(json.dumps([ends, bob.assets.count(), Keep.objects.filter(recipient=bob).count()]))
""",
    )

    assert (assets, keeps) == (30, 60)
    assert all("added." in end or "in your library already." in end for end in ends)


def test_one_page_opened_and_declined_in_many_tabs_has_one_receipt(site):
    outcomes, states = told(
        site,
        """
alice, bob = person("Alice"), person("Bob")
share = share_of(alice, 1)
opening = lambda: open_received(share, bob, now=timezone.now()).name
declining = lambda: decline_share(share, bob, now=timezone.now())
outcomes = at_once(*[opening] * 12)
at_once(*[opening] * 6, *[declining] * 6)
print(json.dumps([outcomes, list(bob.receipts.values_list("state", flat=True))]))
""",
    )

    assert set(outcomes) <= {"LISTED", "KNOWN"}
    assert states == ["declined"]


def test_a_thousand_take_few_queries_and_open_no_file(site):
    queries, said, assets = told(
        site,
        """
alice, bob = person("Alice"), person("Bob")
share = share_of(alice, 1_000)
with CaptureQueriesContext(connection) as captured:
    said = str(add(share, bob, None, now=timezone.now()))
print(json.dumps([len(captured), said, bob.assets.count()]))
""",
    )

    assert (said, assets) == ("1,000 added.", 1_000)
    assert queries <= (20 if site.vendor == "postgresql" else 60)


def test_an_account_is_deleted_while_others_add_from_its_links(site):
    rounds = told(
        site,
        """
rounds = []
for _ in range(6):
    alice, people = person("Alice"), [person(f"P{n}") for n in range(8)]
    share = share_of(alice, 10)
    def deleting():
        time.sleep(random.random() * 0.1)
        alice.delete()
    ends = at_once(*[adding(share, each) for each in people], deleting)
    rounds.append([[each.assets.count(), end] for each, end in zip(people, ends)] + [ends[-1]])
print(json.dumps(rounds))
""",
    )

    for *adders, deleted in rounds:
        assert deleted is None
        for count, end in adders:
            assert end == ("10 added." if count else "ended")
            assert count in {0, 10}
