"""Stop sharing: one link, from wherever its sender meets it, or several of the list."""

import json
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from library.blobs.space import with_reserve
from library.http import MemberRequest, render
from shares.models import Share, ShareQuerySet
from shares.my_links import my_links, titles_of
from shares.publishing import stop_shares
from shares.wording import spoken_stop

MOST_AT_ONCE = 500
# What of the page below the question shows the link, and is replaced by how it stands now
SHOWN_AS = {
    "shares:links": "cards",
    "shares:for_you": "cards",
    "shares:page": "bar",
    "shares:link": "sheet",
}


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Ask whether to stop sharing; a POST stops it, at once and for good."""
    shares = request.user.shares.filter(uuid=uuid)
    if not shares:
        raise Http404
    return _ask_or_stop(request, shares)


@require_http_methods(["GET", "HEAD", "POST"])
def stop_several(request: MemberRequest) -> HttpResponseBase:
    """Ask whether to stop the links that are ticked, or all that are open; a POST stops them.

    What asks may be a POST too: so many ids are too long for an address.
    """
    sent = request.POST if request.method == "POST" else request.GET
    if "all" in sent:
        return _ask_or_stop(request, request.user.shares.open_at(timezone.now()))
    return _ask_or_stop(request, request.user.shares.filter(uuid__in=_uuids(sent.getlist("link"))))


def _uuids(texts: Sequence[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:  # no link has such a name
            continue
    return found


def _ask_or_stop(request: MemberRequest, chosen: ShareQuerySet) -> HttpResponseBase:
    """Ask about those of these links that are not stopped, the newest ones; or stop what was asked about."""
    is_asked = request.method != "POST" or "ask" in request.POST
    now = timezone.now()
    running = chosen.filter(stopped_at=None)
    shares = list((running if is_asked else chosen).newest_first()[:MOST_AT_ONCE])
    if is_asked or not shares:
        return _question(request, shares, rest=running.count() - len(shares))
    ours = chosen.filter(pk__in=[share.pk for share in shares])
    stopped = with_reserve(partial(stop_shares, ours, now=now))  # on a full disk, too
    said = spoken_stop(stopped)
    if request.htmx:
        return _stopped_in_place(request, shares, said)
    messages.success(request, said)
    return redirect(f"{reverse('shares:links')}#link-{shares[0].uuid}")


def _question(request: MemberRequest, shares: list[Share], *, rest: int) -> HttpResponseBase:
    title = titles_of(shares)[shares[0].pk] if len(shares) == 1 else ""
    context = {"title": title, "uuids": [share.uuid for share in shares], "rest": max(rest, 0)}
    status = 200 if shares else 400
    response = render(request, "shares/stop.html", context, fragment="confirm", status=status)
    if request.htmx and not shares:  # asked from a form whose answer takes no place of its own
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


def _stopped_in_place(request: MemberRequest, shares: list[Share], said: str) -> HttpResponse:
    """Answer with what takes the place of the links on the page that they were stopped from."""
    shown_as = SHOWN_AS.get(_page_of(request), "")
    stopped = Share.objects.with_first_items().filter(pk__in=[share.pk for share in shares])
    links = my_links(list(stopped.newest_first()), now=timezone.now())
    context = {"links": links, "shown_as": shown_as, "said": said}
    response = render(request, "shares/stopped.html", context)
    toast = "" if shown_as in {"bar", "sheet"} else said  # these say it themselves
    response["HX-Trigger-After-Settle"] = json.dumps({"passalong:stopped": {"said": toast}})
    return response


def _page_of(request: MemberRequest) -> str:
    try:
        return resolve(urlsplit(request.htmx.current_url_abs_path or "/").path).view_name
    except Resolver404:
        return ""
