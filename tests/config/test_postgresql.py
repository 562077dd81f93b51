"""What is different on PostgreSQL: plans, locks, and two who do the same at the same moment."""

import json
from itertools import chain

import pytest

from tests.postgresql import OnPostgreSQL, database

MEMBERS = """
from library.models import Asset, Blob, Stills, User
from library.work import claim, finish, next_turn
Stills.objects.all().delete()
alice, bob = (
    User.objects.get_or_create(email=f"{name}@example.org", defaults={"display_name": name})[0]
    for name in ("alice", "bob"))

def make_blobs(count):
    from uuid import uuid4
    now = timezone.now()
    return Blob.objects.bulk_create(
        Blob(key=(key := uuid4().hex), sha256=key, crc32=0, size_bytes=1, content_type="image/jpeg",
             created_at=now, touched_at=now) for _ in range(count))

def make_due(owner, count):
    first = next_turn(Stills, owner.pk)
    return Stills.objects.bulk_create(
        Stills(source=blob, owner=owner, due_at=timezone.now(), turn=first + n)
        for n, blob in enumerate(make_blobs(count)))
"""


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    with database() as url:
        yield OnPostgreSQL(url, tmp_path_factory.mktemp("data"))


def test_a_claim_comes_straight_from_its_index(postgresql):
    plan = postgresql.run(
        MEMBERS
        + """
make_due(alice, 20_000)
connection.cursor().execute("ANALYZE library_stills")
seen = []
def listen(execute, sql, params, many, context):
    seen.append((sql, params))
    return execute(sql, params, many, context)
with connection.execute_wrapper(listen):
    claim(Stills, now=timezone.now())
with connection.cursor() as cursor:
    cursor.execute("EXPLAIN " + seen[0][0], seen[0][1])
    print("\\n".join(line for line, in cursor))
"""
    )

    assert "Index Scan using library_stills_due" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


def test_members_take_turns_and_no_row_is_claimed_twice(postgresql):
    order, claimed = json.loads(
        postgresql.run(
            MEMBERS
            + """
import json
from itertools import chain
make_due(alice, 100)
make_due(bob, 3)
order = [claim(Stills, now=timezone.now()).owner.display_name for _ in range(8)]

def claim_all():
    found = []
    while row := claim(Stills, now=timezone.now()):
        found.append(row.pk)
    return found
print(json.dumps([order, at_once(*[claim_all] * 4)]))
"""
        )
    )

    assert order == ["alice", "bob"] * 3 + ["alice"] * 2
    rows = list(chain(*claimed))
    assert len(rows) == len(set(rows)) == 95


def test_overlapping_holds_never_wait_for_each_other_in_a_circle(postgresql):
    ends = json.loads(
        postgresql.run(
            MEMBERS
            + """
import json, random
from django.db import transaction
from library.blobs.storage import hold
pks = [blob.pk for blob in make_blobs(400)]

def hold_many():
    chance, held = random.Random(), 0
    for _ in range(30):
        with transaction.atomic():
            hold(set(chance.sample(pks, 200)), now=timezone.now())
            held += 1
    return held
print(json.dumps(at_once(*[hold_many] * 8)))
"""
        )
    )

    assert ends == [30] * 8


def test_of_two_first_accounts_at_the_same_moment_one_becomes_superuser(postgresql):
    answers, superusers = json.loads(
        postgresql.run(
            """
import json
from django.conf import settings
from django.test import Client
from library.models import User
settings.ACCOUNT_RATE_LIMITS = False  # so many from one address at once would be told to wait
User.objects.all().delete()

def first(name):
    client = Client(headers={"host": "127.0.0.1"})
    client.get("/accounts/signup/", {"setup": settings.SETUP_CODE})
    fields = {"email": f"{name}@example.org", "display_name": name, "password1": "a long enough sentence"}
    return lambda: client.post("/accounts/signup/", fields).status_code

acts = [first(f"first{n}") for n in range(6)]
print(json.dumps([at_once(*acts), User.objects.filter(is_superuser=True).count()]))
"""
        ).splitlines()[-1]
    )

    assert answers == [302] * 6
    assert superusers == 1


def test_publishing_what_is_deleted_at_that_moment_is_refused_or_done_and_never_an_error(
    postgresql,
):
    ends = json.loads(
        postgresql.run(
            MEMBERS
            + """
import json
from shares.publishing import publish_share
from tests.rows import AS_THEY_ARE
now, ends = timezone.now(), []
for _ in range(20):
    blobs = make_blobs(3)
    assets = [
        Asset.objects.create(owner=alice, blob=blob, name="a.jpg", kind="photo", width_px=4, height_px=3,
                             taken_at=now, taken_from="upload", added_at=now) for blob in blobs]
    uuids = [asset.uuid for asset in assets]
    def publish():
        share = publish_share(alice, uuids, terms=AS_THEY_ARE, max_items=9, now=now,
                              lifetime=timedelta(days=1))
        return share.items.count()
    ends.append(at_once(publish, lambda: assets[1].delete()[0])[0])
print(json.dumps(ends))
"""
        )
    )

    assert set(ends) <= {3, "SelectionRefusedError"}
