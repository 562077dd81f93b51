"""A session that ended in the middle of a page."""

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
