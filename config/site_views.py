"""Pages that belong to no app: the front door, and what crawlers may read."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from library.http import short_text


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """Tell a visitor what this is; a member wants the library."""
    if request.user.is_authenticated:
        return redirect("library:grid")
    return TemplateResponse(request, "home.html")


@login_not_required
@require_safe
def robots(_request: HttpRequest) -> HttpResponseBase:
    """Let crawlers read what links say of themselves: each answers `noindex`."""
    return short_text("User-agent: *\nDisallow: /accounts/\nDisallow: /admin/", status=200)
