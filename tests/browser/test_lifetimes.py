"""How long a link lives, in a browser: chosen in the sheet, and renewed from a mail after its end."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD
from tests.site import Site

REMIND_AND_END = """
from datetime import timedelta
from django.utils import timezone
from shares.models import Share
from shares.tasks import remind_task
now = timezone.now()
shares = Share.objects.filter(sender__email={email!r})
shares.update(
    created_at=now - timedelta(days=9), expires_at=now + timedelta(days=1), reminded_at=None
)
remind_task()
shares.update(expires_at=now - timedelta(hours=1))
"""


@pytest.fixture
def sheet(page: Page) -> Page:
    """Return the library with the sheet for its first picture open."""
    page.get_by_role("button", name="Select").click()
    page.get_by_role("checkbox").first.click()
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_label("Ends after")).to_have_value("30")
    return page


def days_until(page: Page) -> float:
    """Return how far the day is that the sheet names, in days."""
    told = page.locator("[data-until] time").get_attribute("datetime")
    return (datetime.fromisoformat(told) - timezone.now()) / timedelta(days=1)


def test_the_day_follows_the_number_and_the_link_keeps_it(
    sheet: Page, open_page: Callable[..., Page]
):
    first = sheet.locator("[data-until]").inner_text()
    sheet.get_by_label("Ends after").fill("90")
    assert 89 < days_until(sheet) < 91
    assert sheet.locator("[data-until]").inner_text() != first
    sheet.get_by_role("button", name="7 days", exact=True).click()
    expect(sheet.get_by_label("Ends after")).to_have_value("7")
    expect(sheet.get_by_role("button", pressed=True)).to_have_text("7 days")
    assert 6 < days_until(sheet) < 8

    sheet.get_by_role("button", name="Copy Link").click()
    link = sheet.get_by_role("textbox", name="Link").input_value()

    carol = open_page()
    carol.goto(link)
    expect(carol.get_by_text("Ends in 6 days")).to_be_visible()


@pytest.mark.parametrize("number", ["0", "366", "7.5"])
def test_a_number_that_is_none_makes_no_link(number: str, sheet: Page):
    asked = []
    sheet.on("request", lambda request: asked.append(request.url))
    sheet.get_by_label("Ends after").fill(number)

    sheet.get_by_role("button", name="Copy Link").click()

    assert sheet.get_by_label("Ends after").evaluate("field => field.matches(':invalid')")
    expect(sheet.get_by_role("button", name="Copy Link")).to_be_enabled()
    assert asked == []


def test_a_link_is_changed_in_its_sheet(sheet: Page):
    sheet.get_by_role("button", name="Copy Link").click()
    sheet.get_by_role("link", name="Change until when").click()
    sheet.get_by_label("Ends after").fill("1")
    assert 0.9 < days_until(sheet) < 1.1

    sheet.get_by_role("button", name="Save").click()

    expect(sheet.get_by_text("Open until")).to_be_visible()
    expect(sheet.get_by_text("Ends in 23 hours")).to_be_visible()


def test_a_mail_leads_to_the_page_that_renews_an_expired_link(
    sheet: Page, site: Site, email: str, open_page: Callable[..., Page]
):
    sheet.get_by_role("button", name="Copy Link").click()
    link = sheet.get_by_role("textbox", name="Link").input_value()
    site.manage("shell", "-c", REMIND_AND_END.format(email=email))
    carol = open_page()
    assert carol.goto(link).status == 410
    sheet.goto(link)
    sheet.get_by_role("link", name="Renew").click()
    expect(
        sheet.get_by_role("dialog").get_by_role("button", name="Renew for 30 days")
    ).to_be_visible()

    alice = open_page()
    uuid = sheet.evaluate("document.querySelector('.sheet').action.split('/').at(-3)")
    (address,) = (found for found in site.mail_links(email) if uuid in found)
    alice.goto(address)
    alice.get_by_label("Email").fill(email)
    alice.get_by_label("Password").fill(PASSWORD)
    alice.get_by_role("button", name="Log In").click()
    expect(alice.get_by_role("heading", name="Renew")).to_be_visible()
    alice.get_by_role("button", name="Renew for 30 days").click()

    expect(alice.get_by_text("Open until")).to_be_visible()
    assert alice.get_by_role("textbox", name="Link").input_value() == link
    assert carol.goto(link).status == 200
