"""What every request passes: a session that ended amid a page, caches and crawlers, a disk that is full."""

import sqlite3

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse

from library.blobs.space import fill_reserve
from library.models import Asset
from shares.models import Share
from tests.conftest import PASSWORD


def test_a_fragment_asked_for_after_the_session_ended_leads_the_page_to_the_log_in(carol, db):
    page = "http://testserver/library/?after=x"

    response = carol.get(
        reverse("library:grid"), headers={"HX-Request": "true", "HX-Current-URL": page}
    )

    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/login/?next=%2Flibrary%2F%3Fafter%3Dx"


def test_a_page_asked_for_without_a_session_is_redirected_as_ever(carol, db):
    response = carol.get(reverse("library:grid"))

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/library/"


def test_another_site_s_address_is_no_way_back(carol, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/library/"}

    response = carol.get(reverse("library:grid"), headers=headers)

    assert response["HX-Redirect"] == "/accounts/login/?next=%2F"


@pytest.mark.parametrize("path", ["/s/no-slash", "/s/some-token/", "/s/some-token/1/file"])
def test_answers_that_no_view_gives_are_kept_from_caches_and_crawlers_below_a_link(path, db):
    response = Client(enforce_csrf_checks=True).post(path)

    assert response.status_code in {301, 403, 404}
    assert "no-store" in response["Cache-Control"]
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"


@pytest.mark.parametrize("link", ["../s/token/1/file%3F", "x", "../../accounts/logout"])
def test_the_address_of_a_sheet_is_never_taken_from_the_query(link, as_alice, make_asset):
    make_asset()

    page = as_alice.get(reverse("library:grid") + f"?link={link}")

    assert b"data-sheet" not in page.content


def test_a_sheet_comes_back_by_its_id(as_alice, make_asset):
    make_asset()
    uuid = "3c1b6a0e-0f3c-4c5e-9a52-6f8ad2a5f1b7"

    page = as_alice.get(reverse("library:grid") + f"?link={uuid}")

    assert f'data-sheet="/links/{uuid}/"'.encode() in page.content


# A disk that is full

OUTSIDE_TRANSACTIONS = pytest.mark.django_db(transaction=True, databases=["default", "cache"])
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


class FullDisk:
    """A database that can't grow: it refuses so many writes, or all."""

    def __init__(self, writes: int | None = None) -> None:
        self.left = writes
        self.refused = 0

    def __call__(self, execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and self.left != 0:
            self.left = self.left and self.left - 1
            self.refused += 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            with connection.wrap_database_errors:
                raise error
        return execute(sql, params, many, context)


@pytest.fixture
def reserve(settings, tmp_path):
    """Give the site a reserve, in a folder of the test's own."""
    settings.DATA_DIR = tmp_path
    fill_reserve()
    return tmp_path / "reserve"


@pytest.mark.parametrize(
    ("headers", "type_of_it"),
    [
        ({"Accept": HTML}, "text/html"),
        ({"Accept": "application/json"}, "application/json"),
        ({"Accept": HTML, "HX-Request": "true"}, "text/plain"),
        ({"Accept": "*/*"}, "text/plain"),
        ({}, "text/plain"),
    ],
)
def test_what_needs_a_disk_that_is_full_is_answered_507_in_the_form_that_was_asked_for(
    headers, type_of_it, as_alice, make_asset
):
    form = {"asset": [str(make_asset().uuid)], "privacy": "clean"}

    with connection.execute_wrapper(FullDisk()):
        response = as_alice.post(reverse("shares:links"), form, headers=headers)

    assert (response.status_code, Share.objects.count()) == (507, 0)
    assert response["Content-Type"].startswith(type_of_it)
    assert b"The disk of this site is full" in response.content
    assert b"Nothing was changed" in response.content
    assert "no-store" in response["Cache-Control"]


def test_pages_are_answered_on_a_full_disk(as_alice, make_share, carol):
    share = make_share()

    with connection.execute_wrapper(FullDisk()):
        pages = [as_alice.get(reverse("library:grid")), as_alice.get(reverse("shares:links"))]
        pages += [
            carol.get(share.get_absolute_url()),
            carol.get(share.get_absolute_url() + "1/file"),
        ]

    assert [page.status_code for page in pages] == [200] * 4


@OUTSIDE_TRANSACTIONS
@pytest.mark.parametrize("pieces", [1, 0])
def test_a_link_is_stopped_on_a_full_disk_for_a_piece_of_the_reserve(
    pieces, as_alice, make_share, reserve, carol
):
    share, before = make_share(), len(list(reserve.iterdir()))

    with connection.execute_wrapper(FullDisk(writes=pieces)):
        response = as_alice.post(reverse("shares:stop", args=[share.uuid]))

    assert response.status_code == 302
    assert len(list(reserve.iterdir())) == before - pieces
    assert carol.get(share.get_absolute_url()).status_code == 410


@OUTSIDE_TRANSACTIONS
def test_where_the_reserve_does_not_help_the_link_lives_on_and_that_is_said(
    as_alice, make_share, reserve
):
    share = make_share()

    with connection.execute_wrapper(FullDisk()):
        response = as_alice.post(reverse("shares:stop", args=[share.uuid]))

    share.refresh_from_db()
    assert (response.status_code, share.stopped_at) == (507, None)


@OUTSIDE_TRANSACTIONS
@pytest.mark.parametrize("refused", [1, 2])
def test_somebody_logs_in_on_a_full_disk(refused, alice, reserve, carol):
    """The first to be refused is a throttle, a session, or the moment of the log-in."""
    form = {"login": alice.email, "password": PASSWORD}

    with connection.execute_wrapper(full := FullDisk(writes=refused)):
        response = carol.post(reverse("account_login"), form)

    assert full.refused == refused
    assert (response.status_code, response["Location"]) == (302, "/library/")
    assert carol.get(reverse("library:grid")).status_code == 200


@OUTSIDE_TRANSACTIONS
def test_a_log_in_that_finds_no_room_says_so(alice, reserve, carol):
    form = {"login": alice.email, "password": PASSWORD}

    with connection.execute_wrapper(FullDisk()):
        response = carol.post(reverse("account_login"), form)

    assert (response.status_code, Session.objects.count()) == (507, 0)


@OUTSIDE_TRANSACTIONS
def test_a_log_out_that_finds_no_room_says_so(as_alice, reserve):
    with connection.execute_wrapper(FullDisk()):
        response = as_alice.post(reverse("account_logout"))

    assert response.status_code == 507


def test_an_error_that_is_not_the_disks_is_an_error_as_ever(as_alice, make_asset, monkeypatch):
    make_asset()
    monkeypatch.setattr(Asset, "get_absolute_url", lambda self: 1 / 0)
    as_alice.raise_request_exception = False

    assert as_alice.get(reverse("library:grid")).status_code == 500
