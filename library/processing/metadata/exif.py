"""EXIF by its directories (CIPA DC-008, TIFF 6.0): read all of it, and write the little that stays.

A new block is made of checked values only, in one fixed form, so that nothing of the old one is carried
over by accident: no text, no gap, no directory that was not asked for.
"""

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from library.processing.exif import read_exif
from library.processing.metadata.values import Coordinates, Level

MAX_ENTRIES = 1000
MAX_VALUE_BYTES = 1 << 20
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
ORIENTATION = 0x0112
VERSION, DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 0x9000, 0x9003, 0x9011
SUB_SECONDS_ORIGINAL, MAKER_NOTE, COLOR_SPACE = 0x9291, 0x927C, 0xA001
INTEROP_INDEX = 0x0001
GPS_VERSION, LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = range(5)

_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _SIGNED_RATIONAL = 2, 3, 4, 5, 7, 10
_BYTE = 1
_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    129: 1,
}
_POINTERS = {EXIF_DIRECTORY: "Exif", GPS_DIRECTORY: "GPS", INTEROP_DIRECTORY: "Interop"}
_ARC_PARTS = 1_000_000  # a second of arc is written in millionths: 30 micrometers on the ground
_APPLE = b"Apple iOS\0"
_APPLE_HEAD = _APPLE + b"\0\1MM"
_HEADROOM = (0x21, 0x30)  # how much brighter than white the gain map makes a picture


class Entry(NamedTuple):
    """One tag; `directory` is IFD0, IFD1, Exif, GPS or Interop, `order` is "<" or ">"."""

    directory: str
    tag: int
    type: int
    number: int
    value: bytes
    order: str


def entries(block: bytes) -> Iterator[Entry]:
    """Yield every entry whose value lies in the block; each directory is read once, so none can loop."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return
    (first,) = struct.unpack_from(order + "I", block, 4)
    waiting, seen = [("IFD0", first)], {0}  # a place of 0 says that there is none
    while waiting:
        name, start = waiting.pop(0)
        if start in seen or start + 2 > len(block):
            continue
        seen.add(start)
        (count,) = struct.unpack_from(order + "H", block, start)
        end = start + 2 + 12 * count
        for at in range(start + 2, min(end, start + 2 + 12 * MAX_ENTRIES, len(block) - 11), 12):
            entry = _entry(block, order, name, at)
            if entry is None:
                continue
            yield entry
            if entry.tag in _POINTERS and entry.number == 1 and len(entry.value) == 4:
                waiting.append((_POINTERS[entry.tag], *struct.unpack(order + "I", entry.value)))
        if name == "IFD0" and end + 4 <= len(block):
            waiting.append(("IFD1", *struct.unpack_from(order + "I", block, end)))


def _entry(block: bytes, order: str, directory: str, at: int) -> Entry | None:
    tag, kind, count = struct.unpack_from(order + "HHI", block, at)
    size = _TYPE_BYTES.get(kind, 0) * count
    start = at + 8
    if size > 4:
        (start,) = struct.unpack_from(order + "I", block, at + 8)
    if not size or start + size > len(block):
        return None
    value = block[start : start + min(size, MAX_VALUE_BYTES)]
    return Entry(directory, tag, kind, count, value, order)


def kept_exif(
    block: bytes,
    level: Level,
    *,
    headroom: bool = False,
    is_upright: bool = False,
    elsewhere: Coordinates | None = None,
) -> bytes:
    """Return a new EXIF block with what this level lets stay; empty when that is nothing.

    `block` may begin with "Exif". With `headroom` the two numbers stay that Apple's gain maps need.
    Where the pixels are upright already, no orientation is told. `elsewhere` is what the file says
    of its place outside EXIF: it is told with the location where the block has no place of its own.
    """
    found = {(entry.directory, entry.tag): entry for entry in reversed(list(entries(block)))}
    main = [] if is_upright else [*_orientation(found)]
    below = [*_color(found)]
    below += _date(block, found) if level.keeps_dates else ()
    below += _headroom(found) if headroom else ()
    index = [*_color_index(found)]
    where = (_coordinates(found) or _placed(elsewhere)) if level.keeps_location else []
    if below or index:
        below.append(_Field(VERSION, _UNDEFINED, 4, b"0232"))
    return _block(main, below, index, where) if main or below or where else b""


class _Field(NamedTuple):
    tag: int
    type: int
    number: int
    value: bytes


_Found = dict[tuple[str, int], Entry]


def _orientation(found: _Found) -> Iterator[_Field]:
    if (value := _whole_number(found.get(("IFD0", ORIENTATION)))) and 1 <= value <= 8:
        yield _Field(ORIENTATION, _SHORT, 1, struct.pack(">H", value))


def _color(found: _Found) -> Iterator[_Field]:
    if (value := _whole_number(found.get(("Exif", COLOR_SPACE)))) in (1, 2, 0xFFFF):
        yield _Field(COLOR_SPACE, _SHORT, 1, struct.pack(">H", value))


def _color_index(found: _Found) -> Iterator[_Field]:
    """Yield the index that alone says "Adobe RGB" in a camera's file without a profile."""
    entry = found.get(("Interop", INTEROP_INDEX))
    if entry and entry.value in (b"R98\0", b"R03\0"):
        yield _Field(INTEROP_INDEX, _ASCII, 4, entry.value)


