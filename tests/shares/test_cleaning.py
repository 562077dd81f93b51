"""What recipients get below `everything`: a proved copy, or nothing; and what stays where it is."""

import io
import zipfile
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from library import bells, work
from library.blobs import storage
from library.decoding import sandbox
from library.models import Asset, Blob, Rendition, Stills
from library.processing.errors import MediaError
from library.sweeping import sweep
from shares import cleaning
from shares.cleaning import make_clean_copy
from shares.disclosure import FileState, file_of, file_state_of
from shares.models import Archive, CleanCopy, Share, ShareItem
from shares.publishing import publish_share, stop_share
from shares.receiving import add
from shares.summary import summary_of
from tests.conftest import signed_in
from tests.landscapes import damaged_png
from tests.rows import AS_THEY_ARE, make_stills
from tests.shares.helpers import many_assets
from tests.shares.planted import (
    CLEAN,
    MARKER,
    NAMELESS,
    OUTLETS,
    PLACED,
    TAKEN,
    UNDATED,
    clean_all,
    date_in,
    place_in,
    planted,
)
from tests.shares.test_gate import POSTED, ROUTES

pytestmark = pytest.mark.django_db


@pytest.fixture
def private(make_asset) -> Asset:
    return make_asset(data=planted(), name=f"{MARKER}.jpg")


def item_of(share: Share, position: int = 1) -> ShareItem:
    return share.items.with_copies(share.level).get(position=position)


def file_at(share: Share, client, position: int = 1) -> bytes:
    response = client.get(reverse("shares:file", args=[share.token, position]))
    assert response.status_code == 200
    return b"".join(response)


def let_out(share: Share, bob) -> dict[str, bytes]:
    """Return all that each way out of a link gives away."""
    return {name: b"\n".join(outlet(share, bob)) for name, outlet in OUTLETS.items()}


# Every way out


def test_every_address_below_a_link_is_a_way_out_that_is_looked_at():
    names = {pattern.name for pattern in ROUTES.values()}

    assert names - {*POSTED} - {*OUTLETS} == set()


@pytest.mark.parametrize("terms", [CLEAN, UNDATED, PLACED, NAMELESS], ids=str)
def test_no_way_out_gives_away_what_a_level_hides(terms, private, make_share, bob):
    share = make_share([private], terms=terms)
    assert clean_all() == 1

    found = let_out(share, bob)

    assert [name for name, body in found.items() if MARKER.encode() in body] == []
    assert [name for name, body in found.items() if MARKER.encode("utf-16-le") in body] == []
    assert b"Photo 001.jpg" in found["archive"]
    assert 'filename="Photo 001.jpg"' in found["file"].decode("latin-1")


def test_as_they_are_every_way_out_gives_the_file_itself(private, make_share, bob):
    share = make_share([private], terms=AS_THEY_ARE)
    source = b"".join(storage.store.read(private.blob.key, 0, private.blob.size_bytes))

    found = let_out(share, bob)

    assert source in found["file"]
    assert source in found["archive"]
    assert source in found["add"]
    assert not CleanCopy.objects.exists()


def test_where_dates_are_hidden_no_way_out_tells_one(private, make_share, bob):
    share = make_share([private], terms=UNDATED)
    clean_all()

    found = let_out(share, bob)

    for told in (f"{TAKEN:%Y}", f"{TAKEN:%B}", "14:03", "+02:00"):
        assert [name for name, body in found.items() if told.encode() in body] == [], told


def test_the_name_of_a_sender_who_hides_it_is_told_nowhere(private, make_share, bob):
    share = make_share([private], terms=NAMELESS)
    clean_all()

    found = let_out(share, bob)

    assert [name for name, body in found.items() if b"Alice" in body] == []
    assert b"Someone" in found["page"]


# The levels


@pytest.mark.parametrize(
    ("terms", "has_place", "has_date"),
    [
        (CLEAN, False, True),
        (UNDATED, False, False),
        (PLACED, True, True),
        (AS_THEY_ARE, True, True),
    ],
    ids=["clean", "undated", "location", "everything"],
)
def test_a_level_lets_out_what_it_says(terms, has_place, has_date, private, make_share, carol):
    share = make_share([private], terms=terms)
    clean_all()

    data = file_at(share, carol)

    assert bool(place_in(data)) == has_place
    assert bool(date_in(data)) == has_date
    picture = Image.open(io.BytesIO(data))
    assert picture.getexif()[0x0112] == 6
    source = b"".join(storage.store.read(private.blob.key, 0, private.blob.size_bytes))
    assert picture.tobytes() == Image.open(io.BytesIO(source)).tobytes()


