"""For You: what reached a member, a pasted link, and the number on the badge."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from library.http import MemberRequest, render, whole_number
from library.keyset import Place
from shares.feed import count_unopened, feed_page
from shares.pasting import PastedTextError, receive_pasted

MOST_SHOWN_AGAIN = 2_000  # characters of a text that leads nowhere


@require_http_methods(["GET", "HEAD", "POST"])
def for_you(request: MemberRequest) -> HttpResponseBase:
    """Show what reached this member; a POST lists the share that a pasted text leads to."""
    if request.method == "POST":
        return _paste(request)
    after = Place.parse(request.GET.get("after", ""))
    context = {"page": feed_page(request.user, after, now=timezone.now())}
    return render(request, "shares/for_you.html", context, fragment="page")


@require_safe
def badge(request: MemberRequest) -> HttpResponseBase:
    """Tell the number of unopened shares; nothing at all when it is the one that the page knows."""
    unopened = count_unopened(request.user, now=timezone.now())
    if whole_number(request.GET.get("known", "")) == unopened:
        return HttpResponse(status=204)
    return JsonResponse({"unopened": unopened})


def _paste(request: MemberRequest) -> HttpResponseBase:
    text = request.POST.get("text", "")
    hosts = {urlsplit(settings.PUBLIC_BASE_URL).netloc, request.get_host()}
    now = timezone.now()
    try:
        is_new = receive_pasted(request.user, text, hosts=hosts, now=now)
    except PastedTextError as error:
        page = feed_page(request.user, None, now=now)
        context = {"page": page, "problem": str(error), "text": text[:MOST_SHOWN_AGAIN]}
        return render(request, "shares/for_you.html", context, status=400)
    messages.success(request, "Added to For You." if is_new else "This is in For You already.")
    return redirect("shares:for_you")
