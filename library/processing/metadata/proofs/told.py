"""What a cleaned file may still tell, checked value by value: its EXIF block, its XMP, its profile."""

import io
import re
import struct

from PIL import ImageCms

from library.processing.metadata.icc import NAMES, NEUTRAL_NAME, NOT_STATED, is_known
from library.processing.metadata.policy import Row, allowed
from library.processing.metadata.proofs.colors import check_color_tag
from library.processing.metadata.values import Level, UnexplainedError

MAX_TAGS = 40  # of a profile; we know fewer names

_NUMBER = rb"[+-]?\d{1,12}(\.\d{1,18})?([eE][+-]?\d{1,2})?"
_NUMBERS = rb"(" + _NUMBER + rb"|<rdf:Seq>(<rdf:li>" + _NUMBER + rb"</rdf:li>){3}</rdf:Seq>)"
_HEAD = (
    rb'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    rb'<rdf:RDF xmlns:rdf="http://www\.w3\.org/1999/02/22-rdf-syntax-ns#">'
    rb'<rdf:Description rdf:about=""'
)
_TAIL = rb"</rdf:Description></rdf:RDF></x:xmpmeta>"
_HDRGM = (
    rb' xmlns:hdrgm="http://ns\.adobe\.com/hdr-gain-map/1\.0/" hdrgm:Version="\d{1,3}\.\d{1,3}">'
)
_ITEM = (
    rb'<rdf:li rdf:parseType="Resource">'
    rb'<Container:Item Item:Semantic="%s" Item:Mime="image/jpeg"%s/></rdf:li>'
)
_PACKETS = tuple(
    re.compile(_HEAD + inside + _TAIL)
    for inside in (
        _HDRGM
        + rb"(<hdrgm:(?P<h>GainMapMin|GainMapMax|Gamma|Offset[SH]DR|HDRCapacityMin|HDRCapacityMax)>"
        + _NUMBERS
        + rb"</hdrgm:(?P=h)>){0,7}"
        + rb"<hdrgm:BaseRenditionIsHDR>(True|False)</hdrgm:BaseRenditionIsHDR>",
        rb' xmlns:Container="http://ns\.google\.com/photos/1\.0/container/"'
        rb' xmlns:Item="http://ns\.google\.com/photos/1\.0/container/item/"'
        + _HDRGM
        + rb"<Container:Directory><rdf:Seq>"
        + _ITEM % (rb"Primary", rb"")
        + _ITEM % (rb"GainMap", rb' Item:Length="\d{1,10}"')
        + rb"</rdf:Seq></Container:Directory>",
        rb' xmlns:HDRGainMap="http://ns\.apple\.com/HDRGainMap/1\.0/"'
        rb' xmlns:apdi="http://ns\.apple\.com/pixeldatainfo/1\.0/">'
        rb"<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap</apdi:AuxiliaryImageType>"
        rb"(<(?P<a>HDRGainMap:HDRGainMap(Version|Headroom)|apdi:(Native|Stored)Format)>"
        + _NUMBER
        + rb"</(?P=a)>){0,4}",
    )
)
_PROFILE_HEAD = re.compile(
    rb".{4}\x00{4}[\x02\x04][\x00\x10\x20\x30\x40]\x00\x00"
    rb"(mntr|scnr|prtr|spac)(RGB |GRAY|CMYK|Lab |XYZ )(XYZ |Lab )"
    + struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    + rb"acsp\x00{24}\x00{3}[\x00-\x03]\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d\x00{48}",
    re.DOTALL,
)
_TEXTS = (b"desc", b"cprt")
_WORDS = (*NAMES, NEUTRAL_NAME, NOT_STATED)
_BELOW = {("IFD0", 0x8769): "Exif", ("IFD0", 0x8825): "GPS", ("Exif", 0xA005): "Interop"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}


def check_exif(block: bytes, level: Level, *, beside_gain_map: bool) -> None:
    """Check an EXIF block: every tag is one that the level lets stay, every byte belongs to one.

    Raises:
        UnexplainedError: one does not.
    """
    rows = allowed(level, beside_gain_map=beside_gain_map)
    if block[:8] != b"MM\0*\0\0\0\x08":
        raise UnexplainedError("an EXIF block in another form")
    waiting, taken = [("IFD0", 8)], [(0, 8)]
    while waiting:
        directory, at = waiting.pop(0)
        (count,) = struct.unpack_from(">H", block, at)
        end = at + 2 + 12 * count + 4
        if count > len(rows) + 2 or block[end - 4 : end] != bytes(4):
            raise UnexplainedError("an EXIF directory with more in it")
        taken.append((at, end))
        for entry in range(at + 2, end - 4, 12):
            tag, kind, number, place = struct.unpack_from(">HHII", block, entry)
            if (directory, tag) in _BELOW and (kind, number) == (4, 1):
                waiting.append((_BELOW[directory, tag], place))
            else:
                taken += _check_entry(block, entry, rows.get((directory, tag)))
    _check_no_gap(sorted(taken), len(block))