def test_tightening_holds_from_the_next_request_on(private, make_share, carol):
    share = make_share([private], terms=AS_THEY_ARE)
    assert MARKER.encode() in file_at(share, carol)

    Share.objects.update(privacy="clean")

    response = carol.get(reverse("shares:file", args=[share.token, 1]))
    assert response.status_code == 503


# Until it is there


def test_until_a_worker_has_cleaned_it_no_byte_of_a_source_leaves(private, make_share, bob, carol):
    share = make_share([private], terms=CLEAN)

    found = let_out(share, bob)
    file = carol.get(reverse("shares:file", args=[share.token, 1]))
    archive = carol.get(reverse("shares:archive", args=[share.token]))

    assert [name for name, body in found.items() if MARKER.encode() in body] == []
    for response in (file, archive):
        assert response.status_code == 503
        assert int(response["Retry-After"]) > 0
        assert b"being prepared" in response.content
    assert bob.assets.count() == 0
    assert (summary_of(share).ready, summary_of(share).settled) == (0, 0)


def test_an_archive_holds_what_is_ready_and_nothing_else(make_asset, make_share, carol):
    share = make_share([make_asset(data=planted()), make_asset(data=planted())], terms=CLEAN)
    work.run(
        CleanCopy,
        make_clean_copy,
        expected=MediaError,
        clock=timezone.now,
        is_wanted=iter([True, False]).__next__,
    )

    response = carol.get(reverse("shares:archive", args=[share.token]))

    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as archive:
        assert archive.namelist() == ["Photo 001.jpg", "MANIFEST.txt"]
    assert summary_of(share).ready == 1


def test_nothing_is_ready_without_a_joined_copy(private, make_share):
    share = make_share([private], terms=CLEAN)
    clean_all()

    careless = share.items.in_order().get()

    assert file_of(careless, share) is None
    assert file_state_of(careless, share) == FileState.PREPARING
    assert file_of(item_of(share), share) is not None


# The work


def test_making_a_link_makes_its_copies_due_and_rings_once(
    alice, make_asset, monkeypatch, django_capture_on_commit_callbacks
):
    rings = []
    monkeypatch.setattr(bells, "ring", rings.append)
    assets = [make_asset(), make_asset()]

    with django_capture_on_commit_callbacks(execute=True):
        publish_share(
            alice,
            [asset.uuid for asset in assets],
            terms=CLEAN,
            max_items=9,
            now=timezone.now(),
            lifetime=timedelta(days=1),
        )

    assert rings == [CleanCopy, Archive]
    assert list(CleanCopy.objects.order_by("turn").values_list("turn", "owner", "state")) == [
        (0, alice.pk, "due"),
        (1, alice.pk, "due"),
    ]


def test_two_links_at_one_level_share_a_copy_and_another_level_has_its_own(private, make_share):
    first, second = (make_share([private], terms=CLEAN) for _ in range(2))
    third = make_share([private], terms=PLACED)

    assert clean_all() == 2

    files = [file_of(item_of(share), share) for share in (first, second, third)]
    assert files[0] == files[1] != files[2]
    assert private.blob not in files


def test_what_has_nothing_to_hide_is_passed_on_as_it_is(make_asset, make_share):
    plain = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(plain, "PNG")
    share = make_share([make_asset(data=plain.getvalue(), name="a.png")], terms=CLEAN)

    clean_all()

    copy = CleanCopy.objects.get()
    assert (copy.verdict, copy.blob_id) == ("identical", copy.source_id)
    assert file_state_of(item_of(share), share) == FileState.READY


def test_a_copy_has_the_pictures_of_its_source_so_that_adding_computes_nothing(
    private, make_share, bob
):
    share = make_share([private], terms=CLEAN)
    clean_all()

    added = add(share, bob, None, now=timezone.now())

    asset = bob.assets.get()
    assert str(added) == "1 added."
    assert asset.stills.is_prepared
    assert not Stills.objects.filter(state="due").exists()
    pictures = Rendition.objects.values_list("kind", "blob").order_by("kind")
    assert list(pictures.filter(source=asset.blob)) == list(pictures.filter(source=private.blob))
    assert asset.name == "Photo 001.jpg"
    assert (asset.camera_make, asset.camera_model) == ("", "")
    assert asset.taken_at.replace(tzinfo=None) == TAKEN
    assert asset.stills.reveals == ["date"]


