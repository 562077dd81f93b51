"""Real Chromium against a real site."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.evidence import keep_evidence
from tests.conftest import PASSWORD
from tests.landscapes import landscape
from tests.patience import PATIENCE_SECONDS
from tests.prepared import prepare
from tests.site import ROOT, Site

MAKE_MEMBERS = """
from allauth.account.models import EmailAddress
from library.models import User
for email in {emails!r}:
    user = User.objects.create_user(email, {password!r}, display_name={name!r})
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
WIDTHS = {320: 640, 390: 844, 1280: 860, 2560: 1300}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# What a console says of what a test does on purpose: an answer of 404 or 410, and a press while offline
ASKED_FOR = (
    "status of 4",
    "Status Error Code 4",
    "ERR_INTERNET_DISCONNECTED",
    "htmx:sendError",
    "htmx:afterRequest",
)
FAILURES = ROOT / "build" / "failures"
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def pytest_addoption(parser):
    parser.addoption("--screenshots", help="a folder into which the look tests put their pictures")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Keep what a test saw that failed; its report says where."""
    report = yield
    if report.failed:
        folder = FAILURES / re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}-{report.when}")
        told = keep_evidence(folder, item.funcargs.get("browser"), item.funcargs.get("site"))
        report.sections.append(("What the browser saw", told))
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    args = [
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    patient = {"timeout": PATIENCE_SECONDS * 1000}
    return browser_type_launch_args | {"executable_path": found, "args": args} | patient


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    """Return a running site; each file of tests has a member of its own there."""
    yield from running_site(tmp_path_factory.mktemp("site"))


def running_site(folder: Path) -> Iterator[Site]:
    """Run a site; nothing of it may be left when it ends."""
    prepare(folder)
    site = Site(folder).start()
    yield site
    running = site.stop()
    assert site.survivors(running) == [], site.log


@pytest.fixture(scope="module")
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser context of its own; no message on its console may be an error."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def keep(text: str) -> None:
        if not any(asked in text for asked in ASKED_FOR):
            complaints.append(text)

    def open_new(**options: object) -> Page:
        context = browser.new_context(base_url=site.url, **options)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: keep(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: keep(str(error)))
        return page

    yield open_new
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def email(request) -> str:
    return f"{request.module.__name__.rpartition('.')[2]}@example.org"


@pytest.fixture(scope="module")
def member(site: Site, open_page: Callable[..., Page], email: str) -> Page:
    """Return a page of Alice, signed in; she is another Alice in each file of tests."""
    make_members(site, [email], "Alice Doe")
    page = open_page()
    log_in(page, email)
    return page


def make_members(site: Site, emails: list[str], name: str) -> None:
    code = MAKE_MEMBERS.format(emails=emails, password=PASSWORD, name=name)
    site.manage("shell", "-c", code)


def log_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("link", name="Upload").first).to_be_visible()


@pytest.fixture(scope="session")
def painted() -> list[bytes]:
    days = [datetime(2026, 10, day, 9, 12, tzinfo=UTC) for day in (3, 4, 5)]
    return [
        landscape(n + 40, taken=days[n * 3 // 14] + timedelta(minutes=7 * n)) for n in range(14)
    ]


@pytest.fixture(scope="module")
def paintings(painted: list[bytes], email: str, tmp_path_factory) -> list[Path]:
    """Return fourteen pictures over three days; no other file of tests has the same bytes."""
    folder = tmp_path_factory.mktemp("paintings")
    paths = []
    for number, picture in enumerate(painted, start=1):
        path = folder / f"DSC_{number:04}.jpg"
        path.write_bytes(picture + email.encode())
        paths.append(path)
    return paths


def upload(page: Page, files: list[Path]) -> None:
    page.goto("/library/upload/")
    page.get_by_label("Photos and videos").set_input_files(files)
    expect(page.get_by_text(f"{len(files)} of {len(files)}")).to_be_visible()


@pytest.fixture(scope="module")
def library(member: Page, paintings: list[Path]) -> Page:
    """Return the library of a member who has uploaded six pictures."""
    upload(member, paintings[:6])
    member.goto("/library/")
    expect(member.locator(".tile img")).to_have_count(6)
    return member


@pytest.fixture(scope="module")
def bobs(site: Site, email: str) -> str:
    """Make Bob, another one in each file of tests, and return his address."""
    address = f"bob-{email}"
    make_members(site, [address], "Bob Roe")
    return address


def copy_link(page: Page, chosen: slice) -> str:
    """Select these of the library's pictures and return the link that is made of them."""
    page.goto("/library/")
    page.get_by_role("button", name="Select").click()
    for box in page.get_by_role("checkbox").all()[chosen]:
        box.click()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Copy Link").click()
    return page.get_by_role("textbox", name="Link").input_value()


@pytest.fixture
def look(request) -> Callable[[Page, str], None]:
    """Look at a page at every width; `--screenshots` keeps the pictures."""
    folder = request.config.getoption("--screenshots")

    def look_at(page: Page, name: str) -> None:
        page.evaluate("document.activeElement?.blur()")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert not sticks_out(page), f"{name} at {width} px"
            if folder and width in (390, 1280):
                page.wait_for_load_state("networkidle")
                path = Path(folder) / f"{name}-{width}-{page.scheme}.jpg"
                page.screenshot(path=path, type="jpeg", quality=88)
        page.set_viewport_size({"width": 1280, "height": 860})

    return look_at


def sticks_out(page: Page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


@pytest.fixture
def page(library: Page) -> Page:
    """Return the library with nothing selected."""
    library.goto("/library/")
    library.evaluate("sessionStorage.clear()")
    library.reload()
    expect(library.get_by_role("button", name="Select", exact=True)).to_be_visible()
    return library