def _check_entry(block: bytes, entry: int, row: Row | None) -> list[tuple[int, int]]:
    """Check one entry by its row; return where its value stands, if that is outside the entry."""
    tag, kind, number, place = struct.unpack_from(">HHII", block, entry)
    size = _TYPE_BYTES[kind] * number
    start, room = (place, size + size % 2) if size > 4 else (entry + 8, 4)
    value, padding = block[start : start + size], block[start + size : start + room]
    if row is None or not re.fullmatch(row.form, value, re.DOTALL):
        raise UnexplainedError(f"EXIF tag {tag:04X}")
    if any(padding):
        raise UnexplainedError("EXIF padding that is not empty")
    return [(start, start + room)] if size > 4 else []


def check_xmp(packet: bytes) -> None:
    """Check that a packet is one of a gain map's three, with numbers alone in it.

    Raises:
        UnexplainedError: it is another.
    """
    if not any(form.fullmatch(packet) for form in _PACKETS):
        raise UnexplainedError("an XMP packet in another form")


def check_icc(profile: bytes) -> None:
    """Check that a profile is a known one, or names nobody and nothing, as another library reads it.

    Raises:
        UnexplainedError: it says more.
        struct.error, LookupError: it ends before its counts do.
    """
    if is_known(profile):
        return
    has_size = struct.unpack_from(">I", profile) == (len(profile),)
    if not has_size or not _PROFILE_HEAD.fullmatch(profile, 0, 128):
        raise UnexplainedError("a profile that names a program, a device, a maker or a day")
    for name, start, size in _tags(profile):
        tag = profile[start : start + size]
        if name not in _TEXTS:
            check_color_tag(name, tag)
        elif not _is_bare(tag):
            raise UnexplainedError("a profile with more words than its name")
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        named = ImageCms.getProfileDescription(read).strip()
        owned = ImageCms.getProfileCopyright(read).strip()
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise UnexplainedError("a profile that can't be read") from error
    if named not in (*NAMES, NEUTRAL_NAME) or owned != NOT_STATED:
        raise UnexplainedError("a profile with words of its own")


def _tags(profile: bytes) -> list[tuple[bytes, int, int]]:
    """Return names, places and sizes, checked: texts and then colors by name, one behind the other.

    Raises:
        UnexplainedError: they are in another order, or bytes between them are not zeros that fill up.
    """
    (count,) = struct.unpack_from(">I", profile, 128)
    end = 132 + 12 * count
    if not len(_TEXTS) < count <= MAX_TAGS:
        raise UnexplainedError("a profile with more in it than colors")
    tags = list(struct.iter_unpack(">4sII", profile[132:end]))
    names = [name for name, _, _ in tags]
    colors = names[len(_TEXTS) :]
    if names != [*_TEXTS, *sorted(set(colors))]:
        raise UnexplainedError("a profile whose tags are in another order")
    places = list(dict.fromkeys((start, start + size) for _, start, size in tags))
    if any(any(profile[stop : stop + -stop % 4]) for _, stop in places):
        raise UnexplainedError("a profile with something between its tags")
    _check_no_gap([(0, end), *((start, stop + -stop % 4) for start, stop in places)], len(profile))
    return tags


def _is_bare(tag: bytes) -> bool:
    """Tell whether a tag holds one of our texts, in one language, and zeros."""
    return any(
        tag == b"mluc" + bytes(7) + b"\1\0\0\0\x0cenUS" + struct.pack(">II", len(wide), 28) + wide
        or tag == b"text" + bytes(4) + text + b"\0"
        or tag == b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)
        for text, wide in ((t.encode(), t.encode("utf-16-be")) for t in _WORDS)
    )


def _check_no_gap(taken: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, end in taken:
        if start != at:
            raise UnexplainedError(f"bytes at {at} that nothing names")
        at = end
    if at != size:
        raise UnexplainedError("bytes at the end that nothing names")
