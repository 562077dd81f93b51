"""The site's addresses."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Passalong"

urlpatterns = [
    path("", include("library.urls")),
    path("", include("shares.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
