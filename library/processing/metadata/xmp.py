"""XMP (ISO 16684-1): read its properties and its place, and write anew the numbers that a gain map needs.

Sources of the properties that stay: Android's Ultra HDR format 1.1 (`hdrgm`, `Container`), and what
Apple's cameras write (`HDRGainMap`, `apdi`).
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NamedTuple

from library.processing.metadata.values import Coordinates

MAX_XMP_BYTES = 1 << 20  # what is longer is not read; no gain map's is
MAX_PROPERTIES = 10_000

EXIF = "http://ns.adobe.com/exif/1.0/"
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
APPLE_GAIN_MAP = "http://ns.apple.com/HDRGainMap/1.0/"
APPLE_PIXEL_DATA = "http://ns.apple.com/pixeldatainfo/1.0/"
APPLE_GAIN_MAP_URN = "urn:com:apple:photo:2020:aux:hdrgainmap"

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
# A GPSCoordinate: "DDD,MM,SSk" or "DDD,MM.mmk" (XMP specification, part 2); some give seconds a fraction
_COORDINATE = re.compile(r"(\d{1,3}),((?:\d{1,2},)?\d{1,2}(?:\.\d{1,18})?)([NESW])", re.ASCII)
_HDRGM_NUMBERS = (
    "GainMapMin",
    "GainMapMax",
    "Gamma",
    "OffsetSDR",
    "OffsetHDR",
    "HDRCapacityMin",
    "HDRCapacityMax",
)
_HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
)
_TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"


class Property(NamedTuple):
    """One property or an item of it; `space` is the namespace's address."""

    space: str
    name: str
    value: str


def properties(xmp: bytes) -> list[Property]:
    """Return every property of a packet, be it written as attribute or element; empty for nonsense.

    What declares entities is nonsense: no camera does, and they could be made to grow without end.
    """
    root = _tree(xmp)
    if root is None:
        return []
    found = []
    for property_ in _walk(root):
        found.append(property_)
        if len(found) >= MAX_PROPERTIES:
            break
    return found


def location(xmp: bytes) -> Coordinates | None:
    """Return where the picture was taken; None where its packet does not say so, or says more than one place.

    What stands inside of other properties is not read: it tells of other places, and of other pictures.
    """
    found = set(_own(root)) if (root := _tree(xmp)) is not None else set()
    north = _degrees(found, "GPSLatitude", "NS")
    east = _degrees(found, "GPSLongitude", "EW")
    if north is None or east is None:
        return None
    place = Coordinates(north, east)
    return place if place.is_on_earth else None


def gain_map_xmp(xmp: bytes) -> bytes:
    """Return a new packet with the numbers of a gain map, empty when it has none."""
    found = properties(xmp)
    return _hdrgm_packet(found) or _apple_packet(found)


def is_apple_gain_map(xmp: bytes) -> bool:
    """Tell whether a picture's packet calls it Apple's gain map."""
    return _is_apple(properties(xmp))


def hdrgm_version(xmp: bytes) -> str:
    """Return the version of the gain map format that a packet names, empty when it names none."""
    return _single(properties(xmp), HDRGM, "Version", _VERSION)


def primary_xmp(version: str, gain_map_bytes: int) -> bytes:
    """Return the packet of a picture whose gain map of this many bytes follows it."""
    items = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f'<Container:Item Item:Semantic="{semantic}" Item:Mime="image/jpeg"{length}/></rdf:li>'
        for semantic, length in (
            ("Primary", ""),
            ("GainMap", f' Item:Length="{gain_map_bytes}"'),
        )
    )
    return (
        f'{_HEAD} xmlns:Container="http://ns.google.com/photos/1.0/container/"'
        ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
        f' xmlns:hdrgm="{HDRGM}" hdrgm:Version="{version}">'
        f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory>{_TAIL}"
    ).encode()


def _tree(xmp: bytes) -> ET.Element | None:
    """Return a packet's elements; None for nonsense, or what declares entities in any coding of text."""
    packet = xmp[:MAX_XMP_BYTES].strip(b"\0 \t\r\n")
    if len(xmp) > MAX_XMP_BYTES or b"<!" in packet.replace(b"\0", b""):
        return None
    try:
        return ET.fromstring(packet)  # noqa: S314 - no entities, see above
    except (ET.ParseError, ValueError, LookupError):
        return None


