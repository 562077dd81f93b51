"""A selection is of items, not of places in a page: it outlives Back, reload, log-in, and what arrives."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import log_in, make_members, upload
from tests.browser.test_hands import MAKE_MANY, MANY
from tests.conftest import PASSWORD
from tests.patience import wait_until
from tests.site import Site

IN_LINK = """
from shares.models import Share
print(*(str(item.asset.uuid) for item in Share.objects.latest("pk").items.all()))
"""
REMOVE = """
from library.models import Asset
Asset.objects.filter(owner__email={email!r}, uuid={uuid!r}).delete()
"""


def ticked(page: Page) -> set[str]:
    return set(
        page.eval_on_selector_all(
            ".tick input", "boxes => boxes.filter((box) => box.checked).map((box) => box.value)"
        )
    )


def tick(page: Page, *numbers: int) -> set[str]:
    """Tick boxes by their place; return what these stand for."""
    boxes = page.get_by_role("checkbox")
    for number in numbers:
        boxes.nth(number).click()
    values = {boxes.nth(number).input_value() for number in numbers}
    assert ticked(page) == values
    return values


def share(page: Page) -> None:
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Copy Link").click()
    page.get_by_role("textbox", name="Link").wait_for(state="attached")


def come_in(page: Page, email: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()


def in_the_link(site: Site) -> set[str]:
    """Return which items the newest link has."""
    return set(site.manage("shell", "--verbosity", "0", "-c", IN_LINK).split())


@pytest.fixture
def arrive(member: Page, paintings: list[Path]) -> Callable[[], None]:
    """Upload a picture that is newer than all others, from another tab."""
    numbers = iter(range(13, 6, -1))

    def one() -> None:
        tab = member.context.new_page()
        upload(tab, [paintings[next(numbers)]])
        tab.close()

    return one


def test_back_shows_the_ticks_of_the_same_items_though_another_arrived(
    page: Page, site: Site, arrive
):
    first = page.locator(".tile").first.get_attribute("id")
    values = tick(page, 1, 3)
    page.get_by_role("link", name="Links").first.click()
    expect(page.get_by_role("heading", name="Links", exact=True)).to_be_visible()
    arrive()

    page.go_back()

    expect(page.locator(".tile").nth(1)).to_have_attribute("id", first)
    expect(page.get_by_text("2 selected")).to_be_visible()
    assert ticked(page) == values
    share(page)
    assert in_the_link(site) == values
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_visible()
    page.reload()
    assert ticked(page) == set()


def test_a_selection_outlives_a_reload_and_a_log_in(page: Page, email: str):
    values = tick(page, 0, 2)

    page.reload()
    expect(page.get_by_text("2 selected")).to_be_visible()
    assert ticked(page) == values
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Share").click()
    come_in(page, email)

    expect(page.get_by_text("2 selected")).to_be_visible()
    assert ticked(page) == values


def test_somebody_else_in_the_same_tab_finds_nothing_selected(page: Page, site: Site, email: str):
    values = tick(page, 0, 2)
    other = f"other-{email}"
    make_members(site, [other], "Bob Roe")
    page.context.clear_cookies(name="sessionid")
    log_in(page, other)
    page.goto("/library/")

    expect(page.get_by_text("Your library is empty")).to_be_visible()
    page.context.clear_cookies(name="sessionid")
    page.goto("/accounts/login/")
    come_in(page, email)

    expect(page.get_by_text("2 selected")).to_be_visible()
    assert ticked(page) == values


def test_items_that_are_gone_are_named_dropped_and_hinder_nothing(
    page: Page, site: Site, email: str
):
    values = tick(page, 0, 1)
    gone = page.get_by_role("checkbox").first.input_value()
    site.manage("shell", "-c", REMOVE.format(email=email, uuid=gone))

    page.get_by_role("button", name="Share").click()
    expect(page.get_by_text("1 of these items is not in your library any more")).to_be_visible()
    page.get_by_role("link", name="Back").click()

    expect(page.get_by_text("1 selected")).to_be_visible()
    assert ticked(page) == values - {gone}
    share(page)


def test_a_stranger_opens_an_item_and_comes_back_to_the_same_ticks(page: Page, open_page):
    tick(page, 0, 1, 2, 3)
    share(page)
    link = page.get_by_role("textbox", name="Link").input_value()
    page.keyboard.press("Escape")
    stranger = open_page()
    stranger.goto(link)
    stranger.get_by_role("button", name="Select").click()
    values = tick(stranger, 1, 2)

    stranger.goto(f"{link}1/")
    stranger.go_back()

    expect(stranger.get_by_text("2 selected")).to_be_visible()
    assert ticked(stranger) == values == {"2", "3"}
    with stranger.expect_download() as download:
        stranger.locator("[data-tray]").get_by_role("button", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert archive.namelist()[2:] == ["MANIFEST.txt"]


def let_wait(_route: Route) -> None:
    """Answer nothing: later pages wait until they may come."""


def test_of_three_hundred_ticks_three_hundred_come_back(page: Page, site: Site, email: str):
    before = page.locator(".tile").count()
    site.manage("shell", "-c", MAKE_MANY.format(email=email))
    page.reload()

    def end() -> bool:
        page.keyboard.press("End")
        return page.locator(".tile").count() >= before + MANY

    wait_until(end)
    page.get_by_role("button", name="Select", exact=True).click()
    page.keyboard.press("Control+a")
    expect(page.get_by_text(f"{before + MANY} selected")).to_be_visible()
    page.get_by_role("link", name="Links").first.click()
    expect(page.get_by_role("heading", name="Links", exact=True)).to_be_visible()
    page.route("**/library/?after=*", let_wait)

    page.go_back()

    expect(page.get_by_text(f"{before + MANY} selected")).to_be_visible()
    shown = page.locator(".tile").count()
    assert shown < before + MANY
    assert len(ticked(page)) == shown
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("heading", name=f"{before + MANY} Photos")).to_be_visible()
    page.keyboard.press("Escape")
    page.unroute_all()  # what waits goes on
    wait_until(end)
    wait_until(lambda: len(ticked(page)) == before + MANY)
