"""The story of the site: from an upload to a stopped link, in two browsers."""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.conftest import running_site, upload
from tests.conftest import PASSWORD
from tests.patience import wait_until
from tests.site import Site

PHOTOS = [
    "photos/vivo_x90_12mp.jpg",
    "heic/classic-car.heic",
    "live/train.mov",
    "photos/Landscape_6.jpg",
    "photos/mongolia.jpeg",
    "photos/fin de journée.jpg",
    "photos/el_torcal_rocks.jpg",
    "odd/animated-loop-3.webp",
    "odd/paris_icc_exif_xmp.avif",
    "odd/Flag_of_the_Netherlands-16bit.png",
]
PREPARING = (
    "Your photos and videos are being prepared for sharing. "
    "This may take a while, depending on their size and number."
)


def sign_up(page: Page, name: str, email: str, code: str = "") -> None:
    page.goto("/")
    page.get_by_role("link", name="Sign Up").click()
    if code:
        page.get_by_label("Set-up code").fill(code)
        page.get_by_role("button", name="Continue").click()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign Up").click()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """Return a site that nobody has looked after yet."""
    yield from running_site(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def files(corpus) -> list[Path]:
    return [corpus / name for name in PHOTOS]


def test_from_an_upload_to_a_stopped_link(open_page, site: Site, files: list[Path], tmp_path: Path):
    alice = open_page()
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_up(alice, "Alice Doe", "alice@example.org", site.setup_path.partition("=")[2])
    expect(alice.get_by_text("This is the first account")).to_be_visible()

    upload(alice, files)
    alice.goto("/library/")
    expect(alice.locator(".tile")).to_have_count(len(files))
    expect(alice.locator(".tile img")).to_have_count(len(files))

    alice.get_by_role("button", name="Select").click()
    boxes = alice.get_by_role("checkbox")
    boxes.first.click()
    boxes.last.click(modifiers=["Shift"])
    expect(alice.get_by_text("10 selected")).to_be_visible()
    alice.get_by_role("button", name="Share").click()
    expect(alice.get_by_role("heading", name="9 Photos, 1 Video")).to_be_visible()
    alice.get_by_label("Include all photo data").check()
    before = timezone.now().replace(microsecond=0)
    alice.get_by_role("button", name="Copy Link").click()
    expect(alice.get_by_text("Link copied.")).to_be_visible()
    link = alice.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(re.escape(site.url) + r"/s/[\w-]{32}/", link)

    carol = open_page(accept_downloads=True)
    carol.goto(link)
    expect(carol.get_by_role("heading", name="9 Photos, 1 Video")).to_be_visible()
    expect(carol.get_by_text("Alice Doe passed along 9 photos and 1 video")).to_be_visible()
    assert carol.context.cookies() == []
    until = datetime.fromisoformat(carol.locator("time[datetime]").get_attribute("datetime"))
    assert before <= until - timedelta(days=30) <= timezone.now()
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    archive = tmp_path / "all.zip"
    download.value.save_as(archive)
    assert hashes_in(archive) == {sha256(path.read_bytes()) for path in files}

    carol.get_by_role("button", name="Select").click()
    carol.get_by_role("checkbox").nth(1).click()
    carol.get_by_role("checkbox").nth(3).click()
    expect(carol.get_by_text("2 selected")).to_be_visible()
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    download.value.save_as(archive)
    assert len(hashes_in(archive)) == 2
    carol.get_by_role("button", name="Cancel").click()

    carol.get_by_role("link", name="Video").click()
    expect(carol.locator("video")).to_be_visible()
    carol.locator("video").evaluate("video => { video.muted = true; return video.play(); }")
    wait_until(lambda: carol.evaluate("document.querySelector('video').currentTime > 0.3"))
    with carol.expect_download() as download:
        carol.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "train.mov"
    assert sha256(Path(download.value.path()).read_bytes()) == sha256(files[2].read_bytes())

    alice.get_by_role("link", name="Close").click()
    alice.get_by_role("link", name="Links").click()
    alice.get_by_role("link", name="Stop Sharing").click()
    alice.get_by_role("dialog").get_by_role("button", name="Stop Sharing").click()
    expect(alice.get_by_text("Stopped. Nobody can open it any more.")).to_be_visible()
    response = carol.goto(link)
    assert response.status == 410
    expect(carol.get_by_text("This link is no longer available")).to_be_visible()
    expect(carol.get_by_text("Alice")).to_have_count(0)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashes_in(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        *names, manifest = archive.namelist()
        assert manifest == "MANIFEST.txt"
        return {sha256(archive.read(name)) for name in names}
