"""What a recipient does with a link: it is listed, opened, declined, and what is added is added once."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.blobs import storage
from library.facts import AssetFacts, tell_assets
from library.models import Asset, Blob, Rendition, Stills
from library.processing.values import Facts
from shares.models import Keep, Receipt, Share
from shares.pasting import receive_pasted
from shares.publishing import stop_share
from shares.receiving import (
    NotOpenError,
    Opening,
    add,
    decline_share,
    list_share,
    open_received,
    unlist_share,
)
from tests.shares.helpers import many_assets

State = Receipt.State


def state_of(share: Share, recipient) -> str | None:
    return share.receipts.filter(recipient=recipient).values_list("state", flat=True).first()


def paste(recipient, share: Share, *, after: timedelta = timedelta()) -> bool:
    now = timezone.now() + after
    return receive_pasted(recipient, share.public_url, hosts={"127.0.0.1:8000"}, now=now)


def opened(share: Share, recipient) -> Opening:
    return open_received(share, recipient, now=timezone.now())


# Opening


@pytest.mark.parametrize(
    ("setting", "outcome", "state"),
    [
        ("always", Opening.LISTED, State.SEEN),
        ("ask", Opening.ASK, None),
        ("never", Opening.KNOWN, None),
    ],
)
def test_a_link_that_is_opened_is_listed_as_the_member_likes(
    setting, outcome, state, make_share, bob
):
    bob.opened_links = setting
    share = make_share()

    assert opened(share, bob) == outcome

    assert state_of(share, bob) == state


def test_opening_twice_lists_once(make_share, bob):
    share = make_share()

    assert [opened(share, bob) for _ in range(3)] == [Opening.LISTED, Opening.KNOWN, Opening.KNOWN]

    assert Receipt.objects.count() == 1


def test_ones_own_link_makes_no_receipt(make_share, alice):
    share = make_share()

    opened(share, alice)
    list_share(share, alice, now=timezone.now())

    assert not Receipt.objects.exists()


def test_what_was_pasted_is_new_until_it_is_opened_whatever_the_setting(make_share, bob):
    bob.opened_links = "never"
    share = make_share()

    assert paste(bob, share)
    assert state_of(share, bob) == State.NEW
    assert opened(share, bob) == Opening.KNOWN

    assert state_of(share, bob) == State.SEEN
    assert Receipt.objects.get().came_by == "pasted"


def test_what_was_undone_is_not_listed_again_by_opening_it(make_share, bob):
    share = make_share()
    opened(share, bob)

    unlist_share(share, bob, now=timezone.now())

    assert opened(share, bob) == Opening.KNOWN
    assert not bob.receipts.listed_at(timezone.now()).exists()


def test_pasting_it_again_does_not_make_it_new(make_share, bob):
    share = make_share()
    opened(share, bob)
    at = Receipt.objects.get().received_at

    assert not paste(bob, share)

    assert state_of(share, bob) == State.SEEN
    assert Receipt.objects.get().received_at == at


@pytest.mark.parametrize("end", [decline_share, unlist_share])
def test_pasting_brings_back_what_was_undone_or_declined_as_new(end, make_share, bob):
    share = make_share()
    opened(share, bob)
    end(share, bob, now=timezone.now())

    assert paste(bob, share, after=timedelta(seconds=5))

    receipt = Receipt.objects.get()
    assert receipt.state == State.NEW
    assert receipt.received_at == receipt.changed_at > timezone.now()


# Declining


def test_declining_is_for_one_person_alone(make_share, bob, make_user):
    share, dora = make_share(), make_user("Dora Poe")
    opened(share, bob)
    opened(share, dora)

    assert decline_share(share, bob, now=timezone.now())

    now = timezone.now()
    assert not bob.receipts.listed_at(now).exists()
    assert dora.receipts.listed_at(now).exists()
    assert share.is_open_at(now)


def test_declining_twice_is_as_good_as_once(make_share, bob):
    share = make_share()
    opened(share, bob)

    first = timezone.now()
    assert decline_share(share, bob, now=first)
    assert decline_share(share, bob, now=first + timedelta(days=1))

    assert Receipt.objects.get().changed_at == first


@pytest.mark.parametrize("never", ["nothing", "undone"])
def test_what_was_never_received_can_not_be_declined(never, make_share, bob):
    share = make_share()
    if never == "undone":
        opened(share, bob)
        unlist_share(share, bob, now=timezone.now())

    assert not decline_share(share, bob, now=timezone.now())

    assert state_of(share, bob) != State.DECLINED


def test_what_was_declined_stays_so_until_it_is_viewed_again(make_share, bob):
    share = make_share()
    opened(share, bob)
    decline_share(share, bob, now=timezone.now())

    assert opened(share, bob) == Opening.KNOWN
    assert state_of(share, bob) == State.DECLINED
    list_share(share, bob, now=timezone.now())

    assert state_of(share, bob) == State.SEEN


def test_a_share_has_one_receipt_a_person(make_share, bob):
    share = make_share()
    opened(share, bob)

    with pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.create(
            share=share,
            recipient=bob,
            state=State.NEW,
            came_by="pasted",
            received_at=timezone.now(),
            changed_at=timezone.now(),
        )


@pytest.mark.parametrize("how", ["stopped", "expired", "suspended", "empty"])
def test_what_has_ended_is_gone_from_the_feed_as_it_is_read(how, make_share, bob, alice):
    share = make_share()
    opened(share, bob)
    now = timezone.now()
    match how:
        case "stopped":
            stop_share(share, now=now)
        case "expired":
            now = share.expires_at
        case "suspended":
            alice.is_active = False
            alice.save()
        case "empty":
            alice.assets.update(removed_at=now)

    assert not bob.receipts.listed_at(now).exists()
    assert bob.receipts.exists()


# Nothing is added but by Add


def test_neither_opening_nor_pasting_nor_declining_adds_anything(make_share, bob):
    share = make_share()

    opened(share, bob)
    paste(bob, share)
    decline_share(share, bob, now=timezone.now())
    list_share(share, bob, now=timezone.now())

    assert bob.assets.count() == 0
    assert not Keep.objects.exists()


# Adding


def files_stored() -> dict[str, int]:
    files = [path for path in settings.BLOBS_DIR.rglob("*") if path.is_file()]
    return {str(path): path.stat().st_mtime_ns for path in files}


@pytest.fixture
def unopened_store(monkeypatch):
    """A store that can not be asked for anything."""

    class Closed:
        def __getattr__(self, name: str):
            raise AssertionError(f"the store was asked to {name}")

    monkeypatch.setattr(storage, "store", Closed())


def test_what_is_added_is_the_same_bytes_by_reference(make_share, make_asset, bob, alice):
    taken = [timezone.now().replace(year=year, microsecond=0) for year in (2019, 2021)]
    sent = [make_asset(taken=moment, name=f"{moment.year}.jpg") for moment in taken]
    share = make_share(sent)
    before = files_stored(), Blob.objects.count(), Rendition.objects.count(), Stills.objects.count()
    now = timezone.now()

    told = add(share, bob, None, now=now)

    assert str(told) == "2 added."
    kept = list(bob.assets.order_by("taken_at"))
    for mine, hers in zip(kept, sent, strict=True):
        assert mine.blob_id == hers.blob_id
        assert (mine.taken_at, mine.taken_from) == (hers.taken_at, "exif")
        assert (mine.name, mine.kind, mine.width_px) == (hers.name, hers.kind, hers.width_px)
        assert (mine.sender, mine.received_at, mine.added_at) == (alice, now, now)
        assert mine.uuid != hers.uuid
        assert mine.stills.is_prepared
    after = files_stored(), Blob.objects.count(), Rendition.objects.count(), Stills.objects.count()
    assert after == before
    assert [asset.came_from for asset in kept] == ["From Alice Doe"] * 2


def test_adding_twice_changes_nothing(make_share, bob):
    share = make_share()
    add(share, bob, None, now=timezone.now())
    rows = list(bob.assets.order_by("pk").values()), list(Keep.objects.order_by("pk").values())

    told = [str(add(share, bob, positions, now=timezone.now())) for positions in (None, {1})]

    assert told == [
        "All 2 are in your library already.",
        "This is in your library already.",
    ]
    assert rows == (
        list(bob.assets.order_by("pk").values()),
        list(Keep.objects.order_by("pk").values()),
    )


def test_some_or_one_can_be_added(make_share, alice, bob):
    share = make_share(many_assets(alice, 5))
    blobs = list(share.items.order_by("position").values_list("source", flat=True))

    assert str(add(share, bob, {2, 4}, now=timezone.now())) == "2 added."
    assert str(add(share, bob, {5}, now=timezone.now())) == "1 added."
    assert str(add(share, bob, {4, 5, 1}, now=timezone.now())) == (
        "1 added. 2 were in your library already."
    )

    kept = set(bob.assets.values_list("blob", flat=True))
    assert kept == {blobs[n - 1] for n in (1, 2, 4, 5)}


def test_what_is_still_being_prepared_is_left_out_and_told(make_share, alice, bob):
    share = make_share(many_assets(alice, 12))
    waiting = share.items.filter(position__in=[3, 6, 9]).values("source")
    Stills.objects.filter(source__in=waiting).update(state="due", prepared_at=None)

    assert str(add(share, bob, None, now=timezone.now())) == (
        "9 added. 3 are still being prepared."
    )
    assert str(add(share, bob, {3}, now=timezone.now())) == (
        "Nothing was added. 1 is still being prepared."
    )

    assert bob.assets.count() == 9


def test_what_could_not_be_prepared_is_whole_and_is_added(make_share, alice, bob):
    share = make_share(many_assets(alice, 1))
    Stills.objects.update(state="failed", prepared_at=None)

    assert str(add(share, bob, None, now=timezone.now())) == "1 added."


def test_positions_that_are_not_there_are_told(make_share, make_asset, alice, bob):
    share = make_share(many_assets(alice, 3))
    gone = share.items.get(position=2)
    Asset.objects.filter(pk=gone.asset_id).update(removed_at=timezone.now())

    assert str(add(share, bob, {1, 2, 77}, now=timezone.now())) == (
        "1 added. 2 are no longer in this link."
    )
    assert str(add(share, bob, {77}, now=timezone.now())) == (
        "Nothing was added. 1 is no longer in this link."
    )


def test_ones_own_upload_of_the_same_bytes_counts_as_there_and_stays_as_it_is(
    make_share, make_asset, bob
):
    sent = make_asset(name="hers.jpg")
    with storage.store.local_copy(sent.blob.key) as path:
        mine = make_asset(bob, path.read_bytes(), name="mine.jpg")
    share = make_share([sent, make_asset()])

    told = add(share, bob, None, now=timezone.now())

    assert str(told) == "1 added. 1 was in your library already."
    mine.refresh_from_db()
    assert (mine.name, mine.received_at, mine.came_from) == ("mine.jpg", None, "")
    assert Keep.objects.filter(asset=mine).count() == 1


def test_what_lies_in_recently_deleted_comes_back(make_share, bob):
    share = make_share()
    add(share, bob, None, now=timezone.now())
    bob.assets.update(removed_at=timezone.now())

    assert str(add(share, bob, None, now=timezone.now())) == "2 added."

    assert bob.assets.in_library().count() == bob.assets.count() == 2


def test_adding_lists_the_share_as_seen_if_the_member_likes_that(make_share, bob):
    share = make_share()

    add(share, bob, {1}, now=timezone.now())

    assert state_of(share, bob) == State.SEEN


def test_an_item_kept_in_the_link_without_its_asset_can_be_added(make_share, make_asset, bob):
    asset = make_asset(name="beach.jpg")
    share = make_share([asset])
    share.items.update(kept=True, facts=AssetFacts.of(asset).to_json())
    taken_at, blob = asset.taken_at, asset.blob_id
    asset.delete()

    assert str(add(share, bob, None, now=timezone.now())) == "1 added."

    mine = bob.assets.get()
    assert (mine.name, mine.taken_at, mine.blob_id) == ("beach.jpg", taken_at, blob)


@pytest.mark.parametrize("how", ["stopped", "expired", "deleted"])
def test_nothing_is_added_of_a_share_that_ended_since_the_request_came_in(how, make_share, bob):
    share, now = make_share(), timezone.now()
    match how:
        case "stopped":
            stop_share(share, now=now)
        case "expired":
            now = share.expires_at
        case "deleted":
            Share.objects.filter(pk=share.pk).delete()

    with pytest.raises(NotOpenError):
        add(share, bob, None, now=now)

    assert bob.assets.count() == 0
    assert not Receipt.objects.exists()


def test_adding_a_thousand_takes_few_queries_and_opens_no_file(
    make_share, alice, bob, unopened_store
):
    share = make_share(many_assets(alice, 1_000))

    with CaptureQueriesContext(connection) as queries:
        told = add(share, bob, None, now=timezone.now())

    assert str(told) == "1,000 added."
    assert bob.assets.count() == 1_000
    assert len(queries) <= (60 if connection.vendor == "sqlite" else 20)


def test_what_was_received_without_a_date_stays_where_its_sender_had_it(
    make_share, make_asset, bob
):
    sent = make_asset()  # of whose capture nothing is known
    Asset.objects.update(added_at=timezone.now() - timedelta(days=50), taken_at=timezone.now())
    add(make_share([sent]), bob, None, now=timezone.now())
    taken_at = bob.assets.get().taken_at

    tell_assets(sent.blob, Facts("jpeg", "image/jpeg", "photo", 64, 48))

    assert bob.assets.get().taken_at == taken_at
    sent.refresh_from_db()
    assert sent.taken_at == sent.added_at


# Kept is kept


@pytest.mark.parametrize("how", ["stop", "expiry", "decline", "sender deletes", "account deleted"])
def test_what_is_kept_stays_with_its_bytes(how, make_share, make_asset, alice, bob, as_bob):
    share = make_share([make_asset(), make_asset()])
    add(share, bob, None, now=timezone.now())
    now = timezone.now()
    match how:
        case "stop":
            stop_share(share, now=now)
        case "expiry":
            Share.objects.update(created_at=now - timedelta(days=31), expires_at=now)
        case "decline":
            decline_share(share, bob, now=now)
        case "sender deletes":
            alice.assets.all().delete()
        case "account deleted":
            alice.delete()

    kept = bob.assets.with_stills()
    assert kept.count() == 2
    for asset in kept:
        assert as_bob.get(f"{asset.get_absolute_url()}file").getvalue()
        assert as_bob.get(f"{asset.get_absolute_url()}thumbnail").getvalue()
    origin = "From a deleted account" if how == "account deleted" else "From Alice Doe"
    assert {asset.came_from for asset in kept} == {origin}


def test_deleting_what_was_kept_lets_it_be_added_again(make_share, bob):
    share = make_share()
    add(share, bob, None, now=timezone.now())
    bob.assets.all().delete()

    assert not Keep.objects.exists()
    assert str(add(share, bob, None, now=timezone.now())) == "2 added."


def test_deleting_an_account_ends_its_links_and_takes_its_receipts(make_share, alice, bob, carol):
    share = make_share()
    opened(share, bob)
    address = share.get_absolute_url()

    alice.delete()

    assert carol.get(address).status_code == 410
    assert not Receipt.objects.exists()
    assert not Share.objects.exists()
