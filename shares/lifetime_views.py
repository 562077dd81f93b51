"""How long one of my links stays open: a page that moves its end, or renews it after that."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from library.http import MemberRequest, render
from library.templatetags.pictures import moment
from shares.lifetimes import LifetimeRefusedError, lifetime_choice, lifetime_of
from shares.models import Share
from shares.my_links import link_strip, my_link, titles_of
from shares.renewing import NotRenewableError, set_lifetime, why_not_renewable


@require_http_methods(["GET", "HEAD", "POST"])
def lifetime(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show when one of my links ends; a POST has it end so many days from now."""
    now = timezone.now()
    share = get_object_or_404(request.user.shares, uuid=uuid)
    if request.method != "POST":
        return _page(request, share, now=now, refusal=why_not_renewable(share, now=now))
    try:
        wanted = lifetime_of(request.POST, default_days=settings.SHARE_DEFAULT_LIFETIME_DAYS)
        until = set_lifetime(share, wanted, now=now)
    except LifetimeRefusedError as error:
        return _page(request, share, now=now, problem=str(error))
    except NotRenewableError as error:
        return _page(request, share, now=now, refusal=str(error))
    messages.success(request, format_html("Open until {}.", moment(until)))
    return redirect("shares:link", uuid=share.uuid)


def _page(
    request: MemberRequest, share: Share, *, now: datetime, problem: str = "", refusal: str = ""
) -> HttpResponseBase:
    strip = link_strip(request.user, share)
    link = my_link(share, title=titles_of([share])[share.pk], strip=strip, now=now)
    choice = lifetime_choice(
        default_days=settings.SHARE_DEFAULT_LIFETIME_DAYS,
        ends_at=link.expires_at if link.is_open else None,
        now=now,
    )
    context = {"link": link, "lifetime": choice, "problem": problem, "refusal": refusal}
    status = 410 if refusal else 400 if problem else 200
    return render(request, "shares/lifetime.html", context, fragment="sheet", status=status)
