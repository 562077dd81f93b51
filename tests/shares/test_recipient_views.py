"""The share page as a member sees it, and what they do there: open, list, add, decline."""

import json
import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from library.models import Asset, Stills
from shares import receiving
from shares.models import Keep, Receipt, Share
from shares.publishing import stop_share
from tests.conftest import signed_in
from tests.shares.helpers import many_assets, nothing_is_written

HTMX = {"HX-Request": "true"}
DECLINED = "You declined this share on"
ACTS = ("opened", "listed", "unlisted", "add", "decline")

pytestmark = pytest.mark.django_db


def words(response) -> str:
    return " ".join(response.content.decode().split())


def said(response) -> str:
    """Return what an answer says: as a message of the next page, or as one line for a script."""
    if "HX-Trigger" in response:
        return json.loads(response["HX-Trigger"])["passalong:say"]["text"]
    return " ".join(map(str, get_messages(response.wsgi_request)))


@pytest.fixture
def share(make_share, alice) -> Share:
    """Return a link of Alice's with five photos."""
    return make_share(many_assets(alice, 5))


@pytest.fixture
def at(share):
    """Return an address below the link."""
    return lambda rest="": share.get_absolute_url() + rest


# The page


def test_a_recipient_finds_add_and_more_on_the_page_of_strangers(at, as_bob):
    page = words(as_bob.get(at()))

    for name in ("Add All", "Add Selected", "Copy Link", "Decline", "Select", "Download"):
        assert name in page
    assert 'aria-label="More"' in page
    assert "Stop Sharing" not in page
    assert "This is your link" not in page


def test_the_sender_finds_a_thin_bar_and_stop_sharing_and_no_add(share, at, as_alice):
    for rest in ("", "1/"):
        page = words(as_alice.get(at(rest)))

        assert "Copy Link" in page
        assert "Stop Sharing" in page
        assert f"/links/{share.uuid}/stop/" in page
        for name in ("Add All", "Add to Library", "Decline", "data-opened"):
            assert name not in page
    assert "This is your link. Others see just this." in words(as_alice.get(at()))


def test_a_stranger_finds_none_of_it(share, at, carol):
    for rest in ("", "1/"):
        page = words(carol.get(at(rest)))

        for name in ("Add", "Copy Link", "Decline", "Stop Sharing", "data-opened", "csrf"):
            assert name not in page
        assert str(share.uuid) not in page


def test_an_item_offers_to_be_added_until_it_is_in_the_library(at, as_bob):
    assert "Add to Library" in words(as_bob.get(at("2/")))

    response = as_bob.post(at("add"), {"item": "2", "alone": ""})

    assert response["Location"] == at("2/")
    page = words(as_bob.get(at("2/")))
    assert "In Library" in page
    assert "Add to Library" not in page
    assert "1 added." in page


def test_with_htmx_the_button_of_an_item_turns(at, as_bob):
    response = as_bob.post(at("add"), {"item": "2", "alone": ""}, headers=HTMX)

    fragment = words(response)
    assert "In Library" in fragment
    assert "<html" not in fragment
    assert said(response) == "1 added."


def test_an_item_that_is_not_ready_keeps_its_button_and_says_why(share, at, as_bob):
    Stills.objects.update(state="due", prepared_at=None)

    response = as_bob.post(at("add"), {"item": "2", "alone": ""}, headers=HTMX)

    assert "Add to Library" in words(response)
    assert said(response) == "Nothing was added. 1 is still being prepared."


def test_the_page_marks_what_is_in_the_library(at, as_bob, carol):
    as_bob.post(at("add"), {"item": ["2", "4"]})

    page = words(as_bob.get(at()))

    marked = re.findall(r'id="item-(\d)"[^>]*data-kept', page)
    assert marked == ["2", "4"]
    assert page.count(", in your library") == 2
    assert "data-kept" not in words(carol.get(at()))
    assert "in your library" not in words(carol.get(at()))


def test_when_all_is_there_the_page_says_so_instead_of_add_all(at, as_bob):
    as_bob.post(at("add"), {"all": "1"})

    page = words(as_bob.get(at()))

    assert "In Library" in page
    assert "Add All" not in page