def _whole_number(entry: Entry | None) -> int | None:
    if entry is None or entry.type not in (_SHORT, _LONG):
        return None
    (value,) = struct.unpack_from(entry.order + ("H" if entry.type == _SHORT else "I"), entry.value)
    return int(value)


def _date(block: bytes, found: _Found) -> Iterator[_Field]:
    """Yield when it was taken, written anew from the numbers that were read."""
    facts = read_exif(block)
    if facts.taken_at is None:
        return
    yield _text(DATE_TIME_ORIGINAL, _written(facts.taken_at))
    offset = facts.taken_offset_minutes
    if offset is not None:
        sign = "-" if offset < 0 else "+"
        hours, minutes = divmod(abs(offset), 60)
        yield _text(OFFSET_TIME_ORIGINAL, f"{sign}{hours:02}:{minutes:02}")
    entry = found.get(("Exif", SUB_SECONDS_ORIGINAL))
    digits = entry.value.split(b"\0")[0].strip() if entry else b""
    if 1 <= len(digits) <= 9 and digits.isdigit():
        yield _text(SUB_SECONDS_ORIGINAL, digits.decode("ascii"))


def _written(moment: datetime) -> str:
    return f"{moment.year:04}:{moment:%m:%d %H:%M:%S}"


def _text(tag: int, text: str) -> _Field:
    value = text.encode("ascii") + b"\0"
    return _Field(tag, _ASCII, len(value), value)


def _coordinates(found: _Found) -> list[_Field]:
    """Return the four coordinates, or nothing unless all of them make sense."""
    fields = [_Field(GPS_VERSION, _BYTE, 4, b"\2\3\0\0")]
    for reference, tag, letters, most in (
        (LATITUDE_REF, LATITUDE, b"NS", 90),
        (LONGITUDE_REF, LONGITUDE, b"EW", 180),
    ):
        letter, entry = found.get(("GPS", reference)), found.get(("GPS", tag))
        if letter is None or entry is None or (entry.type, entry.number) != (_RATIONAL, 3):
            return []
        side = letter.value[:1].upper()
        parts = [struct.unpack_from(entry.order + "II", entry.value, 8 * n) for n in range(3)]
        parts = [(number, below or 1 if number == 0 else below) for number, below in parts]
        if side not in (letters[:1], letters[1:]) or not all(below for _, below in parts):
            return []
        if sum(number / below / 60**n for n, (number, below) in enumerate(parts)) > most:
            return []
        fields.append(_Field(reference, _ASCII, 2, side + b"\0"))
        fields.append(_Field(tag, _RATIONAL, 3, b"".join(struct.pack(">II", *p) for p in parts)))
    return fields


