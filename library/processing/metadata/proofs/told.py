"""What a cleaned file may still tell, checked value by value: its EXIF block, its XMP, its profile."""

import io
import re
import struct

from PIL import ImageCms

from library.processing.metadata.icc import NAMES, NEUTRAL_NAME, NOT_STATED, is_known
from library.processing.metadata.policy import Row, allowed
from library.processing.metadata.values import Level, UnexplainedError

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
        + rb"(<hdrgm:(?P<h>[A-Za-z]{5,14})>"
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
        rb"(<(?P<a>HDRGainMap|apdi):(?P<n>[A-Za-z]{5,20})>" + _NUMBER + rb"</(?P=a):(?P=n)>){0,4}",
    )
)
_BELOW = {("IFD0", 0x8769): "Exif", ("IFD0", 0x8825): "GPS", ("Exif", 0xA005): "Interop"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
_TAGS = re.compile(
    rb"desc|cprt|wtpt|bkpt|lumi|[rgb]XYZ|[rgbk]TRC|A2B[012]|B2A[012]|gamt|chad|chrm|cicp|rig[02]"
)


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
            tag, _, _, place = struct.unpack_from(">HHII", block, entry)
            if (directory, tag) in _BELOW:
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
    """
    if is_known(profile):
        return
    if any(profile[4:8] + profile[40:64] + profile[80:128]):
        raise UnexplainedError("a profile that names a program, a device or a maker")
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        named = ImageCms.getProfileDescription(read).strip()
        owned = ImageCms.getProfileCopyright(read).strip()
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise UnexplainedError("a profile that can't be read") from error
    if named not in (*NAMES, NEUTRAL_NAME) or owned != NOT_STATED:
        raise UnexplainedError("a profile with words of its own")
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = [struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(min(count, 100))]
    if not all(_TAGS.fullmatch(name) for name, _, _ in tags):
        raise UnexplainedError("a profile with more in it than colors")
    taken = {(start, start + size + -size % 4) for _, start, size in tags}
    _check_no_gap([(0, 132 + 12 * count), *sorted(taken)], len(profile))


def _check_no_gap(taken: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, end in taken:
        if start != at:
            raise UnexplainedError(f"bytes at {at} that nothing names")
        at = end
    if at != size:
        raise UnexplainedError("bytes at the end that nothing names")