@pytest.mark.parametrize(
    ("setting", "act", "offers"),
    [
        ("always", "", {"Decline", "List under Recently Shared"}),  # the latter without a script
        ("always", "opened", {"Decline"}),
        ("always", "unlisted", {"List under Recently Shared"}),
        ("never", "", {"List under Recently Shared"}),
        ("never", "listed", {"Decline"}),
        ("ask", "", {"List under Recently Shared"}),
    ],
)
def test_more_offers_what_can_be_done(setting, act, offers, at, bob, as_bob):
    bob.opened_links = setting
    bob.save()
    if act == "unlisted":
        as_bob.post(at("opened"))
    if act:
        as_bob.post(at(act))

    page = words(as_bob.get(at()))

    assert {name for name in ("Decline", "List under Recently Shared") if name in page} == offers


# Adding


def test_add_all_says_how_many_and_the_page_stays(at, bob, as_bob):
    response = as_bob.post(at("add"), {"all": "1"})

    assert response["Location"] == at()
    assert "5 added." in words(as_bob.get(at()))
    assert bob.assets.count() == 5
    assert at() in words(as_bob.get("/for-you/"))


def test_with_htmx_a_toast_says_it_and_the_buttons_follow(at, bob, as_bob):
    response = as_bob.post(at("add"), {"item": ["1", "2"]}, headers=HTMX)

    assert said(response) == "2 added."
    assert "Add All" in words(response)
    assert '"passalong:added": {"all": false}' in response["HX-Trigger"]

    response = as_bob.post(at("add"), {"all": "1", "item": "1"}, headers=HTMX)

    assert said(response) == "3 added. 2 were in your library already."
    assert "In Library" in words(response)
    assert '{"all": true}' in response["HX-Trigger"]


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Nothing is selected."),
        ({"item": ["", "x", "-1", "1e3", "９", "1" * 50]}, "Nothing is selected."),
        ({"item": ["77", "999999"]}, "Nothing was added. 2 are no longer in this link."),
        ({"item": "0"}, "Nothing is selected."),
    ],
)
def test_what_is_not_there_is_a_sentence_and_adds_nothing(sent, sentence, headers, at, bob, as_bob):
    response = as_bob.post(at("add"), sent, headers=headers)

    assert sentence in said(response)
    assert bob.assets.count() == 0


def test_a_position_means_an_item_of_this_link_alone(make_share, alice, at, bob, as_bob):
    other = make_share(many_assets(alice, 9))

    as_bob.post(at("add"), {"item": "7"})

    assert not bob.assets.filter(blob__in=other.items.values("source")).exists()
    assert bob.assets.count() == 0


@pytest.mark.parametrize("name", ["listed", "unlisted", "add", "decline", "opened"])
def test_to_the_sender_these_are_nothing(name, at, alice, as_alice):
    before = alice.assets.count()

    assert as_alice.post(at(name), {"all": "1"}).status_code == 404

    assert alice.assets.count() == before
    assert not Receipt.objects.exists()


def test_a_share_that_is_stopped_meanwhile_says_that_it_ended(share, at, bob, as_bob):
    stop_share(share, now=timezone.now())

    response = as_bob.post(at("add"), {"all": "1"})

    assert response.status_code == 410
    assert bob.assets.count() == 0


def rows() -> list[list[dict[str, object]]]:
    return [list(model.objects.order_by("pk").values()) for model in (Asset, Keep, Receipt, Share)]


