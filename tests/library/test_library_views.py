"""The library's pages: mine only, as many queries whatever there is, and reading changes nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from library import grid
from library.keyset import Place
from library.models import Asset, Rendition, Stills, User
from library.stills import make_stills
from tests.rows import make_assets, work_one

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
GRID = "/library/"
NOON = datetime(2024, 5, 4, 12, 0, tzinfo=UTC)
OPEN_TO_STRANGERS = {
    "home",
    "robots",
    "shares:add",
    "shares:archive",
    "shares:decline",
    "shares:file",
    "shares:item",
    "shares:listed",
    "shares:nothing",
    "shares:opened",
    "shares:page",
    "shares:rendition",
    "shares:tiles",
    "shares:unlisted",
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_signup",
}


def patterns() -> dict[str, URLPattern]:
    """Return every pattern of the site by its name, with "admin/" before those of the admin."""
    found: dict[str, URLPattern] = {}

    def walk(entries, route: str, space: str) -> None:
        for entry in entries:
            whole = route + str(entry.pattern)
            if isinstance(entry, URLResolver):
                walk(entry.url_patterns, whole, entry.namespace or space)
            else:
                admin = "admin/" if whole.startswith("admin/") else ""
                name = f"{space}:{entry.name}" if space == "shares" else entry.name
                found[f"{admin}{name or whole}"] = entry

    walk(get_resolver().url_patterns, "", "")
    return found


def is_open(pattern: URLPattern) -> bool:
    return not getattr(pattern.callback, "login_required", True)


def ids(page: bytes) -> list[str]:
    return re.findall(r'class="tile" id="asset-([0-9a-f-]{36})"', page.decode())


def link_to_more(page: bytes) -> str | None:
    found = re.search(r'<a class="button" href="(\?after=[^"]+)"', page.decode())
    return found[1] if found else None


def pages(client, **headers: str) -> Iterator[bytes]:
    """Follow "More" from the first page to the last; later pages as asked for by these headers."""
    page = client.get(GRID).content
    yield page
    for _ in range(Asset.objects.count()):
        if more := link_to_more(page):
            page = client.get(GRID + more, headers=headers).content
            yield page


def make_day(owner: User, count: int, taken_at: datetime, **fields: object) -> list[Asset]:
    return make_assets([owner], count, taken_at=taken_at, **fields)


@contextmanager
def nothing_is_written() -> Iterator[None]:
    def look(execute, sql, params, many, context):
        words = sql.split(maxsplit=1)[0].upper()
        assert words in {"SELECT", "PRAGMA"}, sql
        return execute(sql, params, many, context)

    with (
        connection.execute_wrapper(look),
        connections["cache"].execute_wrapper(look),
    ):
        yield


def addresses_of(asset: Asset) -> list[str]:
    names = [("item", []), ("original", []), ("retry", [])]
    names += [("rendition", [kind]) for kind in ("thumbnail", "preview", "poster")]
    return [reverse(f"library:{name}", args=[asset.uuid, *more]) for name, more in names]


@pytest.fixture
def two_a_page(monkeypatch) -> None:
    monkeypatch.setattr(grid, "PAGE_ASSETS", 2)


# Who may see what


def test_exactly_these_views_are_open_to_strangers():
    open_ones = {name for name, pattern in patterns().items() if is_open(pattern)}

    assert {name for name in open_ones if not name.startswith("admin/")} == OPEN_TO_STRANGERS
    assert {name for name in open_ones if name.startswith("admin/")} == {"admin/login"}


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "options"])
def test_a_stranger_is_sent_to_the_log_in_by_every_address_of_a_library(carol, make_asset, method):
    asset = make_asset()
    paths = [GRID, "/library/tiles/", "/library/upload/", *addresses_of(asset)]

    for path in paths:
        response = getattr(carol, method)(path)

        assert response.status_code == 302, path
        assert response["Location"] == f"/accounts/login/?next={path}"
        assert asset.name.encode() not in response.content


@pytest.mark.parametrize("path", ["/admin/", "/admin/library/user/", "/admin/nothing/"])
def test_a_member_does_not_get_into_the_admin(as_alice, carol, path):
    for client in (as_alice, carol):
        response = client.get(path)

        assert response.status_code == 302
        assert "login" in response["Location"]


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_another_members_item_does_not_exist(as_bob, make_asset, method):
    asset = make_asset()
    Stills.objects.update(state="failed")

    for path in addresses_of(asset):
        response = getattr(as_bob, method)(path)

        retrying = path.endswith("retry/")
        expected = 404 if retrying == (method == "post") else 405
        assert response.status_code == expected, path
    asset.refresh_from_db()
    assert asset.stills.state == "failed"


def test_another_members_item_looks_like_one_that_never_was(as_bob, make_asset):
    answers = [as_bob.get(f"/library/{uuid}/") for uuid in (make_asset().uuid, uuid4())]

    theirs, nobodys = (re.sub(rb'"[\w-]{64}"', b"", answer.content) for answer in answers)
    assert [answer.status_code for answer in answers] == [404, 404]
    assert theirs == nobodys  # but for the tokens of forms, which are new each time


def test_nobody_sees_anothers_items_in_a_grid_or_among_tiles(as_bob, make_asset):
    asset = make_asset()

    for path in (GRID, f"{GRID}tiles/?id={asset.uuid}", f"{GRID}?after={asset.uuid}"):
        page = as_bob.get(path).content
        assert str(asset.uuid).encode() not in page
        assert asset.name.encode() not in page


def test_a_place_is_a_moment_and_leads_into_nobody_elses_library(as_bob, bob, make_asset):
    (older,) = make_day(bob, 1, timezone.now() - timedelta(days=1))
    hers = make_asset()

    page = as_bob.get(f"{GRID}?after={Place(hers.taken_at, hers.pk)}").content

    assert ids(page) == [str(older.uuid)]


def test_what_lies_in_recently_deleted_is_not_in_the_library(as_alice, make_asset):
    asset = make_asset()
    Asset.objects.update(removed_at=timezone.now())

    assert ids(as_alice.get(GRID).content) == []
    for path in addresses_of(asset)[:2]:
        assert as_alice.get(path).status_code == 404


@pytest.mark.parametrize("path", [GRID, f"{GRID}tiles/", "/", "/robots.txt"])
def test_pages_are_only_read(as_alice, path):
    for method in ("post", "put", "delete"):
        assert getattr(as_alice, method)(path).status_code == 405


@pytest.mark.parametrize("path", [GRID, f"{GRID}tiles/"])
def test_pages_of_a_library_stay_out_of_every_cache(as_alice, path):
    assert as_alice.get(path)["Cache-Control"] == "private, no-store"


def test_the_front_page_welcomes_a_visitor_and_leads_a_member_to_the_library(carol, as_alice):
    assert b"Sign Up" in carol.get("/").content
    assert as_alice.get("/")["Location"] == GRID


def test_crawlers_may_read_what_links_say_of_themselves(carol):
    lines = carol.get("/robots.txt").content.decode().splitlines()

    assert lines == ["User-agent: *", "Disallow: /accounts/", "Disallow: /admin/"]


# The grid


def test_an_empty_library_says_what_to_do(as_alice):
    page = as_alice.get(GRID).content

    assert b"Your library is empty" in page
    assert b'href="/library/upload/"' in page


def test_items_stand_under_their_day_with_the_newest_first(as_alice, alice):
    early = make_day(alice, 1, NOON - timedelta(days=1))[0]
    morning, evening = (make_day(alice, 1, NOON + timedelta(hours=h))[0] for h in (-6, 6))

    page = as_alice.get(GRID).content

    assert re.findall(rb'class="long">([^<]+)<', page) == [
        b"Saturday 4 May 2024",
        b"Friday 3 May 2024",
    ]
    assert ids(page) == [str(asset.uuid) for asset in (evening, morning, early)]


def test_the_camera_s_clock_decides_the_day_whatever_zone_it_was_in(as_alice, alice):
    make_day(alice, 1, datetime(2024, 5, 4, 23, 59, tzinfo=UTC), taken_offset_minutes=-600)

    page = as_alice.get(GRID).content

    assert b"Saturday 4 May 2024" in page
    assert b"4 May 2024, 23:59" in page


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_have_no_gaps_and_no_repeats_where_moments_are_equal(
    as_alice, alice, monkeypatch, size, headers
):
    monkeypatch.setattr(grid, "PAGE_ASSETS", size)
    for day in (0, 1):
        make_day(alice, 7, NOON - timedelta(days=day))
    expected = [str(asset.uuid) for asset in Asset.objects.order_by("-taken_at", "-id")]

    seen = [uuid for page in pages(as_alice, **headers) for uuid in ids(page)]

    assert seen == expected


def test_no_more_is_offered_behind_the_last_item(as_alice, alice, two_a_page):
    make_day(alice, 2, NOON)

    assert link_to_more(as_alice.get(GRID).content) is None


def test_what_is_uploaded_while_somebody_reads_moves_nothing(as_alice, alice, two_a_page):
    make_day(alice, 4, NOON)
    first = as_alice.get(GRID).content
    make_day(alice, 3, NOON + timedelta(days=1))

    second = as_alice.get(GRID + link_to_more(first)).content

    assert set(ids(first)).isdisjoint(ids(second))
    assert len(ids(second)) == 2


@pytest.mark.parametrize("how", ["deleted", "gone for good"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_reading_goes_on_behind_an_item_that_went_in_the_meantime(
    headers, how, as_alice, alice, two_a_page
):
    assets = make_day(alice, 4, NOON)
    more = link_to_more(as_alice.get(GRID).content)
    last = Asset.objects.filter(pk=assets[2].pk)
    last.delete() if how == "gone for good" else last.update(removed_at=timezone.now())

    page = as_alice.get(GRID + more, headers=headers).content

    assert ids(page) == [str(a.uuid) for a in (assets[1], assets[0])]


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 2**63 - 1))
def test_a_place_reads_back_as_it_was_written(taken_at, pk):
    place = Place(taken_at, pk)

    assert Place.parse(str(place)) == place if pk < 10**18 else Place.parse(str(place)) is None


@pytest.mark.parametrize("text", ["", "-", "1-", "-1", "1-1-1", "9" * 18 + "-1", "1-x", "１-１"])
def test_what_is_no_place_is_none(text):
    assert Place.parse(text) is None


def test_htmx_gets_the_later_tiles_only_and_a_browser_the_whole_page(as_alice, alice, two_a_page):
    make_day(alice, 3, NOON)
    more = GRID + link_to_more(as_alice.get(GRID).content)

    fragment, page = as_alice.get(more, headers=HTMX), as_alice.get(more)

    assert ids(fragment.content) == ids(page.content)
    assert (b"<html" in fragment.content, b"<html" in page.content) == (False, True)
    assert b"<form" not in fragment.content
    assert "HX-Request" in fragment["Vary"]
    assert "HX-Request" in page["Vary"]


def test_a_day_that_goes_on_is_added_to_the_day_that_stands_there(as_alice, alice, two_a_page):
    make_day(alice, 1, NOON - timedelta(days=1))
    make_day(alice, 3, NOON)
    more = GRID + link_to_more(as_alice.get(GRID).content)

    fragment = as_alice.get(more, headers=HTMX).content.decode()

    continued, new = fragment.split('<section class="day"')
    assert 'hx-swap-oob="beforeend:#day-20240504"' in continued
    assert (len(ids(continued.encode())), len(ids(new.encode()))) == (1, 1)
    assert ">Friday 3 May 2024<" in new
    assert 'id="day-20240503"' in new


def test_a_new_day_gets_its_heading_in_a_fragment_too(as_alice, alice, two_a_page):
    make_day(alice, 2, NOON)
    make_day(alice, 1, NOON - timedelta(days=1))
    more = GRID + link_to_more(as_alice.get(GRID).content)

    fragment = as_alice.get(more, headers=HTMX).content

    assert b"hx-swap-oob" not in fragment
    assert b"Friday 3 May 2024" in fragment


def test_without_htmx_a_day_that_goes_on_has_its_heading(as_alice, alice, two_a_page):
    make_day(alice, 3, NOON)
    more = GRID + link_to_more(as_alice.get(GRID).content)

    assert b"Saturday 4 May 2024" in as_alice.get(more).content


def test_the_number_of_queries_does_not_grow_with_the_library(as_alice, alice):
    counts = []
    for add in (5, 55):
        make_day(alice, add, NOON, prepared_at=NOON, state="done")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = as_alice.get(GRID).content
        counts.append(len(queries))

    assert len(ids(page)) == 60
    assert counts[0] == counts[1] <= 5


# Tiles


def test_tiles_appear_once_they_are_prepared_or_given_up(as_alice, alice):
    waiting, running = (make_day(alice, 1, NOON, state=state)[0] for state in ("due", "running"))
    (ready,) = make_day(alice, 1, NOON, state="done", prepared_at=NOON)
    (failed,) = make_day(alice, 1, NOON, state="failed")
    query = "&".join(f"id={asset.uuid}" for asset in (waiting, running, ready, failed))

    page = as_alice.get(f"{GRID}tiles/?{query}").content

    assert set(ids(page)) == {str(ready.uuid), str(failed.uuid)}
    assert b"No preview" in page
    assert reverse("library:rendition", args=[ready.uuid, "thumbnail"]).encode() in page


def test_a_tile_that_waits_says_so_and_asks_again(as_alice, alice):
    (waiting,) = make_day(alice, 1, NOON)

    page = as_alice.get(GRID).content.decode()

    assert f'data-waiting="{waiting.uuid}"' in page
    assert "Being prepared" in page


def test_a_prepared_item_waits_no_more_while_newer_work_is_due(as_alice, alice):
    make_day(alice, 1, NOON, prepared_at=NOON, state="due")

    page = as_alice.get(GRID).content

    assert b"data-waiting=" not in page
    assert b"/thumbnail" in page


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "-1",
        "' OR 1=1",
        "%00",
        "%ff%fe",
        "a" * 5000,
        "5f0c1b9e-0d4b-4c39-9a7e-2f6f0a3c7d11",
        "%EF%BC%91" * 32,
    ],
)
def test_a_malformed_place_or_id_is_harmless(as_alice, alice, text):
    (asset,) = make_day(alice, 1, NOON, prepared_at=NOON)

    for headers in ({}, HTMX):
        response = as_alice.get(f"{GRID}?after={text}", headers=headers)
        assert (response.status_code, ids(response.content)) == (200, [str(asset.uuid)])
    response = as_alice.get(f"{GRID}tiles/?id={text}&id={asset.uuid}&id")
    assert (response.status_code, ids(response.content)) == (200, [str(asset.uuid)])


def test_no_more_than_two_hundred_tiles_are_given_at_once(as_alice, alice):
    assets = make_day(alice, 230, NOON, state="done", prepared_at=NOON)
    query = "&".join(f"id={asset.uuid}" for asset in assets)

    assert len(ids(as_alice.get(f"{GRID}tiles/?{query}").content)) == 200


@pytest.mark.parametrize("link", ['"><script>alert(1)</script>', "../../x", "x' onload='y"])
def test_the_name_of_a_link_in_the_address_is_only_text(as_alice, alice, link):
    make_day(alice, 1, NOON)

    page = as_alice.get(GRID, {"link": link}).content.decode()

    assert "<script>alert" not in page
    assert "onload='y" not in page


# One item


def test_an_items_page_shows_its_facts_and_leads_to_its_file(as_alice, make_asset):
    asset = make_asset(name="Früh <b>.jpg", taken=datetime(2024, 5, 4, 14, 3))  # noqa: DTZ001

    page = as_alice.get(asset.get_absolute_url()).content.decode()

    assert "Saturday 4 May 2024, 14:03" in page
    assert "Früh &lt;b&gt;.jpg" in page
    assert "64 × 48" in page
    assert f'href="/library/{asset.uuid}/file"' in page
    assert f'src="/library/{asset.uuid}/preview"' in page


def test_an_items_pictures_and_file_are_sent(as_alice, make_asset):
    asset = make_asset(name="sun.jpg")

    for kind in ("thumbnail", "preview"):
        response = as_alice.get(f"/library/{asset.uuid}/{kind}")
        assert (response.status_code, response["Content-Type"]) == (200, "image/webp")
    response = as_alice.get(f"/library/{asset.uuid}/file")
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == 'attachment; filename="sun.jpg"'


def test_a_picture_that_is_not_there_yet_is_not_an_error(as_alice, make_asset):
    asset = make_asset(prepared=False)

    response = as_alice.get(f"/library/{asset.uuid}/thumbnail")

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response["Cache-Control"] == "no-store"
    assert b"still being prepared" in as_alice.get(asset.get_absolute_url()).content


@pytest.mark.parametrize("rest", ["original", "playback", "..", "thumbnail/", "file/"])
def test_other_addresses_below_an_item_do_not_exist(as_alice, make_asset, rest):
    assert as_alice.get(f"/library/{make_asset().uuid}/{rest}").status_code in {301, 404}


def test_a_failed_item_says_why_and_can_be_tried_again(as_alice, alice):
    fields = {"state": "failed", "attempts": 3, "failure": "It is <torn>."}
    asset, other = make_day(alice, 2, NOON, **fields)

    page = as_alice.get(asset.get_absolute_url()).content.decode()
    response = as_alice.post(f"/library/{asset.uuid}/retry/")

    assert "It is &lt;torn&gt;. Your original is safe." in page
    assert f'action="/library/{asset.uuid}/retry/"' in page
    assert (response.status_code, response["Location"]) == (302, asset.get_absolute_url())
    asset.refresh_from_db()
    other.refresh_from_db()
    assert (asset.stills.state, asset.stills.attempts, asset.stills.failure) == ("due", 0, "")
    assert other.stills.state == "failed"
    assert "Retry" not in as_alice.get(asset.get_absolute_url()).content.decode()


def test_the_same_assurance_is_given_once(as_alice, alice):
    (asset,) = make_day(alice, 1, NOON)
    for _ in range(3):  # there is no file behind it, which nobody expects
        Stills.objects.update(due_at=NOON)
        assert work_one(make_stills)

    page = as_alice.get(asset.get_absolute_url()).content

    assert b"Something went wrong on our side." in page
    assert page.count(b"Your original is safe.") == 1


def test_the_original_of_a_failed_item_can_be_had(as_alice, make_asset):
    asset = make_asset(prepared=False)
    Stills.objects.update(state="failed")

    assert as_alice.get(f"/library/{asset.uuid}/file").status_code == 200


def test_trying_again_changes_nothing_for_an_item_that_did_not_fail(as_alice, make_asset):
    asset = make_asset()

    assert as_alice.post(f"/library/{asset.uuid}/retry/").status_code == 302

    asset.refresh_from_db()
    assert asset.stills.state == "done"
    assert as_alice.get(f"/library/{asset.uuid}/retry/").status_code == 405


def test_reading_writes_nothing(as_alice, make_asset, two_a_page):
    assets = [make_asset(), make_asset(), make_asset(prepared=False)]
    paths = [path for asset in assets for path in addresses_of(asset) if "retry" not in path]
    tiles = "&".join(f"id={asset.uuid}" for asset in assets)
    paths += [
        "/",
        GRID,
        f"{GRID}?after={Place(assets[1].taken_at, assets[1].pk)}",
        f"{GRID}tiles/?{tiles}",
    ]
    before = list(Asset.objects.values()), list(Rendition.objects.values())

    with nothing_is_written():
        for path in [*paths, "/library/upload/", "/robots.txt"]:
            for method in (as_alice.get, as_alice.head):
                assert method(path).status_code in {200, 302, 404, 503}, path

    assert (list(Asset.objects.values()), list(Rendition.objects.values())) == before
