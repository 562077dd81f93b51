"""Every page at every width, in light and dark: nothing sticks out, nothing is unreadable.

`make screenshots` keeps the pictures.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import copy_link, upload
from tests.site import Site

END_ONE = """
from datetime import timedelta
from django.utils import timezone
from shares.models import Share
now = timezone.now()
open_one = Share.objects.filter(sender__email={email!r}, stopped_at=None).earliest("pk")
open_one.created_at, open_one.expires_at = now - timedelta(days=31), now - timedelta(days=1)
open_one.save()
"""


@pytest.fixture(scope="module")
def shown(member: Page, site: Site, paintings: list[Path], email: str) -> dict[str, str]:
    """Fill Alice's library, pass twelve pictures along, and return the address of each page."""
    upload(member, paintings)
    member.goto("/library/")
    expect(member.locator(".tile img")).to_have_count(14)
    ended = copy_link(member, slice(0, 4))
    member.get_by_role("link", name="Stop Sharing").click()
    member.get_by_role("button", name="Stop Sharing").click()
    expect(member.get_by_text("Stopped. Nobody can open it any more.")).to_be_visible()
    expired = copy_link(member, slice(2, 5))
    site.manage("shell", "-c", END_ONE.format(email=email))
    link = copy_link(member, slice(1, 13))
    expect(member.get_by_text("All 12 are ready")).to_be_visible()
    member.goto("/links/")
    renewable = member.get_by_role("link", name="Renew 3 Photos").get_attribute("href")
    member.goto(link)
    own = member.get_by_role("link", name="Manage").get_attribute("href")
    member.goto("/links/")
    return {
        "library": "/library/",
        "upload": "/library/upload/",
        "links": "/links/",
        "link": own,
        "link-until": f"{own}lifetime/",
        "link-expired": renewable.removesuffix("lifetime/"),
        "link-renew": renewable,
        "ended-own": expired,
        "share": link,
        "share-item": f"{link}2/",
        "ended": ended,
        "unknown": "/s/there-is-no-such-link/",
        "home": "/",
        "set-up": "/accounts/signup/?setup=wrong",
        "sign-up": site.setup_path,
        "log-in": "/accounts/login/",
        "password": "/accounts/password/change/",
        "address": "/accounts/email/",
    }


@pytest.fixture(scope="module", params=["light", "dark"])
def stranger(request, open_page) -> Page:
    page = open_page(color_scheme=request.param)
    page.scheme = request.param
    return page


@pytest.mark.parametrize(
    "name", ["share", "share-item", "ended", "unknown", "home", "set-up", "sign-up", "log-in"]
)
def test_strangers_pages_fit_every_width(name: str, shown, stranger: Page, look):
    stranger.goto(shown[name])
    stranger.evaluate("sessionStorage.clear()")  # what another test has selected
    stranger.reload()

    look(stranger, name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        "library",
        "upload",
        "links",
        "link",
        "link-until",
        "link-expired",
        "link-renew",
        "ended-own",
        "password",
        "address",
    ],
)
def test_members_pages_fit_every_width(name: str, scheme: str, shown, member: Page, look):
    member.emulate_media(color_scheme=scheme)
    member.scheme = scheme
    member.goto(shown[name])
    member.evaluate("sessionStorage.clear()")
    member.reload()

    look(member, name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_selecting_and_sharing_fit_every_width(scheme: str, shown, member: Page, look):
    member.emulate_media(color_scheme=scheme)
    member.scheme = scheme
    member.goto("/library/")
    member.get_by_role("button", name="Select").click()
    for box in member.get_by_role("checkbox").all()[:3]:
        box.click()
    look(member, "library-selecting")
    member.get_by_role("button", name="Share").click()
    expect(member.get_by_role("button", name="Copy Link")).to_be_visible()
    look(member, "library-sheet")
    member.get_by_role("button", name="Copy Link").click()
    expect(member.get_by_role("textbox", name="Link")).to_be_visible()
    look(member, "library-copied")
    member.get_by_role("link", name="Stop Sharing").click()
    expect(member.get_by_role("heading", name="Stop sharing")).to_be_visible()
    look(member, "stop")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_item_of_the_library_fits_every_width(scheme: str, shown, member: Page, look):
    member.emulate_media(color_scheme=scheme)
    member.scheme = scheme
    member.goto("/library/")
    member.locator(".tile a").first.click()
    member.wait_for_url("**/library/*-*/")

    look(member, "library-item")


def test_a_stranger_selects_on_a_phone(shown, stranger: Page, look):
    stranger.goto(shown["share"])
    stranger.get_by_role("button", name="Select").click()
    for box in stranger.get_by_role("checkbox").all()[:4]:
        box.click()

    look(stranger, "share-selecting")
