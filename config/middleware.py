"""What every request passes that no package brings."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from library.http import SiteRequest


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
