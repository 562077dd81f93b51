"""The share page, its items and their files, as somebody sees them who has the link and no account."""

import re
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.facts import AssetFacts
from library.models import Asset, Rendition, Stills
from shares.models import Share, ShareItem
from tests.conftest import picture
from tests.shares.helpers import many_assets, nothing_is_written

HTMX = {"HX-Request": "true"}
BELOW = ("", "tiles?id=1", "archive", "1/", "1/thumbnail", "1/preview", "1/file")


OF_ITEM = (
    "",
    "1/",
    "tiles?id=1",
    "1/thumbnail",
    "1/preview",
    "1/file",
    "archive",
    "archive?items=1",
)


def below(share: Share) -> list[str]:
    return [share.get_absolute_url() + rest for rest in BELOW]


def words(response) -> str:
    return response.content.decode()


def tile_positions(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="item-(\d+)"', html)]


def facts(share: Share) -> str:
    """Return all that the headers and body of every answer below a link say."""
    client = Client()
    answers = [client.get(url) for url in below(share)]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(f"{answer.headers}{answer.getvalue().decode('latin-1')}" for answer in answers)


def test_the_page_says_what_it_is_who_sent_it_and_until_when(make_share, alice, carol):
    assets = [*many_assets(alice, 3), *many_assets(alice, 1, kind="video", duration_ms=61_000)]
    share = make_share(assets)

    html = words(carol.get(share.get_absolute_url()))

    assert "<h1>3 Photos, 1 Video</h1>" in html
    assert "<title>3 Photos, 1 Video · Passalong</title>" in html
    assert "<bdi>Alice Doe</bdi> passed along 3 photos and 1 video" in html
    assert f'<time datetime="{share.expires_at:%Y-%m-%dT%H:%M:%SZ}">' in html
    assert "4 kB" in html
    assert "Files as they are, with all their data" in html
    assert tile_positions(html) == [1, 2, 3, 4]
    assert "1:01" in html


@pytest.mark.parametrize("who", ["as_bob", "as_alice"])
def test_members_see_the_same_pictures_and_words_as_strangers(who, request, make_share, carol):
    share = make_share()
    page, stranger = (
        words(client.get(share.get_absolute_url()))
        for client in (request.getfixturevalue(who), carol)
    )

    for region in (
        r'<div class="say" data-facts="\d+">.*?</div>',
        r'<div class="grid">.*?<div class="tray',
    ):
        found = [re.search(region, html, re.DOTALL)[0] for html in (page, stranger)]
        assert found[0] == found[1]


def test_nothing_that_is_not_meant_for_them_reaches_strangers(make_share, make_asset, alice):
    share = make_share([make_asset(name="beach.jpg"), make_asset(name="hills.jpg")])
    assets = list(alice.assets.select_related("blob"))
    pictures = [each.blob for each in Rendition.objects.select_related("blob")]
    blobs = [asset.blob for asset in assets] + pictures

    told = facts(share)

    secrets = [alice.email, alice.email.split("@")[0], alice.password, str(share.uuid)]
    secrets += [str(asset.uuid) for asset in assets] + [asset.uuid.hex for asset in assets]
    secrets += [blob.key for blob in blobs]
    secrets += [text for blob in pictures for text in (blob.sha256, blob.sha256[:12])]
    secrets += ["/blobs/", "passalong-tests-", "sqlite"]
    assert [secret for secret in secrets if secret in told] == []
    in_manifest = [told.count(asset.blob.sha256[:12]) for asset in assets]
    assert in_manifest == [1, 1]  # beside the files themselves, and nowhere else


def test_no_number_of_a_row_reaches_strangers(make_user, carol):
    now = timezone.now()
    sender = make_user(pk=7_110_001)
    assets = many_assets(sender, 3, first_pk=7_220_001)
    end = now + timedelta(days=30)
    share = Share.objects.create(
        pk=7_330_001, sender=sender, privacy="everything", created_at=now, expires_at=end
    )
    ShareItem.objects.bulk_create(
        ShareItem(pk=7_440_000 + n, share=share, position=n, asset=asset, source=asset.blob)
        for n, asset in enumerate(assets, start=1)
    )
    where = share.get_absolute_url()

    answers = [carol.get(where + rest) for rest in ("", "2/", "tiles?id=1&id=2")]

    told = "".join(f"{answer.headers}{words(answer)}" for answer in answers)
    assert tile_positions(told) == [1, 2, 3, 1, 2]
    assert re.findall(r"7[1-4]{2}000\d", told.replace(",", "")) == []


@pytest.mark.parametrize("rest", BELOW)
def test_strangers_get_no_cookie(rest, make_share, carol):
    response = carol.get(make_share().get_absolute_url() + rest)

    assert response.status_code == 200
    assert not response.cookies
    assert "Set-Cookie" not in response


def test_a_name_with_html_in_it_is_only_text(make_user, make_asset, make_share, carol):
    sender = make_user("Mallory <script>alert(1)</script>")
    share = make_share([make_asset(sender, name="<img src=x onerror=alert(1)>.jpg")])

    for url in below(share)[:4]:
        told = carol.get(url).getvalue()
        assert b"<script>alert" not in told
        assert b"<img src=x" not in told
    assert "Mallory &lt;script&gt;" in words(carol.get(share.get_absolute_url()))


def test_an_item_leads_to_its_neighbours(make_share, alice, carol):
    share = make_share(many_assets(alice, 3))
    where = share.get_absolute_url()

    pages = [words(carol.get(f"{where}{position}/")) for position in (1, 2, 3)]

    links = [
        {rel: url for url, rel in re.findall(r'href="([^"]+)"[^>]*rel="(\w+)"', page)}
        for page in pages
    ]
    assert [
        {rel: url for rel, url in each.items() if rel in {"prev", "next"}} for each in links
    ] == [
        {"next": f"{where}2/"},
        {"prev": f"{where}1/", "next": f"{where}3/"},
        {"prev": f"{where}2/"},
    ]


def test_neighbours_are_those_that_are_shown(make_share, alice, carol):
    assets = many_assets(alice, 4)
    share = make_share(assets)
    alice.assets.filter(pk=assets[1].pk).update(removed_at=timezone.now())
    share.items.filter(position=3).update(removed_at=timezone.now())
    where = share.get_absolute_url()

    page = words(carol.get(f"{where}1/"))

    assert f'href="{where}4/"' in page
    assert f'href="{where}2/"' not in page


def test_an_item_has_its_picture_its_download_and_its_facts(make_share, make_asset, carol):
    share = make_share([make_asset()])
    where = share.get_absolute_url()

    page = words(carol.get(f"{where}1/"))

    assert f'src="{where}1/preview"' in page
    assert f'href="{where}1/file" download' in page
    assert f'href="{where}"' in page


def test_a_video_plays_from_its_own_file(make_share, alice, carol):
    share = make_share(many_assets(alice, 1, kind="video", duration_ms=61_000))
    where = share.get_absolute_url()

    page = words(carol.get(f"{where}1/"))

    assert re.search(rf'<video [^>]*src="{where}1/file"[^>]*poster="{where}1/poster"', page)


def test_a_file_is_what_was_uploaded_byte_for_byte(make_share, make_asset, carol):
    data = picture() + b"x" * 400_000
    share = make_share([make_asset(data=data, name="Fin de journée.jpg")])

    response = carol.get(f"{share.get_absolute_url()}1/file")

    assert response.getvalue() == data
    assert response["Content-Length"] == str(len(data))
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == (
        "attachment; filename*=utf-8''Fin%20de%20journ%C3%A9e.jpg"
    )


@pytest.mark.parametrize("position", ["0", "3", "4", "999999", "9" * 30])
def test_positions_that_the_link_does_not_have_are_nothing(position, make_share, alice, carol):
    assets = many_assets(alice, 5)
    make_share(assets)
    share = make_share(assets[:2])
    where = f"{share.get_absolute_url()}{position}/"

    page = carol.get(where)
    files = [carol.get(where + kind) for kind in ("file", "thumbnail", "preview", "poster")]

    assert page.status_code == 404
    assert "There is nothing here" in words(page)
    for answer in files:
        assert answer.status_code == 404
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert words(answer) == "There is nothing here.\n"
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("rest", ["1/original", "-1/", "1.0/", "x/", "1/file/", "1/thumbnail.webp"])
def test_other_addresses_below_a_link_are_nothing(rest, make_share, carol):
    response = carol.get(make_share().get_absolute_url() + rest)

    assert response.status_code == 404
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"


@pytest.mark.parametrize("how", ["taken out of the link", "deleted from the library"])
def test_an_item_that_is_gone_is_gone_everywhere(how, make_share, make_asset, carol):
    share = make_share([make_asset(), make_asset(), make_asset()])
    gone = share.items.get(position=2)
    (gone if how == "taken out of the link" else gone.asset).removed_at = timezone.now()
    gone.save()
    gone.asset.save()
    where = share.get_absolute_url()

    page = words(carol.get(where))

    assert tile_positions(page) == [1, 3]
    assert "2 Photos" in page
    assert tile_positions(words(carol.get(f"{where}tiles?id=1&id=2&id=3"))) == [1, 3]
    for rest in ("2/", "2/file", "2/thumbnail"):
        assert carol.get(where + rest).status_code == 404


def test_what_is_still_being_prepared_shows_as_such_and_is_downloadable(
    make_share, make_asset, carol
):
    data = picture()
    share = make_share([make_asset(), make_asset(data=data, prepared=False)])
    waiting = share.items.get(source__stills__prepared_at=None).position
    where = share.get_absolute_url()

    page = carol.get(where)
    thumbnail = carol.get(f"{where}{waiting}/thumbnail")

    assert page.status_code == 200
    assert "1 of 2 are ready; " in words(page)
    assert f'data-waiting="{waiting}"' in words(page)
    assert f'src="{where}{waiting}/thumbnail"' not in words(page)
    assert thumbnail.status_code == 503
    assert int(thumbnail["Retry-After"]) in range(1, 11)
    assert thumbnail["Content-Type"].startswith("text/plain")
    assert carol.get(f"{where}{waiting}/").status_code == 200
    assert carol.get(f"{where}{waiting}/file").getvalue() == data


def test_an_item_that_can_not_be_shown_says_so_and_is_downloadable(make_share, make_asset, carol):
    data = picture()
    asset = make_asset(data=data, prepared=False)
    Stills.objects.filter(source=asset.blob).update(state="failed", failure="for the owner only")
    share = make_share([asset])
    where = share.get_absolute_url()

    page = words(carol.get(where))

    assert "No preview" in page
    assert "data-waiting" not in page
    assert "being prepared" not in page
    assert "There is no preview of this file." in words(carol.get(f"{where}1/"))
    assert "for the owner only" not in page + words(carol.get(f"{where}1/"))
    assert carol.get(f"{where}1/file").getvalue() == data


def test_tiles_come_as_soon_as_they_are_prepared_and_not_before(make_share, make_asset, carol):
    share = make_share([make_asset(), make_asset(prepared=False)])
    ready = share.items.exclude(source__stills__prepared_at=None).get().position
    where = share.get_absolute_url() + "tiles?id=1&id=2&id=x&id=&id=-1&id=99&id=9999999"

    assert tile_positions(words(carol.get(where))) == [ready]

    Stills.objects.update(prepared_at=timezone.now())
    assert tile_positions(words(carol.get(where))) == [1, 2]


def test_settled_tiles_bring_the_facts_anew_and_waiting_ones_nothing(make_share, make_asset, carol):
    share = make_share([make_asset(), make_asset(prepared=False)])
    page = share.get_absolute_url()
    waiting = share.items.get(source__stills__prepared_at=None).position
    region = re.compile(r'<div class="say" data-facts="2">.*?</div>', re.DOTALL)

    assert words(carol.get(f"{page}tiles?id={waiting}")).strip() == ""
    assert "1 of 2 are ready" in words(carol.get(page))

    Stills.objects.update(prepared_at=timezone.now())
    (anew,) = region.findall(words(carol.get(f"{page}tiles?id={waiting}")))
    assert [anew] == region.findall(words(carol.get(page)))
    assert "are ready" not in anew


def follow(client: Client, where: str, headers: dict[str, str]) -> list[list[int]]:
    """Return the positions of every page from the first to the last."""
    pages, address = [], ""
    while True:
        html = words(client.get(where + address, headers=headers if address else {}))
        pages.append(tile_positions(html))
        more = re.search(r'<a class="button" href="(\?after=\d+)"', html)
        if more is None:
            return pages
        assert f'hx-get="{more[1]}"' in html
        address = more[1]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_more_than_a_page_comes_in_pages_without_a_gap(headers, make_share, alice, carol):
    share = make_share(many_assets(alice, 450))

    pages = follow(carol, share.get_absolute_url(), headers)

    assert [len(page) for page in pages] == [200, 200, 50]
    assert list(chain(*pages)) == list(range(1, 451))


def test_a_page_that_is_just_full_has_no_next(make_share, alice, carol):
    share = make_share(many_assets(alice, 200))

    assert follow(carol, share.get_absolute_url(), {}) == [list(range(1, 201))]


def test_items_that_went_leave_no_gap_between_pages(make_share, alice, carol):
    share = make_share(many_assets(alice, 410))
    share.items.filter(position__in=[1, 200, 201, 300]).update(removed_at=timezone.now())

    pages = follow(carol, share.get_absolute_url(), HTMX)

    assert list(chain(*pages)) == [n for n in range(1, 411) if n not in {1, 200, 201, 300}]


def test_htmx_gets_tiles_only_and_caches_keep_both_forms_apart(make_share, alice, carol):
    where = make_share(many_assets(alice, 210)).get_absolute_url() + "?after=200"

    fragment, page = carol.get(where, headers=HTMX), carol.get(where)

    assert "<html" not in words(fragment)
    assert tile_positions(words(fragment)) == list(range(201, 211))
    assert "<h1>210 Photos</h1>" in words(page)
    assert "HX-Request" in fragment["Vary"]
    assert "HX-Request" in page["Vary"]


@pytest.mark.parametrize("after", ["", "x", "-1", "1e3", "9" * 40, "\x00", "²"])
def test_a_page_number_that_is_none_shows_the_first_page(after, make_share, carol):
    response = carol.get(make_share().get_absolute_url(), {"after": after})

    assert response.status_code == 200
    assert tile_positions(words(response)) == [1, 2]


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("who", ["carol", "as_bob", "as_alice"])
def test_a_page_takes_the_same_few_queries_whatever_its_size(who, request, make_share, alice):
    client = request.getfixturevalue(who)
    small = make_share(many_assets(alice, 12)).get_absolute_url()
    large = make_share(many_assets(alice, 150)).get_absolute_url()
    client.get(small)

    for rest in ("", "2/", "tiles?id=1&id=2"):
        assert queries_of(client, small + rest) == queries_of(client, large + rest) <= 8


@pytest.mark.parametrize("who", ["carol", "as_bob", "as_alice"])
def test_reading_a_link_writes_nothing(who, request, make_share):
    client = request.getfixturevalue(who)
    share = make_share()

    with nothing_is_written():
        answers = [client.get(url) for url in below(share)]
        assert all(answer.getvalue() for answer in answers)


@pytest.mark.parametrize("rest", ["", "1/"])
def test_pages_of_a_link_stay_out_of_search_engines_and_caches(rest, make_share, carol):
    response = carol.get(make_share().get_absolute_url() + rest)

    assert '<meta name="robots" content="noindex, nofollow, noarchive">' in words(response)
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("rest", BELOW)
def test_head_says_what_get_would_without_a_body(rest, make_share, carol):
    url = make_share().get_absolute_url() + rest
    got, asked = carol.get(url), carol.head(url)

    assert asked.status_code == got.status_code == 200
    assert asked.getvalue() == b""
    for name in ("Content-Type", "ETag", "Cache-Control", "Content-Disposition"):
        assert asked.get(name) == got.get(name)
    if "Content-Length" in got:
        assert asked["Content-Length"] == str(len(got.getvalue()))


@pytest.mark.parametrize("rest", [rest for rest in BELOW if rest != "archive"])
@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_a_link_can_only_be_read(rest, verb, make_share, carol):
    share = make_share()

    with nothing_is_written():
        response = getattr(carol, verb)(share.get_absolute_url() + rest)

    assert response.status_code == 405
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"


def test_a_picture_is_sent_again_only_when_it_changed(make_share, carol):
    url = make_share().get_absolute_url() + "1/thumbnail"
    first = carol.get(url)

    again = carol.get(url, headers={"If-None-Match": first["ETag"]})

    assert first["Content-Type"] == "image/webp"
    assert again.status_code == 304
    assert again.getvalue() == b""


@pytest.mark.parametrize("how", ["deleted", "gone for good"])
def test_an_item_that_is_kept_is_shown_without_its_asset(how, make_share, make_asset, carol):
    data = picture(300, 200, taken=datetime(2021, 8, 9, 10, 11, tzinfo=UTC))
    asset, other = make_asset(data=data, name="hills.jpg"), make_asset()
    share = make_share([asset, other])
    position = share.items.get(asset=asset).position
    before = {rest: carol.get(f"{share.get_absolute_url()}{rest}") for rest in OF_ITEM}
    kept = {"kept": True, "facts": AssetFacts.of(asset).to_json()}
    share.items.filter(position=position).update(**kept)

    if how == "gone for good":
        asset.delete()
    else:
        Asset.objects.filter(pk=asset.pk).update(removed_at=timezone.now())

    assert position == 1
    for rest, then in before.items():
        now = carol.get(f"{share.get_absolute_url()}{rest}")
        assert (now.status_code, now.getvalue()) == (200, then.getvalue()), rest
        assert now.headers == then.headers


def test_an_item_is_kept_only_with_its_facts(make_share):
    with pytest.raises(IntegrityError):
        make_share().items.update(kept=True)
