"""Links that I made: the sheet that makes one, the list of all, and the end of one."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from library.http import MemberRequest, private_page
from library.models import Asset
from library.tiles import tile_of
from shares.disclosure import summary_of
from shares.models import Share
from shares.publishing import SelectionRefusedError, publish_share, selected_assets, stop_share
from shares.wording import automatic_title

PAGE_LINKS = 24
STRIP_TILES = 4


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def links(request: MemberRequest) -> HttpResponseBase:
    """List the links I made, newest first; a POST makes one, at the press of Copy Link."""
    if request.method == "POST":
        return _make(request)
    shares = request.user.shares.newest_first().with_counts().with_first_items()
    page = Paginator(shares, PAGE_LINKS).get_page(request.GET.get("page"))
    context = {"page": page, "cards": [_card(share) for share in page]}
    return _fragment(request, "shares/links.html", "page", context)


@vary_on_headers("HX-Request")
@require_POST
def new(request: MemberRequest) -> HttpResponseBase:
    """Show the sheet for a selection. Nothing is made yet."""
    try:
        assets = _selection(request)
    except SelectionRefusedError as error:
        return _fragment(request, "shares/new.html", "sheet", {"problem": str(error)}, status=400)
    expires_at = timezone.now() + _lifetime()
    context = {
        "assets": assets,
        "title": _title(assets),
        "expires_at": expires_at,
        "strip": _strip(assets),
    }
    return _fragment(request, "shares/new.html", "sheet", context)


@vary_on_headers("HX-Request")
@require_safe
def link(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show one of my links: its address, how far it is prepared, and its end."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    assets = request.user.assets.filter(share_items__share=share).select_related("blob")
    context = {
        **_live(share),
        "strip": _strip(list(assets.order_by("taken_at", "id")[:STRIP_TILES])),
    }
    return _fragment(request, "shares/link.html", "sheet", context)


@require_safe
def progress(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Say how many items are prepared; htmx asks until all are."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    return private_page(TemplateResponse(request, "shares/link.html#progress", _live(share)))


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Ask whether to stop sharing; a POST stops it, at once and for good."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    if request.method == "POST":
        stop_share(share, now=timezone.now())
        return redirect("shares:links")
    return _fragment(request, "shares/stop.html", "confirm", _live(share))


def _make(request: MemberRequest) -> HttpResponseBase:
    try:
        assets = _selection(request)
    except SelectionRefusedError as error:
        if request.accepts("text/html"):
            return _fragment(
                request, "shares/new.html", "sheet", {"problem": str(error)}, status=400
            )
        return private_page(JsonResponse({"problem": str(error)}, status=400))
    share = publish_share(request.user, assets, now=timezone.now(), lifetime=_lifetime())
    where = redirect("shares:link", uuid=share.uuid)
    if request.accepts("text/html"):
        return where
    return private_page(
        JsonResponse(
            {"url": share.public_url, "sheet": where["Location"], "link": str(share.uuid)},
            status=201,
        )
    )


def _selection(request: MemberRequest) -> list[Asset]:
    try:
        uuids = [UUID(text) for text in request.POST.getlist("asset")]
    except ValueError as error:
        raise SelectionRefusedError(
            "This selection can't be read. Reload the page and choose again."
        ) from error
    return selected_assets(request.user, uuids, max_items=settings.SHARE_MAX_ITEMS)


def _lifetime() -> timedelta:
    return timedelta(days=settings.SHARE_DEFAULT_LIFETIME_DAYS)


def _title(assets: list[Asset]) -> str:
    videos = sum(asset.is_video for asset in assets)
    return automatic_title(len(assets) - videos, videos)


def _strip(assets: list[Asset]) -> list[object]:
    return [tile_of(asset) for asset in assets[:STRIP_TILES]]


def _live(share: Share) -> dict[str, object]:
    return {
        "share": share,
        "summary": summary_of(share),
        "is_open": share.is_open_at(timezone.now()),
    }


def _card(share: Share) -> dict[str, object]:
    first: list[object] = [tile_of(item.asset) for item in share.first_items if item.asset]
    title = automatic_title(share.photos, share.videos)
    return {
        "share": share,
        "title": title,
        "is_open": share.is_open_at(timezone.now()),
        "strip": first,
    }


def _fragment(
    request: MemberRequest,
    template: str,
    name: str,
    context: Mapping[str, object],
    *,
    status: int = 200,
) -> HttpResponseBase:
    chosen = f"{template}#{name}" if request.htmx else template
    return private_page(TemplateResponse(request, chosen, {**context}, status=status))
