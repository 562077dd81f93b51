"""Bytes that come to be held while garbage is collected, on both databases: held, or said to be gone."""

import json

from tests.postgresql import OnPostgreSQL
from tests.shares.test_adding_at_once import ROWS, site
from tests.shares.test_purging_at_once import LINKS, locking_site

__all__ = ["locking_site", "site"]

BLOBS = """
from library.blobs import collecting
from library.blobs.storage import BlobGoneError, hold
collecting.store = storage.store = type("Gone", (), {"delete": lambda self, key: None})()

def idle(count):
    old = timezone.now() - timedelta(hours=2)
    return Blob.objects.bulk_create(
        Blob(key=(key := uuid4().hex), sha256=key, crc32=0, size_bytes=1, content_type="image/jpeg",
             created_at=old, touched_at=old) for _ in range(count))

def take(owner, blobs, started_at=None):
    now = started_at or timezone.now()
    try:
        with transaction.atomic():
            hold({blob.pk for blob in blobs}, now=now)
            time.sleep(random.random() * 0.02)
            Asset.objects.bulk_create(
                Asset(owner=owner, blob=blob, name="1.jpg", kind="photo", width_px=4, height_px=3,
                      taken_at=now, taken_from="exif", added_at=now) for blob in blobs)
        return "held"
    except BlobGoneError:
        return "gone"

def living(blobs):
    return Blob.objects.filter(pk__in=[blob.pk for blob in blobs], condemned_at=None).count()
"""


def told(site: OnPostgreSQL, program: str) -> list:
    return json.loads(site.run(ROWS + LINKS + BLOBS + program).splitlines()[-1])


def test_bytes_are_either_held_or_condemned(site):
    rounds = told(
        site,
        """
rounds = []
for number in range(20):
    owner, blobs = person("Alice"), idle(6)
    started_at = timezone.now() - timedelta(hours=3) if number % 2 else None
    condemning = lambda: collecting.condemn(timezone.now())
    ends = at_once(condemning, lambda: take(owner, blobs[:3], started_at), condemning,
                   lambda: take(owner, blobs[3:], started_at))
    collecting.collect(timezone.now() + timedelta(days=2))
    rounds.append([[ends[1], living(blobs[:3])], [ends[3], living(blobs[3:])], ends])
print(json.dumps(rounds))
""",
    )

    for *groups, ends in rounds:
        assert isinstance(ends[0], int)
        assert isinstance(ends[2], int)
        for end, living in groups:
            assert (end, living) in {("held", 3), ("gone", 0)}


def test_bytes_whose_holder_is_not_committed_are_passed_over(locking_site):
    condemned, living = told(
        locking_site,
        """
owner, blobs = person("Alice"), idle(3)
with transaction.atomic():
    take(owner, blobs, timezone.now() - timedelta(hours=3))
    thread = in_thread(lambda: collecting.condemn(timezone.now()))
    thread.join()
print(json.dumps([thread.ends[0], living(blobs)]))
""",
    )

    assert (condemned, living) == (0, 3)


def test_who_wants_bytes_while_they_are_condemned_waits_and_is_told(locking_site):
    waited, end, living = told(
        locking_site,
        """
owner, blobs = person("Alice"), idle(3)
with transaction.atomic():
    collecting.condemn(timezone.now())
    thread = in_thread(lambda: take(owner, blobs))
    until(lambda: is_waiting() or not thread.is_alive())
    waited = thread.is_alive()
thread.join()
print(json.dumps([waited, thread.ends[0], living(blobs)]))
""",
    )

    assert waited
    assert (end, living) == ("gone", 0)
