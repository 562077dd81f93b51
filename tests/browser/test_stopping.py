"""Stop Sharing from wherever the sender meets a link: it says what happened, and keeps place and focus."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import copy_link

SAID = "Stopped. Nobody can open it any more."


@pytest.fixture
def links(page: Page) -> list[str]:
    """Return three links that the sender has just made, newest first."""
    return [copy_link(page, slice(n, n + 2)) for n in range(3)][::-1]


def answer(page: Page, link: str) -> int:
    return page.request.get(link).status


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def test_one_of_the_list(page: Page, links: list[str]):
    page.goto("/links/")
    card = page.locator(f'.card[data-link="{links[1]}"]')
    place = card.bounding_box()

    card.get_by_role("link", name="Stop Sharing").click()
    page.get_by_role("button", name="Stop Sharing").click()

    expect(card).to_have_class("card ended")
    expect(page.locator("#toast")).to_have_text(SAID)
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert focused(page) == card.get_attribute("id")
    assert (card.bounding_box()["x"], card.bounding_box()["y"]) == (place["x"], place["y"])
    assert [answer(page, link) for link in links] == [200, 410, 200]


def test_several_of_the_list_with_the_keyboard_alone(page: Page, links: list[str]):
    page.goto("/links/")
    stop = page.get_by_role("button", name="Stop Selected")
    expect(stop).to_be_hidden()
    for link in links[:2]:
        page.locator(f'.card[data-link="{link}"]').get_by_role("checkbox").focus()
        page.keyboard.press("Space")

    stop.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stop sharing 2 links?")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Stop Sharing").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#toast")).to_have_text("2 links stopped. Nobody can open them any more.")
    expect(stop).to_be_hidden()
    assert focused(page) == page.locator(f'.card[data-link="{links[0]}"]').get_attribute("id")
    assert [answer(page, link) for link in links] == [410, 410, 200]


def test_the_share_page_stays_and_says_so(page: Page, links: list[str]):
    page.goto(links[0])
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Stop Sharing").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop Sharing").click()

    expect(page.locator("#owner-bar")).to_contain_text(SAID)
    expect(page.locator("#owner-bar")).to_be_focused()
    assert page.url == links[0]
    assert answer(page, links[0]) == 410


def test_the_sheet_over_the_library_goes_and_the_library_stays(page: Page, links: list[str]):
    link = copy_link(page, slice(0, 3))
    page.get_by_role("link", name="Stop Sharing").click()
    page.get_by_role("button", name="Stop Sharing").click()

    expect(page.locator("#toast")).to_have_text(SAID)
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "/library/" in page.url
    assert answer(page, link) == 410


def test_stopping_is_cancelled_with_escape(page: Page, links: list[str]):
    page.goto("/links/")
    stop = page.locator(f'.card[data-link="{links[0]}"]').get_by_role("link", name="Stop Sharing")
    stop.click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(stop).to_be_focused()
    assert answer(page, links[0]) == 200


def test_all_at_once(page: Page, links: list[str]):
    page.goto("/links/")
    page.get_by_role("button", name="Stop All").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop Sharing").click()

    expect(page.locator(".card:not(.ended)")).to_have_count(0)
    assert {answer(page, link) for link in links} == {410}


def test_without_script_several_are_a_plain_form(page: Page, links: list[str], open_page):
    plain = open_page(java_script_enabled=False, storage_state=page.context.storage_state())
    plain.goto("/links/")
    for link in links[1:]:
        plain.locator(f'.card[data-link="{link}"]').get_by_role("checkbox").check()
    plain.get_by_role("button", name="Stop Selected").click()
    plain.get_by_role("button", name="Stop Sharing").click()

    expect(plain.get_by_text("2 links stopped. Nobody can open them any more.")).to_be_visible()
    assert [answer(page, link) for link in links] == [200, 410, 410]
