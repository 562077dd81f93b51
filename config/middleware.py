"""What every request passes that no package brings."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from library.blobs.space import with_reserve
from library.http import SiteRequest, short_text
from library.processing.disks import is_full

ROBOTS = "noindex, nofollow, noarchive"
PERSONAL_TYPES = ("text/html", "application/json")
URGENT = {"account_login"}  # whoever is to stop a link may have to log in first
DISK_IS_FULL = "The disk of this site is full."
NOTHING_CHANGED = "Nothing was changed; what is stored is safe. Try again later."
LOGIN_IS_LOST = (
    "So who you are could not be kept. What is stored is safe; once there is room, "
    "look whether what you did was done."
)

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)


class PrivateByDefault:
    """Keep pages and JSON out of caches, and everything below a link out of search engines too.

    Views say only what else holds. Answers that no view of ours gives are covered as well, such as
    a failed CSRF check or a redirect to the address with a slash.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add what the answer does not say itself."""
        response = self.get_response(request)
        is_link = request.path_info.startswith("/s/")
        if is_link or response.get("Content-Type", "").startswith(PERSONAL_TYPES):
            response.headers.setdefault("Cache-Control", "private, no-store")
        if is_link:
            response.headers.setdefault("X-Robots-Tag", ROBOTS)
        return response


class FullDisk:
    """Answer 507 where a view needed the disk and it was full: no fault of the request, and nothing is lost.

    What is urgent is done once more with the reserve.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer, where it was the disk."""
        if not is_full(exception):
            return None
        match = request.resolver_match
        if match is None or match.view_name not in URGENT:
            return _disk_is_full(request)
        again = partial(match.func, request, *match.args, **match.kwargs)
        return _with_reserve(again, request, else_told=NOTHING_CHANGED)


class Sessions(SessionMiddleware):
    """Django's own, with the reserve: without a session nobody who logs in could stop a link."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session where it has changed."""
        save = partial(super().process_response, request, response)
        return _with_reserve(save, request, else_told=LOGIN_IS_LOST)


def _with_reserve(
    answer: Callable[[], ResponseT], request: HttpRequest, *, else_told: str
) -> ResponseT | HttpResponse:
    try:
        return with_reserve(answer)
    except Exception as error:
        if not is_full(error):
            raise
        return _disk_is_full(request, else_told)


def _disk_is_full(request: HttpRequest, told: str = NOTHING_CHANGED) -> HttpResponse:
    """Answer in the form that is understood: a page, JSON for a script, else one line."""
    accepted = request.headers.get("Accept", "")
    if "application/json" in accepted:
        return JsonResponse({"problem": f"{DISK_IS_FULL} {told}"}, status=507)
    if "text/html" not in accepted or request.headers.get("HX-Request"):
        return short_text(f"{DISK_IS_FULL} {told}", status=507)
    return render(request, "507.html", {"told": told}, status=507)


class NoBodyForHead:
    """Answer HEAD with the headers that GET would have, and no body: the web server complains of one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Drop the body; its length is told by then."""
        response = self.get_response(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""
        return response


class LoginForFragments:
    """Send the whole page to the log-in when a fragment is asked for after the session ended.

    Without it htmx would follow the redirect and put the log-in form into a corner of the page.
    """

    def __init__(self, get_response: Callable[[SiteRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: SiteRequest) -> HttpResponseBase:
        """Turn a redirect to the log-in into one that the browser itself follows."""
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        if request.htmx and response.status_code == 302 and response["Location"].startswith(login):
            back = urlencode({"next": request.htmx.current_url_abs_path or "/"})
            return HttpResponseClientRedirect(f"{login}?{back}")
        return response
