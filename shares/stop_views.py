"""Stop sharing: one link, from wherever its sender meets it, or several of the list."""

import json
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from library.blobs.space import with_reserve
from library.http import MemberRequest, render
from shares.models import Share
from shares.my_links import my_links, titles_of
from shares.publishing import stop_shares
from shares.wording import spoken_stop

MOST_AT_ONCE = 1_000
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
    shares = list(request.user.shares.filter(uuid=uuid))
    if not shares:
        raise Http404
    return _ask_or_stop(request, shares)


@require_http_methods(["GET", "HEAD", "POST"])
def stop_several(request: MemberRequest) -> HttpResponseBase:
    """Ask whether to stop the links that are ticked, or all that are open; a POST stops them."""
    sent = request.POST if request.method == "POST" else request.GET
    if "all" in sent:
        shares = request.user.shares.open_at(timezone.now())
    else:
        shares = request.user.shares.filter(uuid__in=_uuids(sent.getlist("link")), stopped_at=None)
    return _ask_or_stop(request, list(shares.newest_first()[:MOST_AT_ONCE]))


def _uuids(texts: Sequence[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:  # no link has such a name
            continue
    return found


def _ask_or_stop(request: MemberRequest, shares: list[Share]) -> HttpResponseBase:
    now = timezone.now()
    if request.method != "POST" or not shares:
        title = titles_of(shares)[shares[0].pk] if len(shares) == 1 else ""
        context = {"title": title, "uuids": [share.uuid for share in shares]}
        status = 200 if shares else 400
        return render(request, "shares/stop.html", context, fragment="confirm", status=status)
    chosen = request.user.shares.filter(pk__in=[share.pk for share in shares])
    stopped = with_reserve(partial(stop_shares, chosen, now=now))  # on a full disk, too
    said = spoken_stop(stopped)
    if request.htmx:
        return _stopped_in_place(request, shares, said)
    messages.success(request, said)
    return redirect(f"{reverse('shares:links')}#link-{shares[0].uuid}")


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
        return resolve((request.htmx.current_url_abs_path or "/").partition("?")[0]).view_name
    except Resolver404:
        return ""
