"""For You: the list, the pasted link, the badge, and the setting."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from library.models import User
from shares.feed import OWN_LINKS, PAGE_CARDS
from shares.models import Receipt, Share
from shares.publishing import stop_share
from shares.receiving import add
from tests.conftest import signed_in
from tests.shares.helpers import many_assets, nothing_is_written

FOR_YOU = "/for-you/"
BADGE = "/for-you/badge"
HTMX = {"HX-Request": "true"}
NOT_OPEN = "This link is not available."
NO_LINK = "There is no link in that text."
OTHER_PAGE = "That is an address of this site, but no link to shared photos."
OTHER_SITE = "That link leads to another site"

pytestmark = pytest.mark.django_db


def words(response) -> str:
    return " ".join(response.content.decode().split())


def titles(response) -> list[str]:
    return re.findall(r'<h3 id="share-[\w-]+">(.*?)</h3>', words(response))


def receive(recipient: User, share: Share, *, state: str = "new", ago_minutes: int = 0) -> Receipt:
    at = timezone.now() - timedelta(minutes=ago_minutes)
    return Receipt.objects.create(
        share=share,
        recipient=recipient,
        state=state,
        came_by="pasted",
        received_at=at,
        changed_at=at,
    )


@pytest.fixture
def links_of(make_user, make_share):
    """Make links of a sender, the n-th with n items."""

    def make(number: int, name: str = "Jane Doe") -> list[Share]:
        sender = make_user(name)
        return [make_share(many_assets(sender, n)) for n in range(1, number + 1)]

    return make


# The list


def test_an_empty_feed_is_one_sentence_and_the_field(as_bob):
    page = words(as_bob.get(FOR_YOU))

    assert "<h1>For You</h1>" in page
    assert "Recently Shared" in page
    assert "Nothing has been passed along to you yet." in page
    assert 'aria-label="Paste Link"' in page
    assert "Shared by You" not in page


def test_a_card_says_who_what_until_when_and_whether_it_is_new(links_of, bob, as_bob):
    one, two = links_of(2)
    receive(bob, one, ago_minutes=5)
    receive(bob, two, state="seen", ago_minutes=9)
    add(two, bob, {1}, now=timezone.now())

    response = as_bob.get(FOR_YOU)

    page = words(response)
    assert titles(response) == ["1 Photo", "2 Photos"]
    assert page.count("<bdi>Jane Doe</bdi>") == 2
    assert page.count('class="new"') == 1
    assert "1 in your library" in page
    assert f'href="{one.get_absolute_url()}"' in page
    assert f'data-link="{one.public_url}"' in page
    assert f'<time datetime="{one.expires_at:%Y-%m-%dT%H:%M:%SZ}" data-day>' in page


def test_pictures_are_those_of_the_gate_three_at_most(links_of, bob, as_bob):
    share = links_of(5)[4]
    receive(bob, share)

    page = words(as_bob.get(FOR_YOU))

    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert pictures == [f"{share.get_absolute_url()}{n}/thumbnail" for n in (1, 2, 3)]


def test_the_newest_comes_first_and_what_is_undone_or_declined_does_not_come(links_of, bob, as_bob):
    for minutes, (share, state) in enumerate(
        zip(links_of(4), ["seen", "undone", "declined", "new"], strict=True)
    ):
        receive(bob, share, state=state, ago_minutes=10 - minutes)

    assert titles(as_bob.get(FOR_YOU)) == ["4 Photos", "1 Photo"]


def test_what_has_ended_is_gone_at_once(links_of, bob, as_bob):
    one, two = links_of(2)
    for share in (one, two):
        receive(bob, share)

    stop_share(one, now=timezone.now())

    assert titles(as_bob.get(FOR_YOU)) == ["2 Photos"]
    assert as_bob.get(BADGE).json() == {"unopened": 1}


def test_what_others_received_is_not_there(links_of, alice, as_bob):
    receive(alice, links_of(1)[0])

    assert titles(as_bob.get(FOR_YOU)) == []


def test_own_live_links_stand_under_shared_by_you(make_share, make_asset, as_alice):
    live, ended = make_share([make_asset()]), make_share([make_asset()])
    stop_share(ended, now=timezone.now())

    page = words(as_alice.get(FOR_YOU))

    assert "Shared by You" in page
    assert live.get_absolute_url() in page
    assert ended.token not in page


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_older_ones_come_in_pages_without_a_gap(headers, links_of, bob, as_bob):
    for minutes, share in enumerate(links_of(PAGE_CARDS + 3)):
        receive(bob, share, ago_minutes=minutes // 2)  # pairs come at the same moment

    first = as_bob.get(FOR_YOU, headers=headers)
    place = re.search(r"after=(\d+-\d+)", words(first))[1]
    second = as_bob.get(f"{FOR_YOU}?after={place}", headers=headers)

    assert len(titles(first)) == PAGE_CARDS
    assert len(set(titles(first) + titles(second))) == PAGE_CARDS + 3
    assert ("<h1>" in words(first)) == (not headers)


def test_one_and_sixty_take_the_same_few_queries(make_user, make_share, bob, as_bob):
    numbers = []
    senders = [make_user(f"Sender{n} Doe") for n in range(6)]
    for total in (1, 60):
        while bob.receipts.count() < total:
            receive(bob, make_share(many_assets(senders[total % 6], 4)))
        with CaptureQueriesContext(connection) as queries:
            assert len(titles(as_bob.get(FOR_YOU))) == min(total, PAGE_CARDS)
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] <= 10


def test_own_links_take_the_same_few_queries_whatever_their_number(make_share, alice, as_alice):
    numbers = []
    for total in (1, OWN_LINKS + 3):
        while alice.shares.count() < total:
            make_share(many_assets(alice, 4))
        with CaptureQueriesContext(connection) as queries:
            as_alice.get(FOR_YOU)
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] <= 11


def test_reading_the_feed_writes_nothing(links_of, bob, as_bob):
    receive(bob, links_of(1)[0])

    with nothing_is_written():
        for path in (FOR_YOU, BADGE, f"{FOR_YOU}?after=5-5"):
            assert as_bob.get(path).status_code == 200

    assert bob.assets.count() == 0


@pytest.mark.parametrize("after", ["", "x", "1-", "-1", "9" * 40, "1-2-3", "\x00"])
def test_a_place_that_is_none_is_the_beginning(after, links_of, bob, as_bob):
    receive(bob, links_of(1)[0])

    assert titles(as_bob.get(FOR_YOU, {"after": after})) == ["1 Photo"]


@pytest.mark.parametrize("path", [FOR_YOU, BADGE, "/settings/"])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_strangers_are_asked_to_log_in(path, verb, carol):
    response = getattr(carol, verb)(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


# The badge


def test_the_badge_counts_what_is_new_on_the_tab_and_in_the_title(links_of, bob, as_bob):
    for share in links_of(3):
        receive(bob, share, state="seen" if share.next_position == 2 else "new")

    for path in (FOR_YOU, "/library/", "/links/", "/settings/"):
        page = words(as_bob.get(path))

        assert '<span class="badge" aria-hidden="true" >2</span>' in page, path
        assert "<title>(2) " in page


def test_without_anything_new_there_is_no_badge(links_of, bob, as_bob):
    receive(bob, links_of(1)[0], state="seen")

    page = words(as_bob.get("/library/"))

    assert 'aria-hidden="true" hidden>0</span>' in page
    assert "<title>Library" in page


def test_the_badge_answers_nothing_when_nothing_has_changed(links_of, bob, as_bob):
    receive(bob, links_of(1)[0])

    assert as_bob.get(BADGE, {"known": "1"}).status_code == 204
    assert as_bob.get(BADGE, {"known": "0"}).json() == {"unopened": 1}
    assert as_bob.get(BADGE, {"known": "x" * 5_000}).json() == {"unopened": 1}
    assert as_bob.get(BADGE)["Cache-Control"] == "private, no-store"


def test_the_badge_is_one_cheap_question(links_of, bob, as_bob):
    receive(bob, links_of(1)[0])

    with CaptureQueriesContext(connection) as queries:
        as_bob.get(BADGE, {"known": "1"})

    assert len(queries) == 3  # the session, the member, the number


# Pasting


def paste(client: Client, text: str):
    return client.post(FOR_YOU, {"text": text})


@pytest.mark.parametrize(
    "message",
    [
        "{url}",
        "  {url}\n",
        "Hi Bob,\nour weekend: {url}\nSee you!",
        "Our weekend ({url}).",
        "{bare}",
        "<{url}>",
        "https://example.com/s/not-this-one/ and then {url}",
        "http://127.0.0.1:8000/s/no-such-token/ and {url}",
        "{url}3/",
        "{url}archive?items=1",
        "HTTP://127.0.0.1:8000/s/{token}",
        "x" * 50_000 + "\n{url}\n" + "y" * 50_000,
    ],
)
def test_a_message_with_a_link_lists_it_as_new(message, make_share, bob, as_bob):
    share = make_share()
    url = share.public_url
    text = message.format(url=url, bare=url.removeprefix("http://"), token=share.token)

    response = paste(as_bob, text)

    assert response.status_code == 302
    receipt = bob.receipts.get()
    assert (receipt.share, receipt.state, receipt.came_by) == (share, "new", "pasted")
    page = words(as_bob.get(FOR_YOU))
    assert "Added to For You." in page
    assert "<title>(1) " in page
    assert bob.assets.count() == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", NO_LINK),
        ("   ", NO_LINK),
        ("holiday", NO_LINK),
        ("\x00\x00", NO_LINK),
        ("x" * 100_000, NO_LINK),
        ("a.b/s/" * 20_000, NO_LINK),
        ("https://example.com/s/abcdefghijklmnopqrstuvwxyz012345/", OTHER_SITE),
        ("https://example.com/", OTHER_SITE),
        ("http://127.0.0.1:8000/library/", OTHER_PAGE),
        ("see http://127.0.0.1:8000/links/ for more", OTHER_PAGE),
        ("http://127.0.0.1:8000.example.com/s/abc/", OTHER_SITE),
        ("http://127.0.0.1:8000/s/never-was-a-token/", NOT_OPEN),
        ("http://127.0.0.1:8000/s/" + "a" * 500, NOT_OPEN),
    ],
)
def test_anything_else_gets_a_sentence(text, sentence, bob, as_bob):
    response = paste(as_bob, text)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not bob.receipts.exists()


def test_a_link_that_ended_is_told_as_one_that_never_was(make_share, alice, as_bob):
    stopped, expired, empty = make_share(), make_share(days=-1), make_share()
    stop_share(stopped, now=timezone.now())
    empty.items.update(asset=None)
    unknown = paste(as_bob, "http://127.0.0.1:8000/s/never-was-a-token/")

    for share in (stopped, expired, empty):
        answer = paste(as_bob, share.public_url)

        assert answer.status_code == unknown.status_code == 400
        assert said(answer) == said(unknown)
    assert not Receipt.objects.exists()


def said(response) -> str:
    return re.search(r'id="paste-said"[^>]*>(.*?)</p>', words(response))[1]


def test_ones_own_link_gets_a_sentence(make_share, as_alice):
    share = make_share()

    response = paste(as_alice, share.public_url)

    assert response.status_code == 400
    assert "This is your own link." in response.content.decode()
    assert not Receipt.objects.exists()


def test_pasting_twice_says_so(make_share, as_bob):
    share = make_share()
    paste(as_bob, share.public_url)

    paste(as_bob, share.public_url)

    assert "This is in For You already." in words(as_bob.get(FOR_YOU))
    assert Receipt.objects.count() == 1


def test_other_sites_can_not_paste_for_a_member(make_share, bob):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")

    response = client.post(FOR_YOU, {"text": make_share().public_url})

    assert response.status_code == 403
    assert not Receipt.objects.exists()


# The setting


@pytest.mark.parametrize("choice", ["always", "ask", "never"])
def test_the_setting_is_kept(choice, bob, as_bob):
    response = as_bob.post("/settings/", {"display_name": " Bobby\nRoe ", "opened_links": choice})

    assert response.status_code == 302
    bob.refresh_from_db()
    assert (bob.opened_links, bob.display_name) == (choice, "Bobby Roe")
    assert (
        f'value="{choice}"'
        in re.search(r"<input[^>]* checked[^>]*>", words(as_bob.get("/settings/")))[0]
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"display_name": "Bob", "opened_links": "sometimes"},
        {"display_name": "https://evil.example", "opened_links": "ask"},
        {"display_name": "x" * 81, "opened_links": "ask"},
        {"opened_links": "ask"},
    ],
)
def test_a_setting_that_is_none_is_refused_whole(fields, bob, as_bob):
    response = as_bob.post("/settings/", fields)

    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    bob.refresh_from_db()
    assert (bob.opened_links, bob.display_name) == ("always", "Bob Roe")


def test_nobody_is_made_staff_by_their_settings(bob, as_bob):
    fields = {"display_name": "Bob", "opened_links": "ask"}

    as_bob.post("/settings/", fields | {"is_staff": "on", "email": "x@example.org", "id": "1"})

    bob.refresh_from_db()
    assert not bob.is_staff
    assert bob.email != "x@example.org"


def test_what_a_link_adds_to_pages_is_only_text(make_user, make_share, bob):
    share = make_share(many_assets(make_user("Mallory <b>"), 1))
    receive(bob, share)

    page = words(signed_in(bob).get(reverse("shares:for_you")))

    assert "Mallory &lt;b&gt;" in page
