"""The mail before a link ends: once, to its sender alone, and without the link."""

import re
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse
from django.utils import timezone

from shares import reminding
from shares.models import Share
from shares.publishing import stop_share
from shares.reminding import remind
from shares.renewing import set_lifetime
from shares.tasks import remind_task
from tests.shares.helpers import many_assets

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def share(make_share, alice) -> Share:
    """Return a link of Alice's, of three photos and a video, that lives for thirty days."""
    return make_share(many_assets(alice, 3) + many_assets(alice, 1, kind="video"))


class Refusing(EmailBackend):
    """A mail server that is down, or refuses some; the others' mails arrive."""

    down = False
    is_lost = False
    refused = ""
    code = 550
    session = ""  # as in Django's own, opening one that is there does nothing, though it be broken
    meanwhile = staticmethod(lambda: None)  # what somebody does while a mail leaves

    def open(self):
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        self.session = self.session or "open"

    def close(self):
        self.session = ""

    def send_messages(self, messages):
        type(self).meanwhile()
        if {self.refused} & set(messages[0].to):
            raise SMTPRecipientsRefused({self.refused: (self.code, b"not now, or never")})
        if self.session != "open":
            raise SMTPServerDisconnected("please run connect() first")
        if self.is_lost:
            super().send_messages(messages)
            self.session = "broken"
            raise SMTPServerDisconnected("it took the mail and said nothing")
        return super().send_messages(messages)


@pytest.fixture
def server(monkeypatch, settings) -> type[Refusing]:
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "down", False)
    monkeypatch.setattr(Refusing, "is_lost", False)
    monkeypatch.setattr(Refusing, "refused", "")
    monkeypatch.setattr(Refusing, "code", 550)
    monkeypatch.setattr(Refusing, "meanwhile", Refusing.meanwhile)
    return Refusing


@pytest.mark.parametrize(
    ("before", "mails"),
    [
        (4 * DAY, 0),
        (3 * DAY + TICK, 0),
        (3 * DAY, 1),
        (timedelta(minutes=1), 1),
        (timedelta(0), 0),
        (-DAY, 0),
    ],
)
def test_the_sender_is_reminded_three_days_before_the_end(before, mails, share):
    now = share.expires_at - before

    assert remind(now=now) == len(mail.outbox) == mails
    share.refresh_from_db()
    assert share.reminded_at == (now if mails else None)


def test_it_says_what_ends_and_when_and_leads_to_the_page_of_it(share, alice, settings):
    settings.PUBLIC_BASE_URL = "https://photos.example.org"

    remind(now=share.expires_at - DAY)

    (message,) = mail.outbox
    lifetime_url = reverse("shares:lifetime", args=[share.uuid])
    assert message.to == [alice.email]
    assert message.subject == f"Your link ends on {share.expires_at:%-d %B}: 3 Photos, 1 Video"
    assert f"open until {share.expires_at:%-d %B %Y, %H:%M} UTC" in message.body
    assert re.findall(r"https?://\S+", message.body) == [
        f"https://photos.example.org{lifetime_url}"
    ]
    assert message.body.rstrip().endswith("Passalong at photos.example.org")


def test_it_holds_no_key_to_the_link_and_names_nobody_else(share, bob, as_bob):
    as_bob.post(f"{share.get_absolute_url()}opened")

    remind(now=share.expires_at - DAY)

    text = str(mail.outbox[0].message())
    assert share.token not in text
    assert "Bob" not in text
    assert bob.email not in text


def test_the_page_it_leads_to_asks_who_one_is_and_takes_one_press(share, as_alice, carol):
    Share.objects.update(created_at=timezone.now() - 29 * DAY, expires_at=timezone.now() + DAY)
    remind_task()
    path = re.search(r"https?://[^/]+(\S+)", mail.outbox[0].body)[1]

    asked, page = carol.get(path), as_alice.get(path)
    fields = re.findall(r'name="(days)"\s+value="(\d+)"', page.content.decode())
    as_alice.post(path, dict(fields))

    assert asked["Location"] == f"/accounts/login/?next={path}"
    share.refresh_from_db()
    assert share.expires_at > timezone.now() + 29 * DAY
    assert share.reminded_at is None


def test_nobody_is_reminded_twice(share):
    for hours in (60, 40, 1):
        remind(now=share.expires_at - timedelta(hours=hours))

    assert len(mail.outbox) == 1


