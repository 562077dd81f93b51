"""A session that ended in the middle of a page."""

import pytest
from django.test import Client
from django.urls import reverse


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
