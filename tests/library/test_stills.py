"""Stills: pictures and facts of a blob, stored by whoever holds the claim, told when it fails."""

import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from PIL import Image

from library.blobs.storage import BlobMissingError, store
from library.models import Asset, Blob, Rendition, Stills
from library.processing.sandbox.client import Sandbox
from library.stills import make_stills
from library.tasks import stills_task
from library.work import RETRY_AFTER, claim
from tests.conftest import picture
from tests.landscapes import damaged_png
from tests.rows import work_one

pytestmark = pytest.mark.django_db


def image_of(rendition: Rendition) -> Image.Image:
    blob = rendition.blob
    return Image.open(io.BytesIO(b"".join(store.read(blob.key, 0, blob.size_bytes))))


def renditions_of(asset: Asset) -> dict[str, Rendition]:
    found = Rendition.objects.select_related("blob").filter(source=asset.blob)
    return {rendition.kind: rendition for rendition in found}


# What is made


def test_an_asset_gets_a_thumbnail_and_a_preview_and_is_done(make_asset):
    asset = make_asset(data=picture(3000, 1500), prepared=False)

    assert work_one(make_stills)

    asset.refresh_from_db()
    sizes = {kind: (made.width_px, made.height_px) for kind, made in renditions_of(asset).items()}
    assert sizes == {"thumbnail": (640, 320), "preview": (2016, 1008)}
    assert (asset.stills.state, asset.stills.is_prepared, asset.stills.has_failed) == (
        "done",
        True,
        False,
    )
    assert asset.stills.placeholder.startswith("#")


def test_renditions_are_stored_blobs_that_hold_what_they_say(make_asset):
    asset = make_asset(data=picture(900, 600))

    for rendition in renditions_of(asset).values():
        image = image_of(rendition)
        assert (image.format, rendition.blob.content_type) == ("WEBP", "image/webp")
        assert image.size == (rendition.width_px, rendition.height_px)
        assert rendition.blob != asset.blob


def test_a_picture_that_lies_on_its_side_is_made_upright_and_tells_nothing(make_asset):
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = 6, "Secret Maker"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (80, 40), "red").save(out, "JPEG", exif=exif)

    asset = make_asset(data=out.getvalue())

    assert (asset.width_px, asset.height_px, asset.camera) == (40, 80, "Secret Maker")
    for rendition in renditions_of(asset).values():
        image = image_of(rendition)
        assert image.size == (40, 80)
        assert not image.getexif()
        assert set(image.info) <= {"loop", "background", "timestamp", "duration", "icc_profile"}


def test_the_facts_of_the_file_become_the_assets(make_asset):
    taken = datetime(2019, 7, 4, 23, 59, 30)  # noqa: DTZ001 - a camera's clock has no zone

    asset = make_asset(taken=taken)

    assert asset.taken_at == taken.replace(tzinfo=UTC)
    assert (asset.taken_from, asset.kind, asset.duration_ms) == ("exif", "photo", None)


def test_a_file_that_tells_no_date_is_taken_when_it_was_added(make_asset):
    asset = make_asset()

    assert (asset.taken_at, asset.taken_from) == (asset.added_at, "upload")


def test_a_video_gets_a_poster_and_its_length(make_asset, corpus):
    asset = make_asset(data=(corpus / "live/train.mov").read_bytes())

    assert set(renditions_of(asset)) == {"thumbnail", "poster"}
    assert (asset.kind, asset.taken_from) == ("video", "quicktime")
    assert asset.duration_ms > 0


def test_the_original_is_left_byte_for_byte(make_asset):
    data = picture(300, 200)

    blob = make_asset(data=data).blob

    assert b"".join(store.read(blob.key, 0, blob.size_bytes)) == data


def test_nothing_stays_in_the_working_folder(make_asset):
    before = set(settings.INCOMING_DIR.iterdir())

    make_asset()

    assert set(settings.INCOMING_DIR.iterdir()) == before


# Who may finish


def test_only_the_holder_of_the_claim_finishes(make_asset):
    asset = make_asset(prepared=False)
    lost = claim(Stills, now=timezone.now())
    Stills.objects.update(claim=uuid4())
    before = Stills.objects.values().get()

    make_stills(lost, timezone.now())

    assert Stills.objects.values().get() == before
    assert not renditions_of(asset)


def test_a_second_run_makes_the_same_again_and_harms_nothing(make_asset):
    asset = make_asset()
    first = {kind: made.blob for kind, made in renditions_of(asset).items()}
    Stills.objects.update(state="due", due_at=timezone.now())

    assert work_one(make_stills)

    asset.refresh_from_db()
    assert {kind: made.blob for kind, made in renditions_of(asset).items()} == first
    assert (asset.stills.state, Rendition.objects.count()) == ("done", 2)


def test_newer_pictures_take_the_place_of_older_ones(make_asset):
    asset = make_asset(data=picture(800, 600))
    other = make_asset().blob
    Rendition.objects.filter(source=asset.blob).update(blob=other, width_px=1)
    Stills.objects.filter(source=asset.blob).update(state="due", due_at=timezone.now())

    assert work_one(make_stills)

    made = renditions_of(asset)
    assert len(made) == 2
    assert {picture.blob_id for picture in made.values()}.isdisjoint({other.pk})
    assert made["thumbnail"].width_px == 640


