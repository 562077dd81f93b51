"""Whatever people do in whatever order: no bytes go that somebody has, and in the end none are left over."""

import hashlib
import io
import os
from datetime import timedelta

from django.db import connection, transaction
from django.test import TestCase
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from library import work
from library.blobs.collecting import collect_garbage
from library.blobs.storage import store
from library.ingest import accept_upload
from library.models import Asset, Blob, Rendition, Stills, User
from library.processing.errors import MediaError
from library.stills import make_stills
from library.work import WorkState
from shares.cleaning import make_clean_copy, want_copies
from shares.models import RENEWABLE_FOR, CleanCopy, Keep, Share, ShareItem
from shares.publishing import publish_share, stop_share
from shares.purging import purge
from shares.receiving import add
from tests.conftest import part_of
from tests.rows import AS_THEY_ARE
from tests.shares.planted import CLEAN, UNDATED, clean_all, planted

HOUR = timedelta(hours=1)
PASSES = 8
EXAMPLES, STEPS = int(os.environ.get("DRILL_COUNT", "15")), 30
HELD = {Asset: "blob", ShareItem: "source", Rendition: "blob"}
NUMBERS = st.integers(0, 99)


def plain() -> bytes:
    """Return a picture of which a clean copy is the same file."""
    out = io.BytesIO()
    Image.new("RGB", (80, 60), (10, 120, 200)).save(out, "JPEG")
    return out.getvalue()


PICTURES = [plain(), planted(), planted(), planted(kind="PNG")]


