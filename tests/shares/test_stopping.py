"""Stop Sharing: one link, several, or all; from wherever the sender meets them."""

import json
from uuid import uuid4

import pytest
from django.urls import reverse

from shares import stop_views
from shares.models import Share
from tests.shares.helpers import many_assets, nothing_is_written

pytestmark = pytest.mark.django_db

SEVERAL = "/links/stop/"
SAID = "Stopped. Nobody can open it any more."


@pytest.fixture
def shares(make_share, alice) -> list[Share]:
    return [make_share(many_assets(alice, 2)) for _ in range(3)]


def still_open(*shares: Share) -> list[bool]:
    return [Share.objects.get(pk=share.pk).stopped_at is None for share in shares]


def htmx(address: str) -> dict[str, dict[str, str]]:
    return {"headers": {"HX-Request": "true", "HX-Current-URL": f"http://testserver{address}"}}


def test_those_that_are_ticked_are_asked_about_and_stopped(shares, as_alice, carol):
    chosen = {"link": [str(share.uuid) for share in shares[:2]]}

    with nothing_is_written():
        asked = as_alice.get(SEVERAL, chosen).content.decode()
    done = as_alice.post(SEVERAL, chosen, follow=True)

    assert "Stop sharing 2 links?" in asked
    assert all(str(share.uuid) in asked for share in shares[:2])
    assert str(shares[2].uuid) not in asked
    assert still_open(*shares) == [False, False, True]
    assert "2 links stopped. Nobody can open them any more." in done.content.decode()
    assert [carol.get(share.get_absolute_url()).status_code for share in shares] == [410, 410, 200]


def test_all_that_are_open_can_be_stopped_at_once(shares, make_share, alice, as_alice):
    expired = make_share(many_assets(alice, 1), days=-1)

    asked = as_alice.get(SEVERAL, {"all": "1"}).content.decode()
    as_alice.post(SEVERAL, {"link": [str(share.uuid) for share in shares]})

    assert "Stop sharing 3 links?" in asked
    assert str(expired.uuid) not in asked
    assert still_open(*shares) == [False] * 3
    assert "No link to stop" in as_alice.get(SEVERAL, {"all": "1"}).content.decode()


@pytest.mark.parametrize("sent", [{}, {"link": "nonsense"}, {"link": ["", "x" * 900, "-1"]}])
def test_nothing_chosen_is_a_sentence(sent, shares, as_alice):
    for call in (as_alice.get, as_alice.post):
        response = call(SEVERAL, sent)

        assert response.status_code == 400
        assert "No link to stop" in response.content.decode()
    assert still_open(*shares) == [True] * 3


def test_nobody_stops_what_others_share(shares, as_bob):
    sent = {"link": [str(share.uuid) for share in shares]}

    assert as_bob.post(SEVERAL, sent).status_code == 400
    assert as_bob.post(f"/links/{shares[0].uuid}/stop/").status_code == 404
    assert as_bob.post(SEVERAL, {"all": "1"}).status_code == 400
    assert still_open(*shares) == [True] * 3


def test_a_link_that_never_was_is_not_found(as_alice):
    assert as_alice.post(f"/links/{uuid4()}/stop/").status_code == 404


def test_the_message_says_what_happened(shares, as_alice):
    page = as_alice.post(f"/links/{shares[0].uuid}/stop/", follow=True)

    assert page.redirect_chain == [(f"/links/#link-{shares[0].uuid}", 302)]
    assert SAID in page.content.decode()


@pytest.mark.parametrize(
    ("place", "marks"),
    [
        ("/links/", 'id="link-{uuid}"'),
        ("/links/?page=1", 'id="link-{uuid}"'),
        ("/links/#main", 'id="link-{uuid}"'),
        ("/for-you/", 'id="link-{uuid}"'),
        ("/s/{token}/", 'id="owner-bar"'),
        ("/links/{uuid}/", 'id="sheet-{uuid}"'),
    ],
)
def test_what_has_shown_the_link_shows_its_end_in_place(place, marks, shares, as_alice):
    share = shares[0]
    names = {"uuid": share.uuid, "token": share.token}
    address = place.format(**names)
    assert marks.format(**names) in as_alice.get(address).content.decode()

    response = as_alice.post(SEVERAL, {"link": str(share.uuid)}, **htmx(address))

    body = response.content.decode()
    said = json.loads(response["HX-Trigger-After-Settle"])["passalong:stopped"]["said"]
    assert response.status_code == 200
    assert "hx-swap-oob" in body
    assert marks.format(**names) in body
    assert "Stopped" in body
    assert (SAID in body) != (said == SAID), "said once, and not twice"
    assert still_open(share) == [False]


@pytest.mark.parametrize("place", ["/library/", "/nowhere/at/all", ""])
def test_over_any_other_page_it_is_only_said(place, shares, as_alice):
    response = as_alice.post(SEVERAL, {"link": str(shares[0].uuid)}, **htmx(place))

    assert "hx-swap-oob" not in response.content.decode()
    assert SAID in response["HX-Trigger-After-Settle"]


def test_the_list_offers_a_tick_for_what_is_open_and_none_for_the_rest(
    shares, make_share, alice, as_alice
):
    make_share(many_assets(alice, 1), days=-1)

    page = as_alice.get(reverse("shares:links")).content.decode()

    assert page.count('name="link"') == 3


def test_an_expired_link_can_be_stopped_so_that_it_is_never_renewed(make_share, as_alice):
    share = make_share(days=-1)

    as_alice.post(f"/links/{share.uuid}/stop/")

    assert still_open(share) == [False]


def test_a_link_that_was_stopped_meanwhile_reads_as_stopped(shares, as_alice):
    share = shares[0]
    as_alice.post(f"/links/{share.uuid}/stop/")

    again = as_alice.post(SEVERAL, {"link": str(share.uuid)}, **htmx("/links/"))
    asked = as_alice.get(f"/links/{share.uuid}/stop/")

    assert again.status_code == 200
    assert "hx-swap-oob" in again.content.decode()
    assert "No link to stop" in asked.content.decode()


def test_many_are_asked_about_by_a_form_that_stops_nothing_yet(shares, as_alice):
    chosen = {"link": [str(share.uuid) for share in shares], "ask": "1"}

    asked = as_alice.post(SEVERAL, chosen)

    assert "Stop sharing 3 links?" in asked.content.decode()
    assert still_open(*shares) == [True] * 3


def test_what_is_too_much_at_once_is_said(shares, as_alice, monkeypatch):
    monkeypatch.setattr(stop_views, "MOST_AT_ONCE", 2)

    asked = as_alice.post(SEVERAL, {"all": "1", "ask": "1"}).content.decode()

    assert "Stop sharing 2 links?" in asked
    assert "1 more link is left as it is" in asked


def test_an_answer_that_finds_nothing_takes_the_place_of_the_question(as_alice):
    response = as_alice.post(SEVERAL, {}, **htmx("/links/"))

    assert response.status_code == 400
    assert response["HX-Retarget"] == "#dialog"
