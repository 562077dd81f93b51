"""Links that I made: the sheet that makes one, the list of all, and the end of one."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from library.http import MemberRequest
from library.models import Asset
from library.tiles import Tile, tile_of
from shares.disclosure import summary_of
from shares.models import Share
from shares.my_links import links_page, my_link
from shares.publishing import SelectionRefusedError, publish_share, selected_assets, stop_share
from shares.wording import automatic_title

STRIP_TILES = 4


@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def links(request: MemberRequest) -> HttpResponseBase:
    """List the links I made, newest first; a POST makes one, at the press of Copy Link."""
    if request.method == "POST":
        return _make(request)
    page = links_page(request.user, request.GET.get("page"), now=timezone.now())
    return _fragment(request, "shares/links.html", "page", {"page": page})


@vary_on_headers("HX-Request")
@require_POST
def new(request: MemberRequest) -> HttpResponseBase:
    """Show the sheet for a selection. Nothing is made yet."""
    try:
        assets = selected_assets(request.user, _chosen(request), max_items=settings.SHARE_MAX_ITEMS)
    except SelectionRefusedError as error:
        return _refused(request, error)
    context = {
        # a fragment stands over the grid, whose own form has them
        "chosen": [] if request.htmx else [str(asset.uuid) for asset in assets],
        "title": _title(assets),
        "sender_name": request.user.display_name,
        "expires_at": timezone.now() + _lifetime(),
        "strip": _strip(assets),
    }
    return _fragment(request, "shares/new.html", "sheet", context)


@vary_on_headers("HX-Request")
@require_safe
def link(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show one of my links: its address, how far it is prepared, and its end."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    assets = request.user.assets.filter(share_items__share=share).with_stills()
    strip = _strip(list(assets.order_by("taken_at", "id")[:STRIP_TILES]))
    return _fragment(request, "shares/link.html", "sheet", _live(share, strip))


@require_safe
def progress(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Say how many items are prepared; htmx asks until all are."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    return TemplateResponse(request, "shares/link.html#progress", _live(share))


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
        share = publish_share(
            request.user,
            _chosen(request),
            max_items=settings.SHARE_MAX_ITEMS,
            now=timezone.now(),
            lifetime=_lifetime(),
        )
    except SelectionRefusedError as error:
        return _refused(request, error)
    where = redirect("shares:link", uuid=share.uuid)
    if request.accepts("text/html"):
        return where
    made = {"url": share.public_url, "sheet": where["Location"], "link": str(share.uuid)}
    return JsonResponse(made, status=201)


def _chosen(request: MemberRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist("asset")]
    except ValueError as error:
        raise SelectionRefusedError(
            "This selection can't be read. Reload the page and choose again."
        ) from error


def _refused(request: MemberRequest, error: SelectionRefusedError) -> HttpResponseBase:
    told: dict[str, object] = {"problem": str(error), "gone": [str(uuid) for uuid in error.gone]}
    if request.accepts("text/html"):
        return _fragment(request, "shares/new.html", "sheet", told, status=400)
    return JsonResponse(told, status=400)


def _lifetime() -> timedelta:
    return timedelta(days=settings.SHARE_DEFAULT_LIFETIME_DAYS)


def _title(assets: list[Asset]) -> str:
    videos = sum(asset.is_video for asset in assets)
    return automatic_title(len(assets) - videos, videos)


def _strip(assets: list[Asset]) -> list[Tile]:
    return [tile_of(asset) for asset in assets[:STRIP_TILES]]


def _live(share: Share, strip: Sequence[Tile] = ()) -> dict[str, object]:
    summary = summary_of(share)
    link = my_link(share, title=summary.title, strip=strip, now=timezone.now())
    return {"link": link, "summary": summary}


def _fragment(
    request: MemberRequest,
    template: str,
    name: str,
    context: Mapping[str, object],
    *,
    status: int = 200,
) -> HttpResponseBase:
    chosen = f"{template}#{name}" if request.htmx else template
    return TemplateResponse(request, chosen, {**context}, status=status)
