"""The gate stands before every address below a link, whatever state the link is in."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from library.models import Asset
from shares import access
from tests.shares.helpers import many_assets, nothing_is_written

pytestmark = pytest.mark.django_db

STATES = {
    "unknown": 404,
    "stopped": 410,
    "expired": 410,
    "ended": 410,
    "suspended": 410,
    "empty": 410,
}
# What only members do: a stranger is asked to log in, and a GET of it is none, or is that question
POSTED = {"opened": 404, "listed": 302, "unlisted": 302, "add": 302, "decline": 302}
HEADERS = ({}, {"Range": "bytes=0-99"}, {"If-None-Match": "*"}, {"HX-Request": "true"})
VALUES = {"position": 1, "kind": "thumbnail", "rest": "some/file.css"}


def share_patterns() -> dict[str, URLPattern]:
    """Return every pattern below s/, by its whole route."""
    found: dict[str, URLPattern] = {}

    def walk(patterns, prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif route.startswith("s/"):
                found[route] = pattern

    walk(get_resolver().url_patterns, "")
    return found


ROUTES = share_patterns()


def address(route: str, token: str) -> str:
    return "/" + re.sub(
        r"<\w+:(\w+)>", lambda match: str({"token": token, **VALUES}[match[1]]), route
    )


@pytest.fixture
def token_in(make_share, alice):
    def make(state: str) -> str:
        now = timezone.now()
        if state == "unknown":
            return "never-was-a-token"
        share = make_share(many_assets(alice, 2))  # nothing of them is sent
        match state:
            case "stopped":
                share.stopped_at = now
            case "expired":
                share.created_at, share.expires_at = (
                    now - timedelta(days=31),
                    now - timedelta(seconds=1),
                )
            case "ended":
                share.ended_at = now
            case "empty":
                share.items.update(asset=None)
            case "suspended":
                share.sender.is_active = False
                share.sender.save()
        share.save()
        return share.token

    return make


def test_there_are_addresses_to_walk():
    names = {pattern.name for pattern in ROUTES.values()}

    assert names >= {"page", "tiles", "item", "rendition", "file", "archive", "nothing"} | {*POSTED}


@pytest.mark.parametrize("route", ROUTES)
def test_every_address_below_a_link_is_behind_the_gate(route):
    assert getattr(ROUTES[route].callback, "is_behind_gate", False)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("who", ["carol", "as_bob"])
def test_a_link_that_is_not_open_gives_nothing_away(route, state, who, token_in, request):
    url = address(route, token_in(state))
    client = request.getfixturevalue(who)

    for headers in HEADERS if who == "carol" else HEADERS[-1:]:
        for call in (client.get, client.head, client.post):
            response = call(url, headers=headers)

            assert response.status_code == STATES[state], (call, headers)
            assert response["Cache-Control"] == "no-store"
            assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
            assert b"Alice" not in response.content
            assert b"Photo" not in response.content.replace(b"photos along", b"")
            assert "ETag" not in response


@pytest.mark.parametrize("name", POSTED)
def test_what_members_do_with_a_link_is_nothing_to_a_stranger(name, make_share, carol):
    url = address(f"s/<str:token>/{name}", (share := make_share()).token)

    with nothing_is_written():
        posted, got = carol.post(url, {"all": "1", "item": "1"}), carol.get(url)

    assert posted.status_code == POSTED[name]
    if posted.status_code == 302:
        assert posted["Location"] == f"/accounts/login/?next={share.get_absolute_url()}"
    assert got.status_code == (302 if name == "decline" else 405)
    for response in (posted, got):
        assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"


@pytest.mark.parametrize("route", [route for route in ROUTES if ROUTES[route].name not in POSTED])
def test_an_open_link_answers_without_an_account(route, make_share, carol):
    response = carol.get(address(route, make_share().token))

    assert response.status_code == (404 if ROUTES[route].name == "nothing" else 200)
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    if response.status_code == 200:
        expected = (
            "private, no-store" if "html" in response["Content-Type"] else "private, no-cache"
        )
        assert response["Cache-Control"] == expected


@pytest.mark.parametrize("state", ["stopped", "expired", "suspended", "empty"])
def test_the_page_of_an_ended_link_is_the_same_whatever_ended_it(state, token_in, carol):
    ended = carol.get(reverse("shares:page", args=[token_in("ended")]))

    other = carol.get(reverse("shares:page", args=[token_in(state)]))

    assert other.content == ended.content


@pytest.mark.parametrize("token", ["x", "%00", "a" * 65, "../..", "ä", "' OR 1=1"])
def test_a_malformed_token_is_just_unknown(token, carol, db):
    response = carol.get(f"/s/{token}/")

    assert response.status_code == 404
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"


def test_the_address_that_people_pass_on_never_changes(make_share):
    share = make_share()

    assert share.get_absolute_url() == f"/s/{share.token}/"
    assert len(share.token) == 32


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_both_forms_of_the_rule_agree_around_the_end(seconds, make_share):
    share = make_share()
    moment = share.expires_at + timedelta(seconds=seconds)

    in_sql = type(share).objects.open_at(moment).filter(pk=share.pk).exists()

    assert in_sql == share.is_open_at(moment) == (seconds < 0)


def test_a_link_comes_back_with_its_items(make_share, carol):
    share = make_share()
    page = share.get_absolute_url()
    assets = Asset.objects.filter(share_items__share=share)

    assets.update(removed_at=timezone.now())
    assert carol.get(page).status_code == 410
    assets.update(removed_at=None)

    assert carol.get(page).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_whoever_tries_many_addresses_that_are_no_link_has_to_wait(route, make_share, carol):
    share, url = make_share(), address(route, "never-was-a-token")
    statuses = [carol.get(url, REMOTE_ADDR="203.0.113.7").status_code for _ in range(62)]

    refused = carol.get(url, REMOTE_ADDR="203.0.113.7")

    assert statuses == [404] * 60 + [429] * 2
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 300
    assert carol.get(url, REMOTE_ADDR="203.0.113.8").status_code == 404
    assert carol.get(share.get_absolute_url(), REMOTE_ADDR="203.0.113.7").status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"stopped_at": timezone.now(), "epoch": 1}, 410),
        ({"privacy": "clean", "epoch": 1}, 503),
        ({"shows_sender": False}, 200),
    ],
)
def test_what_took_long_is_asked_about_once_more(change, status, make_share, carol, monkeypatch):
    """The link is stopped, or lets out less, while its archive is being planned."""
    monkeypatch.setattr(access, "SLOW_SECONDS", 0)
    share = make_share()

    def change_while_it_waits(execute, sql, params, many, context):
        if "library_throttle" in sql:
            type(share).objects.filter(pk=share.pk).update(**change)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(change_while_it_waits):
        response = carol.get(share.get_absolute_url() + "archive")

    assert response.status_code == status
