"""While nothing is prepared yet the link works, says so, and the pictures appear by themselves."""

import signal
import zipfile
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import upload
from tests.site import Site, command_of

PREPARING = (
    "Your photos and videos are being prepared for sharing. "
    "This may take a while, depending on their size and number."
)


@pytest.fixture
def sleeping_worker(site: Site):
    """Hold the worker and all its children still."""
    held = [process for process in site.processes() if "celery" in command_of(process)]
    site.hold(held)
    yield held
    wake(held)


def wake(held: list[psutil.Process]) -> None:
    for process in held:
        if process.is_running():
            process.send_signal(signal.SIGCONT)


def places(page: Page) -> list[list[int]]:
    """Return the width and height of each tile."""
    return page.locator(".tile").evaluate_all(
        "all => all.map(tile => [tile.offsetWidth, tile.offsetHeight])"
    )


def test_a_link_works_from_the_first_second_and_fills_by_itself(
    member: Page, open_page, sleeping_worker, paintings: list[Path]
):
    upload(member, paintings[:4])
    member.goto("/library/")
    expect(member.get_by_text("Being prepared", exact=True)).to_have_count(4)
    member.get_by_role("button", name="Select").click()
    for box in member.locator(".tile[data-waiting]").get_by_role("checkbox").all():
        box.click()
    member.get_by_role("button", name="Share").click()
    member.get_by_label("Include all photo data").check()
    member.get_by_role("button", name="Copy Link").click()
    expect(member.get_by_text(PREPARING)).to_be_visible()
    expect(member.get_by_text("0 of 4 ready. The link works already.")).to_be_visible()
    link = member.get_by_role("textbox", name="Link").input_value()

    carol = open_page()
    carol.goto(link)
    expect(carol.get_by_text("0 of 4 are ready")).to_be_visible()
    expect(carol.get_by_text("Being prepared", exact=True)).to_have_count(4)
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).stat().st_size > sum(p.stat().st_size for p in paintings[:4])

    member.reload()
    expect(member.get_by_role("dialog").get_by_text(PREPARING)).to_be_visible()
    before = places(carol)
    wake(sleeping_worker)

    expect(member.get_by_text("All 4 are ready")).to_be_visible()
    expect(carol.locator(".tile img")).to_have_count(4)
    expect(carol.get_by_text("of 4 are ready")).to_have_count(0)
    assert places(carol) == before, "nothing jumps"


def test_a_clean_link_gives_no_file_until_it_is_cleaned_and_then_by_itself(
    member: Page, open_page, sleeping_worker, paintings: list[Path], tmp_path: Path
):
    upload(member, paintings[7:9])
    member.goto("/library/")
    member.get_by_role("button", name="Select").click()
    for box in member.locator(".tile[data-waiting]").get_by_role("checkbox").all():
        box.click()
    member.get_by_role("button", name="Share").click()
    member.get_by_role("button", name="Copy Link").click()
    link = member.get_by_role("textbox", name="Link").input_value()

    carol = open_page()
    carol.goto(link)
    expect(carol.get_by_text("They can be downloaded once they are cleaned.")).to_be_visible()
    expect(carol.get_by_role("button", name="Download").first).to_be_disabled()
    assert carol.request.get(f"{link}1/file").status == 503
    assert carol.request.get(f"{link}archive").status == 503

    wake(sleeping_worker)

    expect(carol.locator(".tile img")).to_have_count(2)
    expect(carol.get_by_role("button", name="Download").first).to_be_enabled()
    expect(carol.get_by_text("of 2 are ready")).to_have_count(0)
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").first.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert [name.partition(".")[0] for name in archive.namelist()] == [
            "Photo 001",
            "Photo 002",
            "MANIFEST",
        ]
    expect(member.get_by_text("location and personal data are removed")).to_be_visible()


def test_a_killed_worker_comes_back_and_goes_on(member: Page, site: Site, paintings: list[Path]):
    site.children()["worker"].kill()
    upload(member, paintings[4:7])

    member.goto("/library/")
    expect(member.get_by_text("Being prepared", exact=True)).to_have_count(0)


def test_a_video_that_the_browser_cannot_decode_says_so(member: Page, corpus: Path):
    upload(member, [corpus / "video/sample-5s_h265.mp4"])
    member.goto("/library/")
    video = member.get_by_role("link", name="Video")
    expect(video.locator("img")).to_be_visible()
    video.click()

    expect(member.get_by_role("alert")).to_contain_text("can’t play this kind of video")
    expect(member.get_by_role("link", name="Download")).to_be_visible()
