"""The share page and what anybody gets below it: all of it behind the gate."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from library.http import (
    SiteRequest,
    client_of,
    member_of,
    render,
    short_text,
    when_closed,
    whole_number,
)
from library.models import User
from library.throttling import Limit, wait_before, wait_seconds
from library.transfers import blob_body, no_picture, send
from shares import share_page
from shares.access import gated_file, gated_page, gated_part
from shares.archives import (
    ArchiveWaitsError,
    ArchiveWithheldError,
    EmptyArchiveError,
    FilesMissingError,
    archive_body,
)
from shares.disclosure import FileState, cover_of, file_of, file_state_of, rendition_of, shown
from shares.models import Share, ShareItem
from shares.positions import SelectionError, decode_positions, encode_positions
from shares.summary import summary_of
from shares.wording import spoken_missing

MAX_TILES_ASKED = 200
RETRY_AFTER_SECONDS = 5
ARCHIVES = Limit("archive", most=60, within=timedelta(hours=1))  # of a link, for a client


@gated_page
@require_safe
def page(request: SiteRequest, share: Share) -> HttpResponseBase:
    """Show THE share page, for strangers and members alike; htmx asks for later tiles by position."""
    after = whole_number(request.GET.get("after", "")) or 0
    recipient = _recipient(request, share)
    context = {
        "cover": cover_of(share),
        "viewer": share_page.viewer_of(share, member_of(request)),
        "summary": None if request.htmx else summary_of(share, recipient),
        "page": share_page.tiles_page(share, recipient, after=after),
    }
    return render(request, "shares/page.html", context, fragment="tiles")


@gated_part
@require_safe
def tiles(request: SiteRequest, share: Share) -> HttpResponseBase:
    """Return those of the tiles asked for that no longer wait; where there are any, the facts told anew."""
    asked = map(whole_number, request.GET.getlist("id")[:MAX_TILES_ASKED])
    recipient = _recipient(request, share)
    decided = share_page.decided_tiles(share, recipient, filter(None, asked))
    context = {
        "tiles": decided,
        "cover": cover_of(share),
        "summary": summary_of(share) if decided else None,
    }
    return render(request, "shares/settled.html", context)


@gated_page
@require_safe
def item_page(request: SiteRequest, share: Share, position: int) -> HttpResponseBase:
    """Show one item: the large picture or the playing video, and its own download."""
    items = share_page.items_for(share, _recipient(request, share))
    item = get_object_or_404(items, position=position)
    context = {
        "cover": cover_of(share),
        "viewer": share_page.viewer_of(share, member_of(request)),
        "page": share_page.item_page(item, share),
    }
    return render(request, "shares/item.html", context)


@gated_file
@require_safe
def rendition(request: SiteRequest, share: Share, position: int, kind: str) -> HttpResponseBase:
    """Send a picture made from an item."""
    item = _item(share, position)
    if picture := rendition_of(item, kind):
        return send(request, blob_body(picture))
    return no_picture(is_waiting=shown(item, share).is_waiting)


@gated_file
@require_safe
def file(request: SiteRequest, share: Share, position: int) -> HttpResponseBase:
    """Send an item's file, as the link's level lets it out."""
    item = _item(share, position)
    if found := file_of(item, share):
        return send(request, blob_body(found, download_name=shown(item, share).file_name))
    return _no_file(file_state_of(item, share))


@csrf_exempt  # a POST changes nothing: it only turns ticked boxes into an address
@gated_file
@require_http_methods(["GET", "HEAD", "POST"])
def archive(request: SiteRequest, share: Share) -> HttpResponseBase:
    """Send the ZIP of all, or of the items that `?items=` names; ticked boxes are redirected to that."""
    if request.method == "POST":
        return _to_selection(request, share)
    counted = partial(_count_of_archives, request, share, now=timezone.now())
    if wait := counted(wait_before):
        told = "Downloads of this link were begun too often from your network. Try again later."
        return short_text(told, status=429, retry_after_seconds=wait)
    try:
        positions = decode_positions(chosen) if (chosen := request.GET.get("items")) else None
        body = archive_body(share, positions)
    except ArchiveWithheldError:
        return short_text(
            "None of these files could be cleaned of personal data, so they are not passed along.",
            status=404,
        )
    except (SelectionError, EmptyArchiveError) as error:
        raise Http404 from error
    except FilesMissingError as error:
        return _not_whole(request, share, error)
    except ArchiveWaitsError:
        return _no_file(FileState.PREPARING)
    response = send(request, body)
    if response.status_code in {200, 206}:
        when_closed(response, partial(counted, wait_seconds))  # no first byte waits for a write
    return response


@gated_file
def nothing(_request: SiteRequest, _share: Share, rest: str) -> HttpResponseBase:
    """Answer for addresses below a link that do not exist: the gate speaks first there too."""
    raise Http404(rest)


def _count_of_archives(
    request: SiteRequest, share: Share, ask: Callable[..., int], *, now: datetime
) -> int:
    """Ask about, or count, an archive that is asked for from its start; 0 for anything else."""
    begins = request.headers.get("Range", "bytes=0-").startswith("bytes=0-")
    if request.method != "GET" or not begins:
        return 0
    return ask(ARCHIVES, share.pk, client_of(request), now=now)


def _no_file(state: FileState) -> HttpResponseBase:
    if state == FileState.WITHHELD:
        return short_text(
            "This file can't be cleaned of personal data, so it is not passed along.", status=404
        )
    if state == FileState.FAILED:
        return short_text(
            "Something went wrong here while this file was cleaned, so it is not passed along. "
            "Whoever shared it can have it tried again.",
            status=503,
        )
    return short_text(
        "This is being prepared: what is personal is being removed. Try again in a moment.",
        status=503,
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _not_whole(request: SiteRequest, share: Share, missing: FilesMissingError) -> HttpResponseBase:
    """Name what can't be read, and offer the rest: on a page to whoever goes there, else in a line."""
    message = spoken_missing(missing.names)
    rest_url = _address_of(share, missing.rest) if missing.rest else ""
    if not rest_url:
        message += " There is nothing else to download."
    if _shows_pages(request):
        context = {"message": message, "rest_url": rest_url, "cover": cover_of(share)}
        response: HttpResponse = render(request, "shares/incomplete.html", context, status=503)
    else:
        told = (
            f"{message} The rest: {request.build_absolute_uri(rest_url)}" if rest_url else message
        )
        response = short_text(told, status=503)
    if rest_url:
        response["Link"] = f'<{rest_url}>; rel="alternate"'
    response["Retry-After"] = "60"
    patch_vary_headers(response, ["Accept", "Sec-Fetch-Dest", "Sec-Fetch-Mode"])
    return response


