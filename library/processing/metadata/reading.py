"""What a file would reveal to whoever gets it, in words that its owner understands."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import ExifTags

from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError
from library.processing.exif import clean_text
from library.processing.formats import identify
from library.processing.metadata import exif, xmp
from library.processing.metadata.families import gif, heif, jpeg, png, webp
from library.processing.metadata.icc import is_known
from library.processing.metadata.values import Block, Fact, Kind, UncleanableError
from library.processing.values import Format

MAX_FACTS = 2000
MAX_SHOWN = 200

BLOCKS: dict[str, Callable[[FileWindow], Iterator[Block]]] = {
    "jpeg": jpeg.blocks,
    "png": png.blocks,
    "webp": webp.blocks,
    "gif": gif.blocks,
    "heic": heif.blocks,
    "avif": heif.blocks,
}


_BROKEN = (
    DamagedMediaError,
    UncleanableError,
    struct.error,
    zlib.error,
    LookupError,
    ValueError,
    ArithmeticError,
)
_EXIF_KINDS = {
    Kind.DATE: (0x0132, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292, 0x882A),
    Kind.PERSON: (0x013B, 0x8298, 0x9C9D, 0xA430, 0x013C, 0xA437, 0xA438),
    Kind.SERIAL: (0xA431, 0xA435, 0xA420, 0xC62F, 0xC65D),
    Kind.CAPTION: (0x010D, 0x010E, 0x9286, 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F, 0xA436, 0x4746, 0x4749),
    Kind.CAMERA: (0x010F, 0x0110, 0xA432, 0xA433, 0xA434, 0xC614),
    Kind.SOFTWARE: (0x000B, 0x0131, 0xA439, 0xA43A, 0xA43B, 0xA43C, 0xC68B, 0xC6B1),
    Kind.HIDDEN: (0x927C, 0x02BC, 0x83BB, 0x8649, 0x8773, 0xC634, 0xEA1C, 0xEA1D, 0xA40B),
}
_KIND_OF_TAG = {tag: kind for kind, tags in _EXIF_KINDS.items() for tag in tags}
# A property's name says what it is about: the first of these that one of its words begins with
_WORDS = (
    (
        Kind.LOCATION,
        ("gps", "latitude", "longitude", "location", "city", "state", "country", "place"),
    ),
    (
        Kind.SERIAL,
        ("serial", "document id", "instance id", "unique id", "identifier", "guid"),
    ),
    (Kind.SOFTWARE, ("creator tool", "software", "history", "agent", "toolkit")),
    (
        Kind.PERSON,
        ("creator", "artist", "author", "owner", "person", "rights", "credit", "byline", "contact"),
    ),
    (Kind.DATE, ("date", "time", "when")),
    (
        Kind.CAPTION,
        (
            "title",
            "description",
            "subject",
            "caption",
            "headline",
            "keyword",
            "comment",
            "label",
            "tag",
        ),
    ),
    (Kind.CAMERA, ("make", "model", "lens", "camera")),
)
_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_IPTC = {
    Kind.LOCATION: (26, 27, 90, 92, 95, 100, 101),
    Kind.PERSON: (80, 85, 110, 115, 116, 118, 122),
    Kind.DATE: (30, 35, 37, 38, 55, 60, 62, 63),
    Kind.SERIAL: (22, 103),
    Kind.SOFTWARE: (65, 70),
}
_KIND_OF_RECORD = {number: kind for kind, numbers in _IPTC.items() for number in numbers}


def read(path: Path) -> list[Fact]:
    """Return what a photo tells beside its picture, in the order of the file; at most `MAX_FACTS`.

    Videos are not read. A block that makes no sense is a fact without a value.

    Raises:
        UnsupportedMediaError: it is of a kind that we do not take.
    """
    form = identify(path)
    if form.name not in BLOCKS:
        return []
    with FileWindow(path) as data:
        return facts_in(data, form)


def facts_in(data: FileWindow, form: Format) -> list[Fact]:
    """Return what `read` does, of a photo that is open already."""
    found: list[Fact] = []
    try:
        for block in BLOCKS[form.name](data):
            found += _facts(block)
            if len(found) >= MAX_FACTS:
                break
    except _BROKEN:
        found.append(Fact(Kind.HIDDEN, "Damaged part", "", b""))
    return found[:MAX_FACTS]


def revealed(path: Path) -> tuple[str, ...]:
    """Return the kinds of what a file tells, in alphabetical order, each once."""
    return tuple(sorted({fact.kind.value for fact in read(path)}))


def _facts(block: Block) -> list[Fact]:
    reader = {"exif": _exif, "xmp": _xmp, "iptc": _iptc, "text": _text, "icc": _icc}.get(block.kind)
    if reader is None:
        return [Fact(Kind.HIDDEN, block.name, "", b"")]
    facts = list(reader(block))
    unread = block.kind in ("exif", "xmp", "iptc") and not facts and any(block.content)
    return [Fact(Kind.HIDDEN, block.name, "", b"")] if unread else facts


def _exif(block: Block) -> Iterator[Fact]:
    for entry in exif.entries(block.content):
        if entry.tag in (exif.EXIF_DIRECTORY, exif.GPS_DIRECTORY, exif.INTEROP_DIRECTORY):
            continue
        if entry.directory == "IFD1":
            if entry.tag == 0x0201:
                yield Fact(Kind.HIDDEN, "Thumbnail", "", b"")
            continue
        names = ExifTags.GPSTAGS if entry.directory == "GPS" else ExifTags.TAGS
        name = names.get(entry.tag, f"Tag {entry.tag:04X}")
        kind = Kind.LOCATION if entry.directory == "GPS" else _KIND_OF_TAG.get(entry.tag)
        if entry.directory == "GPS" and entry.tag in (0, 7, 29):  # its version; when, not where
            kind = Kind.DATE if entry.tag else Kind.SETTINGS
        yield Fact(kind or Kind.SETTINGS, f"{entry.directory} {name}", _spoken(entry), entry.value)


def _spoken(entry: exif.Entry) -> str:
    if entry.type in (2, 129) or (entry.type == 7 and entry.tag == 0x9286):
        return _shown(entry.value.removeprefix(b"ASCII\0\0\0"))
    if 0x9C9B <= entry.tag <= 0x9C9F:
        return clean_text(entry.value.decode("utf-16-le", "replace"))
    form = {3: "H", 4: "I", 5: "II", 8: "h", 9: "i", 10: "ii"}.get(entry.type)
    if form is None or entry.number > 8:
        return f"{len(entry.value):,} bytes" if entry.type in (1, 6, 7) else ""
    size = struct.calcsize("=" + form)
    numbers = [
        struct.unpack_from(entry.order + form, entry.value, at)
        for at in range(0, len(entry.value) - size + 1, size)
    ]
    return " ".join(f"{n[0] / n[1]:g}" if len(n) == 2 and n[1] else str(n[0]) for n in numbers)


def _xmp(block: Block) -> Iterator[Fact]:
    for property_ in xmp.properties(block.content):
        text = clean_text(property_.value)
        yield Fact(
            _kind_of_words(property_.name), f"XMP {property_.name}", text, property_.value.encode()
        )


def _kind_of_words(name: str) -> Kind:
    spaced = " " + _BETWEEN_WORDS.sub(" ", name).lower()
    found = (kind for kind, words in _WORDS if any(f" {word}" in spaced for word in words))
    return next(found, Kind.SETTINGS)


def _iptc(block: Block) -> Iterator[Fact]:
    content, at = block.content, 0
    while content[at : at + 1] == b"\x1c" and at + 5 <= len(content):
        record, number, size = struct.unpack_from(">BBH", content, at + 1)
        if size & 0x8000:
            return
        value = content[at + 5 : at + 5 + size]
        if record == 2 and number:
            kind = _KIND_OF_RECORD.get(number, Kind.CAPTION)
            yield Fact(kind, f"IPTC 2:{number:02}", _shown(value), value)
        at += 5 + size


def _text(block: Block) -> Iterator[Fact]:
    kind = _kind_of_words(block.name)
    kind = Kind.CAPTION if kind == Kind.SETTINGS else kind
    yield Fact(kind, block.name, _shown(block.content), block.content)


def _icc(block: Block) -> Iterator[Fact]:
    if not is_known(block.content):
        yield Fact(Kind.COLOR, "Color profile", "not one of the usual ones", b"")


def _shown(value: bytes) -> str:
    return clean_text(value[:MAX_SHOWN].rstrip(b"\0 ").decode("utf-8", "replace"))