def test_members_get_nothing_of_a_link_but_by_its_token(share, alice, as_bob, bob, make_user):
    """Bob tries Alice's numbers as his own, in addresses and in bodies."""
    dora = make_user("Dora Poe")
    receiving.open_received(share, dora, now=timezone.now())
    receiving.add(share, dora, {1}, now=timezone.now())
    asset, item, hers = alice.assets.first(), share.items.first(), dora.assets.get()
    ids = [asset.pk, asset.uuid, item.pk, share.pk, share.uuid, alice.pk, dora.pk, hers.uuid]
    ids += [dora.receipts.get().pk, dora.keeps.get().pk]
    before = rows()
    verbs = (as_bob.get, as_bob.post, as_bob.put, as_bob.patch, as_bob.delete)
    tried = 0

    for number in ids:
        for call in verbs:
            for path in (
                *(f"/s/{number}/{name}" for name in ("", *ACTS, "1/", "archive")),
                f"/library/{number}/",
                f"/library/{number}/file",
                f"/links/{number}/",
                f"/links/{number}/stop/",
            ):
                body = {name: str(number) for name in ("item", "asset", "receipt", "keep", "id")}
                response = call(path, body | {"all": "1"})
                assert response.status_code in {403, 404, 405, 429}, (call, path)
                tried += 1

    assert tried >= 500
    assert bob.assets.count() == 0
    assert rows() == before


def test_what_one_recipient_does_changes_nothing_for_another(share, at, bob, as_bob, make_user):
    dora = make_user("Dora Poe")
    as_dora = signed_in(dora)
    for client in (as_bob, as_dora):
        client.post(at("opened"))
    hers = list(dora.receipts.values())

    body = {"recipient": dora.pk, "recipient_id": dora.pk, "receipt": hers[0]["id"], "all": "1"}
    for name in ("add", "unlisted", "listed", "decline"):
        as_bob.post(at(name), body)

    assert list(dora.receipts.values()) == hers
    assert dora.assets.count() == 0
    assert bob.assets.count() == 5
    assert bob.receipts.get().state == "declined"


# The beacon


def test_the_beacon_lists_the_share_and_says_so_with_undo(at, bob, as_bob):
    response = as_bob.post(at("opened"), headers=HTMX)

    toast = words(response)
    assert 'In <a href="/for-you/">For You</a>' in toast
    assert "Undo" in toast
    assert bob.receipts.get().state == "seen"
    assert bob.assets.count() == 0

    again = as_bob.post(at("opened"), headers=HTMX)

    assert again.status_code == 204


def test_undo_takes_it_back_for_good(at, bob, as_bob):
    as_bob.post(at("opened"), headers=HTMX)

    assert said(as_bob.post(at("unlisted"), headers=HTMX)) == "Undone. It is not listed."

    assert as_bob.post(at("opened"), headers=HTMX).status_code == 204
    assert at() not in words(as_bob.get("/for-you/"))


def test_whoever_wants_to_be_asked_is_asked(at, bob, as_bob):
    bob.opened_links = "ask"
    bob.save()

    toast = words(as_bob.post(at("opened"), headers=HTMX))

    assert "Keep this in For You?" in toast
    assert not bob.receipts.exists()
    assert "Undo" in words(as_bob.post(at("listed"), headers=HTMX))
    assert bob.receipts.get().state == "seen"


def test_whoever_wants_none_of_it_hears_nothing(at, bob, as_bob):
    bob.opened_links = "never"
    bob.save()

    assert as_bob.post(at("opened"), headers=HTMX).status_code == 204
    assert not bob.receipts.exists()


def test_opening_what_was_pasted_takes_it_off_the_badge(share, at, bob, as_bob):
    as_bob.post("/for-you/", {"text": share.public_url})
    assert as_bob.get("/for-you/badge").json() == {"unopened": 1}

    with nothing_is_written():
        as_bob.get(at())
    assert as_bob.get("/for-you/badge").json() == {"unopened": 1}
    response = as_bob.post(at("opened"), headers=HTMX)

    assert response.status_code == 204
    assert as_bob.get("/for-you/badge").json() == {"unopened": 0}


def test_open_without_a_script_leads_to_the_page(at, bob, as_bob):
    response = as_bob.post(at("opened"))

    assert response["Location"] == at()
    assert bob.receipts.get().state == "seen"


@pytest.mark.parametrize("name", ACTS)
def test_another_site_or_an_old_page_can_do_none_of_it(name, at, bob):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.get(at())

    for fields in ({"all": "1"}, {"all": "1", "csrfmiddlewaretoken": "x" * 64}):
        for headers in (HTMX, {"Origin": "https://evil.example"}):
            response = client.post(at(name), fields, headers=headers)

            assert response.status_code == 403
    assert not Receipt.objects.exists()
    assert bob.assets.count() == 0


