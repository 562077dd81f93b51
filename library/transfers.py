"""Send bytes over HTTP: whole or one range, resumable, without holding a database connection.

Every file and archive of the site leaves through `send` (RFC 9110, sections 13 and 14).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, parse_etags

from library.blobs.storage import PIECE_BYTES, BlobMissingError, store
from library.http import short_text
from library.models import Blob

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LARGE_BYTES = PIECE_BYTES // 4
_MEDIA_POLICY = "sandbox; default-src 'none'"


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes that can be sent: their number, their identity, and how to read [start, stop)."""

    size_bytes: int
    etag: str
    content_type: str
    read: Callable[[int, int], Iterator[bytes]]
    download_name: str = ""  # empty: shown in the page; else saved under this name


class RangeNotSatisfiableError(ValueError):
    """The range lies outside the bytes."""


def blob_body(blob: Blob, *, download_name: str = "") -> Body:
    """Describe a stored file. Its ETag says nothing of its content: keys are partly random.

    A file that is not as long as its row says counts as missing, whichever part of it is asked for.
    """

    def read(start: int, stop: int) -> Iterator[bytes]:
        if store.size_of(blob.key) != blob.size_bytes:
            raise BlobMissingError(f"the file of blob {blob.key} is missing or of another size")
        return store.read(blob.key, start, stop)

    return Body(
        size_bytes=blob.size_bytes,
        etag=hashlib.sha256(blob.key.encode()).hexdigest()[:32],
        content_type=blob.content_type,
        read=read,
        download_name=download_name,
    )


def send(request: HttpRequest, body: Body) -> HttpResponseBase:
    """Answer GET or HEAD with the bytes: 200, 206, 304, 416, or 503 when their file is missing."""
    etag = f'"{body.etag}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in (tag.removeprefix("W/") for tag in known):
        unchanged = HttpResponse(status=304)
        del unchanged["Content-Type"]  # that of the body which is not sent
        return _with_headers(unchanged, body, etag)
    try:
        span = _requested_range(request, etag, body.size_bytes)
    except RangeNotSatisfiableError:
        response = _with_headers(
            short_text("That range lies outside the file.", status=416), body, etag
        )
        response["Content-Range"] = f"bytes */{body.size_bytes}"
        return response
    start, stop = span or (0, body.size_bytes)
    try:
        response = _answer(request, body, start, stop)
    except BlobMissingError:
        return short_text(
            "This file can't be read at the moment.", status=503, retry_after_seconds=60
        )
    _with_headers(response, body, etag)
    response["Content-Length"] = str(stop - start)
    if span:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{body.size_bytes}"
    return response


def no_picture(*, is_waiting: bool) -> HttpResponse:
    """Answer for a picture that is not there: perhaps later, or never."""
    if not is_waiting:
        return short_text("There is no such picture of this file.", status=404)
    return short_text("This picture is still being prepared.", status=503, retry_after_seconds=2)


def release_connection() -> None:
    """Give the database connection back before a long stream; does nothing inside a transaction."""
    if not connection.in_atomic_block:
        connection.close()


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return the one range [start, stop) that a Range header asks for.

    None when it asks for several or makes no sense: the whole is the right answer then.

    Raises:
        RangeNotSatisfiableError: it starts behind the last byte, or asks for no byte at all.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= min(stop, size_bytes):
        raise RangeNotSatisfiableError
    return start, stop


def _requested_range(request: HttpRequest, etag: str, size_bytes: int) -> tuple[int, int] | None:
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    if request.headers.get("If-Range", etag) != etag:  # something else is there now: send all of it
        return None
    return parse_range(header, size_bytes)


def _answer(request: HttpRequest, body: Body, start: int, stop: int) -> HttpResponseBase:
    if request.method == "HEAD":
        next(body.read(start, min(start + 1, stop)), None)  # a missing file has to show here too
        return HttpResponse(content_type=body.content_type)
    pieces = body.read(start, stop)
    if stop - start <= PIECE_BYTES:
        return HttpResponse(b"".join(pieces), content_type=body.content_type)
    first = next(pieces)  # a missing file shows here, while there is still a status to give
    release_connection()
    return StreamingHttpResponse(_evenly(first, pieces), content_type=body.content_type)


def _evenly(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces, as a ZIP of many files has them, to one write each of some 256 KiB at most.

    A large piece is sent as it is: a write of what is small before it takes less time than copying both.
    """
    held: list[bytes] = []
    held_bytes = 0
    for piece in chain([first], rest):
        is_large = len(piece) >= _LARGE_BYTES
        if held and (is_large or held_bytes + len(piece) > PIECE_BYTES):
            yield b"".join(held)
            held, held_bytes = [], 0
        if is_large:
            yield piece
        else:
            held.append(piece)
            held_bytes += len(piece)
    if held:
        yield b"".join(held)


def _with_headers(response: HttpResponseBase, body: Body, etag: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = _MEDIA_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Accel-Buffering"] = "no"
    if body.download_name:
        name = _CONTROL.sub("", body.download_name) or "file"
        disposition = content_disposition_header(as_attachment=True, filename=name)
        response["Content-Disposition"] = disposition or "attachment"
    return response
