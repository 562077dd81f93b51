"""Small typed pieces between Django's requests and our views."""

import ipaddress
from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import register_converter
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from library.models import User
from library.processing.values import RenditionKind


class SiteRequest(HttpRequest):
    """A request of anybody; htmx says whether it asks for a fragment."""

    htmx: HtmxDetails


class MemberRequest(SiteRequest):
    """A request of somebody who is signed in."""

    user: User


def member_of(request: HttpRequest) -> User | None:
    """Return who is signed in, on pages that strangers see too."""
    return request.user if isinstance(request.user, User) else None


def client_of(request: HttpRequest) -> str:
    """Return who asks, as an address: of trusted proxies' word, else of the connection.

    An IPv6 address stands for its whole network of 64 bits: whoever has one has all of them.
    """
    told = list(filter(None, request.headers.get("X-Forwarded-For", "").split(",")))
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    text = told[-trusted].strip() if 0 < trusted <= len(told) else request.META["REMOTE_ADDR"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text


def render(
    request: SiteRequest,
    template: str,
    context: Mapping[str, object],
    *,
    fragment: str = "",
    status: int = 200,
) -> TemplateResponse:
    """Answer with a page; where it has a fragment of that name, htmx gets that alone, at the same address."""
    name = f"{template}#{fragment}" if fragment and request.htmx else template
    response = TemplateResponse(request, name, {**context}, status=status)
    if fragment:
        patch_vary_headers(response, ["HX-Request"])
    return response


def short_text(
    message: str, *, status: int, retry_after_seconds: int | None = None
) -> HttpResponse:
    """Answer for a file that can't be sent: one line, so that nobody saves a web page as a picture."""
    response = HttpResponse(f"{message}\n", status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if retry_after_seconds is not None:
        response["Retry-After"] = str(retry_after_seconds)
    return response


def when_closed(response: HttpResponseBase, act: Callable[[], object]) -> None:
    """Do something once an answer is written, or broken off."""
    # What Django calls then, streamed or not; there is no public name for it
    response._resource_closers.append(act)  # type: ignore[attr-defined]  # noqa: SLF001


def whole_number(text: str) -> int | None:
    """Read a number of at most six digits from an address or a form; None for anything else."""
    return int(text) if len(text) <= 6 and text.isascii() and text.isdecimal() else None


class RenditionConverter:
    """The kinds of pictures that addresses may name."""

    regex = "|".join(RenditionKind)

    def to_python(self, value: str) -> str:
        """Return the kind."""
        return value

    def to_url(self, value: str) -> str:
        """Return the kind."""
        return value


register_converter(RenditionConverter, "rendition")
RENDITION = "<rendition:kind>"  # the same end of an address in the library and below a link
