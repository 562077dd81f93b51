"""The site's addresses."""

from typing import NoReturn

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import include, path

from config import site_views

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Passalong"


def nowhere(_request: HttpRequest, rest: str) -> NoReturn:
    """Answer for addresses that must not be answered by what follows below."""
    raise Http404(rest)


urlpatterns = [
    path("", site_views.home, name="home"),
    path("robots.txt", site_views.robots, name="robots"),
    path("", include("library.urls")),
    path("", include("shares.urls")),
    path("accounts/", include("allauth.urls")),
    # The admin leads from any row's number to the row's own address, which is a secret for links
    path("admin/r/<path:rest>", nowhere),
    path("admin/", admin.site.urls),
]