def test_a_copy_made_before_its_source_was_prepared_gets_pictures_of_its_own(
    make_asset, make_share
):
    share = make_share([make_asset(data=planted(), prepared=False)], terms=CLEAN)

    clean_all()

    copy = CleanCopy.objects.get()
    assert copy.blob.stills.state == "due"
    assert file_state_of(item_of(share), share) == FileState.READY


def test_an_undated_item_is_added_under_the_day_of_adding(private, make_share, bob):
    share = make_share([private], terms=UNDATED)
    clean_all()
    now = timezone.now()

    add(share, bob, None, now=now)

    asset = bob.assets.get()
    assert (asset.taken_at, asset.taken_from) == (now, "upload")


def test_a_lost_lease_leaves_no_result(private, make_share):
    make_share([private], terms=CLEAN)
    copy = work.claim(CleanCopy, now=timezone.now())
    CleanCopy.objects.update(claim=None, state="due")

    make_clean_copy(copy, timezone.now())

    copy.refresh_from_db()
    assert (copy.state, copy.verdict, copy.blob) == ("due", "", None)


def test_the_same_copy_twice_is_the_same_blob(private, make_share):
    make_share([private], terms=CLEAN)
    clean_all()
    made = CleanCopy.objects.get().blob
    CleanCopy.objects.update(state="due")

    clean_all()

    assert CleanCopy.objects.get().blob == made


def test_a_thousand_pictures_to_prepare_hold_up_no_clean_copy(private, make_share, monkeypatch):
    make_share([private], terms=CLEAN)
    make_stills([private.owner], 1_000)
    worked: list[work.Work] = []

    def note(row: work.Work, _now: datetime) -> None:
        worked.append(row)
        work.finish(row)

    for kind in (Stills, CleanCopy):
        monkeypatch.setitem(work.jobs, kind, work.Job(note, MediaError))

    work.run_all(Stills, clock=timezone.now, is_wanted=lambda: len(worked) < 4)

    assert [type(row) for row in worked] == [Stills, CleanCopy, Stills, Stills]


def test_a_copy_by_code_that_let_something_through_is_none(private, make_share, carol):
    share = make_share([private], terms=CLEAN)
    clean_all()
    CleanCopy.objects.update(version=CleanCopy.PROVED_SINCE - 1)

    file = carol.get(reverse("shares:file", args=[share.token, 1]))
    archive = carol.get(reverse("shares:archive", args=[share.token]))
    assert (file.status_code, archive.status_code) == (503, 503)

    sweep(now=timezone.now(), workers=1)
    clean_all()

    assert file_at(share, carol)


# What can't be cleaned


def test_a_video_is_shown_and_not_passed_on(alice, make_share, carol, bob):
    video = many_assets(alice, 1, kind="video")[0]
    share = make_share([video], terms=CLEAN)
    copy = work.claim(CleanCopy, now=timezone.now())
    work.finish(copy, verdict="withheld", reason="Videos can't be cleaned yet.")

    sheet = signed_in(alice).get(reverse("shares:link", args=[share.uuid])).content.decode()
    page = carol.get(share.get_absolute_url()).content.decode()
    item = carol.get(reverse("shares:item", args=[share.token, 1])).content.decode()
    file = carol.get(reverse("shares:file", args=[share.token, 1]))
    archive = carol.get(reverse("shares:archive", args=[share.token]))

    assert "Videos can&#x27;t be cleaned yet." in sheet
    assert "can’t be cleaned" in page
    assert "not passed along" in item
    assert reverse("shares:file", args=[share.token, 1]) not in item
    assert (file.status_code, archive.status_code) == (404, 404)
    assert b"can't be cleaned" in file.content
    assert str(add(share, bob, None, now=timezone.now())).endswith(
        "1 can't be cleaned, so it is not passed on."
    )
    assert summary_of(share).is_settled


def test_what_can_not_be_read_is_withheld(make_asset, make_share):
    share = make_share([make_asset(data=damaged_png(), name="a.png", prepared=False)], terms=CLEAN)

    clean_all()

    copy = CleanCopy.objects.get()
    assert (copy.verdict, copy.blob) == ("withheld", None)
    assert copy.reason
    assert file_state_of(item_of(share), share) == FileState.WITHHELD


@pytest.fixture
def failed_share(private, make_share, monkeypatch) -> Share:
    """A link of one picture, on which the cleaner died each time."""
    share = make_share([private], terms=CLEAN)
    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "CLEANING_SECONDS", 0)
        assert clean_all() == 3
    return share


