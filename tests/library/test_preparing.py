"""Preparing: pictures and facts of an asset, stored by whoever holds the claim, told when it fails."""

import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from PIL import Image

from library.models import Asset, Blob, Rendition
from library.preparing import prepare_asset
from library.processing.errors import MediaError
from library.storage import BlobMissingError, store
from library.tasks import prepare_task
from library.work import RETRY_AFTER, claim, run_one
from tests.conftest import picture

pytestmark = pytest.mark.django_db


def damaged_picture() -> bytes:
    """Return a PNG whose header is sound and whose pixels are not."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[200:400] = bytes(200)
    return bytes(data)


def work_one() -> bool:
    return run_one(Asset, prepare_asset, expected=MediaError, ring=lambda: None)


def image_of(rendition: Rendition) -> Image.Image:
    blob = rendition.blob
    return Image.open(io.BytesIO(b"".join(store.read(blob.key, 0, blob.size_bytes))))


def renditions_of(asset: Asset) -> dict[str, Rendition]:
    found = Rendition.objects.select_related("blob").filter(source=asset.blob)
    return {rendition.kind: rendition for rendition in found}


# What is made


def test_an_asset_gets_a_thumbnail_and_a_preview_and_is_done(make_asset):
    asset = make_asset(data=picture(3000, 1500), prepared=False)

    assert work_one()

    asset.refresh_from_db()
    sizes = {kind: (made.width_px, made.height_px) for kind, made in renditions_of(asset).items()}
    assert sizes == {"thumbnail": (640, 320), "preview": (2016, 1008)}
    assert (asset.state, asset.is_prepared, asset.has_failed) == ("done", True, False)
    assert asset.placeholder.startswith("#")


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


def test_a_film_gets_a_poster_and_its_length(make_asset, corpus):
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
    lost = claim(Asset, now=timezone.now())
    Asset.objects.filter(pk=asset.pk).update(claim=uuid4())
    before = Asset.objects.filter(pk=asset.pk).values().get()

    prepare_asset(lost)

    assert Asset.objects.filter(pk=asset.pk).values().get() == before
    assert not renditions_of(asset)


def test_a_second_run_makes_the_same_again_and_harms_nothing(make_asset):
    asset = make_asset()
    first = {kind: made.blob for kind, made in renditions_of(asset).items()}
    Asset.objects.update(state="due", due_at=timezone.now())

    assert work_one()

    asset.refresh_from_db()
    assert {kind: made.blob for kind, made in renditions_of(asset).items()} == first
    assert (asset.state, Rendition.objects.count()) == ("done", 2)


def test_newer_pictures_take_the_place_of_older_ones(make_asset):
    asset = make_asset(data=picture(800, 600))
    other = make_asset().blob
    Rendition.objects.filter(source=asset.blob).update(blob=other, width_px=1)
    Asset.objects.filter(pk=asset.pk).update(state="due", due_at=timezone.now())

    assert work_one()

    made = renditions_of(asset)
    assert len(made) == 2
    assert {picture.blob_id for picture in made.values()}.isdisjoint({other.pk})
    assert made["thumbnail"].width_px == 640


def test_a_second_owner_of_the_same_bytes_uses_the_same_pictures(make_asset, alice, bob):
    data = picture()
    hers, his = make_asset(alice, data), make_asset(bob, data)

    assert hers != his
    assert (hers.state, his.state, his.is_prepared) == ("done", "done", True)
    assert hers.blob == his.blob
    assert Rendition.objects.count() == 2


def test_the_task_prepares_what_is_due_and_then_nothing(make_asset):
    assets = [make_asset(prepared=False) for _ in range(2)]

    for _ in range(3):
        prepare_task.apply().get()

    for asset in assets:
        asset.refresh_from_db()
        assert asset.is_prepared


# What goes wrong


def test_a_damaged_picture_fails_three_times_and_says_why(make_asset):
    asset = make_asset(data=damaged_picture(), prepared=False)

    states = []
    for _ in range(3):
        assert work_one()
        asset.refresh_from_db()
        states.append((asset.state, asset.attempts))

    assert states == [("due", 1), ("due", 2), ("failed", 3)]
    assert asset.failure.startswith("This picture is damaged and can't be shown.")
    assert (asset.has_failed, asset.is_prepared, work_one()) == (True, False, False)
    assert (Rendition.objects.count(), Blob.objects.count()) == (0, 1)


def test_a_damaged_picture_keeps_no_other_waiting(make_asset):
    make_asset(data=damaged_picture(), prepared=False)
    sound = make_asset(prepared=False)

    while work_one():
        pass

    sound.refresh_from_db()
    assert sound.is_prepared


def test_a_missing_file_is_our_fault_and_waits(make_asset):
    asset = make_asset(prepared=False)
    store.delete(asset.blob.key)
    before = timezone.now()

    assert work_one()

    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == ("due", 1)
    assert asset.due_at >= before + RETRY_AFTER
    assert asset.failure == "Something went wrong on our side."


def test_a_missing_file_is_told_apart_from_a_bad_one(make_asset):
    asset = make_asset(prepared=False)
    store.delete(asset.blob.key)

    with pytest.raises(BlobMissingError):
        prepare_asset(claim(Asset, now=timezone.now()))
    asset.refresh_from_db()
    assert asset.state == "running"


def test_newer_work_that_fails_takes_no_picture_away(make_asset):
    asset = make_asset()
    store.delete(asset.blob.key)

    for _ in range(3):
        Asset.objects.filter(pk=asset.pk).update(state="due", due_at=timezone.now())
        assert work_one()

    asset.refresh_from_db()
    assert (asset.state, asset.is_prepared, asset.has_failed) == ("failed", True, False)
    assert set(renditions_of(asset)) == {"thumbnail", "preview"}
