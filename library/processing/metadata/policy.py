"""What each level lets stay, tag by tag: THE table. The proof enforces it, README shows it.

`clean` keeps what a picture needs to look right, and when it was taken; `location` adds where.
Everything that is in no row goes.
"""

from enum import StrEnum
from typing import NamedTuple

from library.processing.metadata.values import Level


class Stays(StrEnum):
    """Under which condition a tag stays below `everything`."""

    ALWAYS = "always"
    DATES = "unless dates are hidden"
    LOCATION = "with location only"
    GAIN_MAP = "beside an Apple gain map"


class Row(NamedTuple):
    """One EXIF tag that can stay: its directory and number, and the form that its value must have."""

    name: str
    directory: str
    tag: int
    stays: Stays
    form: bytes  # a regular expression of the whole value, as bytes


_DATE = rb"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d\x00"
ROWS = (
    Row("Orientation", "IFD0", 0x0112, Stays.ALWAYS, rb"\x00[\x01-\x08]"),
    Row("ColorSpace", "Exif", 0xA001, Stays.ALWAYS, rb"\x00[\x01\x02]|\xff\xff"),
    Row("InteropIndex", "Interop", 0x0001, Stays.ALWAYS, rb"R(98|03)\x00"),
    Row("ExifVersion", "Exif", 0x9000, Stays.ALWAYS, rb"0232"),
    Row("DateTimeOriginal", "Exif", 0x9003, Stays.DATES, _DATE),
    Row("OffsetTimeOriginal", "Exif", 0x9011, Stays.DATES, rb"[+-]\d\d:\d\d\x00"),
    Row("SubSecTimeOriginal", "Exif", 0x9291, Stays.DATES, rb"\d{1,9}\x00"),
    Row(
        "MakerNote: headroom of an Apple gain map",
        "Exif",
        0x927C,
        Stays.GAIN_MAP,
        rb"Apple iOS\x00\x00\x01MM\x00[\x01\x02](\x00[\x21\x30]\x00\x0a\x00{3}\x01\x00{3}.){1,2}"
        rb"\x00{4}.{8}(.{8})?",
    ),
    Row("GPSVersionID", "GPS", 0x0000, Stays.LOCATION, rb"\x02\x03\x00\x00"),
    Row("GPSLatitudeRef", "GPS", 0x0001, Stays.LOCATION, rb"[NS]\x00"),
    Row("GPSLatitude", "GPS", 0x0002, Stays.LOCATION, rb".{24}"),
    Row("GPSLongitudeRef", "GPS", 0x0003, Stays.LOCATION, rb"[EW]\x00"),
    Row("GPSLongitude", "GPS", 0x0004, Stays.LOCATION, rb".{24}"),
)


def allowed(level: Level, *, beside_gain_map: bool) -> dict[tuple[str, int], Row]:
    """Return the rows that stay at a level, by directory and tag."""
    holds = {
        Stays.ALWAYS: True,
        Stays.DATES: level.keeps_dates,
        Stays.LOCATION: level.keeps_location,
        Stays.GAIN_MAP: beside_gain_map,
    }
    return {(row.directory, row.tag): row for row in ROWS if holds[row.stays]}