class Lives(RuleBasedStateMachine):
    """Two members, a few pictures that both may have, and a clock that only these steps move."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = timezone.now()
        self.people = [
            User.objects.create(email=f"{name}@example.org", display_name=name)
            for name in ("Alice", "Bob")
        ]

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            for key, _ in list(store.keys()):
                store.delete(key)

    def open_shares(self) -> list[Share]:
        return list(Share.objects.open_at(self.now).order_by("pk"))

    @initialize()
    def begin(self):
        """Have something in both libraries, two links, and their copies: too few steps would come to that."""
        for who, which in ((0, 0), (0, 1), (0, 2), (1, 1)):
            self.upload(who, which)
        for number, terms in ((0, CLEAN), (2, UNDATED)):
            self.share(number, terms)
        self.worker()

    # What people do

    @rule(who=st.integers(0, 1), which=st.integers(0, len(PICTURES) - 1))
    def upload(self, who, which):
        part = part_of(PICTURES[which])
        accept_upload(self.people[who], part, name="1.jpg", now=self.now)

    @precondition(lambda self: Asset.objects.exists())
    @rule(number=NUMBERS, terms=st.sampled_from([CLEAN, UNDATED, AS_THEY_ARE]))
    def share(self, number, terms):
        owner = self.people[number % 2]
        if uuids := list(owner.assets.order_by("pk").values_list("uuid", flat=True)):
            publish_share(
                owner,
                uuids[number % len(uuids) :],
                terms=terms,
                max_items=100,
                now=self.now,
                lifetime=timedelta(days=30),
            )

    @precondition(lambda self: self.open_shares())
    @rule(number=NUMBERS)
    def receive(self, number):
        shares = self.open_shares()
        share = shares[number % len(shares)]
        [recipient] = [person for person in self.people if person.pk != share.sender_id]
        add(share, recipient, None, now=self.now)

    @precondition(lambda self: self.open_shares())
    @rule(number=NUMBERS)
    def stop(self, number):
        shares = self.open_shares()
        stop_share(shares[number % len(shares)], now=self.now)

    @precondition(lambda self: Share.objects.exists())
    @rule(number=NUMBERS)
    def renew(self, number):
        shares = Share.objects.filter(
            stopped_at=None, expires_at__lte=self.now, expires_at__gt=self.now - RENEWABLE_FOR
        )
        if share := shares.order_by("pk")[number % shares.count() :].first() if shares else None:
            share.expires_at, share.ended_at = self.now + timedelta(days=30), None
            share.save()
            want_copies(share, now=self.now)

    @precondition(lambda self: Asset.objects.exists())
    @rule(number=NUMBERS)
    def delete_for_good(self, number):
        assets = Asset.objects.order_by("pk")
        asset = assets[number % assets.count()]
        ShareItem.objects.filter(asset=asset).update(removed_at=self.now)
        asset.delete()

    # What the site does

    @rule()
    def worker(self):
        for model, act in ((Stills, make_stills), (CleanCopy, make_clean_copy)) * 2:
            work.run(model, act, expected=MediaError, clock=lambda: self.now)

    @rule(hours=st.sampled_from([2, 25, 24 * 20, 24 * 31]))
    def time_passes(self, hours):
        self.now += hours * HOUR

    @rule()
    def purge(self):
        purge(now=self.now)

    @rule()
    def gc(self):
        with TestCase.captureOnCommitCallbacks(execute=True):
            collect_garbage(now=self.now)

    # What holds at every moment

    @invariant()
    def no_bytes_are_missing(self):
        for blob in Blob.objects.all():
            data = b"".join(store.read(blob.key, 0, blob.size_bytes))
            assert hashlib.sha256(data).hexdigest() == blob.sha256

    @invariant()
    def no_reference_leads_nowhere(self):
        connection.check_constraints()

    @invariant()
    def nothing_is_held_that_is_condemned(self):
        for model, field in HELD.items():
            condemned = {f"{field}__condemned_at__isnull": False}
            assert not model.objects.filter(**condemned).exists(), model

    @invariant()
    def links_that_hide_something_lack_no_copy(self):
        for share in self.open_shares():
            if share.level.hides_something:
                wanted = share.items.filter(removed_at=None)
                level = {"privacy": share.privacy, "hides_dates": share.hides_dates}
                copies = CleanCopy.objects.filter(source__in=wanted.values("source"), **level)
                assert copies.count() == wanted.values("source").distinct().count()

    @invariant()
    def no_work_was_given_up(self):
        for model in (Stills, CleanCopy):
            assert not model.objects.filter(attempts__gt=0).exists()
            assert not model.objects.filter(state=WorkState.FAILED).exists()

    def end(self) -> None:
        """Stop all links and let the site tidy up: what is left is in a library, or was made from that."""
        mine = {(asset.owner_id, asset.blob_id) for asset in Asset.objects.all()}
        for share in Share.objects.filter(stopped_at=None):
            stop_share(share, now=self.now)
        purge(now=self.now)
        for _ in range(PASSES):
            self.now += 25 * HOUR
            self.gc()
            self.no_bytes_are_missing()

        assert {(asset.owner_id, asset.blob_id) for asset in Asset.objects.all()} == mine
        assert not Share.objects.exists()
        assert not ShareItem.objects.exists()
        assert not CleanCopy.objects.exists()
        assert not Keep.objects.exclude(item=None).exists()
        sources = set(Asset.objects.values_list("blob", flat=True))
        pictures = Rendition.objects.filter(source__in=sources).values_list("blob", flat=True)
        assert set(Blob.objects.values_list("pk", flat=True)) == sources | set(pictures)
        assert not Blob.objects.exclude(condemned_at=None).exists()
        assert set(Stills.objects.values_list("source", flat=True)) == sources
        assert set(dict(store.keys())) == set(Blob.objects.values_list("key", flat=True))


def test_in_any_order_of_acts_no_bytes_go_that_somebody_has_and_none_are_left_over(
    db, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "root", tmp_path)

    run_state_machine_as_test(
        Lives, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    )


def test_what_recipients_keep_can_be_read_when_the_link_and_its_files_are_gone(
    make_asset, make_share, bob, as_bob
):
    asset = make_asset(data=planted())
    share = make_share([asset], terms=CLEAN)
    clean_all()
    add(share, bob, None, now=timezone.now())
    kept = bob.assets.get()
    before = as_bob.get(f"{kept.get_absolute_url()}file").getvalue()
    now = timezone.now()

    asset.delete()
    stop_share(share, now=now)
    purge(now=now)
    for hours in (2, 27, 52):
        with TestCase.captureOnCommitCallbacks(execute=True):
            collect_garbage(now=now + hours * HOUR)

    assert not Blob.objects.filter(pk=asset.blob_id).exists()
    assert as_bob.get(f"{kept.get_absolute_url()}file").getvalue() == before
    assert Rendition.objects.filter(source=kept.blob).exists()
    for picture in Rendition.objects.filter(source=kept.blob):
        assert b"".join(store.read(picture.blob.key, 0, picture.blob.size_bytes))