def _shows_pages(request: SiteRequest) -> bool:
    """Tell whether somebody goes there with a browser, rather than a program that stores what it gets."""
    headers = request.headers
    goes_there = (
        headers.get("Sec-Fetch-Mode") == "navigate" or headers.get("Sec-Fetch-Dest") == "document"
    )
    return goes_there and "text/html" in headers.get("Accept", "")


def _to_selection(request: SiteRequest, share: Share) -> HttpResponseBase:
    ticked = {
        number
        for text in request.POST.getlist("item")
        if (number := whole_number(text)) and number < share.next_position
    }
    if request.POST.getlist("item") and not ticked:
        raise Http404
    wanted = ticked or set(share.items.shown().values_list("position", flat=True)[:2])
    is_all = not ticked and len(wanted) > 1
    address = (
        reverse("shares:archive", args=[share.token]) if is_all else _address_of(share, wanted)
    )
    return HttpResponse(status=303, headers={"Location": address})


def _address_of(share: Share, positions: Collection[int]) -> str:
    """Return where these items are downloaded. One file is never zipped."""
    if len(positions) == 1:
        return reverse("shares:file", args=[share.token, *positions])
    archive_url = reverse("shares:archive", args=[share.token])
    return f"{archive_url}?items={encode_positions(positions)}"


def _recipient(request: SiteRequest, share: Share) -> User | None:
    return share_page.recipient_of(share, member_of(request))


def _item(share: Share, position: int) -> ShareItem:
    items = share.items.shown().with_copies(share.level)
    return get_object_or_404(items, position=position)
