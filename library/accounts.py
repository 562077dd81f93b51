"""How people come in: who may sign up, and what becomes of the first account."""

import secrets
from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse

from library.models import User

SETUP_SESSION_KEY = "may_set_up"


def display_name(user: User) -> str:
    """Return what other people call this member."""
    return user.display_name


def is_unclaimed() -> bool:
    """Tell whether the site still waits for its first superuser."""
    return not User.objects.filter(is_superuser=True).exists()


def may_claim(request: HttpRequest) -> bool:
    """Tell whether an account made by this visitor now becomes the site's first superuser.

    Only the bearer of the set-up link that `manage.py up` prints, so that no stranger is first. Where
    a request seems to come from says nothing: a proxy on the same machine makes all of them local.
    """
    return is_unclaimed() and bool(request.session.get(SETUP_SESSION_KEY, False))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's questions, answered for this site."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open by setting; before the first account, for whoever has the set-up code, which is asked for."""
        if not is_unclaimed():
            return bool(settings.SIGN_UPS == "open")
        given = request.GET.get("setup", "").strip()
        if secrets.compare_digest(given.encode(), settings.SETUP_CODE.encode()):
            request.session[SETUP_SESSION_KEY] = True
        if not request.session.get(SETUP_SESSION_KEY):
            page = TemplateResponse(request, "account/set_up.html", {"is_wrong": bool(given)})
            raise ImmediateHttpResponse(page.render())
        return True

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail whose links start with the site's own address, whatever host the request named."""
        asked, public = self.request.build_absolute_uri("/"), f"{settings.PUBLIC_BASE_URL}/"
        links = {
            name: public + value.removeprefix(asked)
            for name, value in context.items()
            if isinstance(value, str) and value.startswith(asked)
        }
        site = SimpleNamespace(name="Passalong", domain=public.partition("//")[2].rstrip("/"))
        super().send_mail(template_prefix, email, {**context, **links, "current_site": site})

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - allauth's signature
        """Make the account; the first one is confirmed at once and may do everything."""
        user.display_name = form.cleaned_data["display_name"]
        with transaction.atomic():
            if request.session.get(SETUP_SESSION_KEY):
                _wait_for_others()
            claims = may_claim(request)
            user.is_staff = user.is_superuser = claims
            saved: User = super().save_user(request, user, form, commit)
        if claims:
            self.stash_verified_email(request, saved.email)
            request.session.pop(SETUP_SESSION_KEY, None)
            messages.success(
                request,
                "This is the first account, so it looks after the site: "
                "your address counts as confirmed, and /admin/ is open to you.",
            )
        return saved


def _wait_for_others() -> None:
    """Let two who would both be first follow each other; SQLite's transactions do so anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            table = connection.ops.quote_name(User._meta.db_table)
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
