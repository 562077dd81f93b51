"""What a recipient sees, at every width, in light and dark: nothing sticks out, nothing is unreadable."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import copy_link, log_in, upload
from tests.site import Site

RECEIVED = """
from datetime import timedelta
from django.utils import timezone
from library.models import User
from shares.pasting import receive_pasted
from tests.rows import AS_THEY_ARE
from shares.publishing import publish_share
from shares.receiving import add, open_received
alice, bob = (User.objects.get(email=each) for each in ({alice!r}, {bob!r}))
bob.receipts.all().delete()
bob.assets.all().delete()
alice.shares.exclude(pk__in=alice.shares.order_by("pk")[:2]).delete()
assets = list(alice.assets.order_by("taken_at"))
now = timezone.now()
for n in range({count}):
    chosen = [asset.uuid for asset in (assets[n:] + assets)[: n % 5 + 2]]
    lifetime = timedelta(days=30 - n)
    share = publish_share(
        alice, chosen, terms=AS_THEY_ARE, max_items=99, now=now, lifetime=lifetime
    )
    if n % 3 == 2:
        open_received(share, bob, now=now)
        add(share, bob, {{1, 2}}, now=now)
    else:
        receive_pasted(bob, share.public_url, hosts={{"127.0.0.1:{port}"}}, now=now)
"""


@pytest.fixture(scope="module")
def links(member: Page, paintings: list[Path], bobs: str) -> list[str]:
    """Fill Alice's library and pass two selections along."""
    upload(member, paintings)
    member.goto("/library/")
    expect(member.locator(".tile img")).to_have_count(len(paintings))
    return [copy_link(member, slice(0, 9)), copy_link(member, slice(3, 7))]


@pytest.fixture(scope="module", params=["light", "dark"])
def recipient(request, open_page, bobs: str) -> Page:
    page = open_page(color_scheme=request.param)
    page.scheme = request.param
    log_in(page, bobs)
    return page


def receive(site: Site, email: str, bobs: str, count: int) -> None:
    """Leave Alice with her first two links and so many more, all received by Bob, and Bob with these."""
    code = RECEIVED.format(alice=email, bob=bobs, count=count, port=site.port)
    site.manage("shell", "-c", code)


def test_the_feed_fits_every_width(links, recipient: Page, site: Site, email, bobs, look):
    for count, name in ((0, "for-you-empty"), (1, "for-you-one"), (12, "for-you")):
        receive(site, email, bobs, count)
        recipient.goto("/for-you/")
        expect(recipient.locator(".card")).to_have_count(count)
        look(recipient, name)
    recipient.get_by_role("button", name="More").first.click()
    look(recipient, "for-you-more")
    recipient.keyboard.press("Escape")
    recipient.get_by_role("textbox", name="Paste Link").fill("holiday " * 6 + "x" * 200)
    recipient.get_by_role("button", name="Paste Link").click()
    expect(recipient.get_by_text("There is no link in that text.")).to_be_visible()
    look(recipient, "for-you-refused")


def test_the_share_page_of_a_member_fits_every_width(
    links, recipient: Page, site: Site, email, bobs, look
):
    receive(site, email, bobs, 0)
    recipient.goto(links[0])
    recipient.evaluate("sessionStorage.clear()")
    expect(recipient.get_by_text("In For You")).to_be_visible()
    look(recipient, "member-toast")
    recipient.get_by_role("button", name="Select").click()
    for box in recipient.get_by_role("checkbox").all()[:3]:
        box.click()
    look(recipient, "member-selecting")
    recipient.get_by_role("button", name="Add 3").click()
    expect(recipient.get_by_text("3 added.")).to_be_visible()
    look(recipient, "member-added")
    recipient.get_by_role("button", name="More").click()
    look(recipient, "member-more")
    recipient.get_by_role("link", name="Decline").click()
    expect(recipient.get_by_role("heading", name="Decline this share?")).to_be_visible()
    look(recipient, "decline")
    recipient.get_by_role("link", name="Cancel").click()
    recipient.locator(".tile a").nth(4).click()
    expect(recipient.get_by_role("button", name="Add to Library")).to_be_visible()
    look(recipient, "member-item")
    recipient.get_by_role("button", name="Add to Library").click()
    expect(recipient.get_by_role("button", name="In Library")).to_be_visible()
    look(recipient, "member-item-kept")
    recipient.goto(f"{links[0]}decline")
    recipient.get_by_role("button", name="Decline").click()
    recipient.goto(links[0])
    expect(recipient.get_by_role("button", name="View Again")).to_be_visible()
    look(recipient, "declined")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_senders_view_fits_every_width(links, scheme: str, member: Page, look):
    member.emulate_media(color_scheme=scheme)
    member.scheme = scheme
    member.goto(links[0])
    expect(member.get_by_text("This is your link.")).to_be_visible()
    look(member, "sender")
    member.goto("/for-you/")
    expect(member.get_by_role("heading", name="Shared by You")).to_be_visible()
    look(member, "for-you-sender")
    member.goto("/settings/")
    look(member, "settings")
