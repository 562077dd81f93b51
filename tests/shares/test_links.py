"""The sender's side: making a link, watching it get ready, the list of all, and Stop Sharing."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from library.models import Stills
from shares.models import CleanCopy, Share
from shares.my_links import links_page
from shares.publishing import stop_share
from shares.terms import Terms, terms_of
from tests.conftest import signed_in
from tests.shares.helpers import many_assets, nothing_is_written, steps_of
from tests.shares.planted import planted

HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
LINKS = reverse("shares:links")
OF_ONE = ("link", "progress", "stop")


def words(response) -> str:
    return response.content.decode()


def url_of(name: str, share: Share) -> str:
    return reverse(f"shares:{name}", args=[share.uuid])


def cards(client: Client) -> list[str]:
    html = words(client.get(LINKS))
    texts = re.findall(r"<article.*?</article>", html, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).strip() for text in texts]


def test_the_list_shows_each_link_with_its_counts_and_state(make_share, alice, as_alice):
    photos, videos = many_assets(alice, 3), many_assets(alice, 1, kind="video")
    stopped = make_share(photos[:1])
    make_share(photos[:2], days=-1)
    make_share(photos + videos)
    stop_share(stopped, now=timezone.now())

    by_title = {card.split(" Made")[0]: card for card in cards(as_alice)}

    assert sorted(by_title) == ["1 Photo", "2 Photos", "3 Photos, 1 Video"]
    assert f"Stopped {stopped.created_at:%-d %B %Y}" in by_title["1 Photo"]
    assert "Expired" in by_title["2 Photos"]
    assert "Open until" in by_title["3 Photos, 1 Video"]


def test_only_open_links_can_be_copied_and_stopped(make_share, alice, as_alice):
    photos = many_assets(alice, 1)
    stopped, expired, open_one = make_share(photos), make_share(photos, days=-1), make_share(photos)
    stop_share(stopped, now=timezone.now())

    html = words(as_alice.get(LINKS))

    assert f'value="{open_one.public_url}"' in html
    assert url_of("stop", open_one) in html
    for ended in (stopped, expired):
        assert url_of("stop", ended) not in html
        assert f'value="{ended.public_url}"' not in html


def test_the_newest_link_comes_first(make_share, alice, as_alice):
    for number in (1, 2, 3):
        make_share(many_assets(alice, number))

    assert [card[:7] for card in cards(as_alice)] == ["3 Photo", "2 Photo", "1 Photo"]


def test_the_list_is_of_my_own_links_only(make_share, make_asset, bob, as_alice):
    make_share([make_asset(bob)])

    assert cards(as_alice) == []
    assert "No links yet" in words(as_alice.get(LINKS))


def test_items_that_are_gone_are_not_counted(make_share, alice, as_alice):
    share = make_share(many_assets(alice, 3))
    alice.assets.filter(pk=share.items.first().asset_id).update(removed_at=timezone.now())

    assert cards(as_alice)[0].startswith("2 Photos ")


def test_the_list_takes_the_same_few_queries_whatever_its_length(make_share, alice, as_alice):
    numbers = []
    for total in (2, 20):
        while alice.shares.count() < total:
            make_share(many_assets(alice, 5))
        with CaptureQueriesContext(connection) as queries:
            assert len(cards(as_alice)) == total
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] <= 8


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_older_links_come_in_pages(headers, make_share, alice, as_alice):
    asset = many_assets(alice, 1)
    tokens = [make_share(asset).token for _ in range(30)][::-1]

    first = words(as_alice.get(LINKS))
    more = re.search(r'href="(\?page=\d+)"', first)[1]
    second = words(as_alice.get(LINKS + more, headers=headers))

    shown = [re.findall(r'data-link="[^"]*/s/([\w-]+)/"', html) for html in (first, second)]
    assert shown == [tokens[:24], tokens[24:]]
    assert ("<html" in second) == (not headers)
    assert "?page=" not in second


@pytest.mark.parametrize("page", ["0", "-1", "x", "999", "", "9" * 50])
def test_a_page_number_that_is_none_is_no_error(page, make_share, as_alice):
    make_share()

    assert as_alice.get(LINKS, {"page": page}).status_code == 200


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize("verb", ["get", "head", "post", "put", "patch", "delete"])
def test_other_peoples_links_are_not_there(name, verb, make_share, as_bob):
    share = make_share()

    with nothing_is_written():
        theirs = getattr(as_bob, verb)(url_of(name, share))
        none = getattr(as_bob, verb)(reverse(f"shares:{name}", args=[uuid.uuid4()]))

    allowed = {"get", "head", "post"} if name == "stop" else {"get", "head"}
    assert theirs.status_code == none.status_code == (404 if verb in allowed else 405)
    assert share.token not in words(theirs)
    assert Share.objects.get().stopped_at is None


@pytest.mark.parametrize("name", ["links", "new", *OF_ONE])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_strangers_are_asked_to_log_in(name, verb, make_share, carol):
    share = make_share()
    url = reverse(f"shares:{name}", args=[share.uuid] if name in OF_ONE else [])

    response = getattr(carol, verb)(url)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")
    assert Share.objects.get().stopped_at is None


def test_somebody_who_was_suspended_is_asked_to_log_in(make_share, make_user):
    bob = make_user("Bob Roe")
    client = signed_in(bob)
    bob.is_active = False
    bob.save()

    assert client.get(LINKS).status_code == 302


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_stop_sharing_asks_first(headers, make_share, as_alice, carol):
    share = make_share()

    asked = as_alice.get(url_of("stop", share), headers=headers)

    assert "Stop sharing 2 Photos?" in words(asked)
    assert ("<html" in words(asked)) == (not headers)
    assert carol.get(share.get_absolute_url()).status_code == 200


def test_stop_sharing_ends_the_link_at_once(make_share, as_alice, carol):
    share = make_share()

    response = as_alice.post(url_of("stop", share))

    assert (response.status_code, response["Location"]) == (302, f"{LINKS}#link-{share.uuid}")
    for rest in ("", "1/", "1/file", "1/thumbnail", "archive"):
        assert carol.get(share.get_absolute_url() + rest).status_code == 410
    assert "Stopped" in cards(as_alice)[0]


def test_stopping_twice_is_no_error(make_share, as_alice):
    share = make_share()

    for _ in range(2):
        assert as_alice.post(url_of("stop", share)).status_code == 302

    share.refresh_from_db()
    assert share.epoch == 1


@pytest.mark.parametrize("name", ["links", "new", "stop"])
def test_other_sites_can_not_make_or_stop_links(name, make_share, alice):
    share = make_share()
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    url = reverse(f"shares:{name}", args=[share.uuid] if name == "stop" else [])

    response = client.post(url, {"asset": [str(share.items.first().asset.uuid)]})

    assert response.status_code == 403
    assert Share.objects.get().stopped_at is None


def test_a_link_is_made_without_javascript(make_asset, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    ids = [str(make_asset().uuid), str(make_asset().uuid)]

    def fields_of(response, action: str) -> dict[str, list[str]]:
        form = re.search(rf'<form[^>]*action="{action}".*?</form>', words(response), re.DOTALL)[0]
        found: dict[str, list[str]] = {}
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
            found.setdefault(name, []).append(value)
        return found

    secret = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', words(client.get(reverse("library:grid")))
    )[1]
    sheet = client.post(reverse("shares:new"), {"asset": ids, "csrfmiddlewaretoken": secret})
    fields = fields_of(sheet, LINKS)
    made = client.post(LINKS, fields)
    page = client.get(made["Location"])

    share = Share.objects.get()
    assert sorted(fields["asset"]) == sorted(ids)
    assert made["Location"] == url_of("link", share)
    assert re.search(rf'<input [^>]*readonly value="{re.escape(share.public_url)}"', words(page))
    assert Client().get(share.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_sheet_says_what_they_will_see_and_until_when(headers, alice, as_alice):
    ids = [str(asset.uuid) for asset in many_assets(alice, 2)]
    before = timezone.now()

    html = words(as_alice.post(reverse("shares:new"), {"asset": ids}, headers=headers))

    assert ("<html" in html) == (not headers)
    assert "2 Photos" in html
    ends = [moment + timedelta(days=30) for moment in (before, timezone.now())]
    assert any(f"{end:%-d %B %Y}" in html for end in ends)
    assert 'Show my name <bdi class="quiet small">Alice Doe</bdi>' in html
    assert checked(html) == ["clean", "shows_sender"]
    assert "Nothing is removed" in html  # of the choice that includes all


def checked(html: str) -> list[str]:
    """Return what is chosen in a sheet: the level, and the names of the switches that are on."""
    boxes = re.findall(r"<input (?=[^>]*\bchecked\b)[^>]*>", html)
    return [
        match[1]
        for box in boxes
        if (match := re.search(r'value="(\w+)"', box) or re.search(r'name="(\w+)"', box))
    ]


def test_the_sheet_counts_what_the_chosen_pictures_carry(alice, as_alice, make_asset):
    assets = [make_asset(data=planted()), make_asset(data=planted()), make_asset()]
    video = many_assets(alice, 1, kind="video")
    ids = [str(asset.uuid) for asset in [*assets, *video]]

    html = words(as_alice.post(reverse("shares:new"), {"asset": ids}))

    assert "2 carry a location, 2 a name, 2 a serial number, 2 a caption." in html
    assert "1 video can’t be cleaned yet" in html


@pytest.mark.parametrize(
    ("form", "privacy", "hides_dates", "shows_sender"),
    [
        ({}, "clean", False, False),
        ({"privacy": "location", "shows_sender": "on"}, "location", False, True),
        ({"privacy": "clean", "hides_dates": "on"}, "clean", True, False),
        ({"privacy": "everything", "shows_sender": "on"}, "everything", False, True),
    ],
)
def test_a_link_is_made_as_the_sheet_says(
    form, privacy, hides_dates, shows_sender, as_alice, make_asset
):
    as_alice.post(reverse("shares:links"), {"asset": [str(make_asset().uuid)], **form})

    share = Share.objects.get()
    made = (share.privacy, share.hides_dates, share.shows_sender)
    assert made == (privacy, hides_dates, shows_sender)


@pytest.mark.parametrize(
    "form", [{"privacy": "all"}, {"privacy": "everything", "hides_dates": "on"}], ids=str
)
def test_choices_that_make_no_sense_are_refused_in_words(form, as_alice, make_asset):
    response = as_alice.post(reverse("shares:links"), {"asset": [str(make_asset().uuid)], **form})

    assert response.status_code == 400
    assert "choose" in words(response).lower()
    assert not Share.objects.exists()


def test_the_sheet_over_the_grid_does_not_echo_the_selection(alice, as_alice):
    ids = [str(asset.uuid) for asset in many_assets(alice, 500)]

    sheet, page = (
        words(as_alice.post(reverse("shares:new"), {"asset": ids}, headers=headers))
        for headers in (HTMX, {})
    )

    echoed = [html.count('name="asset"') for html in (sheet, page)]
    assert echoed == [0, 500]
    assert 'form="grid" formaction="/links/"' in sheet
    assert len(sheet) < 8_000


def test_the_sheet_can_not_be_bookmarked(as_alice):
    assert as_alice.get(reverse("shares:new")).status_code == 405


def test_a_script_is_told_the_link_it_made(make_asset, as_alice):
    response = as_alice.post(LINKS, {"asset": [str(make_asset().uuid)]}, headers=JSON)

    share = Share.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "url": f"http://127.0.0.1:8000/s/{share.token}/",
        "sheet": url_of("link", share),
        "link": str(share.uuid),
    }
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("ids", [[], ["x"], ["5f0c1b9e-0d4b-4c39-9a7e-2f6f0a3c7d11"]])
def test_a_script_is_told_why_no_link_was_made(ids, as_alice):
    response = as_alice.post(LINKS, {"asset": ids}, headers=JSON)

    assert response.status_code == 400
    assert response.json()["problem"].endswith(".")
    assert not Share.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_selection_is_a_sentence_on_a_page(headers, as_alice):
    response = as_alice.post(LINKS, {}, headers=headers)

    assert response.status_code == 400
    assert "No link was made" in words(response)
    assert ("<html" in words(response)) == (not headers)


def test_the_sheet_counts_what_is_prepared_and_asks_on_until_all_is(
    make_share, make_asset, as_alice
):
    prepared = [make_asset(), make_asset()]
    waiting = make_asset(prepared=False)
    share = make_share([*prepared, waiting])
    url = url_of("progress", share)

    for page in (as_alice.get(url), as_alice.get(url_of("link", share))):
        assert "2 of 3 ready. The link works already." in words(page)
        assert 'max="3" value="2"' in words(page)
        assert "Your photos and videos are being prepared for sharing." in words(page)
        assert f'hx-get="{url}"' in words(page)

    Stills.objects.filter(source=waiting.blob).update(prepared_at=timezone.now())
    settled = words(as_alice.get(url))
    assert "All 3 are ready." in settled
    assert "hx-get" not in settled
    assert "<html" not in settled


def test_an_item_that_failed_is_not_waited_for(make_share, make_asset, as_alice):
    asset = make_asset(prepared=False)
    share = make_share([asset])
    Stills.objects.filter(source=asset.blob).update(state="failed")

    assert "hx-get" not in words(as_alice.get(url_of("progress", share)))


@pytest.mark.parametrize("end", ["stopped", "expired"])
def test_a_sheet_that_is_still_open_does_not_say_that_an_ended_link_works(
    end, make_share, make_asset, as_alice
):
    share = make_share([make_asset(prepared=False)], days=-1 if end == "expired" else 30)
    if end == "stopped":
        stop_share(share, now=timezone.now())

    html = words(as_alice.get(url_of("progress", share)))

    assert "The link works already" not in html
    assert "hx-get" not in html


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_sheet_of_a_stopped_link_offers_nothing(headers, make_share, as_alice):
    share = make_share(stopped_at=timezone.now())

    html = words(as_alice.get(url_of("link", share), headers=headers))

    assert "This link is no longer available to anyone." in html
    assert not re.search("Copy Link|Renew", html)
    assert ("<html" in html) == (not headers)


@pytest.mark.parametrize("name", ["links", *OF_ONE])
def test_my_pages_stay_out_of_every_cache(name, make_share, as_alice):
    share = make_share()
    url = reverse(f"shares:{name}", args=[share.uuid] if name in OF_ONE else [])

    assert as_alice.get(url)["Cache-Control"] == "private, no-store"


def test_a_page_of_the_list_reads_nothing_of_what_is_in_the_links_of_other_pages(
    make_share, make_user
):
    steps = []
    for size in (1, 300):
        owner = make_user()
        for number in range(30):
            share = make_share(many_assets(owner, size if number < 6 else 1))
        page = links_page(owner, "1", now=share.created_at)
        assert (len(page.links), page.next_number) == (24, 2)
        steps.append(steps_of(lambda owner=owner: links_page(owner, "1", now=timezone.now())))

    assert steps[1] < 1.2 * steps[0]


# Changing what a link lets out


LEVELS = {
    "clean": {"privacy": "clean", "shows_sender": "on"},
    "undated": {"privacy": "clean", "hides_dates": "on", "shows_sender": "on"},
    "nameless": {"privacy": "clean"},
    "placed": {"privacy": "location", "shows_sender": "on"},
    "everything": {"privacy": "everything", "shows_sender": "on"},
}


def at(name: str) -> Terms:
    return terms_of(LEVELS[name])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("everything", "placed"),
        ("everything", "undated"),
        ("placed", "clean"),
        ("clean", "undated"),
        ("clean", "nameless"),
    ],
)
def test_tightening_holds_at_once_and_moves_the_epoch(
    before, after, as_alice, make_asset, make_share
):
    share = make_share([make_asset(data=planted())], terms=at(before))

    response = as_alice.post(url_of("terms", share), LEVELS[after])

    assert (response.status_code, response["Location"]) == (302, url_of("link", share))
    share.refresh_from_db()
    assert (share.terms, share.epoch) == (at(after), 1)
    assert CleanCopy.objects.filter(
        state="due", privacy=share.privacy, hides_dates=share.hides_dates
    ).exists()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("clean", "everything", "The files as they are"),
        ("clean", "placed", "Where the pictures were taken."),
        ("undated", "clean", "When the pictures were taken."),
        ("nameless", "clean", "Your name."),
    ],
)
def test_loosening_asks_first(before, after, told, as_alice, make_asset, make_share):
    share = make_share([make_asset(data=planted())], terms=at(before))

    asked = as_alice.post(url_of("terms", share), LEVELS[after])
    share.refresh_from_db()
    unchanged = share.terms
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)"', words(asked)))
    done = as_alice.post(url_of("terms", share), fields)

    assert asked.status_code == 200
    assert told in words(asked)
    assert unchanged == at(before)
    assert done.status_code == 302
    share.refresh_from_db()
    assert (share.terms, share.epoch) == (at(after), 0)


def test_a_change_both_ways_asks_and_moves_the_epoch(as_alice, make_share):
    share = make_share(terms=at("undated"))
    wanted = {"privacy": "location", "hides_dates": "on"}

    asked = as_alice.post(url_of("terms", share), wanted)
    as_alice.post(url_of("terms", share), wanted | {"confirmed": "0"})

    assert "Where the pictures were taken." in words(asked)
    share.refresh_from_db()
    assert (share.privacy, share.shows_sender, share.epoch) == ("location", False, 1)


def test_a_yes_to_another_question_asks_again(as_alice, make_share):
    """Asked about "everything" from "location", it was tightened to "clean" before the yes came."""
    share = make_share(terms=at("placed"))
    asked = as_alice.post(url_of("terms", share), LEVELS["everything"])
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)"', words(asked)))
    as_alice.post(url_of("terms", share), LEVELS["clean"])

    answer = as_alice.post(url_of("terms", share), fields)

    assert answer.status_code == 200
    assert "Let them see more?" in words(answer)
    share.refresh_from_db()
    assert share.terms == at("clean")


def test_saving_what_is_there_changes_nothing(as_alice, make_share):
    share = make_share(terms=at("clean"))

    as_alice.post(url_of("terms", share), LEVELS["clean"])

    share.refresh_from_db()
    assert (share.terms, share.epoch) == (at("clean"), 0)


def test_the_sheet_of_a_link_says_what_is_chosen(as_alice, make_share):
    share = make_share(terms=at("undated"))

    html = words(as_alice.get(url_of("terms", share)))

    assert checked(html) == ["clean", "hides_dates", "shows_sender"]


@pytest.mark.parametrize("call", ["get", "post"])
def test_nobody_else_changes_a_link_and_an_ended_one_stays_as_it_was(
    call, as_alice, as_bob, make_share
):
    share = make_share(terms=at("clean"))
    act = {"data": LEVELS["everything"] | {"confirmed": "0"}} if call == "post" else {}

    others = getattr(as_bob, call)(url_of("terms", share), **act)
    stop_share(share, now=timezone.now())
    ended = getattr(as_alice, call)(url_of("terms", share), **act)

    assert (others.status_code, ended.status_code) == (404, 404)
    share.refresh_from_db()
    assert share.terms == at("clean")


def test_a_change_that_makes_no_sense_is_refused_in_words(as_alice, make_share):
    share = make_share(terms=at("clean"))

    response = as_alice.post(url_of("terms", share), {"privacy": "everything", "hides_dates": "on"})

    assert response.status_code == 400
    assert "Choose one or the other" in words(response)
    share.refresh_from_db()
    assert share.terms == at("clean")
