"""The upload page: a form that works alone, and answers its own script file by file."""

import errno
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

from library.http import MemberRequest
from library.ingest import accept_upload, clean_name
from library.models import Asset
from library.processing.errors import MediaError
from library.transfers import release_connection
from library.uploads.handler import PartUploadHandler, ReceivedFile
from library.wording import bytes_in_words

FORM_OVERHEAD_BYTES = 1 << 20
FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file of the form."""

    name: str
    state: str  # "added", "known" or "refused"
    message: str
    asset: Asset | None = None

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
    if (
        request.method == "POST"
        and _length(request) > settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD_BYTES
    ):
        return _too_long(request)
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
    return _answer(request, results, status=200 if results else 400)


def _take(request: MemberRequest, file: ReceivedFile) -> Result:
    name = clean_name(file.name or "")
    if file.problem:
        return Result(name, "refused", _PROBLEMS[file.problem]())
    try:
        accepted = accept_upload(request.user, file.part, name=name, now=timezone.now())
    except MediaError as error:
        return Result(name, "refused", str(error))
    except OSError as error:
        if error.errno not in FULL:
            raise
        return Result(name, "refused", _PROBLEMS["no_space"]())
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


def _too_long(request: HttpRequest) -> HttpResponseBase:
    most = bytes_in_words(settings.UPLOAD_MAX_BYTES)
    message = (
        f"That is more than {most} at once. Nothing was stored: choose fewer or smaller files."
    )
    return _answer(request, [Result("This upload", "refused", message)], status=413)


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


_PROBLEMS: dict[str, Callable[[], str]] = {
    "too_large": lambda: (
        f"This file is larger than {bytes_in_words(settings.UPLOAD_MAX_BYTES)}, the most that is taken here."
    ),
    "no_space": lambda: "There is no room left on this server at the moment. Try again later.",
}