def _placed(where: Coordinates | None) -> list[_Field]:
    """Return the coordinates of a place in degrees, minutes and seconds; nothing where it is nowhere."""
    if where is None or not where.is_on_earth:
        return []
    fields = [_Field(GPS_VERSION, _BYTE, 4, b"\2\3\0\0")]
    for reference, tag, letters, degrees in (
        (LATITUDE_REF, LATITUDE, b"NS", where.latitude),
        (LONGITUDE_REF, LONGITUDE, b"EW", where.longitude),
    ):
        minutes, parts = divmod(round(abs(degrees) * 3600 * _ARC_PARTS), 60 * _ARC_PARTS)
        side = letters[1:] if degrees < 0 else letters[:1]
        fields.append(_Field(reference, _ASCII, 2, side + b"\0"))
        numbers = struct.pack(">6I", minutes // 60, 1, minutes % 60, 1, parts, _ARC_PARTS)
        fields.append(_Field(tag, _RATIONAL, 3, numbers))
    return fields


def _headroom(found: _Found) -> Iterator[_Field]:
    """Yield an Apple maker note of the two headroom numbers alone."""
    entry = found.get(("Exif", MAKER_NOTE))
    note = entry.value if entry else b""
    if not note.startswith(_APPLE) or len(note) < 16:
        return
    order = ">" if note[12:14] == b"MM" else "<"
    (count,) = struct.unpack_from(order + "H", note, 14)
    fields = {}
    for at in range(16, min(16 + 12 * min(count, MAX_ENTRIES), len(note) - 11), 12):
        tag, kind, number, place = struct.unpack_from(order + "HHII", note, at)
        if tag in _HEADROOM and (kind, number) == (_SIGNED_RATIONAL, 1) and place + 8 <= len(note):
            value = struct.pack(">ii", *struct.unpack_from(order + "ii", note, place))
            fields[tag] = _Field(tag, kind, 1, value)
    if fields:
        told = _APPLE_HEAD + _directory([*fields.values()], start=len(_APPLE_HEAD))
        yield _Field(MAKER_NOTE, _UNDEFINED, len(told), told)


def _block(
    main: list[_Field], exif: list[_Field], interop: list[_Field], gps: list[_Field]
) -> bytes:
    """Write a big-endian TIFF block: the first directory, and behind it those that are not empty."""
    exif_at = 8 + _size([*main, *(_pointer(tag, 0) for tag in _tags(exif, gps))])
    index = [_pointer(INTEROP_DIRECTORY, 0)] if interop else []
    interop_at = exif_at + (_size([*exif, *index]) if exif else 0)
    gps_at = interop_at + (_size(interop) if interop else 0)
    places = {EXIF_DIRECTORY: exif_at, GPS_DIRECTORY: gps_at}
    pointers = [_pointer(tag, places[tag]) for tag in _tags(exif, gps)]
    index = [_pointer(INTEROP_DIRECTORY, interop_at)] if interop else []
    block = b"MM\0*" + struct.pack(">I", 8) + _directory([*main, *pointers], start=8)
    for fields, start in (([*exif, *index], exif_at), (interop, interop_at), (gps, gps_at)):
        block += _directory(fields, start=start) if fields else b""
    return block


def _tags(exif: list[_Field], gps: list[_Field]) -> list[int]:
    return [tag for tag, fields in ((EXIF_DIRECTORY, exif), (GPS_DIRECTORY, gps)) if fields]


def _pointer(tag: int, at: int) -> _Field:
    return _Field(tag, _LONG, 1, struct.pack(">I", at))


def _size(fields: list[_Field]) -> int:
    return len(_directory(fields, start=0))


def _directory(fields: list[_Field], *, start: int) -> bytes:
    """Write one directory that stands at `start`, its longer values behind it, on even places."""
    place = start + 2 + 12 * len(fields) + 4
    table, values = struct.pack(">H", len(fields)), b""
    for tag, kind, count, value in sorted(fields):
        here = value.ljust(4, b"\0")
        if len(value) > 4:
            here = struct.pack(">I", place + len(values))
            values += value + b"\0" * (len(value) % 2)
        table += struct.pack(">HHI", tag, kind, count) + here
    return table + bytes(4) + values
