"""What every request passes that no package brings."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from library.http import SiteRequest

ROBOTS = "noindex, nofollow, noarchive"
PERSONAL_TYPES = ("text/html", "application/json")


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
