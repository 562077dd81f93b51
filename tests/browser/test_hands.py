"""Keyboard, shift-click, drag and drop, long scrolls, and a browser without a clipboard."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import log_in
from tests.patience import wait_until
from tests.site import Site

MANY = 300
MAKE_MANY = f"""
from datetime import timedelta
from django.utils import timezone
from library.models import Asset, Blob, Stills, User
owner, now = User.objects.get(email={{email!r}}), timezone.now()
numbers = range({MANY})
blobs = Blob.objects.bulk_create(
    Blob(key=f"k{{{{owner.pk}}}}-{{{{n}}}}", sha256=f"{{{{owner.pk}}}}-{{{{n:050}}}}",
         crc32=0, size_bytes=1, content_type="image/jpeg", created_at=now, touched_at=now) for n in numbers)
Asset.objects.bulk_create(
    Asset(owner=owner, blob=blob, name=f"{{{{n}}}}.jpg", kind="photo", width_px=3, height_px=2,
          taken_at=now - timedelta(days=400, hours=n), taken_from="exif", added_at=now)
    for n, blob in zip(numbers, blobs))
Stills.objects.bulk_create(
    Stills(owner=owner, source=blob, due_at=now, state="failed", version=99) for blob in blobs)
"""


def ticked(page: Page) -> list[int]:
    boxes = page.get_by_role("checkbox").all()
    return [number for number, box in enumerate(boxes) if box.is_checked()]


def test_the_keyboard_alone_selects_and_leaves(page: Page):
    page.get_by_role("button", name="Select").press("Enter")
    expect(page.get_by_role("checkbox").first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert ticked(page) == [0, 2]
    expect(page.get_by_text("2 selected")).to_be_visible()

    page.keyboard.press("Control+a")
    assert ticked(page) == list(range(page.get_by_role("checkbox").count()))
    page.keyboard.press("Escape")

    assert ticked(page) == []
    expect(page.get_by_role("button", name="Select")).to_be_focused()


def test_shift_click_ticks_all_between(page: Page):
    page.get_by_role("button", name="Select").click()
    boxes = page.get_by_role("checkbox")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])

    assert ticked(page) == [1, 2, 3, 4]


def test_a_click_on_the_picture_itself_ticks_while_selecting_and_opens_otherwise(page: Page):
    page.get_by_role("button", name="Select").click()
    box = page.locator(".tile").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert ticked(page) == [0]
    page.get_by_role("button", name="Cancel").click()

    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    expect(page.get_by_role("link", name="Download")).to_be_visible()


def test_without_a_clipboard_the_link_is_there_to_be_copied_by_hand(open_page, page, email: str):
    other = open_page()
    other.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})"
    )
    log_in(other, email)
    other.get_by_role("button", name="Select").click()
    other.get_by_role("checkbox").first.click()
    other.get_by_role("button", name="Share").click()
    other.get_by_role("button", name="Copy Link").click()

    expect(other.get_by_text("to copy the link")).to_be_visible()
    expect(other.get_by_role("textbox", name="Link")).to_be_focused()
    assert (
        other.evaluate(
            "document.activeElement.selectionEnd - document.activeElement.selectionStart"
        )
        > 40
    )


def test_files_can_be_dropped(page: Page, paintings: list[Path]):
    page.goto("/library/upload/")
    page.evaluate(
        """([bytes, name]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], name, {type: "image/jpeg"}));
          document.dispatchEvent(new DragEvent("drop", {dataTransfer: carried, cancelable: true}));
        }""",
        [list(paintings[6].read_bytes()), "dropped.jpg"],
    )

    expect(page.locator(".file.added .name")).to_have_text("dropped.jpg")


def test_a_jump_to_the_end_loads_everything_on_the_way(page: Page, site: Site, email: str):
    before = page.locator(".tile").count()
    site.manage("shell", "-c", MAKE_MANY.format(email=email))
    page.goto("/library/")

    def end() -> bool:
        page.keyboard.press("End")
        return page.locator(".tile").count() >= before + MANY

    wait_until(end)
    expect(page.locator(".tile")).to_have_count(before + MANY)
    headings = page.locator(".day h2 .long").all_text_contents()
    assert len(headings) == len(set(headings)), "a day that goes on gets no second heading"
