"""Where a picture was taken, when XMP alone says it: read from there, and told by EXIF with the location."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from library.processing.metadata.exif import kept_exif
from library.processing.metadata.proofs.told import check_exif
from library.processing.metadata.values import Coordinates, UnexplainedError
from library.processing.metadata.xmp import location
from tests.processing.corpus import corpus_file
from tests.processing.metadata.planted import (
    LEVELS,
    PILLOW_NAMES,
    SECRET,
    exif,
    noise,
    passed_on,
    saved,
)

GPS_IFD = 0x8825
HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
TAIL = "</rdf:RDF></x:xmpmeta>"
SPACE = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'
VIENNA = Coordinates(48 + 12.5 / 60, 16 + 22 / 60 + 30 / 3600)


def attributes(north: str = "48,12.5N", east: str = "16,22,30E") -> str:
    return (
        f'{HEAD}<rdf:Description {SPACE} exif:GPSLatitude="{north}" exif:GPSLongitude="{east}"'
        f' exif:GPSAltitude="{SECRET}"/>{TAIL}'
    )


def properties(north: str = "48,12.5N", east: str = "16,22,30E") -> str:
    return (
        f"{HEAD}<rdf:Description {SPACE}><exif:GPSLatitude> {north}\n</exif:GPSLatitude>"
        f"</rdf:Description><rdf:Description {SPACE}><exif:GPSLongitude>{east}</exif:GPSLongitude>"
        f"</rdf:Description>{TAIL}"
    )


def told(block: bytes) -> dict[int, object]:
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    return dict(found.get_ifd(GPS_IFD))


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("prefix", ["exif:", "q:"])
@pytest.mark.parametrize("around", ["{}", '<?xpacket begin="" id="W5M0"?>{}<?xpacket end="w"?> \0'])
@pytest.mark.parametrize("form", [attributes, properties])
def test_a_place_is_read_however_it_is_written(form, around, prefix, quote):
    packet = around.format(form()).replace("exif:", prefix).replace("xmlns:exif", "xmlns:q")
    packet = packet.replace("xmlns:q", "xmlns:" + prefix.rstrip(":")).replace('"', quote)

    assert location(packet.encode()) == pytest.approx(VIENNA)


def test_a_packet_without_its_wrapping_is_read():
    packet = attributes().removeprefix('<x:xmpmeta xmlns:x="adobe:ns:meta/">')

    assert location(packet.removesuffix("</x:xmpmeta>").encode()) == pytest.approx(VIENNA)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("0,0N", 0),
        ("0,4.21601S", -0.0702668),
        ("090,00,00S", -90),
        ("47,22,30.5N", 47.3751389),
        ("89,59.9999999999N", 90),
    ],
)
def test_a_coordinate_is_read_in_each_form(text, degrees):
    assert location(attributes(text).encode()).latitude == pytest.approx(degrees)


@pytest.mark.parametrize(
    "north",
    [
        *("", "N", "48", "48.2", "48.2N", "-48,12N", "48,12", "48,12E", "48,12n", "48,12 N"),
        *("48,60N", "48,12,60N", "90,0.1N", "91,0N", "999,0N", "48,12.5,3N", "48,12,N", "48,,3N"),
        *("nan,0N", "inf,0N", "1e1,0N", "4٨,0N", "48,1.N", "48,1." + "9" * 40 + "N", SECRET),
    ],
)
def test_what_is_no_latitude_is_none(north):
    assert location(attributes(north).encode()) is None
    assert location(properties(north).encode()) is None


@pytest.mark.parametrize("east", ["", "180,0.1E", "181,0W", "16,22N", SECRET])
def test_what_is_no_longitude_is_none(east):
    assert location(attributes(east=east).encode()) is None


OTHER = attributes().partition("<rdf:RDF")[2].partition(">")[2].removesuffix(TAIL)


@pytest.mark.parametrize(
    "packet",
    [
        "",
        SECRET,
        "<a/>",
        HEAD + TAIL,
        attributes()[:-5],
        attributes().replace("http://ns.adobe.com/exif/1.0/", "http://example.com/"),
        # another picture's, another place's
        f"{HEAD}<rdf:Description {SPACE}><exif:Of>{OTHER}</exif:Of></rdf:Description>{TAIL}",
        # two places
        attributes().replace(TAIL, OTHER.replace("48,12.5N", "48,12.6N") + TAIL),
        attributes().replace("48,12.5N", "&b;"),
        f'<!DOCTYPE a [<!ENTITY b "48,12.5N">]>{attributes().replace("48,12.5N", "&b;")}',
        f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>{attributes()}',
        attributes() + " " * (1 << 20) + ".",
        "<a>" * 200_000,
        "<a>" * 100_000 + "</a>" * 100_000,
    ],
)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_what_says_no_place_is_none(packet, coding):
    assert location(packet.encode(coding)) is None


def test_the_same_place_twice_is_one():
    packet = attributes().replace(TAIL, OTHER + TAIL)

    assert location(packet.encode()) == pytest.approx(VIENNA)


def test_a_long_packet_is_not_read():
    assert location(attributes().encode().ljust(50 << 20, b"\0")) is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_whatever_a_packet_holds_its_place_is_on_earth_or_none(noise, at):
    packet = attributes().encode()

    for whole in (noise, packet[:at] + noise + packet[at:], packet[:at] + noise):
        found = location(whole)
        assert found is None or found.is_on_earth


@pytest.mark.parametrize("level", LEVELS)
def test_a_place_is_told_with_the_location_alone(level):
    block = kept_exif(b"", LEVELS[level], elsewhere=VIENNA)

    if not LEVELS[level].keeps_location:
        assert block == b""
        return
    check_exif(block, LEVELS[level], beside_gain_map=False)
    assert told(block) == {0: b"\2\3\0\0", 1: "N", 2: (48, 12, 30), 3: "E", 4: (16, 22, 30)}
    assert kept_exif(block, LEVELS[level]) == block
    for other in ("clean", "without dates"):
        with pytest.raises(UnexplainedError):
            check_exif(block, LEVELS[other], beside_gain_map=False)
        assert kept_exif(block, LEVELS[other]) == b""


def test_a_place_in_exif_goes_before_one_elsewhere():
    level = LEVELS["location"]

    assert kept_exif(exif(), level, elsewhere=Coordinates(1, 2)) == kept_exif(exif(), level)


def test_what_else_stays_is_told_beside_a_place():
    block = Image.Exif()
    block[0x0112] = 6

    made = kept_exif(block.tobytes(), LEVELS["location"], elsewhere=Coordinates(-33.5, -70.25))

    check_exif(made, LEVELS["location"], beside_gain_map=False)
    assert told(made) == {0: b"\2\3\0\0", 1: "S", 2: (33, 30, 0), 3: "W", 4: (70, 15, 0)}
    assert kept_exif(made, LEVELS["clean"]) == kept_exif(block.tobytes(), LEVELS["clean"]) != b""


@pytest.mark.parametrize(
    "nowhere",
    [None, *(Coordinates(*at) for at in ((math.nan, 0), (0, math.inf), (91, 0), (0, -181)))],
)
def test_a_place_that_is_not_on_earth_is_not_told(nowhere):
    assert kept_exif(b"", LEVELS["location"], elsewhere=nowhere) == b""


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_another_library_reads_the_same_place(latitude, longitude):
    block = kept_exif(b"", LEVELS["location"], elsewhere=Coordinates(latitude, longitude))

    check_exif(block, LEVELS["location"], beside_gain_map=False)
    found = told(block)
    for degrees, side, parts in ((latitude, found[1], found[2]), (longitude, found[3], found[4])):
        size = sum(float(part) / 60**n for n, part in enumerate(parts))
        assert (-size if side in "SW" else size) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "place"),
    [("adobe_coords.jpg", (-0.0702668, 34.38194)), ("mongolia.jpeg", (46.89839, 102.76863))],
)
def test_the_place_of_a_real_picture_is_what_exiftool_reads(name, place):
    content = corpus_file("photos/" + name).read_bytes()
    start = content.index(b"<x:xmpmeta")
    packet = content[start : content.index(b"</x:xmpmeta>") + 12]

    assert location(packet) == pytest.approx(Coordinates(*place), abs=5e-5)


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "heic", "avif"])
def test_each_family_tells_a_place_that_stands_in_xmp_alone(form, name, tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", attributes())
    how = {"pnginfo": text} if form == "png" else {"xmp": attributes().encode()}
    source = saved(PILLOW_NAMES[form], noise(), **how)

    made, clean = passed_on(tmp_path, source, LEVELS[name])

    with Image.open(io.BytesIO(clean)) as picture:
        where = dict(picture.getexif().get_ifd(GPS_IFD))
    wanted = {0: b"\2\3\0\0", 1: "N", 2: (48, 12, 30), 3: "E", 4: (16, 22, 30)}
    assert made.verdict == "cleaned"
    assert where == (wanted if LEVELS[name].keeps_location else {})
    assert SECRET.encode() not in clean
