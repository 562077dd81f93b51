"""A small, bounded reader of the few EXIF tags that the library uses.

It reads the first directory and the Exif directory once each, so no chain of offsets can loop,
and never raises: a broken entry is an absent entry. Layout: CIPA DC-008 (Exif 3.0), TIFF 6.0.
"""

import re
import struct
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from library.processing.values import MAX_TEXT_LENGTH

MAX_ENTRIES = 1000
MAX_TEXT_BYTES = 1000
MAX_OFFSET_MINUTES = 15 * 60

_MAKE, _MODEL, _ORIENTATION, _DATE_TIME, _EXIF_DIRECTORY = 0x010F, 0x0110, 0x0112, 0x0132, 0x8769
_ORIGINAL, _DIGITIZED = 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
_SHORT, _LONG = 3, 4
_TEXT_TYPES = (2, 7, 129)

_DATE = re.compile(r"\s*(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"\s*([+-])(\d\d):?(\d\d)")

Tags = dict[int, int | str]


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What the EXIF block says; orientation is 1 to 8 as TIFF numbers it."""

    orientation: int = 1
    taken_at: datetime | None = None
    taken_offset_minutes: int | None = None
    camera_make: str = ""
    camera_model: str = ""


def read_exif(block: bytes) -> ExifFacts:
    """Read an EXIF block, with or without its "Exif" prefix; nonsense gives empty facts."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return ExifFacts()
    first = _read_directory(block, order, _unpack(block, order + "I", 4) or 0)
    pointer = first.get(_EXIF_DIRECTORY)
    exif = _read_directory(block, order, pointer) if isinstance(pointer, int) else {}
    orientation = first.get(_ORIENTATION)
    taken_at, offset = _taken({**first, **exif})
    return ExifFacts(
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        taken_at=taken_at,
        taken_offset_minutes=offset,
        camera_make=clean_text(first.get(_MAKE)),
        camera_model=clean_text(first.get(_MODEL)),
    )


def parse_date(text: object) -> datetime | None:
    """Read "2024:05:04 13:05:00" or its ISO form as a naive wall clock; absurd dates are None."""
    match = _DATE.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a wall clock
    except ValueError:
        return None
    return moment if 1826 <= moment.year <= 2100 else None


def parse_offset(text: object) -> int | None:
    """Read "+02:00", "-0530" or "Z" as minutes east of UTC."""
    if not isinstance(text, str):
        return None
    if text.strip() == "Z":
        return 0
    match = _ZONE.match(text)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes > MAX_OFFSET_MINUTES:
        return None
    return -minutes if match[1] == "-" else minutes


def clean_text(text: object) -> str:
    """Return a name that is safe to show: one line, no control characters, at most 120 long."""
    if not isinstance(text, str):
        return ""
    visible = "".join(c for c in text if not unicodedata.category(c).startswith("C"))
    return visible.strip()[:MAX_TEXT_LENGTH].strip()


def _taken(tags: Tags) -> tuple[datetime | None, int | None]:
    for date, offset in (
        (_ORIGINAL, _OFFSET_ORIGINAL),
        (_DIGITIZED, _OFFSET_DIGITIZED),
        (_DATE_TIME, _OFFSET),
    ):
        moment = parse_date(tags.get(date))
        if moment is not None:
            return moment, parse_offset(tags.get(offset))
    return None, None


def _read_directory(block: bytes, order: str, start: int) -> Tags:
    """Read one directory's texts and whole numbers; entries that do not fit are left out."""
    tags: Tags = {}
    count = min(_unpack(block, order + "H", start) or 0, MAX_ENTRIES)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if entry + 12 > len(block):
            break
        tag, kind, length = struct.unpack_from(order + "HHI", block, entry)
        value: int | str | None = None
        if kind in _TEXT_TYPES:
            value = _read_text(block, order, entry, length)
        elif kind in (_SHORT, _LONG):
            value = _unpack(block, order + ("H" if kind == _SHORT else "I"), entry + 8)
        if value is not None:
            tags.setdefault(tag, value)
    return tags


def _read_text(block: bytes, order: str, entry: int, length: int) -> str | None:
    at = entry + 8 if length <= 4 else _unpack(block, order + "I", entry + 8)
    if at is None or at + length > len(block):
        return None
    raw = block[at : at + min(length, MAX_TEXT_BYTES)].split(b"\0")[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unpack(block: bytes, form: str, at: int) -> int | None:
    if at + struct.calcsize(form) > len(block):
        return None
    (value,) = struct.unpack_from(form, block, at)
    return int(value)
