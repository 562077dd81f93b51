"""How long a link lives: chosen when it is made, moved while it is open, renewed after it has ended."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from shares.expiry import end_expired
from shares.lifetimes import LifetimeRefusedError, lifetime_choice, lifetime_of
from shares.models import RENEWABLE_FOR, CleanCopy, Share
from shares.publishing import stop_share
from shares.renewing import CLOCK_IS_BEHIND, STOPPED, TOO_LATE, NotRenewableError, set_lifetime
from shares.terms import Terms
from tests.shares.helpers import many_assets, nothing_is_written

HTMX = {"HX-Request": "true"}
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
SENTENCE = "Choose a whole number of days from 1 to 365."
NONSENSE = ["0", "-1", "366", "soon", "1e3", "²", "7.5", "٧", "+7", "1_0", "9" * 5_000]


def words(response) -> str:
    return response.content.decode()


def url_of(share: Share, name: str = "lifetime") -> str:
    return reverse(f"shares:{name}", args=[share.uuid])


# The number of days


@pytest.mark.parametrize(
    ("form", "days"),
    [
        ({"days": "1"}, 1),
        ({"days": "7"}, 7),
        ({"days": " 365 "}, 365),
        ({"days": "007"}, 7),
        ({"days": ""}, 14),
        ({"days": " "}, 14),
        ({}, 14),
    ],
)
def test_a_lifetime_is_a_number_of_days_or_the_default(form, days):
    assert lifetime_of(form, default_days=14) == days * DAY


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:4])
def test_what_is_no_lifetime_is_refused_in_one_sentence(text):
    with pytest.raises(LifetimeRefusedError, match=re.escape(SENTENCE)):
        lifetime_of({"days": text}, default_days=14)


@pytest.mark.parametrize(
    ("left", "offered"),
    [
        (None, 30),
        (2 * DAY, 30),
        (30 * DAY, 30),
        (30 * DAY + TICK, 31),
        (200 * DAY, 200),
        (400 * DAY, 365),
    ],
)
def test_saving_what_a_sheet_offers_takes_no_day_away(left, offered):
    now = timezone.now()

    choice = lifetime_choice(default_days=30, now=now, ends_at=now + left if left else None)

    assert (choice.days, choice.until) == (offered, now + offered * DAY)


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
@pytest.mark.parametrize(("days", "lifetime"), [("7", 7 * DAY), ("365", 365 * DAY), ("", 30 * DAY)])
def test_a_link_lives_as_long_as_the_sheet_says(days, lifetime, headers, as_alice, make_asset):
    ids = [str(make_asset().uuid)]

    as_alice.post(reverse("shares:links"), {"asset": ids, "days": days}, headers=headers)

    share = Share.objects.get()
    assert share.expires_at - share.created_at == lifetime


@pytest.mark.parametrize("text", NONSENSE[:6])
def test_no_link_is_made_for_what_is_no_lifetime(text, as_alice, alice):
    form = {"asset": [str(many_assets(alice, 1)[0].uuid)], "days": text}

    page = as_alice.post(reverse("shares:links"), form)
    told = as_alice.post(reverse("shares:links"), form, headers={"Accept": "application/json"})

    assert (page.status_code, told.status_code) == (400, 400)
    assert SENTENCE in words(page)
    assert told.json() == {"problem": SENTENCE, "gone": []}
    assert not Share.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_sheet_has_a_field_for_the_days_in_the_form_that_is_sent(
    headers, settings, alice, as_alice
):
    settings.SHARE_DEFAULT_LIFETIME_DAYS = 14
    ids = [str(many_assets(alice, 1)[0].uuid)]

    html = words(as_alice.post(reverse("shares:new"), {"asset": ids}, headers=headers))

    field = re.search(r'<input type="number"[^>]*>', html)[0]
    assert re.search(r'name="days"\s+value="14"\s+min="1"\s+max="365"', field)
    assert ('form="grid"' in field) == bool(headers)
    assert "Ends after" in html
    assert "for the days that you choose." in html  # where no script follows the number


# Moving the end of a link


@pytest.mark.parametrize("days", [1, 60, 365])
def test_an_open_link_ends_as_many_days_from_now_as_is_said(days, make_share):
    share = make_share(epoch=3)
    now = share.created_at + 10 * DAY

    until = set_lifetime(share, days * DAY, now=now)

    found = Share.objects.get()
    assert until == found.expires_at == now + days * DAY
    assert (found.token, found.created_at, found.epoch) == (share.token, share.created_at, 3)
    assert (found.ended_at, found.stopped_at) == (None, None)


def test_a_sooner_end_holds_from_then_on(make_share, as_alice, carol):
    share = make_share()
    as_alice.post(url_of(share), {"days": "1"})
    share.refresh_from_db()

    assert carol.get(share.get_absolute_url()).status_code == 200
    assert share.is_open_at(share.expires_at - TICK)
    assert not share.is_open_at(share.expires_at)
    assert share.expires_at <= timezone.now() + DAY


def test_a_link_that_has_ended_is_renewed_under_the_same_address(make_share, as_alice, carol):
    share = make_share(days=-1)
    end_expired(now=timezone.now())
    page = share.get_absolute_url()
    assert carol.get(page).status_code == 410

    response = as_alice.post(url_of(share))

    assert (response.status_code, response["Location"]) == (302, url_of(share, "link"))
    assert carol.get(page).status_code == 200
    found = Share.objects.get()
    assert (found.token, found.created_at, found.epoch) == (share.token, share.created_at, 0)
    assert found.ended_at is None
    sheet = words(as_alice.get(response["Location"]))
    assert f'Open until <time datetime="{found.expires_at:%Y-%m-%dT%H:%M:%SZ}">' in sheet


@pytest.mark.parametrize(("after", "is_late"), [(-TICK, False), (timedelta(0), True), (DAY, True)])
@pytest.mark.parametrize("is_stamped", [True, False])
def test_a_link_is_renewable_for_thirty_days_after_its_end(is_stamped, after, is_late, make_share):
    share = make_share()
    now = share.expires_at + RENEWABLE_FOR + after
    if is_stamped:
        end_expired(now=share.expires_at)

    if is_late:
        with pytest.raises(NotRenewableError, match=re.escape(TOO_LATE)):
            set_lifetime(share, DAY, now=now)
    else:
        set_lifetime(share, DAY, now=now)

    share.refresh_from_db()
    assert share.is_open_at(now) is not is_late
    assert RENEWABLE_FOR == 30 * DAY


def test_a_clock_set_back_revives_nothing_but_what_is_renewed(make_share):
    share = make_share()
    end_expired(now=share.expires_at)
    back = share.created_at + DAY
    share.refresh_from_db()
    assert not share.is_open_at(back)

    set_lifetime(share, 7 * DAY, now=back)

    share.refresh_from_db()
    assert share.is_open_at(back)
    assert share.expires_at == back + 7 * DAY


def test_a_clock_that_stands_before_the_making_of_a_link_moves_no_end(make_share):
    share = make_share()

    with pytest.raises(NotRenewableError, match=re.escape(CLOCK_IS_BEHIND)):
        set_lifetime(share, DAY, now=share.created_at - DAY)

    assert Share.objects.get().expires_at == share.expires_at


def test_a_stopped_link_stays_stopped(make_share):
    share = make_share()
    now = timezone.now()
    stop_share(share, now=now)

    with pytest.raises(NotRenewableError, match=re.escape(STOPPED)):
        set_lifetime(share, DAY, now=now)

    assert not Share.objects.open_at(now).exists()


def test_a_link_that_is_gone_is_told_as_one_that_ended_long_ago(make_share):
    share = make_share(days=-1)
    Share.objects.all().delete()

    with pytest.raises(NotRenewableError, match=re.escape(TOO_LATE)):
        set_lifetime(share, DAY, now=timezone.now())


def test_a_link_that_had_ended_is_prepared_again_and_an_open_one_is_left_alone(make_share, alice):
    share = make_share(many_assets(alice, 2), terms=Terms())
    CleanCopy.objects.all().delete()

    set_lifetime(share, DAY, now=share.created_at)
    assert not CleanCopy.objects.exists()
    set_lifetime(share, DAY, now=share.created_at + 2 * DAY)

    assert CleanCopy.objects.filter(state="due").count() == 2


def test_a_link_with_nothing_to_show_can_be_renewed(make_share, alice):
    share = make_share(many_assets(alice, 1), days=-1)
    share.items.update(removed_at=timezone.now())

    set_lifetime(share, DAY, now=timezone.now())

    assert Share.objects.open_at(timezone.now()).exists()


@pytest.mark.parametrize(
    ("lifetime", "is_reminded"), [(3 * DAY, True), (3 * DAY + TICK, False), (30 * DAY, False)]
)
def test_a_life_too_short_for_a_reminder_counts_as_reminded(lifetime, is_reminded, make_share):
    share = make_share(reminded_at=timezone.now() - DAY)
    now = timezone.now()

    set_lifetime(share, lifetime, now=now)

    assert Share.objects.get().reminded_at == (now if is_reminded else None)


@pytest.mark.parametrize(("days", "is_reminded"), [(1, True), (3, True), (4, False)])
def test_a_link_that_is_made_for_three_days_needs_no_reminder(days, is_reminded, make_share):
    share = make_share(days=days)

    assert share.reminded_at == (share.created_at if is_reminded else None)


# The page of it


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_page_of_an_open_link_says_its_end_and_offers_another(headers, make_share, as_alice):
    share = make_share(days=2)

    with nothing_is_written():
        html = words(as_alice.get(url_of(share), headers=headers))

    assert ("<html" in html) == (not headers)
    assert ">Until when</h1>" in html
    assert "· Ends in 1 day<" in html
    assert re.search(r'name="days"\s+value="30"', html)
    assert ">Save</button>" in html


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_page_of_an_ended_link_renews_it_with_one_press(headers, make_share, as_alice, carol):
    share = make_share(days=-1)

    html = words(as_alice.get(url_of(share), headers=headers))
    name, value, said = re.search(
        r'<button class="button main[^>]*name="(\w+)" value="(\w+)">\s*(.*?)\s*</button>', html
    ).groups()
    as_alice.post(url_of(share), {name: value})

    assert ">Renew</h1>" in html
    assert said == "Renew for 30 days"
    assert re.findall(r'value="(\d+)" aria-label="[^"]*">(\d+) days<', html) == [
        (n, n) for n in ("7", "90", "365")
    ]
    assert carol.get(share.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("text", NONSENSE[:6])
@pytest.mark.parametrize("days", [30, -1])
def test_what_is_no_lifetime_changes_nothing(days, text, make_share, as_alice):
    share = make_share(days=days)

    with nothing_is_written():
        response = as_alice.post(url_of(share), {"days": text})

    assert response.status_code == 400
    assert SENTENCE in words(response)


@pytest.mark.parametrize("call", ["get", "post"])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"stopped_at": timezone.now()}, STOPPED),
        ({"days": -1, "stopped_at": timezone.now()}, STOPPED),
        ({"days": -30.1}, TOO_LATE),
    ],
    ids=["stopped", "stopped and ended", "too late"],
)
def test_what_can_not_be_renewed_is_said_in_a_sentence(
    fields, sentence, call, make_share, as_alice
):
    share = make_share(**fields)

    with nothing_is_written():
        response = getattr(as_alice, call)(url_of(share))

    assert response.status_code == 410
    assert escape(sentence) in words(response)
    assert "<form class" not in words(response)


@pytest.mark.parametrize("call", ["get", "post"])
@pytest.mark.parametrize("days", [30, -1])
def test_somebody_elses_link_is_not_there(days, call, make_share, as_bob, carol):
    share = make_share(days=days)

    with nothing_is_written():
        others, strangers = (getattr(who, call)(url_of(share)) for who in (as_bob, carol))

    assert others.status_code == 404
    assert strangers["Location"] == f"/accounts/login/?next={url_of(share)}"


def test_other_sites_can_not_renew_a_link(make_share, alice):
    share = make_share(days=-1)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert client.post(url_of(share)).status_code == 403


# Where it is offered


def test_the_sheet_of_an_open_link_says_until_when_and_leads_on(make_share, as_alice):
    share = make_share(days=3)

    html = words(as_alice.get(url_of(share, "link")))

    assert "<b>Until</b>" in html
    assert "· Ends in 2 days<" in html
    assert f'href="{url_of(share)}"' in html


def test_the_sheet_of_a_link_that_has_ended_says_so_and_offers_to_renew_it(make_share, as_alice):
    share = make_share(days=-2)

    html = words(as_alice.get(url_of(share, "link")))

    said = " ".join(re.sub(r"<[^>]+>", "", html).split())
    end, last = share.expires_at, share.expires_at + 30 * DAY
    assert f"This link ended on {end:%-d %B %Y}. It can be renewed until {last:%-d %B %Y}." in said
    assert re.search(rf'class="button main tall"\s+href="{url_of(share)}"', html)


def test_the_list_offers_to_renew_what_can_be(make_share, alice, as_alice):
    photos = many_assets(alice, 1)
    shares = [make_share(photos, days=days) for days in (30, -1, -30.1)]
    shares.append(make_share(photos, days=-1, stopped_at=timezone.now()))

    html = words(as_alice.get(reverse("shares:links")))

    assert [url_of(share) in html for share in shares] == [False, True, False, False]


@pytest.mark.parametrize(("days", "is_said"), [(6, True), (8, False)])
def test_pages_say_how_long_a_link_still_is_in_its_last_week(
    days, is_said, make_share, as_alice, as_bob, carol
):
    share = make_share(days=days)
    page = share.get_absolute_url()
    as_bob.post(f"{page}opened")

    for response in (
        carol.get(page),
        as_bob.get("/for-you/"),
        as_alice.get("/for-you/"),
        as_alice.get("/links/"),
    ):
        assert ("· Ends in 5 days<" in words(response)) is is_said
        assert f'datetime="{share.expires_at:%Y-%m-%dT%H:%M:%SZ}"' in words(response)
