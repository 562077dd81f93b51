"""What a member does with somebody else's link: open, list, add, decline. All of it behind the gate."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from library.http import SiteRequest, member_of, render, whole_number
from library.models import User
from shares import receiving
from shares.access import EndedError, gated_act, gated_page
from shares.disclosure import cover_of
from shares.models import Share
from shares.share_page import item_page, items_for, recipient_of
from shares.summary import summary_of

FEED_CHANGED = "passalong:feed-changed"  # the page asks for the badge anew
ADDED = "passalong:added"
SAY = "passalong:say"
P = ParamSpec("P")
Act = Callable[Concatenate[SiteRequest, Share, User, P], HttpResponseBase]


def recipients_act(act: Act[P]) -> Callable[..., HttpResponseBase]:
    """Hand a share to what a member other than its sender does with it; strangers log in first."""

    @wraps(act)
    def view(
        request: SiteRequest, share: Share, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        member = member_of(request)
        if member is None:
            return redirect_to_login(share.get_absolute_url())
        if recipient_of(share, member) is None:
            raise Http404
        return act(request, share, member, *args, **kwargs)

    return view


@gated_act
@require_POST
def opened(request: SiteRequest, share: Share) -> HttpResponseBase:
    """Note that a member sees the page: its script says so once it is shown, or they press Open."""
    member = recipient_of(share, member_of(request))
    if member is None:
        raise Http404
    outcome = receiving.open_received(share, member, now=timezone.now())
    if not request.htmx:
        return redirect(share)
    if outcome == receiving.Opening.KNOWN:
        return HttpResponse(status=204)
    is_listed = outcome == receiving.Opening.LISTED
    return _toast(request, share, is_listed=is_listed)


@gated_act
@require_POST
@recipients_act
def listed(request: SiteRequest, share: Share, member: User) -> HttpResponseBase:
    """List a share because the member says so, also after declining it: View Again."""
    receiving.list_share(share, member, now=timezone.now())
    if request.htmx:
        return _toast(request, share, is_listed=True)
    return redirect(share)


@gated_act
@require_POST
@recipients_act
def unlisted(request: SiteRequest, share: Share, member: User) -> HttpResponseBase:
    """Undo the listing."""
    receiving.unlist_share(share, member, now=timezone.now())
    if request.htmx:
        return _said(HttpResponse(status=204), "Undone. It is not listed.")
    return redirect(share)


@gated_act
@require_http_methods(["GET", "HEAD", "POST"])
@recipients_act
def decline(request: SiteRequest, share: Share, member: User) -> HttpResponseBase:
    """Ask whether to decline; a POST does, for this member alone."""
    if request.method != "POST":
        is_received = receiving.has_received(share, member)
        return _decline_page(request, share, is_received=is_received)
    if not receiving.decline_share(share, member, now=timezone.now()):
        return _decline_page(request, share, is_received=False)
    messages.success(request, "Declined. What you added to your library stays there.")
    return redirect("shares:for_you")


@gated_page
@require_POST
@recipients_act
def add(request: SiteRequest, share: Share, member: User) -> HttpResponseBase:
    """Put all, the ticked, or one of the items into the member's library."""
    ticked = set(filter(None, map(whole_number, request.POST.getlist("item"))))
    takes_all = "all" in request.POST
    if not (ticked or takes_all):
        return _nothing_selected(request, share)
    try:
        added = receiving.add(share, member, None if takes_all else ticked, now=timezone.now())
    except receiving.NotOpenError as error:
        raise EndedError(share) from error
    alone = ticked.pop() if "alone" in request.POST and len(ticked) == 1 else None
    if not request.htmx:
        messages.success(request, str(added))
        return redirect("shares:item", share.token, alone) if alone else redirect(share)
    if alone:
        return _said(_button_of(request, share, member, alone), str(added))
    context = {"cover": cover_of(share), "summary": summary_of(share, member)}
    response = _said(render(request, "shares/_acts.html", context), str(added))
    return trigger_client_event(response, ADDED, {"all": takes_all})


def _button_of(request: SiteRequest, share: Share, member: User, position: int) -> TemplateResponse:
    item = get_object_or_404(items_for(share, member), position=position)
    context = {"cover": cover_of(share), "page": item_page(item, share)}
    return render(request, "shares/item.html", context, fragment="keep")


def _nothing_selected(request: SiteRequest, share: Share) -> HttpResponseBase:
    message = "Nothing is selected. Tick what you would like to add."
    if request.htmx:
        return _said(HttpResponse(status=204), message)
    messages.error(request, message)
    return redirect(share)


def _decline_page(request: SiteRequest, share: Share, *, is_received: bool) -> HttpResponseBase:
    context = {"cover": cover_of(share), "is_received": is_received}
    status = 200 if is_received else 400
    return render(request, "shares/decline.html", context, fragment="confirm", status=status)


def _toast(request: SiteRequest, share: Share, *, is_listed: bool) -> HttpResponse:
    context = {"cover": cover_of(share), "is_listed": is_listed}
    return render(request, "shares/toast.html", context)


def _said(response: HttpResponse, message: str) -> HttpResponse:
    """Have the page ask for the badge anew, and say this in one line.

    In this order: what is said may take the place of the button on which both are told.
    """
    trigger_client_event(response, FEED_CHANGED)
    return trigger_client_event(response, SAY, {"text": message})
