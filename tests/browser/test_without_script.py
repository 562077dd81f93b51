"""The same story without JavaScript: every step is a link or a form."""

import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import log_in


def test_upload_share_download_and_stop_are_plain_forms(
    member, email: str, open_page, paintings: list[Path], tmp_path: Path
):
    alice = open_page(java_script_enabled=False)
    log_in(alice, email)

    alice.goto("/library/upload/")
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    alice.get_by_label("Photos and videos").set_input_files([*paintings[:3], text, paintings[0]])
    alice.get_by_role("button", name="Upload").click()
    expect(alice.locator(".file.added")).to_have_count(3)
    expect(alice.locator(".file.refused")).to_have_count(1)
    expect(alice.locator(".file.known")).to_have_count(1)

    alice.goto("/library/")
    for box in alice.get_by_role("checkbox").all()[:2]:
        box.check()
    alice.get_by_role("button", name="Share").click()
    expect(alice.get_by_role("heading", name="2 Photos")).to_be_visible()
    alice.get_by_role("button", name="Copy Link").click()
    link = alice.get_by_role("textbox", name="Link").input_value()

    carol = open_page(java_script_enabled=False)
    carol.goto(link)
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3, "and the manifest"
    carol.get_by_role("checkbox").first.check()
    with carol.expect_download() as download:
        carol.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith(".jpg"), "one file is never zipped"
    carol.get_by_role("link", name="Photo").first.click()
    expect(carol.get_by_role("link", name="Download")).to_be_visible()

    alice.goto("/links/")
    alice.get_by_role("link", name="Stop Sharing").click()
    alice.get_by_role("button", name="Stop Sharing").click()
    expect(alice.get_by_text("Stopped. Nobody can open it any more.")).to_be_visible()
    assert carol.reload().status == 410
