"""Three people: Alice passes along, Bob receives on his phone, Carol is a stranger.

The numbers are those of tests/BEHAVIOUR.md.
"""

import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import PHONE, copy_link, log_in, make_members
from tests.patience import wait_until
from tests.site import Site

STOPPED = "Stopped. Nobody can open it any more."
SENTENCE = "Access to these shared photos will not be available anymore."


@pytest.fixture(scope="module")
def fresh_bobs(site: Site) -> Iterator[str]:
    """Make as many Bobs as there are tests here, in one go."""
    tests = [name for name in globals() if name.startswith("test_")]
    addresses = [f"bob-{token_hex(4)}@example.org" for _ in tests]
    make_members(site, addresses, "Bob Roe")
    return iter(addresses)


@pytest.fixture
def bobs(fresh_bobs: Iterator[str]) -> str:
    """Return the address of a Bob of each test's own, who has received nothing yet."""
    return next(fresh_bobs)


@pytest.fixture
def bob(bobs: str, open_page) -> Page:
    """Return a page of Bob on his phone, signed in."""
    page = open_page(**PHONE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_in(page, bobs)
    return page


def open_seen(page: Page, link: str) -> None:
    """Open a link and wait until the site has answered that it is seen."""
    with page.expect_request("**/badge*"):  # which the page asks for after that answer
        page.goto(link)
    expect(page.locator(".tile").first).to_be_visible()


def badge(page: Page):
    return page.get_by_role("link", name="For You").locator(".badge")


def sent_from(page: Page, path: str) -> bytes:
    """Return what an address answers to somebody's own browser."""
    answer = page.request.get(path)
    assert answer.ok, path
    return answer.body()


def paste(page: Page, text: str) -> None:
    page.goto("/for-you/")
    page.get_by_role("textbox", name="Paste Link").fill(text)
    page.get_by_role("button", name="Paste Link").click()


def captured(page: Page) -> list[str]:
    """Return the moments of capture of all that a library shows, in its order."""
    page.goto("/library/")
    expect(page.locator(".tile").first).to_be_visible()
    return [link.get_attribute("aria-label") for link in page.locator(".tile a").all()]


def test_the_story_from_select_to_decline(page: Page, bob: Page, open_page):
    alice = page

    # Alice selects four photos and copies their link
    link = copy_link(alice, slice(0, 4))
    alice.get_by_role("link", name="Close").click()
    hers = captured(alice)[:4]

    # S20: a stranger gets the page and the ZIP, and nothing of what members do
    carol = open_page(accept_downloads=True)
    carol.goto(link)
    expect(carol.get_by_text("Alice Doe passed along 4 photos")).to_be_visible()
    for name in ("Add All", "More", "Add to Library"):
        expect(carol.get_by_role("button", name=name)).to_have_count(0)
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        *names, _manifest = archive.namelist()
        originals = {hashlib.sha256(archive.read(name)).hexdigest() for name in names}
    assert len(originals) == 4

    # S22: a whole message is pasted; S21: it is new, on the tab and in the title
    bob.goto("/for-you/")
    expect(bob.get_by_text("Nothing has been passed along to you yet.")).to_be_visible()
    bob.evaluate("text => navigator.clipboard.writeText(text)", f"Hi Bob!\nOur hills: {link}\nA.")
    bob.get_by_role("button", name="Paste Link").click()
    expect(bob.get_by_text("Added to For You.")).to_be_visible()
    expect(bob.get_by_role("heading", name="Recently Shared")).to_be_visible()
    expect(bob.get_by_text("New", exact=True)).to_be_visible()
    expect(badge(bob)).to_have_text("1")
    expect(bob).to_have_title("(1) For You · Passalong")

    # S9, S26: it leads to the page that strangers see; S21: opened, the badge goes
    bob.get_by_role("link", name="4 Photos").click()
    expect(bob.get_by_text("Alice Doe passed along 4 photos")).to_be_visible()
    assert bob.url == link
    expect(badge(bob)).to_be_hidden()
    expect(bob).to_have_title("4 Photos · Passalong")

    # S23: nothing has been added by all that
    bob.goto("/library/")
    expect(bob.get_by_text("Your library is empty")).to_be_visible()

    # S38: one, from its own page, by a button centred at the bottom
    bob.goto(link)
    bob.locator(".tile a").first.click()
    button = bob.get_by_role("button", name="Add to Library")
    box = button.bounding_box()
    assert abs(box["x"] + box["width"] / 2 - 390 / 2) < 1
    assert box["y"] > 844 / 2
    button.click()
    expect(bob.get_by_role("button", name="In Library")).to_be_visible()
    expect(button).to_have_count(0)

    # S39: some, ticked at their top right corner
    bob.goto(link)
    bob.get_by_role("button", name="Select").click()
    for tile in bob.locator(".tile").all()[1:3]:
        corner, circle = tile.bounding_box(), tile.locator(".circle").bounding_box()
        assert corner["x"] + corner["width"] - circle["x"] < 50
        assert circle["y"] - corner["y"] < 25
        tile.get_by_role("checkbox").click()
    bob.get_by_role("button", name="Add 2").click()
    expect(bob.get_by_text("2 added.")).to_be_visible()
    expect(bob.locator("[data-kept]")).to_have_count(3)
    bob.get_by_role("button", name="Select").click()
    expect(bob.get_by_role("button", name="Add All")).to_be_hidden()
    bob.get_by_role("button", name="Cancel").click()

    # S34, S37: all of them; what is there already counts as there
    bob.get_by_role("button", name="Add All").press("Enter")
    expect(bob.get_by_text("1 added. 3 were in your library already.")).to_be_visible()
    expect(bob.get_by_role("link", name="In Library")).to_be_focused()

    # S37, S40: the originals, byte for byte, by their day of capture
    assert captured(bob) == hers
    expect(bob.get_by_role("heading", name=re.compile("October 2026|Oct 2026"))).to_have_count(2)
    mine = [tile.get_attribute("href") for tile in bob.locator(".tile a").all()]
    kept = {hashlib.sha256(sent_from(bob, f"{path}file")).hexdigest() for path in mine}
    assert kept == originals
    bob.goto(mine[0])
    expect(bob.get_by_text("From Alice Doe")).to_be_visible()

    # S33, S35: the preview stays, here and there, with its end
    bob.goto("/for-you/")
    expect(bob.get_by_text("4 in your library")).to_be_visible()
    expect(bob.get_by_text(re.compile("Until "))).to_be_visible()
    assert bob.goto(link).status == 200

    # S58: More, Copy Link: the original link
    bob.evaluate("navigator.clipboard.writeText('')")
    bob.get_by_role("button", name="More").click()
    bob.get_by_role("button", name="Copy Link").click()
    expect(bob.get_by_text("Link copied.")).to_be_visible()
    assert bob.evaluate("navigator.clipboard.readText()") == link

    # S55, S56: More, Decline, in the original's words
    bob.get_by_role("button", name="More").click()
    bob.get_by_role("link", name="Decline").click()
    expect(bob.get_by_text(SENTENCE)).to_be_visible()
    expect(bob.get_by_text("You can open the link again if you still have it.")).to_be_visible()
    bob.get_by_role("dialog").get_by_role("button", name="Decline").click()

    # S57: gone for him alone; what he added stays
    expect(bob.get_by_text("Declined.")).to_be_visible()
    expect(bob.locator(".card")).to_have_count(0)
    assert carol.goto(link).status == 200
    assert captured(bob) == hers
    bob.goto(link)
    expect(bob.get_by_text(re.compile("You declined this share on"))).to_be_visible()
    expect(bob.locator("main img")).to_have_count(0)
    bob.get_by_role("button", name="View Again").click()
    expect(bob.locator(".tile")).to_have_count(4)
    bob.goto("/for-you/")
    expect(bob.locator(".card")).to_have_count(1)

    # S10: Alice finds it under Shared by You, sees what strangers see; S50: More, Stop Sharing, confirm
    alice.goto("/for-you/")
    expect(alice.get_by_role("heading", name="Shared by You")).to_be_visible()
    alice.get_by_role("link", name="4 Photos").first.click()
    alice.wait_for_url(link)
    expect(alice.get_by_text("This is your link.")).to_be_visible()
    expect(alice.get_by_role("button", name="Add All")).to_have_count(0)
    alice.get_by_role("button", name="More").click()
    alice.get_by_role("link", name="Stop Sharing").click()
    assert carol.goto(link).status == 200
    alice.get_by_role("dialog").get_by_role("button", name="Stop Sharing").click()
    expect(alice.get_by_text(STOPPED)).to_be_visible()

    # S51, S52: closed for everybody at once, and gone from their feeds
    for person in (bob, carol, alice):
        assert person.goto(link).status == 410
    bob.goto("/for-you/")
    expect(bob.get_by_text("Nothing has been passed along to you yet.")).to_be_visible()
    alice.goto("/for-you/")
    expect(
        alice.locator(f'[href="{link.removeprefix(alice.url.split("/for")[0])}"]')
    ).to_have_count(0)

    # S53: passed along again, it is another link; S54: what was kept stays, with its bytes
    again = copy_link(alice, slice(0, 4))
    assert again != link
    assert carol.goto(link).status == 410
    assert captured(bob) == hers
    assert {hashlib.sha256(sent_from(bob, f"{path}file")).hexdigest() for path in mine} == originals


def test_a_link_that_is_opened_is_listed_and_undo_takes_it_back(page: Page, bob: Page):
    link = copy_link(page, slice(0, 2))

    bob.goto(link)
    expect(bob.get_by_text("In For You")).to_be_visible()
    expect(badge(bob)).to_be_hidden()
    bob.goto("/for-you/")
    card = bob.locator(f'[data-link="{link}"]')
    expect(card).to_have_count(1)
    expect(card.get_by_text("New", exact=True)).to_have_count(0)
    open_seen(bob, link)
    expect(bob.get_by_role("button", name="Undo")).to_have_count(0)
    link = copy_link(page, slice(2, 4))
    bob.goto(link)
    bob.get_by_role("button", name="Undo").click()
    expect(bob.get_by_text("Undone.")).to_be_visible()

    bob.goto("/for-you/")
    expect(bob.locator(f'[data-link="{link}"]')).to_have_count(0)
    open_seen(bob, link)
    bob.goto("/for-you/")
    expect(bob.locator(f'[data-link="{link}"]')).to_have_count(0)


def test_whoever_wants_to_be_asked_is_asked(page: Page, bob: Page):
    bob.goto("/settings/")
    bob.get_by_role("radio", name="Ask").check()
    bob.get_by_role("button", name="Save").click()
    expect(bob.get_by_text("Saved.")).to_be_visible()
    link = copy_link(page, slice(1, 3))

    bob.goto(link)
    expect(bob.get_by_text("Keep this in For You?")).to_be_visible()
    bob.get_by_role("button", name="Keep", exact=True).click()
    expect(bob.get_by_text("In For You", exact=True)).to_be_visible()

    bob.goto("/for-you/")
    expect(bob.locator(f'[data-link="{link}"]')).to_have_count(1)


def test_the_badge_follows_while_a_page_is_open(page: Page, bob: Page, bobs: str, open_page):
    """Bob pastes on one device; the page that is open on the other learns of it when he looks at it."""
    link = copy_link(page, slice(2, 5))
    desk = open_page()
    log_in(desk, bobs)
    expect(badge(desk)).to_be_hidden()

    paste(bob, link)
    expect(bob.get_by_text("Added to For You.")).to_be_visible()
    desk.evaluate("dispatchEvent(new Event('focus'))")

    expect(badge(desk)).to_have_text("1")
    expect(desk).to_have_title("(1) Library · Passalong")
    bob.locator(f'[data-link="{link}"] .collage').click()
    expect(badge(bob)).to_be_hidden()
    desk.evaluate("dispatchEvent(new Event('focus'))")
    expect(badge(desk)).to_be_hidden()
    expect(desk).to_have_title("Library · Passalong")


def test_where_the_clipboard_is_not_to_be_read_the_field_is_there(bobs: str, open_page):
    page = open_page()  # nothing is granted
    log_in(page, bobs)
    page.goto("/for-you/")
    page.evaluate("() => { navigator.clipboard.readText = () => Promise.reject('denied'); }")

    page.get_by_role("button", name="Paste Link").click()

    expect(page.get_by_text("Paste the link, or the message that it came in")).to_be_visible()
    expect(page.get_by_role("textbox", name="Paste Link")).to_be_focused()


def test_what_can_not_be_done_is_said(page: Page, bob: Page):
    link = copy_link(page, slice(0, 3))
    bob.goto(link)
    expect(bob.get_by_role("button", name="Add All")).to_be_visible()
    bob.context.set_offline(True)
    bob.get_by_role("button", name="Add All").click()
    expect(bob.get_by_text("The site can’t be reached.")).to_be_visible()
    bob.context.set_offline(False)

    page.get_by_role("link", name="Stop Sharing").click()
    page.get_by_role("button", name="Stop Sharing").click()
    expect(page.get_by_text(STOPPED)).to_be_visible()
    bob.get_by_role("button", name="Add All").click()

    expect(
        bob.get_by_text("This link is no longer available. Nothing was changed.")
    ).to_be_visible()


def test_what_nobody_pressed_for_covers_no_answer(page: Page, bob: Page):
    """That the page is seen is answered late, when Bob was told what became of what he pressed."""
    link = copy_link(page, slice(0, 3))
    held: list[tuple[Route, APIResponse]] = []
    bob.route("**/opened", lambda route: held.append((route, route.fetch())))
    bob.goto(link)
    wait_until(lambda: bob.title() and held)
    bob.get_by_role("button", name="Add All").click()
    said = bob.get_by_text("3 added")
    expect(said).to_be_visible()

    [(route, answer)] = held
    assert "In <a" in answer.text()
    with bob.expect_request("**/badge*"):
        route.fulfill(response=answer)

    expect(said).to_be_visible()
    expect(bob.get_by_role("button", name="Undo")).to_have_count(0)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder from another origin of this machine, to which a browser sends the same cookies."""
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


EVIL = """<!doctype html><title>evil</title>
{images}{frames}
<iframe name="sink" hidden></iframe>
{forms}
<script>
for (const form of document.forms) form.submit();
for (const act of ["opened", "listed", "add", "decline"])
  fetch("{link}" + act, {{method: "POST", mode: "no-cors", credentials: "include",
                          body: new URLSearchParams({{all: "1"}})}}).catch(() => 0)
    .finally(() => document.title += "+");
fetch("{site}/for-you/", {{method: "POST", mode: "no-cors", credentials: "include",
                           body: new URLSearchParams({{text: "{link}"}})}}).catch(() => 0)
  .finally(() => document.title += "+");
</script>"""


def test_another_site_puts_nothing_into_a_feed(page: Page, bobs: str, open_page, elsewhere, site):
    link = copy_link(page, slice(0, 2))
    victim = open_page()
    log_in(victim, bobs)
    victim.goto("/for-you/")
    before = victim.locator(".card").count()
    library_before = victim.request.get("/library/").text().count('class="tile"')
    folder, origin = elsewhere
    form = '<form method="post" target="sink" action="{}"><input name="all" value="1"></form>'
    (folder / "index.html").write_text(
        EVIL.format(
            link=link,
            site=site.url,
            images=f'<img src="{link}" hidden>' * 20 + f'<img src="{link}1/thumbnail" hidden>',
            frames=f'<iframe src="{link}" hidden></iframe>' * 20,
            forms="".join(form.format(link + act) for act in ("opened", "listed", "add")),
        )
    )

    other = victim.context.new_page()  # its console is full of refusals, as it should be
    other.goto(origin)
    wait_until(lambda: other.title().count("+") == 5)
    other.close()

    victim.goto("/for-you/")
    assert victim.locator(".card").count() == before
    assert victim.locator(f'[data-link="{link}"]').count() == 0
    assert victim.request.get("/library/").text().count('class="tile"') == library_before


def test_without_javascript_bob_can_do_all_of_it(page: Page, bobs: str, open_page):
    link = copy_link(page, slice(0, 5))
    bob = open_page(java_script_enabled=False, viewport={"width": 390, "height": 844})
    log_in(bob, bobs)

    # S22, S21: pasted and new, in the badge and in the title
    paste(bob, f"Look: {link}")
    expect(bob.get_by_text("Added to For You.")).to_be_visible()
    expect(badge(bob)).to_have_text("1")
    card = bob.locator(f'[data-link="{link}"]')
    expect(card.get_by_text("New", exact=True)).to_be_visible()

    # S21: Open takes it off the badge
    card.get_by_role("button", name="Open").click()
    bob.wait_for_url(link)
    expect(badge(bob)).to_be_hidden()

    # S38, S39, S37: one, some, all
    bob.locator(".tile a").last.click()
    bob.get_by_role("button", name="Add to Library").click()
    expect(bob.get_by_role("button", name="In Library")).to_be_visible()
    bob.goto(link)
    for box in bob.get_by_role("checkbox").all()[:2]:
        box.check()
    bob.get_by_role("button", name="Add Selected").click()
    expect(bob.get_by_text(re.compile("added|in your library already"))).to_be_visible()
    bob.get_by_role("button", name="Add All").click()
    expect(bob.get_by_role("link", name="In Library")).to_be_visible()

    # S35: the preview stays; S55, S56: Decline asks first
    bob.goto("/for-you/")
    card.get_by_role("button", name="More").click()
    card.get_by_role("link", name="Decline").click()
    expect(bob.get_by_text(SENTENCE)).to_be_visible()
    bob.get_by_role("button", name="Decline").click()
    expect(bob.get_by_text("Declined.")).to_be_visible()
    expect(card).to_have_count(0)

    # S57: View Again
    bob.goto(link)
    expect(bob.get_by_text("You declined this share on")).to_be_visible()
    bob.get_by_role("button", name="View Again").click()
    expect(bob.locator(".tile")).to_have_count(5)

    # S10, S22: without a script, listing what is opened is a button under More
    other = copy_link(page, slice(1, 2))
    bob.goto(other)
    bob.get_by_role("button", name="More").click()
    with bob.expect_response("**/listed"):
        bob.get_by_role("button", name="List under Recently Shared").click()
    bob.goto("/for-you/")
    expect(bob.locator(f'[data-link="{other}"]')).to_have_count(1)
