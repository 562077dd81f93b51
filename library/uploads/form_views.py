"""The upload page: a form that works alone, and answers its own script file by file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from library.blobs.space import has_room
from library.http import MemberRequest
from library.ingest import accept_upload, clean_name
from library.models import Asset
from library.processing.disks import is_full
from library.processing.errors import MediaError
from library.transfers import release_connection
from library.uploads.handler import PartUploadHandler, ReceivedFile
from library.wording import bytes_in_words

FORM_OVERHEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file of the form."""

    name: str
    state: str  # "added", "known" or "refused"
    message: str
    asset: Asset | None = None
    lacks_room: bool = False

    @property
    def url(self) -> str:
        """Return the page of its item; empty where there is none."""
        return self.asset.get_absolute_url() if self.asset else ""

    def as_json(self) -> dict[str, str]:
        """Return what the page's script shows."""
        return {"name": self.name, "state": self.state, "message": self.message, "url": self.url}


@csrf_exempt  # the inner view checks the token: the handler must stand before the body is read
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: MemberRequest) -> HttpResponseBase:
    """Show the form, or take its files, streaming each to disk."""
    if request.method == "POST" and (refusal := _refused_by_length(request)):
        return refusal
    handler = PartUploadHandler(request, max_bytes=settings.UPLOAD_MAX_BYTES)
    request.upload_handlers = [handler]
    release_connection()  # the body may take an hour to arrive
    try:
        return _checked_upload(request)
    except (MultiPartParserError, UnreadablePostError):
        message = "The form did not arrive whole. Nothing of it was stored; try again."
        return _answer(request, [Result("This upload", "refused", message)], status=400)
    finally:
        handler.upload_interrupted()  # Django does not always say so when a sender goes away


@csrf_protect
def _checked_upload(request: MemberRequest) -> HttpResponseBase:
    if request.method != "POST":
        return TemplateResponse(
            request, "library/upload.html", {"max_bytes": settings.UPLOAD_MAX_BYTES}
        )
    files: list[Any] = request.FILES.getlist("files")
    results = [_take(request, file) for file in files]
    if any(result.lacks_room for result in results):
        return _answer(request, results, status=507)
    return _answer(request, results, status=200 if results else 400)


def _take(request: MemberRequest, file: ReceivedFile) -> Result:
    name = clean_name(file.name or "")
    if file.problem:
        return _refused(name, file.problem)
    try:
        accepted = accept_upload(request.user, file.part, name=name, now=timezone.now())
    except MediaError as error:
        return Result(name, "refused", str(error))
    except OSError as error:
        if not is_full(error):
            raise
        return _refused(name, "no_space")
    if not accepted.is_new:
        return Result(name, "known", "Already in your library.", accepted.asset)
    return Result(name, "added", "Added to your library.", accepted.asset)


def _answer(request: HttpRequest, results: list[Result], *, status: int) -> HttpResponseBase:
    if request.accepts("text/html"):
        context = {"results": results, "posted": True, "max_bytes": settings.UPLOAD_MAX_BYTES}
        return TemplateResponse(request, "library/upload.html", context, status=status)
    answer: dict[str, object] = {"files": [result.as_json() for result in results]}
    if not results:
        answer["problem"] = "No file was chosen. Choose at least one photo or video."
    return JsonResponse(answer, status=status)


def _refused(name: str, problem: str) -> Result:
    return Result(name, "refused", _PROBLEMS[problem](), lacks_room=problem == "no_space")


def _refused_by_length(request: HttpRequest) -> HttpResponseBase | None:
    """Refuse what is too much, or finds no room, before any of it is read."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    length = int(text) if text.isdecimal() else 0
    if length > settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD_BYTES:
        return _answer(request, [_refused("This upload", "too_much")], status=413)
    if not has_room(length):
        return _answer(request, [_refused("This upload", "no_space")], status=507)
    return None


_PROBLEMS: dict[str, Callable[[], str]] = {
    "too_much": lambda: (
        f"That is more than {bytes_in_words(settings.UPLOAD_MAX_BYTES)} at once. "
        "Nothing was stored: choose fewer or smaller files."
    ),
    "too_large": lambda: (
        f"This file is larger than {bytes_in_words(settings.UPLOAD_MAX_BYTES)}, the most that is taken here."
    ),
    "no_space": lambda: (
        "There is no room left on this server at the moment, so this was not stored. "
        "What is in your library is safe. Try again later, or tell whoever looks after the site."
    ),
}