def test_a_cleaner_that_keeps_dying_is_a_fault_of_ours_and_nothing_is_passed_on(
    failed_share, carol, bob
):
    copy = CleanCopy.objects.get()
    page = carol.get(failed_share.get_absolute_url()).content.decode()
    item = carol.get(reverse("shares:item", args=[failed_share.token, 1])).content.decode()
    file = carol.get(reverse("shares:file", args=[failed_share.token, 1]))
    archive = carol.get(reverse("shares:archive", args=[failed_share.token]))

    assert (copy.state, copy.verdict, copy.blob) == ("failed", "", None)
    assert copy.failure
    assert file_state_of(item_of(failed_share), failed_share) == FileState.FAILED
    assert "Something went wrong here while 1 of 1 was cleaned" in " ".join(page.split())
    assert "Something went wrong here" in item
    assert "be cleaned of personal data" not in page + item
    assert (file.status_code, archive.status_code) == (503, 404)
    assert b"have it tried again" in file.content
    assert (
        str(add(failed_share, bob, None, now=timezone.now()))
        == "Nothing was added. 1 could not be cleaned because something went wrong here."
    )
    assert summary_of(failed_share).is_settled


@pytest.mark.parametrize("by_htmx", [False, True])
def test_the_sender_has_it_tried_again(by_htmx, failed_share, alice, carol):
    as_alice = signed_in(alice)
    sheet, retry = (
        reverse(f"shares:{name}", args=[failed_share.uuid]) for name in ("link", "retry")
    )
    told = " ".join(as_alice.get(sheet).content.decode().split())
    assert "Something went wrong on our side while 1 was cleaned." in told
    assert f'action="{retry}"' in told

    answer = as_alice.post(retry, headers={"HX-Request": "true"} if by_htmx else {})

    assert answer.status_code == (200 if by_htmx else 302)
    assert not by_htmx or b"being prepared for sharing" in answer.content
    assert file_state_of(item_of(failed_share), failed_share) == FileState.PREPARING
    clean_all()
    assert file_at(failed_share, carol)
    assert "Something went wrong" not in as_alice.get(sheet).content.decode()


def test_nobody_else_has_it_tried_again_and_no_link_that_has_ended(failed_share, alice, bob):
    retry = reverse("shares:retry", args=[failed_share.uuid])

    assert signed_in(bob).post(retry).status_code == 404
    assert signed_in(alice).get(retry).status_code == 405
    stop_share(failed_share, now=timezone.now())
    assert signed_in(alice).post(retry).status_code == 404
    assert CleanCopy.objects.get().state == "failed"


def test_another_link_tries_again_what_was_given_up(private, make_share, monkeypatch):
    first = make_share([private], terms=CLEAN)
    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "CLEANING_SECONDS", 0)
        clean_all()

    make_share([private], terms=CLEAN)
    clean_all()

    assert file_state_of(item_of(first), first) == FileState.READY


@pytest.mark.parametrize("bad", [{"verdict": "cleaned"}, {"privacy": "everything"}], ids=str)
def test_the_database_takes_no_copy_without_bytes_and_none_of_everything(bad, private, make_share):
    make_share([private], terms=CLEAN)

    with pytest.raises(IntegrityError), transaction.atomic():
        CleanCopy.objects.update(**bad)


def test_the_disk_full_or_the_cleaner_killed_leaves_nothing_unclean(
    make_asset, make_share, carol, monkeypatch
):
    """Twenty links, and something breaks half-way through each: what is served is clean, or nothing is."""
    shares = [make_share([make_asset(data=planted())], terms=CLEAN) for _ in range(20)]
    kept = storage.keep

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    served = 0
    for n, share in enumerate(shares):
        copy = work.claim(CleanCopy, now=timezone.now())
        monkeypatch.setattr(cleaning, "keep", full if n % 2 else kept)
        if not n % 2:
            sandbox.close()
            monkeypatch.setattr(cleaning, "CLEANING_SECONDS", 0)
        with pytest.raises((OSError, MediaError)):
            make_clean_copy(copy, timezone.now())
        monkeypatch.undo()
        response = carol.get(reverse("shares:file", args=[share.token, 1]))
        served += response.status_code == 200
        assert MARKER.encode() not in b"".join(response)
    assert served == 0
    assert not CleanCopy.objects.exclude(blob=None).exists()
    assert Blob.objects.filter(made_by_cleaning__isnull=False).count() == 0
