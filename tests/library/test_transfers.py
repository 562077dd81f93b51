"""Sending bytes: whole, in ranges, again, or not at all; and what else stands in the answer."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from library.blobs.storage import PIECE_BYTES, BlobMissingError, store
from library.ingest import clean_name
from library.models import Asset
from library.transfers import (
    Body,
    RangeNotSatisfiableError,
    blob_body,
    parse_range,
    release_connection,
    send,
)
from tests.conftest import picture

DATA = os.urandom(2 * PIECE_BYTES + 12_345)
SIZE = len(DATA)
NINES = "9" * 19


def read(start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, PIECE_BYTES):
        yield DATA[at : min(at + PIECE_BYTES, stop)]


BODY = Body(size_bytes=SIZE, etag="abc", content_type="image/jpeg", read=read)


def ask(method: str = "get", body: Body = BODY, **headers: str) -> HttpResponseBase:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(getattr(RequestFactory(), method)("/", headers=names), body)


def content(response: HttpResponseBase) -> bytes:
    return b"".join(response) if response.streaming else response.content


@pytest.fixture
def large(make_asset) -> Asset:
    """Return an asset whose original is sent in several pieces."""
    return make_asset(data=picture() + os.urandom(3 * PIECE_BYTES))


@pytest.fixture
def file_url(large) -> str:
    return reverse("library:original", args=[large.uuid])


# Ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=99-", (99, 100)),
        ("bytes=10-1000", (10, 100)),
        (f"bytes=10-{NINES}", (10, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-1000", (0, 100)),
        (f"bytes=-{NINES}", (0, 100)),
        ("bytes= 10-19 ", (10, 20)),
        ("bytes=00-009", (0, 10)),
    ],
)
def test_one_range_is_understood(header, expected):
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=0-1,5-6",
        "bytes=0-1, -1",
        "bytes=0--1",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1.0-2",
        "bytes=0x1-0x2",
        "bytes=١-٢",
        "items=0-1",
        "BYTES 0-1",
        "bytes=0-1\n",
        "bytes=1-" + "9" * 5000,
        "bytes=" + "9" * 5000 + "-",
        "bytes=" + "0-0," * 500,
    ],
)
def test_what_makes_no_sense_or_asks_for_several_means_the_whole(header):
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("bytes=100-", 100),
        ("bytes=100-200", 100),
        (f"bytes={NINES}-", 100),
        ("bytes=-0", 100),
        ("bytes=0-", 0),
        ("bytes=0-0", 0),
        ("bytes=-5", 0),
    ],
)
def test_a_range_outside_the_bytes_is_refused(header, size):
    with pytest.raises(RangeNotSatisfiableError):
        parse_range(header, size)


@given(st.text())
def test_no_range_header_breaks_anything(text):
    for header in (text, f"bytes={text}"):
        try:
            span = parse_range(header, 100)
        except RangeNotSatisfiableError:
            continue
        assert span is None or 0 <= span[0] < span[1] <= 100


@given(start=st.integers(0, SIZE - 1), length=st.integers(1, SIZE))
def test_a_range_equals_the_same_slice_of_the_whole(start, length):
    last = start + length - 1

    response = ask(Range=f"bytes={start}-{last}")

    expected = DATA[start : last + 1]
    assert response.status_code == 206
    assert content(response) == expected
    assert response["Content-Length"] == str(len(expected))
    assert response["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{SIZE}"


@given(st.integers(1, SIZE + 5))
def test_a_suffix_equals_the_end_of_the_whole(length):
    response = ask(Range=f"bytes=-{length}")

    assert (response.status_code, content(response)) == (206, DATA[-length:])


def test_without_a_range_all_of_it_is_sent_in_pieces():
    response = ask()

    pieces = list(response)
    assert (response.status_code, b"".join(pieces)) == (200, DATA)
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert response["Content-Length"] == str(SIZE)
    assert "Content-Range" not in response


def test_a_range_outside_says_how_long_the_file_is():
    response = ask(Range=f"bytes={SIZE}-")

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert len(content(response)) < 100


@pytest.mark.parametrize("header", ["bytes=0-0,5-5", "bytes=5-2", "nonsense"])
def test_a_range_that_is_not_served_gives_the_whole(header):
    response = ask(Range=header)

    assert (response.status_code, content(response)) == (200, DATA)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1])
def test_bodies_of_any_size_are_sent_whole(size):
    body = Body(size, "abc", "image/jpeg", read)

    response = ask(body=body)

    assert (response["Content-Length"], content(response)) == (str(size), DATA[:size])


# The same again


@pytest.mark.parametrize(
    "known", ['"abc"', 'W/"abc"', "*", '"x", "abc"', '"x",W/"abc"', ' "abc" , "y"']
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_what_the_browser_has_is_not_sent_again(known, method):
    response = ask(method, If_None_Match=known)

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == '"abc"'
    assert "Content-Type" not in response


@pytest.mark.parametrize("known", ['"abd"', "abc", "", 'w/"abc"', '"ab", "c"', '"*"'])
def test_what_the_browser_does_not_have_is_sent(known):
    assert ask(If_None_Match=known).status_code == 200


def test_what_the_browser_has_is_not_sent_again_even_in_part():
    response = ask(If_None_Match='"abc"', Range="bytes=0-9")

    assert response.status_code == 304


def test_a_download_goes_on_while_the_file_is_the_same():
    response = ask(If_Range='"abc"', Range="bytes=5-9")

    assert (response.status_code, content(response)) == (206, DATA[5:10])


@pytest.mark.parametrize(
    "known", ['"abd"', 'W/"abc"', "Sun, 22 Nov 2026 13:00:00 GMT", "abc", "*", ""]
)
def test_a_download_starts_anew_when_the_file_may_be_another(known):
    response = ask(If_Range=known, Range="bytes=5-9")

    assert (response.status_code, content(response)) == (200, DATA)


def test_a_download_that_starts_anew_ignores_a_range_outside():
    assert ask(If_Range='"abd"', Range=f"bytes={SIZE}-").status_code == 200


@pytest.mark.parametrize("size", [0, 1000, SIZE])
def test_head_says_what_get_says_and_sends_nothing(size):
    body = Body(size, "abc", "image/jpeg", read, download_name="a.jpg")

    get, head = ask("get", body), ask("head", body)

    assert content(get) == DATA[:size]
    assert content(head) == b""
    assert head.headers == get.headers
    assert head.status_code == get.status_code == 200


def test_head_takes_no_notice_of_a_range():
    response = ask("head", Range="bytes=0-9")

    assert (response.status_code, response["Content-Length"]) == (200, str(SIZE))


# Through the site


def test_a_members_file_comes_byte_for_byte_and_in_parts(as_alice, large, file_url):
    whole = b"".join(store.read(large.blob.key, 0, large.blob.size_bytes))

    complete = as_alice.get(file_url)
    part = as_alice.get(file_url, headers={"Range": "bytes=300000-700000"})

    assert content(complete) == whole
    assert (part.status_code, content(part)) == (206, whole[300_000:700_001])


@pytest.mark.django_db(databases=["default", "cache"])  # ending an answer looks at both
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("get", {}, 200),
        ("get", {"Range": "bytes=0-9"}, 206),
        ("get", {"If-None-Match": "*"}, 304),
        ("get", {"Range": "bytes=99999999-"}, 416),
        ("head", {}, 200),
    ],
)
def test_every_answer_carries_what_keeps_a_strangers_file_harmless(
    as_alice, file_url, method, headers, status
):
    response = getattr(as_alice, method)(file_url, headers=headers)

    assert response.status_code == status
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["ETag"].startswith('"')
    response.close()


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}])
def test_a_file_that_is_missing_is_not_an_error_of_the_site(as_alice, large, file_url, headers):
    store.delete(large.blob.key)

    response = as_alice.get(file_url, headers=headers)

    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert not {"ETag", "Accept-Ranges", "Content-Disposition"} & set(response.headers)


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-99"}, {"Range": "bytes=-1"}])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_file_that_is_too_short_is_refused_before_its_first_byte(
    method, asked, as_alice, large, file_url
):
    with store.local_copy(large.blob.key) as path:
        os.truncate(path, large.blob.size_bytes - 1)

    response = getattr(as_alice, method)(file_url, headers=asked)

    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert not {"ETag", "Accept-Ranges", "Content-Disposition"} & set(response.headers)


def test_a_file_that_is_cut_short_meanwhile_breaks_off_instead_of_ending_well(
    as_alice, large, file_url
):
    response = as_alice.get(file_url)
    with store.local_copy(large.blob.key) as path:
        os.truncate(path, 400_000)

    with pytest.raises(BlobMissingError):
        content(response)


def test_the_etag_tells_nothing_of_the_content(make_asset):
    blob = make_asset().blob

    etag = blob_body(blob).etag

    assert etag not in blob.sha256
    assert blob.sha256[:16] not in etag
    assert blob_body(blob).etag == etag


# Names


HOSTILE_NAMES = [
    "a\r\nSet-Cookie: x=1.jpg",
    'a"; filename="evil.exe',
    "a\\",
    "a;b=c.jpg",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "Früh 早 🌅.jpg",
    "%0d%0aX: y.jpg",
    "\0",
    "'''.jpg",
]


def headers_of(name: str) -> dict[str, str]:
    body = Body(10, "abc", "image/jpeg", read, download_name=name)
    return dict(ask(body=body).items())


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_adds_no_header_and_no_parameter(name):
    plain, hostile = headers_of("a.jpg"), headers_of(name)

    assert hostile.keys() == plain.keys()
    disposition = hostile["Content-Disposition"]
    assert disposition.startswith(("attachment; filename=", "attachment; filename*=utf-8''"))
    assert disposition.isascii()
    assert disposition.isprintable()
    quoted = disposition.replace(r"\\", "").replace(r"\"", "")
    assert quoted.count('"') in {0, 2}


@given(st.text())
def test_whatever_an_upload_was_called_its_download_has_the_same_headers(name):
    kept = headers_of(clean_name(name))

    assert kept.keys() == headers_of("a.jpg").keys()
    assert kept["Content-Disposition"].isprintable()
    assert kept["Content-Disposition"].isascii()


def test_a_picture_in_a_page_has_no_name(as_alice, make_asset):
    response = as_alice.get(reverse("library:rendition", args=[make_asset().uuid, "preview"]))

    assert "Content-Disposition" not in response
    assert response["Content-Type"] == "image/webp"


# The database connection


@pytest.mark.django_db(transaction=True)
def test_a_long_transfer_holds_no_database_connection(as_alice, large, file_url):
    response = as_alice.get(file_url)

    pieces = iter(response)
    next(pieces)
    assert connection.connection is None
    assert sum(map(len, pieces)) > PIECE_BYTES


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_let_go_outside_a_transaction_only():
    connection.ensure_connection()
    with transaction.atomic():
        release_connection()
        assert connection.connection is not None

    release_connection()

    assert connection.connection is None


@pytest.mark.django_db(databases=["default", "cache"])  # ending an answer looks at both
def test_the_file_is_closed_when_the_reader_goes_away():
    closed = []

    def watched(start: int, stop: int) -> Iterator[bytes]:
        try:
            yield from read(start, stop)
        finally:
            closed.append(True)

    response = ask(body=Body(SIZE, "abc", "image/jpeg", watched))
    next(iter(response))
    response.close()

    assert closed == [True]
