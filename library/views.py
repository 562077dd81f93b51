"""Pages of somebody's own library."""

from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_POST, require_safe

from library import bells, work
from library.grid import grid_page
from library.http import MemberRequest, render
from library.keyset import Place
from library.models import AssetQuerySet, Rendition, Stills, User
from library.tiles import picture_of, tile_of
from library.transfers import blob_body, no_picture, send

MAX_TILES_ASKED = 200


@require_safe
def grid(request: MemberRequest) -> HttpResponseBase:
    """Show the library by day, newest first; htmx asks for later pages by the last item's place."""
    after = Place.parse(request.GET.get("after", ""))
    context = {
        "name": f"library-{_pseudonym(request.user)}",
        "page": grid_page(_library(request), after, is_fragment=bool(request.htmx)),
        "link": _uuid_or_none(request.GET.get("link", "")),
    }
    return render(request, "library/grid.html", context, fragment="page")


@require_safe
def tiles(request: MemberRequest) -> HttpResponseBase:
    """Return those of the tiles asked for that are no longer waiting for their picture."""
    wanted = [
        uuid
        for text in request.GET.getlist("id")[:MAX_TILES_ASKED]
        if (uuid := _uuid_or_none(text))
    ]
    found = map(tile_of, _library(request).filter(uuid__in=wanted))
    context = {"tiles": [tile for tile in found if not tile.is_waiting]}
    return render(request, "library/_tiles.html", context)


@require_safe
def item(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show one of my items, large, with its facts."""
    asset = get_object_or_404(_library(request), uuid=uuid)
    context = {"asset": asset, "picture": picture_of(asset)}
    return render(request, "library/item.html", context)


@require_safe
def rendition(request: MemberRequest, uuid: UUID, kind: str) -> HttpResponseBase:
    """Send a picture made from one of my items."""
    asset = get_object_or_404(_library(request), uuid=uuid)
    picture = Rendition.objects.select_related("blob").filter(source=asset.blob, kind=kind).first()
    return (
        send(request, blob_body(picture.blob))
        if picture
        else no_picture(is_waiting=asset.stills.is_waiting)
    )


@require_safe
def original(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Send what I uploaded, byte for byte."""
    asset = get_object_or_404(_library(request), uuid=uuid)
    return send(request, blob_body(asset.blob, download_name=asset.name))


@require_POST
def retry(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Prepare a failed item anew."""
    asset = get_object_or_404(_library(request), uuid=uuid)
    work.retry(Stills.objects.filter(source=asset.blob), now=timezone.now())
    bells.ring_after_commit(Stills)
    return redirect(asset)


def _library(request: MemberRequest) -> AssetQuerySet:
    return request.user.assets.in_library().with_stills()


def _pseudonym(user: User) -> str:
    """Return what tells members apart in one browser, and says no more of them."""
    return salted_hmac("library.grid", str(user.pk)).hexdigest()[:12]


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
