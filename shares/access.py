"""THE GATE: every answer below /s/<token>/ comes through here, and asks the database each time.

Unknown tokens are 404. A link that was stopped, has expired, whose sender is suspended, that has
nothing to show, or that was deleted lately is 410: the same page for all, with nothing of the content.
Nothing about access is ever cached.

A member who declined a link is told so by its pages, which show no picture then. That is a service to
them and no lock: its files ask nobody who they are, and whoever is signed out can open the link.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from library.http import SiteRequest, client_of, member_of, render, short_text
from library.throttling import Limit, wait_seconds
from shares.endings import ending_for
from shares.models import Receipt, Share, Tombstone
from shares.streaming import carry

TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)
GUESSES = Limit("unknown link", most=60, within=timedelta(minutes=5))  # of a client
SLOW_SECONDS = 0.5  # of a view; then the gate asks once more before the first byte
ROBOTS = "noindex, nofollow, noarchive"
P = ParamSpec("P")
Refusal = Callable[[HttpRequest], HttpResponse]
EndedRefusal = Callable[[HttpRequest, Share | None], HttpResponse]
ShareView = Callable[Concatenate[SiteRequest, Share, P], HttpResponseBase]


class UnknownLinkError(Http404):
    """No link ever had this token, or it is long gone."""


class EndedError(Exception):
    """The link was open once and is not any more; `share` is what is still known of it."""

    def __init__(self, share: Share | None = None) -> None:
        super().__init__("the link is no longer available")
        self.share = share


def open_share(token: str, *, now: datetime) -> Share:
    """Return the share of a token that is open now, with its sender, in one query; of none, in two.

    Raises:
        UnknownLinkError: no link ever had this token, or it has been gone for long.
        EndedError: it was stopped, has expired, its sender is suspended, nothing is in it now, or it is gone.
    """
    if not TOKEN.fullmatch(token):
        raise UnknownLinkError
    share = Share.objects.select_related("sender").with_content().filter(token=token).first()
    if share is None:
        if Tombstone.objects.remembered_at(now).filter(token=token).exists():
            raise EndedError
        raise UnknownLinkError
    if not (share.is_open_at(now) and share.shows_something):
        raise EndedError(share)
    return share


def gated_page(view: ShareView[P]) -> Callable[..., HttpResponseBase]:
    """Open a page's share, or answer with a page that says that the link is no longer available.

    Who declined it reads that first.
    """
    return _gated(_unless_declined(view, _declined_page), _ended_page, _unknown_page)


def gated_part(view: ShareView[P]) -> Callable[..., HttpResponseBase]:
    """Open the share of what a page's script asks for, as `gated_page`; refusals are one line of text."""
    return _gated(_unless_declined(view, _declined_part), _ended_file, _unknown_file)


def gated_act(view: ShareView[P]) -> Callable[..., HttpResponseBase]:
    """Open the share of what a member does with it, declined or not; refusals are those of a page."""
    return _gated(view, _ended_page, _unknown_page)


def gated_file(view: ShareView[P]) -> Callable[..., HttpResponseBase]:
    """Open a file's share, or answer with one line of text."""
    return _gated(view, _ended_file, _unknown_file)


def _gated(
    view: ShareView[P], ended: EndedRefusal, unknown: Refusal
) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def gate(request: SiteRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            began = time.monotonic()
            share = open_share(token, now=timezone.now())
            response = view(request, share, *args, **kwargs)
            if time.monotonic() - began >= SLOW_SECONDS:  # something else was waited for meanwhile
                response = _if_unchanged(share, response)
            response = carry(request, share, response)
        except UnknownLinkError:
            response = _refused_guess(request, unknown) or unknown(request)
        except EndedError as error:
            response = ended(request, error.share)
        except Http404:
            response = unknown(request)
        if response.status_code in {404, 410}:
            response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = ROBOTS
        return response

    gate.is_behind_gate = True  # type: ignore[attr-defined]
    return login_not_required(gate)


def _if_unchanged(share: Share, response: HttpResponseBase) -> HttpResponseBase:
    """Return an answer that took long, unless its link allows less by now.

    Raises:
        EndedError, UnknownLinkError: as `open_share`.
    """
    if open_share(share.token, now=timezone.now()).epoch == share.epoch:
        return response
    response.close()
    return short_text("This link was changed just now.", status=503, retry_after_seconds=1)


def _refused_guess(request: HttpRequest, unknown: Refusal) -> HttpResponse | None:
    """Count an address that is no link; refuse who has tried too many of them, as `unknown` would."""
    wait = wait_seconds(GUESSES, client_of(request), now=timezone.now())
    if not wait:
        return None
    if unknown is _unknown_page:
        return TemplateResponse(request, "429.html", status=429, headers={"Retry-After": wait})
    told = "Too many addresses that are no link were tried from here. Try again later."
    return short_text(told, status=429, retry_after_seconds=wait)


def _unless_declined(
    view: ShareView[P], declined: Callable[[SiteRequest, Share, Receipt], HttpResponse]
) -> ShareView[P]:
    @wraps(view)
    def look(
        request: SiteRequest, share: Share, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if member := member_of(request):
            share.receipt = share.receipts.filter(recipient=member).first()
        if share.receipt and share.receipt.state == Receipt.State.DECLINED:
            return declined(request, share, share.receipt)
        return view(request, share, *args, **kwargs)

    return look


def _declined_page(request: SiteRequest, share: Share, receipt: Receipt) -> HttpResponse:
    if request.htmx:  # of a page that was open before: it is to be read anew, whole
        return HttpResponseClientRefresh()
    context = {"list_url": reverse("shares:listed", args=[share.token]), "at": receipt.changed_at}
    status = 200 if request.method in {"GET", "HEAD"} else 403
    return render(request, "shares/declined.html", context, status=status)


def _declined_part(_request: SiteRequest, _share: Share, _receipt: Receipt) -> HttpResponse:
    return short_text("You declined this share.", status=403)


def _ended_page(request: HttpRequest, share: Share | None) -> HttpResponse:
    if ending := ending_for(share, member_of(request), now=timezone.now()):
        return TemplateResponse(request, "shares/ended_told.html", {"ending": ending}, status=410)
    return TemplateResponse(request, "shares/ended.html", status=410)


def _ended_file(_request: HttpRequest, _share: Share | None) -> HttpResponse:
    return short_text("This link is no longer available.", status=410)


def _unknown_page(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "404.html", status=404)


def _unknown_file(_request: HttpRequest) -> HttpResponse:
    return short_text("There is nothing here.", status=404)
