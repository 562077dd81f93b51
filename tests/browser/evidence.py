"""What the browser showed, and what the site wrote, when a test failed."""

from pathlib import Path

from playwright.sync_api import Browser, Error

from tests.site import Site

LOG_LINES = 40


def keep_evidence(folder: Path, browser: Browser | None, site: Site | None) -> str:
    """Keep each open page as a picture and as HTML, and the site's log; return what to tell of them."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = [page for context in browser.contexts for page in context.pages] if browser else []
    for number, page in enumerate(pages, start=1):
        try:
            page.screenshot(path=folder / f"page-{number}.jpg", type="jpeg", quality=40)
            html = f"<!-- {page.url} -->\n{page.content()}"
        except Error as error:
            html = f"<!-- {page.url} could not be kept: {error} -->\n"
        (folder / f"page-{number}.html").write_text(html)
    lines = []
    if site is not None:
        (folder / "site.log").write_text(site.log)
        lines = site.log.splitlines()[-LOG_LINES:]
    kept = ", ".join(sorted(path.name for path in folder.iterdir()))
    return "\n".join([f"{folder}: {kept}", "The last lines of the site's log:", *lines])
