"""A mail to the sender of a link that ends soon, once: so that nobody is surprised by its end."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse

from shares.lifetimes import REMINDED_BEFORE
from shares.models import RENEWABLE_FOR, Share, ShareQuerySet
from shares.my_links import titles_of

BATCH = 100
_REFUSED_FOR_GOOD = 500  # codes from here on
logger = logging.getLogger(__name__)


def remind(*, now: datetime) -> int:
    """Send a mail for each link that ends within three days and has had none; how many were sent.

    Who has not confirmed their address gets none. What a mail server can't be told, or refuses for now, is
    tried again by the next run; what it refuses for good, or may have taken, is not.
    """
    sent = 0
    server = get_connection()
    for shares in _batches(_due(now)):
        titles = titles_of(shares)
        for share in shares:
            if not _claim(share, now=now):  # renewed, stopped, or reminded of by another worker
                continue
            try:
                server.open()
            except OSError as error:  # no mail leaves at all now
                _give_back(share, error, now=now)
                return sent
            mail = _mail(share, titles[share.pk], server)
            sent += _was_sent(mail, server, share, now=now)
    server.close()
    return sent


def _was_sent(mail: EmailMessage, server: BaseEmailBackend, share: Share, *, now: datetime) -> bool:
    """Send a mail. One of which it is not known whether it was taken counts as sent: it could come twice."""
    try:
        mail.send()
    except OSError as error:
        server.close()  # it may have ended with this mail; the next one has its own
        return _is_taken_for_sent(error, share, now=now)
    return True


def _is_taken_for_sent(error: OSError, share: Share, *, now: datetime) -> bool:
    if not isinstance(error, (SMTPRecipientsRefused, SMTPResponseException)):
        logger.warning("%s: it is not known whether its reminder was sent: %s", share, error)
        return True
    if _is_for_good(error):
        logger.warning("%s: its reminder was refused", share)
    else:
        _give_back(share, error, now=now)
    return False


def _is_for_good(error: SMTPRecipientsRefused | SMTPResponseException) -> bool:
    if isinstance(error, SMTPResponseException):
        return error.smtp_code >= _REFUSED_FOR_GOOD
    return all(code >= _REFUSED_FOR_GOOD for code, _ in error.recipients.values())


def _due(now: datetime) -> ShareQuerySet:
    confirmed = Q(
        sender__emailaddress__email=F("sender__email"), sender__emailaddress__verified=True
    )
    soon = Share.objects.open_at(now).showing().filter(expires_at__lte=now + REMINDED_BEFORE)
    return soon.filter(confirmed, reminded_at=None).select_related("sender")


def _batches(due: ShareQuerySet) -> Iterator[Sequence[Share]]:
    ordered = due.order_by("expires_at", "pk")
    batch = list(ordered[:BATCH])
    while batch:
        yield batch
        last = batch[-1]
        behind = Q(expires_at__gt=last.expires_at) | Q(expires_at=last.expires_at, pk__gt=last.pk)
        batch = list(ordered.filter(behind, expires_at__gte=last.expires_at)[:BATCH])


def _claim(share: Share, *, now: datetime) -> bool:
    unchanged = Share.objects.filter(pk=share.pk, expires_at=share.expires_at, stopped_at=None)
    return unchanged.filter(reminded_at=None).update(reminded_at=now) == 1


def _give_back(share: Share, error: OSError, *, now: datetime) -> None:
    Share.objects.filter(pk=share.pk, reminded_at=now).update(reminded_at=None)
    logger.warning("%s: no reminder was sent: %s", share, error)


def _mail(share: Share, title: str, server: BaseEmailBackend) -> EmailMessage:
    context = {
        "title": title,
        "expires_at": share.expires_at.astimezone(UTC),
        "lifetime_url": settings.PUBLIC_BASE_URL + reverse("shares:lifetime", args=[share.uuid]),
        "renewable_days": RENEWABLE_FOR.days,
        "current_site": {"domain": settings.PUBLIC_BASE_URL.partition("://")[2]},
    }
    subject = render_to_string("shares/email/reminder_subject.txt", context).strip()
    body = render_to_string("shares/email/reminder_message.txt", context)
    return EmailMessage(subject, body, to=[share.sender.email], connection=server)