@pytest.mark.parametrize(
    "rest", ["", "?after=1", "tiles?id=1", "1/", "1/thumbnail", "1/file", "archive", "decline"]
)
def test_a_get_lists_nothing(rest, at, bob, as_bob):
    with nothing_is_written():
        as_bob.get(at(rest), headers={"Sec-Purpose": "prefetch"})
        as_bob.head(at(rest))

    assert not Receipt.objects.exists()


# Declining


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_decline_asks_first_in_the_originals_words(headers, at, bob, as_bob):
    as_bob.post(at("opened"))

    page = words(as_bob.get(at("decline"), headers=headers))

    assert "Access to these shared photos will not be available anymore." in page
    assert "You can open the link again if you still have it." in page
    assert bob.receipts.get().state == "seen"
    assert ("<html" in page) == (not headers)


def test_what_was_declined_is_gone_for_that_person_and_shows_no_picture(
    at, bob, as_bob, carol, as_alice
):
    as_bob.post(at("opened"))
    as_bob.post(at("add"), {"item": "1"})

    response = as_bob.post(at("decline"))

    assert response["Location"] == "/for-you/"
    assert at() not in words(as_bob.get("/for-you/"))
    for rest in ("", "?after=1", "1/"):
        page = words(as_bob.get(at(rest)))
        assert DECLINED in page
        assert "View Again" in page
        assert "thumbnail" not in page
        assert "Alice" not in page
    assert bob.assets.count() == 1
    assert DECLINED not in words(carol.get(at()))
    assert DECLINED not in words(as_alice.get(at()))


def test_what_was_declined_can_not_be_added_from(at, bob, as_bob):
    as_bob.post(at("opened"))
    as_bob.post(at("decline"))

    response = as_bob.post(at("add"), {"all": "1"})

    assert response.status_code == 403
    assert DECLINED in words(response)
    assert bob.assets.count() == 0


@pytest.mark.parametrize("rest", ["", "?after=1", "1/", "add"])
def test_a_page_that_is_still_open_elsewhere_is_read_anew(rest, at, bob, as_bob):
    as_bob.post(at("opened"))
    as_bob.post(at("decline"))

    call = as_bob.post if rest == "add" else as_bob.get
    response = call(at(rest), {"all": "1"} if rest == "add" else {}, headers=HTMX)

    assert response["HX-Refresh"] == "true"
    assert not response.content
    assert bob.assets.count() == 0


def test_tiles_of_what_was_declined_do_not_come(at, as_bob):
    as_bob.post(at("opened"))
    as_bob.post(at("decline"))

    response = as_bob.get(at("tiles?id=1&id=2"))

    assert response.status_code == 403
    assert words(response) == "You declined this share."


def test_view_again_brings_it_back_as_seen(at, bob, as_bob):
    as_bob.post(at("opened"))
    as_bob.post(at("decline"))

    response = as_bob.post(at("listed"))

    assert response["Location"] == at()
    assert DECLINED not in words(as_bob.get(at()))
    assert at() in words(as_bob.get("/for-you/"))
    assert as_bob.get("/for-you/badge").json() == {"unopened": 0}


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_what_was_never_received_is_nothing_to_decline(verb, headers, at, as_bob):
    response = getattr(as_bob, verb)(at("decline"), headers=headers)

    assert response.status_code == 400
    assert "There is nothing to decline" in words(response)
    assert not Receipt.objects.exists()


def test_a_declined_link_that_ended_says_only_that_it_ended(share, at, as_bob, carol):
    as_bob.post(at("opened"))
    as_bob.post(at("decline"))
    stop_share(share, now=timezone.now())

    response = as_bob.get(at())

    assert response.status_code == 410
    assert DECLINED not in words(response)


def test_where_an_item_came_from_stands_on_its_page(share, at, bob, as_bob, alice):
    as_bob.post(at("add"), {"item": "1"})
    mine = bob.assets.get()

    assert "From Alice Doe" in words(as_bob.get(mine.get_absolute_url()))
    alice.delete()

    assert "From a deleted account" in words(as_bob.get(mine.get_absolute_url()))
    assert Asset.objects.count() == 1
