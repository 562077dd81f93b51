"""Links that I made: the sheet that makes one, the list of all, and what one of them lets out."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from library.http import MemberRequest, render
from library.tiles import Tile
from shares.choices import choices_for_share, more_of
from shares.cleaning import want_copies
from shares.lifetimes import LifetimeRefusedError, lifetime_choice, lifetime_of
from shares.models import Share
from shares.my_links import MyLink, link_strip, links_page, my_link, new_link
from shares.prepared_archives import want_archive
from shares.publishing import (
    SelectionRefusedError,
    change_terms,
    publish_share,
    selected_assets,
)
from shares.summary import summary_of, withheld_of
from shares.terms import TermsRefusedError, terms_of


@require_http_methods(["GET", "HEAD", "POST"])
def links(request: MemberRequest) -> HttpResponseBase:
    """List the links I made, newest first; a POST makes one, at the press of Copy Link."""
    if request.method == "POST":
        return _make(request)
    page = links_page(request.user, request.GET.get("page"), now=timezone.now())
    return render(request, "shares/links.html", {"page": page}, fragment="page")


@require_POST
def new(request: MemberRequest) -> HttpResponseBase:
    """Show the sheet for a selection. Nothing is made yet."""
    try:
        assets = selected_assets(request.user, _chosen(request), max_items=settings.SHARE_MAX_ITEMS)
    except SelectionRefusedError as error:
        return _refused(request, error)
    lifetime = lifetime_choice(
        default_days=settings.SHARE_DEFAULT_LIFETIME_DAYS, now=timezone.now()
    )
    sheet = new_link(assets, request.user, lifetime=lifetime, stands_alone=not request.htmx)
    return render(request, "shares/new.html", {"sheet": sheet}, fragment="sheet")


@require_safe
def link(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show one of my links: its address, how far it is prepared, and its end."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    strip = link_strip(request.user, share)
    return render(request, "shares/link.html", _live(share, strip), fragment="sheet")


@require_safe
def progress(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Say how many items are prepared; htmx asks until all are."""
    share = get_object_or_404(request.user.shares, uuid=uuid)
    return render(request, "shares/link.html#progress", _live(share))


@require_POST
def retry(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Clean the files anew on which it went wrong."""
    now = timezone.now()
    share = get_object_or_404(request.user.shares.open_at(now), uuid=uuid)
    with transaction.atomic():
        want_copies(share, now=now)
        want_archive(share, now=now)
    if not request.htmx:
        return redirect("shares:link", uuid=share.uuid)
    return render(request, "shares/link.html#progress", _live(share))


@require_http_methods(["GET", "HEAD", "POST"])
def terms(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Show what one of my links lets out; a POST changes it, and asks first where that is more."""
    now = timezone.now()
    share = get_object_or_404(request.user.shares.open_at(now), uuid=uuid)
    if request.method != "POST":
        return _terms_page(request, share)
    try:
        wanted = terms_of(request.POST)
    except TermsRefusedError as error:
        return _terms_page(request, share, problem=str(error))
    if wanted.is_looser_than(share.terms) and request.POST.get("confirmed") != str(share.epoch):
        context = {"link": _link_of(share), "more": more_of(wanted, share.terms)}
        return render(request, "shares/loosen.html", context, fragment="confirm")
    change_terms(share, wanted, now=now)
    return redirect("shares:link", uuid=share.uuid)


def _terms_page(request: MemberRequest, share: Share, *, problem: str = "") -> HttpResponseBase:
    context = {"link": _link_of(share), "choices": choices_for_share(share), "problem": problem}
    status = 400 if problem else 200
    return render(request, "shares/terms.html", context, fragment="sheet", status=status)


def _make(request: MemberRequest) -> HttpResponseBase:
    try:
        share = publish_share(
            request.user,
            _chosen(request),
            terms=terms_of(request.POST),
            max_items=settings.SHARE_MAX_ITEMS,
            now=timezone.now(),
            lifetime=lifetime_of(request.POST, default_days=settings.SHARE_DEFAULT_LIFETIME_DAYS),
        )
    except (SelectionRefusedError, TermsRefusedError, LifetimeRefusedError) as error:
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


def _refused(
    request: MemberRequest, error: SelectionRefusedError | TermsRefusedError | LifetimeRefusedError
) -> HttpResponseBase:
    if request.accepts("text/html"):
        return render(request, "shares/new.html", {"refusal": error}, fragment="sheet", status=400)
    gone = error.gone if isinstance(error, SelectionRefusedError) else []
    told = {"problem": str(error), "gone": [str(uuid) for uuid in gone]}
    return JsonResponse(told, status=400)


def _live(share: Share, strip: Sequence[Tile] = ()) -> dict[str, object]:
    summary = summary_of(share)
    return {
        "link": _link_of(share, summary.title, strip),
        "summary": summary,
        "withheld": withheld_of(share) if summary.withheld else [],
    }


def _link_of(share: Share, title: str = "", strip: Sequence[Tile] = ()) -> MyLink:
    return my_link(share, title=title, strip=strip, now=timezone.now())
