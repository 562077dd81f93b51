"""Every address below a link, in every state that a link can be in, asked in every way: no leak.

Each address is asked while the link is open first, so that what a browser has kept of it is asked with again.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from library.models import User
from shares.models import REMEMBERED_FOR, Share, Tombstone
from shares.publishing import stop_share
from shares.purging import purge
from tests.shares.helpers import file_of
from tests.shares.test_gate import ROUTES

pytestmark = pytest.mark.django_db

# By the name of the route: the addresses that are asked, and what they answer while the link is open
ADDRESSES = {
    "page": {"": 200, "?after=1": 200},
    "tiles": {"tiles?id=1": 200},
    "item": {"1/": 200},
    "rendition": {"1/thumbnail": 200, "1/preview": 200, "1/poster": 404},
    "file": {"1/file": 200},
    "archive": {"archive": 200, "archive?items=1": 200, "archive?items=1-2": 200},
    "opened": {"opened": 405},
    "listed": {"listed": 405},
    "unlisted": {"unlisted": 405},
    "add": {"add": 405},
    "decline": {"decline": 302},
    "nothing": {"some/file.css": 404},
}
OF_THE_ITEM = {"item", "rendition", "file"}
SHOWN = b"/1/thumbnail"  # what a page says of the first item


def expire(share: Share) -> None:
    created, ended = timezone.now() - timedelta(days=31), timezone.now() - timedelta(seconds=1)
    Share.objects.filter(pk=share.pk).update(created_at=created, expires_at=ended)


def stop(share: Share) -> None:
    stop_share(share, now=timezone.now())


def suspend_sender(share: Share) -> None:
    User.objects.filter(pk=share.sender_id).update(is_active=False)


def delete_sender(share: Share) -> None:
    share.sender.delete()


def be_purged(share: Share) -> None:
    stop(share)
    purge(now=timezone.now())


def be_forgotten(share: Share) -> None:
    be_purged(share)
    Tombstone.objects.update(ended_at=timezone.now() - REMEMBERED_FOR)


ENDS = {
    expire: 410,
    stop: 410,
    suspend_sender: 410,
    delete_sender: 410,
    be_purged: 410,
    be_forgotten: 404,
}


def ways(etag: str) -> list[tuple[str, dict[str, str]]]:
    """Return each way to ask: a method, and headers."""
    return [
        ("get", {}),
        ("get", {"If-None-Match": etag}),
        ("get", {"If-None-Match": "*"}),
        ("get", {"Range": "bytes=0-99"}),
        ("get", {"Range": "bytes=0-99", "If-Range": etag}),
        ("head", {}),
        ("head", {"If-None-Match": etag}),
    ]


def body_of(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def asked(make_share, carol: Client) -> Callable[[str], tuple[Share, dict[str, str]]]:
    """Return an open link and the ETags that its addresses of one route have given."""

    def ask(name: str) -> tuple[Share, dict[str, str]]:
        share = make_share()
        answers = {
            share.get_absolute_url() + rest: (carol.get(share.get_absolute_url() + rest), status)
            for rest, status in ADDRESSES[name].items()
        }
        assert all(answer.status_code == status for answer, status in answers.values())
        return share, {url: answer.get("ETag", '"x"') for url, (answer, _) in answers.items()}

    return ask


def test_every_address_has_a_row_here():
    assert {pattern.name for pattern in ROUTES.values()} == set(ADDRESSES)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_is_left_of_a_link_that_ended(name, end, asked, carol):
    share, etags = asked(name)
    token = share.token

    end(share)

    for url, etag in etags.items():
        for method, headers in ways(etag):
            response = getattr(carol, method)(url, headers=headers)
            told = (url, method, headers)
            assert response.status_code == ENDS[end], told
            assert "ETag" not in response, told
            assert response["Cache-Control"] == "no-store", told
            body = body_of(response)
            assert len(body) < 20_000, told
            assert b"Alice" not in body, told
            assert token.encode() not in body, told
            assert SHOWN not in body, told


@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_is_left_of_an_item_that_was_removed(name, asked, carol):
    share, etags = asked(name)
    data = file_of(share.items.get(position=1).source).read_bytes()

    share.items.filter(position=1).update(removed_at=timezone.now())

    for url, etag in etags.items():
        for method, headers in ways(etag):
            response = getattr(carol, method)(url, headers=headers)
            told = (url, method, headers)
            if name in OF_THE_ITEM or url.endswith("items=1"):
                assert response.status_code == 404, told
            assert response.status_code != 304 or headers["If-None-Match"] == "*", told
            assert response.get("ETag") != etag, told
            body = body_of(response)
            assert SHOWN not in body, told
            assert data not in body, told


def test_an_open_link_gives_what_the_others_do_not(asked, carol):
    """So the two above can fail."""
    share, _ = asked("page")

    assert SHOWN in carol.get(share.get_absolute_url()).content
    data = file_of(share.items.get(position=1).source).read_bytes()
    assert data in body_of(carol.get(share.get_absolute_url() + "archive"))
