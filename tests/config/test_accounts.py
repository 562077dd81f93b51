"""Coming in: the first account, confirmed addresses, log-in, and what strangers can't learn or try."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from library.models import User
from library.wording import one_line
from shares.models import Share
from tests.conftest import PASSWORD, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "cache"])

SIGN_UP, LOG_IN, LOG_OUT = "/accounts/signup/", "/accounts/login/", "/accounts/logout/"
RESET, CHANGE = "/accounts/password/reset/", "/accounts/password/change/"
NEW_PASSWORD = "another sentence that is long enough"


def words(response) -> str:
    return response.content.decode()


def sign_up(client: Client, email: str, name: str = "Bob Roe", *, path: str = SIGN_UP):
    fields = {"email": email, "display_name": name, "password1": PASSWORD}
    return client.post(path, fields)


def log_in(client: Client, email: str, password: str = PASSWORD):
    return client.post(LOG_IN, {"login": email, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/library/").status_code == 200


def user_of(email: str) -> User:
    return User.objects.get(email=email)


def link_in(message) -> str:
    (link,) = re.findall(r"http://[^/\s]+(/\S+)", message.body)
    return link


@pytest.fixture
def admin(make_user) -> User:
    """Somebody looks after the site already."""
    return make_user("Ada Min", is_staff=True, is_superuser=True)


@pytest.fixture(params=["open", "closed"])
def new_site(request, settings):
    """Nobody looks after the site yet, whatever else it says about sign-up."""
    settings.SIGN_UPS = request.param


def test_the_first_account_is_confirmed_looks_after_the_site_and_is_told_so(carol, settings):
    carol.get(SIGN_UP, {"setup": settings.SETUP_CODE})
    response = sign_up(carol, "Alice@Example.org", "Alice Doe")

    page = carol.get("/library/")
    alice = user_of("alice@example.org")
    assert response.status_code == 302
    assert (alice.is_superuser, alice.is_staff, alice.display_name) == (True, True, "Alice Doe")
    assert EmailAddress.objects.get(user=alice).verified
    assert "This is the first account, so it looks after the site" in words(page)
    assert carol.get("/admin/").status_code == 200
    assert mail.outbox == []


def test_the_second_account_is_nobody_special_and_has_to_confirm_its_address(carol, admin):
    sign_up(carol, "bob@example.org")

    bob = user_of("bob@example.org")
    assert (bob.is_superuser, bob.is_staff) == (False, False)
    assert not EmailAddress.objects.get(user=bob).verified
    assert not is_in(carol)
    (message,) = mail.outbox
    assert message.to == ["bob@example.org"]


def test_the_link_in_the_mail_confirms_the_address(carol, admin):
    sign_up(carol, "bob@example.org")
    link = link_in(mail.outbox[0])

    page = carol.get(link)
    assert "Is bob@example.org yours?" in words(page)
    assert not EmailAddress.objects.get(email="bob@example.org").verified
    carol.post(link)

    assert EmailAddress.objects.get(email="bob@example.org").verified
    log_in(carol, "bob@example.org")
    assert is_in(carol)


def test_nobody_comes_in_before_the_address_is_confirmed(carol, admin):
    sign_up(carol, "bob@example.org")

    log_in(carol, "bob@example.org")

    assert not is_in(carol)


def test_links_in_mails_lead_to_the_configured_address_whatever_the_request_said(
    carol, admin, bob, settings
):
    elsewhere = {"host": "localhost:9999"}

    for email, path in (
        ("dora@example.org", SIGN_UP),  # a mail to confirm an address
        (bob.email, SIGN_UP),  # a mail that there is an account
        (bob.email, RESET),  # a mail to reset a password
        ("nobody@example.org", RESET),  # a mail that there is none
    ):
        fields = {"email": email, "display_name": "Dora Poe", "password1": PASSWORD}
        carol.post(path, fields, headers=elsewhere)

    assert len(mail.outbox) == 4
    told = "\n".join(message.subject + message.body for message in mail.outbox)
    assert set(re.findall(r"https?://[^/\s]+", told)) == {settings.PUBLIC_BASE_URL}
    assert "9999" not in told


@pytest.mark.parametrize("key", ["x", "MQ:1tXXXX:nonsense", "a" * 500])
def test_a_made_up_confirmation_link_confirms_nothing(key, carol, admin):
    sign_up(carol, "bob@example.org")

    page = carol.get(f"/accounts/confirm-email/{key}/")
    carol.post(f"/accounts/confirm-email/{key}/")

    assert "This link was used before, or has grown old." in words(page)
    assert not EmailAddress.objects.get(email="bob@example.org").verified


def test_sign_up_does_not_tell_which_addresses_have_accounts(admin, bob):
    answers = []
    for email in (bob.email, "nobody@example.org"):
        client = Client()
        answer = sign_up(client, email)
        page = client.get(answer["Location"])
        said = words(page).replace(email, "EMAIL")
        answers.append((answer.status_code, answer["Location"], said, is_in(client)))

    assert answers[0] == answers[1]
    assert len(mail.outbox) == 2
    assert User.objects.filter(email=bob.email).count() == 1
    assert bob.check_password(PASSWORD)


def test_the_owner_of_an_address_is_told_of_a_sign_up_with_it(carol, admin, bob):
    sign_up(carol, bob.email, "Somebody Else")

    (message,) = mail.outbox
    assert message.to == [bob.email]
    assert "Somebody Else" not in message.body
    bob.refresh_from_db()
    assert bob.display_name == "Bob Roe"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"email": ""}, "This field is required"),
        ({"email": "not an address"}, "valid email"),
        ({"display_name": ""}, "This field is required"),
        ({"display_name": "   "}, "This field is required"),
        ({"display_name": "x" * 81}, "at most 80 characters"),
        ({"password1": "short"}, "too short"),
        ({"password1": "password1234"}, "too common"),
        ({"password1": "12345678901234567"}, "entirely numeric"),
        ({"password1": "bob@example.org"}, "too similar"),
    ],
)
def test_sign_up_says_what_is_wrong_and_makes_nothing(fields, problem, carol, admin):
    good = {"email": "bob@example.org", "display_name": "Bob Roe", "password1": PASSWORD}

    response = carol.post(SIGN_UP, good | fields)

    assert response.status_code == 200
    assert problem in words(response)
    assert User.objects.count() == 1


def test_nobody_makes_themselves_an_administrator_by_extra_fields(carol, admin):
    fields = {"email": "bob@example.org", "display_name": "Bob", "password1": PASSWORD}

    carol.post(SIGN_UP, fields | {"is_superuser": "1", "is_staff": "on", "is_active": "1"})

    bob = user_of("bob@example.org")
    assert (bob.is_superuser, bob.is_staff) == (False, False)


def test_log_in_takes_the_address_in_any_case(carol, bob):
    log_in(carol, bob.email.upper())

    assert get_user(carol) == bob


def test_log_in_does_not_tell_a_wrong_password_from_an_unknown_address(carol, bob):
    pages = []
    for email in (bob.email, "nobody@example.org"):
        page = words(log_in(carol, email, "a wrong sentence"))
        page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
        pages.append(page.replace(email, "EMAIL"))

    assert pages[0] == pages[1]
    assert re.search(r"The email address and/or password[^<]*not correct", pages[0])
    assert not is_in(carol)


def test_somebody_suspended_can_not_log_in(carol, make_user):
    bob = make_user("Bob Roe", is_active=False)

    log_in(carol, bob.email)

    assert not is_in(carol)


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_log_in_leads_nowhere_else(to, carol, bob):
    response = carol.post(LOG_IN, {"login": bob.email, "password": PASSWORD, "next": to})

    assert response.status_code == 302
    assert response["Location"].startswith("/")
    assert "evil" not in response["Location"]


def test_logging_out_takes_a_post(as_bob):
    as_bob.get(LOG_OUT)
    assert is_in(as_bob)

    as_bob.post(LOG_OUT)
    assert not is_in(as_bob)


def test_a_forgotten_password_is_reset_by_mail(carol, bob):
    asked = carol.post(RESET, {"email": bob.email})
    (message,) = mail.outbox
    form = carol.get(link_in(message), follow=True)
    carol.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    bob.refresh_from_db()
    assert asked.status_code == 302
    assert message.to == [bob.email]
    assert bob.check_password(NEW_PASSWORD)
    elsewhere = Client()
    log_in(elsewhere, bob.email, NEW_PASSWORD)
    assert is_in(elsewhere)


def test_a_link_to_reset_a_password_works_once(carol, bob):
    carol.post(RESET, {"email": bob.email})
    link = link_in(mail.outbox[0])
    form = carol.get(link, follow=True)
    carol.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    again = Client().get(link, follow=True)

    assert 'name="password1"' not in words(again)


def test_a_reset_does_not_tell_which_addresses_have_accounts(bob):
    answers = []
    for email in (bob.email, "nobody@example.org"):
        client = Client()
        answer = client.post(RESET, {"email": email})
        answers.append(
            (answer.status_code, answer["Location"], words(client.get(answer["Location"])))
        )

    assert answers[0] == answers[1]
    assert "If this address has an account" in answers[0][2]


def test_a_password_is_changed_by_whoever_knows_the_old_one(as_bob, bob):
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    wrong = as_bob.post(CHANGE, {"oldpassword": "wrong", **fields})
    bob.refresh_from_db()
    assert wrong.status_code == 200
    assert bob.check_password(PASSWORD)

    as_bob.post(CHANGE, {"oldpassword": PASSWORD, **fields})
    bob.refresh_from_db()
    assert bob.check_password(NEW_PASSWORD)
    assert is_in(as_bob)


def test_a_new_password_ends_other_sessions(bob, as_bob):
    elsewhere = signed_in(bob)
    assert is_in(elsewhere)

    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    as_bob.post(CHANGE, {"oldpassword": PASSWORD, **fields})

    assert not is_in(elsewhere)


def test_sign_up_can_be_closed(carol, admin, settings):
    settings.SIGN_UPS = "closed"

    shown, sent = carol.get(SIGN_UP), sign_up(carol, "bob@example.org")

    for response in (shown, sent):
        assert "Sign-up is closed" in words(response)
    assert User.objects.count() == 1


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost"])
def test_the_first_account_asks_for_the_code_wherever_a_request_seems_to_come_from(
    host, carol, new_site
):
    shown = carol.get(SIGN_UP, headers={"host": host})
    sent = sign_up(carol, "mallory@example.org")

    for response in (shown, sent):
        assert "<h1>Set up this site</h1>" in words(response)
        assert 'name="password1"' not in words(response)
    assert not User.objects.exists()


@pytest.mark.parametrize("code", ["x", "a" * 22, "é", "\x00"])
def test_a_wrong_code_opens_nothing_and_says_so(code, carol, new_site):
    shown = carol.get(SIGN_UP, {"setup": code})
    sign_up(carol, "mallory@example.org", path=f"{SIGN_UP}?setup=x")

    assert "That is not the code of this site." in words(shown)
    assert not User.objects.exists()


@pytest.mark.parametrize("around", ["{}", " {}\n"])
def test_whoever_has_the_code_makes_the_first_account(around, carol, new_site, settings):
    shown = carol.get(SIGN_UP, {"setup": around.format(settings.SETUP_CODE)})
    sign_up(carol, "alice@example.org", "Alice Doe")

    assert 'name="password1"' in words(shown)
    assert user_of("alice@example.org").is_superuser
    assert is_in(carol)


def test_the_code_is_worth_nothing_once_the_site_is_claimed(carol, settings, admin):
    settings.SIGN_UPS = "closed"

    carol.get(SIGN_UP, {"setup": settings.SETUP_CODE})
    sign_up(carol, "mallory@example.org", path=f"{SIGN_UP}?setup={settings.SETUP_CODE}")

    assert User.objects.count() == 1


def test_two_who_both_have_the_code_are_not_both_superusers(carol, settings):
    first, second = Client(), Client()
    for client in (first, second):
        client.get(SIGN_UP, {"setup": settings.SETUP_CODE})

    sign_up(first, "alice@example.org", "Alice Doe")
    sign_up(second, "mallory@example.org")

    assert list(User.objects.filter(is_superuser=True)) == [user_of("alice@example.org")]


# Names

NAMES = [
    ("Alice\r\nBcc: eve@example.org", "Alice Bcc: eve@example.org"),
    ("  Alice\t\u2028 Doe\n", "Alice Doe"),
    ("\u202egnp.exe Doe", "gnp.exe Doe"),
    ("\u2066Alice\u2069\x07 Doe\u200b", "Alice Doe"),
    ("Alice \u200b Doe", "Alice Doe"),
    ("Ame\u0301lie", "Am\u00e9lie"),
    (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ),
]


@pytest.mark.parametrize(("given", "kept"), NAMES, ids=range(len(NAMES)))
def test_a_name_becomes_one_line_that_turns_nothing_round(given, kept, carol, admin):
    sign_up(carol, "bob@example.org", given)

    assert user_of("bob@example.org").display_name == kept


@given(st.text(max_size=40))
def test_one_line_of_one_line_is_the_same_line(text):
    once = one_line(text)

    assert one_line(once) == once
    assert once == once.strip()
    assert "  " not in once


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Win at https://evil.example", "A name can&#x27;t hold a web address."),
        ("ftp\uff1a\uff0f\uff0fevil", "A name can&#x27;t hold a web address."),
        ("\u202e\u200b", "This field is required."),
        ("\u200d", "A name is one line of letters that can be seen."),
    ],
    ids=["address", "wide address", "nothing", "joiner"],
)
def test_a_name_that_could_deceive_is_refused_with_a_sentence(name, complaint, carol, admin):
    page = sign_up(carol, "bob@example.org", name)

    assert complaint in words(page)
    assert not User.objects.filter(email="bob@example.org").exists()


def test_staff_can_not_give_such_a_name_either(admin, bob):
    client = signed_in(admin)
    client.post(
        f"/admin/library/user/{bob.pk}/change/", {"display_name": "\u202eBob", "is_active": "on"}
    )

    bob.refresh_from_db()
    assert bob.display_name == "Bob Roe"


def test_no_name_goes_into_a_mail_to_an_address_that_is_not_confirmed(carol, admin, bob):
    sign_up(carol, "victim@example.org", "You won 900 EUR, call Mallory")
    member = signed_in(bob)
    member.post("/accounts/reauthenticate/", {"password": PASSWORD})
    member.post("/accounts/email/", {"email": "another@example.org", "action_add": ""})

    assert [message.to for message in mail.outbox[:2]] == [
        ["victim@example.org"],
        ["another@example.org"],
    ]
    for message in mail.outbox:
        assert "Mallory" not in message.subject + message.body
        assert "Bob Roe" not in message.subject + message.body


@pytest.mark.parametrize("path", ["/library/", "{share}"])
def test_a_name_turns_nothing_round_beside_it(path, make_user, make_asset, make_share):
    sender = make_user("\u05d0\u05dc\u05d9\u05e1")
    share = make_share([make_asset(sender)])

    page = words(signed_in(sender).get(path.format(share=share.get_absolute_url())))

    assert f"<bdi>{sender.display_name}</bdi>" in page


# Staff


def test_no_numbered_row_leads_to_its_secret_address(make_user, make_share):
    share = make_share()
    staff = make_user("Staff", is_staff=True)
    kind = ContentType.objects.get_for_model(Share)

    for client, status in ((signed_in(staff), 404), (Client(), 302)):
        response = client.get(f"/admin/r/{kind.pk}/{share.pk}/")
        assert response.status_code == status
        assert share.token not in f"{response.headers}{words(response)}"


def test_the_admin_has_no_log_in_of_its_own(carol):
    response = carol.get("/admin/", follow=True)

    assert response.redirect_chain[-1][0].startswith(LOG_IN)
    assert carol.get("/admin/login/")["Location"].startswith(LOG_IN)


@pytest.mark.parametrize("path", ["/admin/", "/admin/library/user/", "/admin/login/"])
def test_members_are_not_let_into_the_admin(path, as_bob):
    response = as_bob.get(path, follow=True)

    assert response.status_code == 403
    assert "Site administration" not in words(response)


def test_too_many_log_ins_are_answered_in_the_sites_look(carol, bob):
    answers = [log_in(carol, f"nobody{number}@example.org", "wrong") for number in range(31)]

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    last = answers[-1]
    assert last.status_code == 429
    assert "<h1>A little slower, please</h1>" in words(last)
    assert "passalong.css" in words(last)
    log_in(carol, bob.email)
    assert not is_in(carol)


def test_guessing_one_persons_password_is_stopped_and_another_can_still_come_in(
    carol, bob, make_user
):
    for _ in range(6):
        refused = log_in(carol, bob.email, "wrong")
    right = log_in(carol, bob.email)

    assert "Too many failed login attempts" in words(refused)
    assert "Too many failed login attempts" in words(right)
    log_in(carol, make_user("Dora Poe").email)
    assert is_in(carol)


def test_a_name_with_html_in_it_is_only_text_on_every_page(make_user, make_asset, make_share):
    user = make_user('<script>alert(1)</script>"><img src=x>', is_staff=True, is_superuser=True)
    share = make_share([make_asset(user)])
    client = signed_in(user)
    paths = ["/library/", "/library/upload/", "/links/", "/accounts/email/", CHANGE, "/admin/"]
    paths += [share.get_absolute_url(), reverse("shares:link", args=[share.uuid]), LOG_OUT]
    paths += ["/nothing/here/", f"/admin/library/user/{user.pk}/change/"]

    pages = {path: words(client.get(path)) for path in paths}

    for path, html in pages.items():
        assert "<script>alert" not in html, path
        assert "<img src=x>" not in html, path
    shown = {path for path, html in pages.items() if "&lt;script&gt;alert" in html}
    assert shown >= set(paths[:9])


@pytest.mark.parametrize(
    "path", [SIGN_UP, LOG_IN, RESET, "/accounts/password/reset/done/", "/accounts/confirm-email/"]
)
def test_every_page_at_the_door_wears_the_sites_look(path, carol, admin):
    html = words(carol.get(path))

    assert "passalong.css" in html
    assert " · Passalong</title>" in html


@pytest.mark.parametrize("path", ["/accounts/email/", CHANGE, LOG_OUT])
def test_every_page_of_an_account_wears_the_sites_look(path, as_bob):
    html = words(as_bob.get(path))

    assert "passalong.css" in html
    assert " · Passalong</title>" in html