def test_the_same_bytes_of_two_owners_are_rendered_once(make_asset, alice, bob):
    data = picture(taken=datetime(2019, 7, 4, 12))  # noqa: DTZ001 - a camera's clock has no zone
    hers, his = (make_asset(owner, data, prepared=False) for owner in (alice, bob))
    assert Stills.objects.get().owner == alice

    worked = [work_one(make_stills), work_one(make_stills)]

    assert worked == [1, 0]
    for asset in (hers, his):
        asset.refresh_from_db()
        assert (asset.stills.state, asset.stills.is_prepared) == ("done", True)
        assert asset.taken_at == datetime(2019, 7, 4, 12, tzinfo=UTC)
    assert hers != his
    assert Rendition.objects.count() == 2


def test_who_comes_later_to_bytes_that_are_prepared_has_the_pictures_at_once(
    make_asset, alice, bob
):
    data = picture()
    make_asset(alice, data)

    his = make_asset(bob, data, prepared=False)

    assert his.stills.is_prepared
    assert work_one(make_stills) == 0
    assert Rendition.objects.count() == 2


def test_newer_facts_reach_every_owner_and_an_undated_file_keeps_each_ones_own_moment(
    make_asset, alice, bob
):
    data = picture()
    assets = [make_asset(owner, data) for owner in (alice, bob)]
    Asset.objects.update(width_px=1, camera_make="Wrong")
    Stills.objects.update(state="due", due_at=timezone.now())

    assert work_one(make_stills)

    for asset in assets:
        asset.refresh_from_db()
        assert (asset.width_px, asset.camera_make) == (64, "")
        assert (asset.taken_at, asset.taken_from) == (asset.added_at, "upload")
    assert assets[0].taken_at != assets[1].taken_at


def test_the_task_prepares_what_is_due_and_then_nothing(make_asset):
    assets = [make_asset(prepared=False) for _ in range(2)]

    for _ in range(3):
        stills_task.apply().get()

    for asset in assets:
        asset.refresh_from_db()
        assert asset.stills.is_prepared


# What goes wrong


def test_a_damaged_picture_fails_three_times_and_says_why(make_asset):
    asset = make_asset(data=damaged_png(), prepared=False)

    states = []
    for _ in range(3):
        assert work_one(make_stills)
        asset.refresh_from_db()
        states.append((asset.stills.state, asset.stills.attempts))

    assert states == [("due", 1), ("due", 2), ("failed", 3)]
    assert asset.stills.failure.startswith("This picture is damaged and can't be shown.")
    assert (asset.stills.has_failed, asset.stills.is_prepared, work_one(make_stills)) == (
        True,
        False,
        False,
    )
    assert (Rendition.objects.count(), Blob.objects.count()) == (0, 1)


def test_a_damaged_picture_keeps_no_other_waiting(make_asset):
    make_asset(data=damaged_png(), prepared=False)
    sound = make_asset(prepared=False)

    while work_one(make_stills):
        pass

    sound.refresh_from_db()
    assert sound.stills.is_prepared


def test_a_missing_file_is_our_fault_and_waits(make_asset):
    asset = make_asset(prepared=False)
    store.delete(asset.blob.key)
    before = timezone.now()

    assert work_one(make_stills)

    asset.refresh_from_db()
    assert (asset.stills.state, asset.stills.attempts) == ("due", 1)
    assert asset.stills.due_at >= before + RETRY_AFTER
    assert asset.stills.failure == "Something went wrong on our side."


def test_a_missing_file_is_told_apart_from_a_bad_one(make_asset):
    asset = make_asset(prepared=False)
    store.delete(asset.blob.key)

    with pytest.raises(BlobMissingError):
        make_stills(claim(Stills, now=timezone.now()), timezone.now())
    asset.refresh_from_db()
    assert asset.stills.state == "running"


def test_newer_work_that_fails_takes_no_picture_away(make_asset):
    asset = make_asset()
    store.delete(asset.blob.key)

    for _ in range(3):
        Stills.objects.filter(source=asset.blob).update(state="due", due_at=timezone.now())
        assert work_one(make_stills)

    asset.refresh_from_db()
    assert (asset.stills.state, asset.stills.is_prepared, asset.stills.has_failed) == (
        "failed",
        True,
        False,
    )
    assert set(renditions_of(asset)) == {"thumbnail", "preview"}


def test_a_videos_claimed_length_buys_it_no_time(make_asset, corpus, monkeypatch):
    asset = make_asset(data=(corpus / "live/train.mov").read_bytes(), prepared=False)
    Asset.objects.filter(pk=asset.pk).update(duration_ms=2**31)
    given = []
    render = Sandbox.render

    def listen(self: Sandbox, *arguments: object, wall_seconds: float, **options: object):
        given.append(wall_seconds)
        return render(self, *arguments, wall_seconds=wall_seconds, **options)

    monkeypatch.setattr(Sandbox, "render", listen)

    assert work_one(make_stills)
    assert given == [60]


def test_lost_bytes_that_are_uploaded_again_are_prepared_after_all(make_asset):
    data = picture()
    asset = make_asset(data=data, prepared=False)
    store.delete(asset.blob.key)
    for _ in range(3):
        Stills.objects.update(due_at=timezone.now())
        assert work_one(make_stills)
    asset.refresh_from_db()
    assert asset.stills.has_failed

    again = make_asset(data=data, prepared=False)

    assert again == asset
    assert work_one(make_stills)
    assert Stills.objects.get().is_prepared
    assert b"".join(store.read(asset.blob.key, 0, len(data))) == data
