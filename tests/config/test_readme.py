"""The map in the README: whoever follows it arrives."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FOUND_BY_DJANGO = {"management", "migrations", "static", "templatetags"}


def places() -> list[Path]:
    """Read the first column of "Where things live": a name without a folder lies beside the one before."""
    text = (ROOT / "README.md").read_text()
    table = text.partition("## Where things live")[2].partition("\n## ")[0]
    found = []
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        folder = Path()
        for name in re.findall(r"`([^`]+)`", row):
            folder = Path(name).parent if "/" in name.rstrip("/") else folder
            found.append(ROOT / folder / Path(name).name)
    return found


def test_every_place_on_the_map_is_there():
    missing = [str(place.relative_to(ROOT)) for place in places() if not place.exists()]

    assert len(places()) > 30
    assert missing == []


def test_every_room_is_on_the_map():
    rooms = {
        folder
        for app in ("config", "library", "shares")
        for folder in (ROOT / app).rglob("*")
        if (folder / "__init__.py").is_file() and not FOUND_BY_DJANGO & set(folder.parts)
    }

    assert rooms - set(places()) == set()
