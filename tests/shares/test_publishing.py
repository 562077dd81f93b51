"""Making a link of a selection, refusing one, and ending a link."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from library.models import Asset, Blob, User
from shares.models import Share, ShareItem
from shares.publishing import SelectionRefusedError, publish_share, selected_assets, stop_share
from tests.rows import AS_THEY_ARE
from tests.shares.helpers import many_assets, nothing_is_written

LIFETIME = timedelta(days=30)


@pytest.fixture
def refused(as_alice):
    """Send a selection to both addresses that take one; both must refuse it, and make nothing."""

    def send(ids: list[object], sentence: str) -> None:
        for name in ("shares:new", "shares:links"):
            response = as_alice.post(reverse(name), {"asset": [str(each) for each in ids]})

            assert response.status_code == 400
            assert sentence in response.content.decode()
            assert str(reverse("library:grid")) in response.content.decode()
        assert not Share.objects.exists()
        assert not ShareItem.objects.exists()

    return send


def publish(owner: User, assets: list[Asset]) -> Share:
    uuids = [asset.uuid for asset in assets]
    return publish_share(
        owner, uuids, terms=AS_THEY_ARE, max_items=100, now=timezone.now(), lifetime=LIFETIME
    )


def files_stored() -> set[str]:
    return {str(path) for path in settings.BLOBS_DIR.rglob("*") if path.is_file()}


def test_an_empty_selection_is_refused(refused):
    refused([], "Nothing is selected. Choose at least one photo or video.")


def test_other_peoples_items_are_refused(refused, bob, make_asset):
    refused([make_asset(bob).uuid], "1 of these items is not in your library any more")


def test_a_selection_with_one_item_of_somebody_else_is_refused_whole(refused, bob, make_asset):
    ids = [make_asset().uuid, make_asset(bob).uuid, make_asset().uuid]

    refused(ids, "1 of these items is not in your library any more")


def test_a_selection_with_an_item_that_never_was_is_refused_whole(refused, make_asset):
    refused(
        [make_asset().uuid, uuid.uuid4(), uuid.uuid4()],
        "2 of these items are not in your library any more, so no link was made.",
    )


def test_a_selection_with_a_deleted_item_is_refused_whole(refused, make_asset):
    deleted = make_asset()
    deleted.removed_at = timezone.now()
    deleted.save()

    refused([make_asset().uuid, deleted.uuid], "1 of these items is not in your library any more")


def test_refusals_do_not_tell_other_peoples_items_from_none(as_alice, bob, make_asset):
    answers = {
        as_alice.post(reverse("shares:new"), {"asset": [str(each)]}, headers={"HX-Request": "true"})
        .content.decode()
        .replace(str(each), "THE ID")
        for each in (make_asset(bob).uuid, uuid.uuid4())
    }

    assert len(answers) == 1


@pytest.mark.parametrize(
    "text",
    ["", "x", "1", "0" * 31, "\x00", "é" * 32, "' OR 1=1 --", "../../etc/passwd", "a" * 100_000],
)
def test_ids_that_are_none_are_refused_whole(text, refused, make_asset):
    refused([make_asset().uuid, text], "can&#x27;t be read. Reload the page")


def test_a_selection_over_the_limit_is_refused_whole(refused, alice, settings):
    settings.SHARE_MAX_ITEMS = 1_000
    ids = [asset.uuid for asset in many_assets(alice, 1_001)]

    refused(ids, "A link takes 1,000 items at most; 1,001 are selected.")


def test_a_form_beyond_any_limit_is_refused_without_a_link(as_alice):
    ids = [str(uuid.uuid4())] * (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)

    response = as_alice.post(reverse("shares:links"), {"asset": ids})

    assert response.status_code == 400
    assert not Share.objects.exists()


def test_an_item_ticked_twice_is_in_the_link_once(as_alice, make_asset):
    asset = make_asset()

    as_alice.post(reverse("shares:links"), {"asset": [str(asset.uuid), str(asset.uuid).upper()]})

    assert [item.asset for item in Share.objects.get().items.all()] == [asset]


def test_a_limit_counts_items_not_ticks(alice, make_asset):
    asset = make_asset()

    assert selected_assets(alice, [asset.uuid, asset.uuid], max_items=1) == [asset]


def test_positions_follow_the_moment_of_capture_whatever_the_order_of_ticking(alice, as_alice):
    assets = many_assets(alice, 5)
    same_moment = many_assets(alice, 2)
    ticked = [assets[3], same_moment[0], assets[0], assets[4], same_moment[1], assets[2]]

    as_alice.post(reverse("shares:links"), {"asset": [str(asset.uuid) for asset in ticked]})

    items = Share.objects.get().items.order_by("position")
    expected = sorted(ticked, key=lambda asset: (asset.taken_at, asset.pk))
    assert [item.asset for item in items] == expected
    assert [item.position for item in items] == [1, 2, 3, 4, 5, 6]


def test_the_next_position_is_free(alice):
    share = publish(alice, many_assets(alice, 3))

    assert share.next_position == 4
    assert not share.items.filter(position__gte=share.next_position).exists()


def test_a_link_ends_exactly_thirty_days_after_it_was_made(as_alice, make_asset):
    before = timezone.now()

    as_alice.post(reverse("shares:links"), {"asset": [str(make_asset().uuid)]})

    share = Share.objects.get()
    assert share.expires_at == share.created_at + timedelta(days=30)
    assert before <= share.created_at <= timezone.now()
    assert (share.ended_at, share.stopped_at, share.epoch) == (None, None, 0)


def test_two_links_of_the_same_items_share_no_secret(as_alice, make_asset):
    asset = make_asset()

    for _ in range(2):
        as_alice.post(reverse("shares:links"), {"asset": [str(asset.uuid)]})

    first, second = Share.objects.values_list("token", flat=True)
    assert len(first) == len(second) == 32
    assert first[:8] != second[:8]


def test_a_link_of_200_items_takes_the_same_few_queries(alice, as_alice):
    numbers = {}
    for count in (20, 150, 200):
        ids = [str(asset.uuid) for asset in many_assets(alice, count)]
        with CaptureQueriesContext(connection) as queries:
            as_alice.post(reverse("shares:links"), {"asset": ids})
        numbers[count] = len(queries)

    assert numbers[200] <= numbers[20] + 4  # SQLite takes 199 rows a statement, or 58 wide ones
    assert numbers[200] <= 20


def test_ten_thousand_items_make_one_link(alice, as_alice):
    ids = [str(asset.uuid) for asset in many_assets(alice, 10_000)]

    response = as_alice.post(reverse("shares:links"), {"asset": ids})

    assert response.status_code == 302
    assert Share.objects.get().items.count() == 10_000


def test_making_a_link_stores_no_byte(as_alice, make_asset):
    assets = [make_asset(), make_asset()]
    files, blobs = files_stored(), Blob.objects.count()

    as_alice.post(reverse("shares:links"), {"asset": [str(asset.uuid) for asset in assets]})

    assert files_stored() == files
    assert Blob.objects.count() == blobs
    assert {item.source for item in Share.objects.get().items.all()} == {
        asset.blob for asset in assets
    }


def test_a_link_is_not_made_when_a_file_went_away_in_the_meantime(as_alice, make_asset):
    kept, lost = make_asset(), make_asset()
    Blob.objects.filter(pk=lost.blob_id).update(condemned_at=timezone.now())

    answer = as_alice.post(
        reverse("shares:links"),
        {"asset": [str(kept.uuid), str(lost.uuid)]},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 400
    assert answer.json()["gone"] == [str(lost.uuid)]
    assert "1 of these items is not in your library any more" in answer.json()["problem"]
    assert not Share.objects.exists()


def test_what_is_gone_is_named_so_that_the_page_can_drop_it(as_alice, make_asset):
    kept, lost = make_asset(), make_asset()
    lost.delete()
    chosen = {"asset": [str(kept.uuid), str(lost.uuid)]}

    sheet = as_alice.post(reverse("shares:new"), chosen, headers={"HX-Request": "true"})
    made = as_alice.post(reverse("shares:links"), chosen, headers={"Accept": "application/json"})

    assert f'data-gone="{lost.uuid}"' in sheet.content.decode()
    assert made.json()["gone"] == [str(lost.uuid)]


def test_nothing_selected_says_so_before_the_database_is_asked(alice, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(SelectionRefusedError):
        selected_assets(alice, [], max_items=10)


def test_stopping_twice_changes_nothing_more(make_share):
    share = make_share()
    first = timezone.now()

    stop_share(share, now=first)
    stop_share(share, now=first + timedelta(minutes=1))

    share.refresh_from_db()
    assert (share.stopped_at, share.epoch) == (first, 1)


def test_stopping_one_link_leaves_the_others_open(make_share, make_asset, carol):
    asset = make_asset()
    stopped, other = make_share([asset]), make_share([asset])

    stop_share(stopped, now=timezone.now())

    assert carol.get(stopped.get_absolute_url()).status_code == 410
    assert carol.get(other.get_absolute_url()).status_code == 200


def test_the_sheet_of_a_selection_makes_nothing(as_alice, make_asset):
    ids = [str(make_asset().uuid), str(make_asset().uuid)]

    with nothing_is_written():
        response = as_alice.post(reverse("shares:new"), {"asset": ids})

    assert response.status_code == 200
    assert "2 Photos" in response.content.decode()
    assert not Share.objects.exists()


@pytest.mark.parametrize("name", ["link", "progress", "stop"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_looking_at_a_link_of_mine_writes_nothing(name, headers, as_alice, make_share):
    share = make_share()

    with nothing_is_written():
        response = as_alice.get(reverse(f"shares:{name}", args=[share.uuid]), headers=headers)

    assert response.status_code == 200
    share.refresh_from_db()
    assert share.is_open_at(timezone.now())


def test_the_guard_of_these_tests_does_see_writes(make_share):
    share = make_share()

    for write in (share.save, share.delete, lambda: Share.objects.update(epoch=1)):
        with pytest.raises(AssertionError), transaction.atomic(), nothing_is_written():
            write()
