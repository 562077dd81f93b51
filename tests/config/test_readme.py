"""The map in the README: whoever follows it arrives."""

import re
from pathlib import Path

from django.conf import settings

from library.processing.metadata.policy import ROWS, Row, allowed
from library.processing.metadata.values import Level, Privacy

ROOT = Path(settings.BASE_DIR)
LEVELS = (Level(), Level(hides_dates=True), Level(Privacy.LOCATION))
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


def stays(row: Row, level: Level) -> str:
    is_allowed = (row.directory, row.tag) in allowed(level, beside_gain_map=True)
    return "stays" if is_allowed else "goes"


def test_the_table_of_what_stays_is_the_one_that_the_proof_enforces():
    text = (ROOT / "README.md").read_text()
    table = text.partition("## What recipients get")[2].partition("\n## ")[0]
    told = {
        tag: tuple(level.strip() for level in levels.split("|"))
        for first, levels in re.findall(r"^\| (.*?) \| (.*) \|$", table, re.MULTILINE)
        for tag in re.findall(r"`(\w+)`", first)
    }

    enforced = {
        row.name.partition(":")[0]: (*(stays(row, level) for level in LEVELS), "stays")
        for row in ROWS
    }
    assert {tag: told[tag] for tag in enforced} == enforced
    assert set(told) - set(enforced) <= {"irot", "imir", "clean", "location", "everything"}
