"""A browser test that fails leaves what is needed to see why."""

from tests.browser.evidence import keep_evidence


def test_what_a_failure_leaves_shows_each_page_and_the_sites_log(
    browser, open_page, site, tmp_path
):
    page = open_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("nobody@example.org")

    told = keep_evidence(tmp_path / "failure", browser, site)

    kept = {path.name: path.read_bytes() for path in (tmp_path / "failure").iterdir()}
    pages = [data for name, data in kept.items() if name.endswith(".html")]
    pictures = [data for name, data in kept.items() if name.endswith(".jpg")]
    assert any(f"{site.url}/accounts/login/".encode() in data for data in pages)
    assert len(pictures) == len(pages)
    assert all(data.startswith(b"\xff\xd8\xff") for data in pictures)
    assert kept["site.log"].decode() == site.log
    assert "page-1.html, page-1.jpg" in told
    assert f"Passalong is at {site.url}/" in told


def test_a_failure_before_there_is_a_site_is_told_too(tmp_path):
    assert "site's log" in keep_evidence(tmp_path, None, None)