def _own(root: ET.Element) -> Iterator[Property]:
    """Yield the properties that a packet says of the picture itself, as attribute or element."""
    tree = root if root.tag == _RDF + "RDF" else root.find(_RDF + "RDF")
    for about in tree.findall(_RDF + "Description") if tree is not None else ():
        for key, value in (*about.attrib.items(), *((child.tag, child.text) for child in about)):
            space, _, name = key.removeprefix("{").rpartition("}")
            yield Property(space, name, (value or "").strip())


def _degrees(found: set[Property], name: str, sides: str) -> float | None:
    """Return a coordinate in degrees, from its first side on; None unless it has one value, in XMP's form."""
    values = [value for space, other, value in found if (space, other) == (EXIF, name)]
    match = _COORDINATE.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or match[3] not in sides:
        return None
    minutes, _, seconds = match[2].partition(",")
    parts = float(minutes), float(seconds or 0)
    if max(parts) >= 60:
        return None
    size = int(match[1]) + parts[0] / 60 + parts[1] / 3600
    return size if match[3] == sides[0] else -size


def _walk(root: ET.Element) -> Iterator[Property]:
    """Yield attributes and texts; an item of a list or a language counts under its property's name."""
    waiting = [(root, ("", ""))]
    while waiting:
        element, owner = waiting.pop()
        space, _, name = element.tag.removeprefix("{").rpartition("}")
        here = owner if element.tag.startswith(_RDF) else (space, name)
        for key, value in element.attrib.items():
            space, _, name = key.removeprefix("{").rpartition("}")
            if not key.startswith((_RDF, "{http://www.w3.org/XML/1998/")) and value.strip():
                yield Property(space, name, value.strip())
        if element.text and element.text.strip():
            yield Property(*here, element.text.strip())
        waiting += [(child, here) for child in reversed(element)]


def _single(found: list[Property], space: str, name: str, form: re.Pattern[str]) -> str:
    for property_ in found:
        if property_[:2] == (space, name):
            return property_.value if form.fullmatch(property_.value) else ""
    return ""


def _numbers(found: list[Property], space: str, name: str) -> list[str]:
    """Return a property's one or three numbers; none where it has others."""
    values = [item.value for item in found if item[:2] == (space, name)]
    sound = len(values) in (1, 3) and all(_NUMBER.fullmatch(value) for value in values)
    return values if sound else []


def _hdrgm_packet(found: list[Property]) -> bytes:
    version = _single(found, HDRGM, "Version", _VERSION)
    told = {name: _numbers(found, HDRGM, name) for name in _HDRGM_NUMBERS}
    if not version or not told["GainMapMax"]:
        return b""
    inside = "".join(
        f"<hdrgm:{name}>{_one_or_three(values)}</hdrgm:{name}>"
        for name, values in told.items()
        if values
    )
    is_hdr = any(
        item[:2] == (HDRGM, "BaseRenditionIsHDR") and item.value == "True" for item in found
    )
    inside += f"<hdrgm:BaseRenditionIsHDR>{is_hdr}</hdrgm:BaseRenditionIsHDR>"
    return f'{_HEAD} xmlns:hdrgm="{HDRGM}" hdrgm:Version="{version}">{inside}{_TAIL}'.encode()


def _one_or_three(values: list[str]) -> str:
    if len(values) == 1:
        return values[0]
    return f"<rdf:Seq>{''.join(f'<rdf:li>{value}</rdf:li>' for value in values)}</rdf:Seq>"


def _is_apple(found: list[Property]) -> bool:
    return any(
        item == (APPLE_PIXEL_DATA, "AuxiliaryImageType", APPLE_GAIN_MAP_URN)
        or item[:2] == (APPLE_GAIN_MAP, "HDRGainMapVersion")
        for item in found
    )


def _apple_packet(found: list[Property]) -> bytes:
    if not _is_apple(found):
        return b""
    inside = "".join(
        f"<{prefix}:{name}>{values[0]}</{prefix}:{name}>"
        for prefix, space, name in (
            ("HDRGainMap", APPLE_GAIN_MAP, "HDRGainMapVersion"),
            ("HDRGainMap", APPLE_GAIN_MAP, "HDRGainMapHeadroom"),
            ("apdi", APPLE_PIXEL_DATA, "NativeFormat"),
            ("apdi", APPLE_PIXEL_DATA, "StoredFormat"),
        )
        if len(values := _numbers(found, space, name)) == 1
    )
    return (
        f'{_HEAD} xmlns:HDRGainMap="{APPLE_GAIN_MAP}" xmlns:apdi="{APPLE_PIXEL_DATA}">'
        f"<apdi:AuxiliaryImageType>{APPLE_GAIN_MAP_URN}</apdi:AuxiliaryImageType>{inside}{_TAIL}"
    ).encode()