def test_two_workers_at_once_send_one_mail_each_link(share, server, make_share, alice):
    make_share(many_assets(alice, 1))
    now = share.expires_at - DAY

    def remind_too() -> None:
        server.meanwhile = lambda: None
        remind(now=now)

    server.meanwhile = remind_too

    remind(now=now)

    assert len({message.body for message in mail.outbox}) == len(mail.outbox) == 2


def test_a_renewed_link_is_reminded_of_again(share):
    first = share.expires_at - DAY
    remind(now=first)
    set_lifetime(share, 30 * DAY, now=first)

    sent = [remind(now=first + days * DAY) for days in (1, 26, 27, 28)]

    assert sent == [0, 0, 1, 0]


@pytest.mark.parametrize("what", ["stopped", "empty", "suspended", "unconfirmed", "other address"])
def test_what_needs_no_reminder_gets_none(what, share, alice):
    now = share.expires_at - DAY
    match what:
        case "stopped":
            stop_share(share, now=now)
        case "empty":
            share.items.update(removed_at=now)
        case "suspended":
            alice.is_active = False
            alice.save()
        case "unconfirmed":
            EmailAddress.objects.update(verified=False)
        case "other address":
            EmailAddress.objects.update(email="alice@other.example.org")

    assert remind(now=now) == len(mail.outbox) == 0


@pytest.mark.parametrize(("days", "mails"), [(3, 0), (4, 1)])
def test_a_short_life_needs_no_reminder(days, mails, make_share, alice):
    share = make_share(many_assets(alice, 1), days=days)

    assert remind(now=share.expires_at - timedelta(hours=1)) == mails


def test_what_the_server_can_not_be_told_is_tried_again(share, server):
    now = share.expires_at - DAY
    server.down = True
    assert remind(now=now) == 0
    share.refresh_from_db()
    assert share.reminded_at is None

    server.down = False

    assert remind(now=now + timedelta(minutes=10)) == len(mail.outbox) == 1


def test_an_address_that_is_refused_keeps_no_other_from_its_mail(
    share, server, make_share, make_user, alice
):
    others = [make_user(name) for name in ("Bob", "Dora")]
    for n, other in enumerate(others, start=1):
        make_share(many_assets(other, 1), expires_at=share.expires_at + n * TICK)
    server.refused = alice.email

    assert remind(now=share.expires_at - DAY) == 2
    assert [message.to for message in mail.outbox] == [[other.email] for other in others]
    assert remind(now=share.expires_at - timedelta(hours=1)) == 0, "it would be refused again"


def test_an_address_that_is_refused_for_now_is_tried_again(share, server, alice):
    server.refused, server.code = alice.email, 451
    assert remind(now=share.expires_at - DAY) == 0
    server.refused = ""

    assert remind(now=share.expires_at - DAY) == len(mail.outbox) == 1


def test_a_mail_that_may_have_been_taken_is_not_sent_twice(share, server, make_share, alice):
    make_share(many_assets(alice, 1), expires_at=share.expires_at + TICK)
    server.is_lost = True

    assert remind(now=share.expires_at - DAY) == len(mail.outbox) == 2
    assert remind(now=share.expires_at - timedelta(hours=1)) == 0
    assert len(mail.outbox) == 2


def test_all_are_reminded_however_few_are_read_at_once(monkeypatch, make_share, alice, server):
    photos = many_assets(alice, 1)
    shares = [make_share(photos) for _ in range(5)]
    end = shares[0].expires_at
    for n, each in enumerate(shares):
        Share.objects.filter(pk=each.pk).update(expires_at=end + (n + 1) // 2 * TICK)
    monkeypatch.setattr(reminding, "BATCH", 2)

    server.refused, server.code = alice.email, 450
    refused = remind(now=end - DAY)
    server.refused = ""

    assert (refused, remind(now=end - DAY)) == (0, 5)
    assert not Share.objects.filter(reminded_at=None).exists()


def test_a_link_that_is_renewed_meanwhile_is_not_told_as_ending(share, server, make_share, alice):
    """It was found with another, and its sender renews it before its turn comes."""
    other = make_share(many_assets(alice, 1))
    now = share.expires_at - DAY
    server.meanwhile = lambda: set_lifetime(other, 30 * DAY, now=now)

    assert remind(now=now) == len(mail.outbox) == 1
    other.refresh_from_db()
    assert other.reminded_at is None
