"""The page of an ended link: nothing of it for strangers, the reason for its sender and its recipients."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shares.models import Share
from shares.publishing import stop_share
from shares.receiving import open_received
from tests.shares.helpers import many_assets, nothing_is_written

CLOSED = "This link is no longer available"


def said(response) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode().partition("<main")[2])
    return " ".join(text.split())


@pytest.fixture
def make_ended(make_share, alice, bob):
    """Make a link that Bob has received and that has ended since."""

    def make(how: str) -> Share:
        share = make_share(many_assets(alice, 2))
        open_received(share, bob, now=timezone.now())
        if how == "stopped":
            stop_share(share, now=timezone.now())
        else:
            days = {"expired": 1, "long ago": 31}[how]
            share.created_at -= timedelta(days=70)
            share.expires_at = timezone.now() - timedelta(days=days)
            share.save()
        return share

    return make


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("expired", "Your link ended by itself on {end}. You can renew it until {last}."),
        ("long ago", "Your link ended by itself on {end}. It can’t be renewed any more."),
        ("stopped", "You stopped sharing it on {stop}. A stopped link never works again."),
    ],
)
def test_its_sender_reads_why_and_renews_what_can_be(how, sentence, make_ended, as_alice):
    share = make_ended(how)

    with nothing_is_written():
        response = as_alice.get(share.get_absolute_url())

    assert response.status_code == 410
    assert response["Cache-Control"] == "no-store"
    last = share.expires_at + timedelta(days=30)
    moments = {"end": share.expires_at, "last": last, "stop": timezone.now()}
    told = sentence.format(**{name: f"{at:%-d %B %Y}" for name, at in moments.items()})
    assert CLOSED in said(response)
    assert told in said(response)
    url = reverse("shares:lifetime", args=[share.uuid])
    assert (f'href="{url}"' in response.content.decode()) == (how == "expired")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("expired", "It ended by itself on"),
        ("long ago", "It ended by itself on"),
        ("stopped", "Its sender stopped sharing it."),
    ],
)
def test_who_had_received_it_reads_why_and_nothing_of_it(how, sentence, make_ended, as_bob):
    share = make_ended(how)

    with nothing_is_written():
        response = as_bob.get(share.get_absolute_url())

    assert response.status_code == 410
    assert sentence in said(response)
    assert "ask for a new link" in said(response)
    html = response.content.decode()
    assert not re.search("Alice|2 Photos|renew|<img", html, re.IGNORECASE)
    assert str(share.uuid) not in html


@pytest.mark.parametrize("how", ["expired", "stopped"])
def test_a_member_who_never_received_it_reads_what_strangers_read(
    how, make_ended, make_user, carol, client
):
    share = make_ended(how)
    client.force_login(
        make_user("Dora"), backend="allauth.account.auth_backends.AuthenticationBackend"
    )

    theirs, strangers = (who.get(share.get_absolute_url()) for who in (client, carol))

    assert said(theirs) == said(strangers)
    assert "Links end by themselves after a while" in said(theirs)


@pytest.mark.parametrize("who", ["as_alice", "as_bob"])
@pytest.mark.parametrize("cause", ["suspended", "empty"])
def test_what_is_no_end_is_not_told_as_one(cause, who, make_share, alice, bob, request):
    share = make_share(many_assets(alice, 1))
    open_received(share, bob, now=timezone.now())
    client = request.getfixturevalue(who)
    if cause == "empty":
        share.items.update(asset=None)
    else:
        type(alice).objects.filter(pk=alice.pk).update(is_active=False)

    assert "Links end by themselves after a while" in said(client.get(share.get_absolute_url()))


def test_a_stranger_costs_one_query(make_ended, carol):
    share = make_ended("expired")

    with CaptureQueriesContext(connection) as queries:
        carol.get(share.get_absolute_url())

    assert len(queries) == 1


def test_files_of_an_ended_link_say_one_line_to_all(make_ended, as_alice, as_bob, carol):
    share = make_ended("expired")

    for who in (as_alice, as_bob, carol):
        response = who.get(f"{share.get_absolute_url()}1/file")
        assert response.content == b"This link is no longer available.\n"
