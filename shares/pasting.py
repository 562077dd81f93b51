"""A link that somebody was sent and pastes, alone or in the message that it came in."""

from collections.abc import Collection
from datetime import datetime

from library.models import User
from shares.models import Share
from shares.receiving import list_as_new
from shares.tokens import names_a_site, tokens_in

_NO_LINK = (
    "There is no link in that text. "
    "Copy the link, or the whole message that you were sent, and paste it here."
)
_OTHER_SITE = (
    "That link leads to another site and can't be listed here. Open it in your browser instead."
)
_NOT_OPEN = (
    "This link is not available. It may have ended, or a part of it is missing. "
    "Ask for a new one if you need it."
)
_OTHER_PAGE = (
    "That is an address of this site, but no link to shared photos. "
    "Copy the link that you were sent; it has /s/ in it."
)
_OWN_LINK = "This is your own link. You find it under Links."


class PastedTextError(ValueError):
    """The text leads to no share for this person; the message says why."""


def receive_pasted(recipient: User, text: str, *, hosts: Collection[str], now: datetime) -> bool:
    """List the first open share that a pasted text leads to, as new; False when it is listed already.

    Raises:
        PastedTextError: there is no link of these hosts in it, none that is open, or it is their own.
            A link that has ended and one that never was are told alike.
    """
    tokens = tokens_in(text, hosts=hosts)
    if not tokens:
        raise PastedTextError(_why_none(text, hosts))
    is_open = Share.objects.open_at(now).showing()
    found = {share.token: share for share in is_open.filter(token__in=tokens)}
    shares = [found[token] for token in tokens if token in found]
    if not shares:
        raise PastedTextError(_NOT_OPEN)
    others = [share for share in shares if share.sender_id != recipient.pk]
    if not others:
        raise PastedTextError(_OWN_LINK)
    return list_as_new(others[0], recipient, now=now)


def _why_none(text: str, hosts: Collection[str]) -> str:
    if any(f"{host}/" in text.lower() for host in hosts):
        return _OTHER_PAGE
    return _OTHER_SITE if names_a_site(text) else _NO_LINK
