"""What may still be told: blocks, packets and profiles, written on one side and checked on the other."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from library.processing.metadata.exif import entries, kept_exif
from library.processing.metadata.icc import KNOWN, NEUTRAL_NAME, clean_icc
from library.processing.metadata.policy import ROWS
from library.processing.metadata.proofs.told import check_exif, check_icc, check_xmp
from library.processing.metadata.values import Level, UncleanableError, UnexplainedError
from library.processing.metadata.xmp import (
    HDRGM,
    gain_map_xmp,
    hdrgm_version,
    is_apple_gain_map,
    primary_xmp,
    properties,
)
from tests.processing.corpus import corpus_file
from tests.processing.metadata.planted import LEVELS, PROFILE, SECRET, exif, tells, xmp

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
APPLE_NOTE = (
    b"Apple iOS\0\0\1MM\0\2"
    + struct.pack(">HHII", 0x21, 10, 1, 44)
    + struct.pack(">HHII", 0x15, 2, 40, 60)
    + bytes(4)
    + struct.pack(">ii", 3, 2)
    + bytes(8)
    + SECRET.encode().ljust(40, b"\0")
)


def full_exif() -> bytes:
    """Return a block with every tag that can stay, and others."""
    block = Image.Exif()
    block.load(exif())
    block.get_ifd(EXIF_IFD)[0xA001] = 1
    block.get_ifd(EXIF_IFD)[0x927C] = APPLE_NOTE
    block.get_ifd(EXIF_IFD)[INTEROP_IFD] = {1: "R98", 2: b"0100"}
    return block.tobytes()


def read_by_pillow(block: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    return found


@pytest.mark.parametrize("headroom", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_written_is_what_may_stay(level, headroom):
    block = kept_exif(full_exif(), LEVELS[level], headroom=headroom)

    check_exif(block, LEVELS[level], beside_gain_map=headroom)
    assert not tells(block)
    assert kept_exif(block, LEVELS[level], headroom=headroom) == block


@pytest.mark.parametrize("level", LEVELS)
def test_another_library_reads_what_stays(level):
    found = read_by_pillow(kept_exif(full_exif(), LEVELS[level]))

    assert found[ExifTags.Base.Orientation] == 6
    dated = {ExifTags.Base.DateTimeOriginal: "2024:05:04 13:05:00"}
    dated |= {ExifTags.Base.OffsetTimeOriginal: "+02:00", ExifTags.Base.SubsecTimeOriginal: "417"}
    always = {ExifTags.Base.ExifVersion: b"0232", ExifTags.Base.ColorSpace: 1}
    inside = {tag: value for tag, value in found.get_ifd(EXIF_IFD).items() if tag != INTEROP_IFD}
    assert inside == always | ({} if LEVELS[level].hides_dates else dated)
    assert found.get_ifd(INTEROP_IFD) == {1: "R98"}
    where = {0: b"\2\3\0\0", 1: "N", 2: (48.0, 12.0, 30.56), 3: "E", 4: (16.0, 22.0, 19.49)}
    assert found.get_ifd(GPS_IFD) == (where if LEVELS[level].keeps_location else {})
    assert (
        read_by_pillow(kept_exif(full_exif(), LEVELS[level], is_upright=True)).get(0x0112) is None
    )


@pytest.mark.parametrize("level", LEVELS)
def test_the_check_refuses_what_another_level_lets_stay(level):
    block = kept_exif(full_exif(), LEVELS[level], headroom=True)

    for other in LEVELS.values():
        keeps_more = (LEVELS[level].keeps_dates, LEVELS[level].keeps_location)
        if all(
            one <= two
            for one, two in zip(keeps_more, (other.keeps_dates, other.keeps_location), strict=True)
        ):
            check_exif(block, other, beside_gain_map=True)
        else:
            with pytest.raises(UnexplainedError):
                check_exif(block, other, beside_gain_map=True)
    with pytest.raises(UnexplainedError):
        check_exif(block, LEVELS[level], beside_gain_map=False)


def test_the_check_refuses_every_block_of_a_camera():
    with pytest.raises(UnexplainedError):
        check_exif(exif().removeprefix(b"Exif\0\0"), LEVELS["location"], beside_gain_map=True)


@pytest.mark.parametrize("level", LEVELS)
def test_the_check_knows_every_byte(level):
    """Whatever byte of a block is changed: it is refused, or a value of a tag that may stay."""
    block = kept_exif(full_exif(), LEVELS[level], headroom=True)
    for at in range(len(block)):
        changed = block[:at] + bytes((block[at] ^ 0xFF,)) + block[at + 1 :]
        try:
            check_exif(changed, LEVELS[level], beside_gain_map=True)
        except (UnexplainedError, struct.error, LookupError):
            continue
        tags = [entry[:4] for entry in entries(block)]
        assert [entry[:4] for entry in entries(changed)] == tags
        assert list(entries(changed)) != list(entries(block))


@pytest.mark.parametrize("extra", [b"\0", b"\0\0", SECRET.encode()])
def test_the_check_refuses_what_stands_behind_a_block(extra):
    block = kept_exif(full_exif(), Level())

    with pytest.raises(UnexplainedError):
        check_exif(block + extra, Level(), beside_gain_map=False)


@given(st.binary(max_size=300), st.sampled_from(list(LEVELS)), st.sampled_from("<>"))
def test_whatever_a_block_holds_what_is_written_passes(noise, level, order):
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)

    block = kept_exif(head + noise, LEVELS[level], headroom=True)

    if block:
        check_exif(block, LEVELS[level], beside_gain_map=True)


VALUES = st.one_of(st.text(max_size=20), st.integers(0, 1 << 16), st.binary(max_size=30))
TAGS = st.dictionaries(
    st.sampled_from(sorted({row.tag for row in ROWS} | {0x0132, 0x9004, 0x9010, 0x9012})), VALUES
)


@given(TAGS, TAGS, TAGS, st.sampled_from(list(LEVELS)))
def test_whatever_tags_hold_what_is_written_passes(main, inside, where, level):
    made = Image.Exif()
    for tags, directory in ((main, made), (inside, {}), (where, {})):
        for tag, value in tags.items():
            directory[tag] = value
    block = b""
    try:
        made.get_ifd(EXIF_IFD).update(inside)
        made.get_ifd(GPS_IFD).update(where)
        block = made.tobytes()
    except (ValueError, TypeError, struct.error, AttributeError, UnicodeEncodeError):
        return  # no block can hold these

    kept = kept_exif(block, LEVELS[level], headroom=True)

    if kept:
        check_exif(kept, LEVELS[level], beside_gain_map=True)


# Gain maps' packets

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
TAIL = "</rdf:RDF></x:xmpmeta>"
ATTRIBUTES = f"""<rdf:Description xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0" hdrgm:GainMapMax="2.5"
 hdrgm:Gamma="1" hdrgm:Author="{SECRET}" hdrgm:BaseRenditionIsHDR="False"/>"""
ELEMENTS = f"""<rdf:Description xmlns:hdrgm="{HDRGM}"><hdrgm:Version>1.0</hdrgm:Version>
<hdrgm:GainMapMax><rdf:Seq><rdf:li>1</rdf:li><rdf:li>2</rdf:li><rdf:li>-3.5e-2</rdf:li></rdf:Seq>
</hdrgm:GainMapMax><hdrgm:Note>{SECRET}</hdrgm:Note>
<hdrgm:BaseRenditionIsHDR>True</hdrgm:BaseRenditionIsHDR></rdf:Description>"""
OTHER_PREFIX = ATTRIBUTES.replace("hdrgm:", "q:").replace("xmlns:hdrgm", "xmlns:q")
APPLE = f"""<rdf:Description xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/"
 xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" HDRGainMap:Owner="{SECRET}">
<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap</apdi:AuxiliaryImageType>
<HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion>
<apdi:StoredFormat>1278226488</apdi:StoredFormat></rdf:Description>"""


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("form", [ATTRIBUTES, ELEMENTS, OTHER_PREFIX, APPLE])
@pytest.mark.parametrize("around", ["{}", '<?xpacket begin="" id="W5M0"?>{}<?xpacket end="w"?>'])
def test_numbers_of_a_gain_map_are_written_anew(form, quote, around):
    packet = around.format(HEAD + form + TAIL).replace('"', quote).encode()

    made = gain_map_xmp(packet)

    check_xmp(made)
    assert not tells(made)
    assert gain_map_xmp(made) == made
    kept = {(p.space, p.name, p.value) for p in properties(made)}
    assert kept <= {(p.space, p.name, p.value) for p in properties(packet)}
    assert len(kept) == {ATTRIBUTES: 4, OTHER_PREFIX: 4, ELEMENTS: 5, APPLE: 3}[form]
    assert is_apple_gain_map(packet) == is_apple_gain_map(made) == (form is APPLE)


@pytest.mark.parametrize(
    "packet",
    [
        "",
        SECRET,
        HEAD + TAIL,
        xmp().decode(),
        HEAD + ATTRIBUTES,
        HEAD + ATTRIBUTES.replace("2.5", SECRET) + TAIL,
        HEAD + ATTRIBUTES.replace("2.5", "2.5 " + SECRET) + TAIL,
        HEAD + ATTRIBUTES.replace('"1.0"', f'"1.0{SECRET}"') + TAIL,
        HEAD + ELEMENTS.replace("<rdf:li>2</rdf:li>", "") + TAIL,
        HEAD + ATTRIBUTES.replace("2.5", "٢") + TAIL,  # digits, and none of ours
        f'<!DOCTYPE a [<!ENTITY b "{SECRET}">]>' + HEAD + ATTRIBUTES + TAIL,
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + HEAD + ATTRIBUTES + TAIL,
        HEAD + ATTRIBUTES.replace("2.5", "&b;") + TAIL,
        '<!DOCTYPE a [<!ENTITY b "2.5">]>' + HEAD + ATTRIBUTES.replace("2.5", "&b;") + TAIL,
        HEAD + ATTRIBUTES + TAIL + " " * (1 << 20),
    ],
)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_what_is_no_gain_map_or_declares_entities_gives_nothing(packet, coding):
    for mark in ("", "\ufeff"):
        assert gain_map_xmp((mark + packet).encode(coding)) == b""


def test_a_version_is_all_that_a_first_picture_tells():
    packet = (HEAD + ATTRIBUTES + TAIL).encode()

    made = primary_xmp(hdrgm_version(packet), 12345)

    check_xmp(made)
    assert b'Item:Length="12345"' in made
    assert hdrgm_version(xmp()) == ""


@pytest.mark.parametrize(
    "changed", [b"2.5 ", b"<a>2</a>", b"<!--" + SECRET.encode() + b"-->", b"x"]
)
def test_the_check_refuses_another_packet(changed):
    made = gain_map_xmp((HEAD + ATTRIBUTES + TAIL).encode())
    check_xmp(made)

    for packet in (made.replace(b"2.5", changed), made + changed, changed + made, made[:-1]):
        with pytest.raises(UnexplainedError):
            check_xmp(packet)


def test_the_check_lets_only_known_names_stand_in_a_packet():
    made = gain_map_xmp((HEAD + ATTRIBUTES + TAIL).encode())
    with pytest.raises(UnexplainedError):
        check_xmp(made.replace(b"GainMapMax", b"AliceWasHere"))


# Profiles


def named(profile: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes()


PROFILES = {
    "of somebody": lambda: PROFILE,
    "of Pillow": lambda: named("sRGB"),
    "Lab": lambda: named("LAB"),
    "XYZ": lambda: named("XYZ"),
    "of four inks": lambda: picture_profile("photos/dog_and_lake_cmyk_with_icc_profile.jpg"),
    "of a monitor": lambda: picture_profile("photos/seine_sdr_gainmap_srgb.jpg"),
    "of a phone": lambda: picture_profile("photos/apple_gainmap_new.jpg"),
}


def picture_profile(name: str) -> bytes:
    with Image.open(corpus_file(name)) as picture:
        return picture.info["icc_profile"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_clean_profile_is_cleaned_to_itself(name):
    try:
        made = clean_icc(PROFILES[name]())
    except UncleanableError:
        assert name in ("Lab", "XYZ")
        return

    check_icc(made)
    assert not tells(made)
    assert clean_icc(made) == made
    assert ImageCms.ImageCmsProfile(io.BytesIO(made))


def test_a_profile_of_somebody_gets_a_neutral_name():
    made = ImageCms.ImageCmsProfile(io.BytesIO(clean_icc(PROFILE)))

    assert ImageCms.getProfileDescription(made).strip() == NEUTRAL_NAME


def test_a_known_profile_stays_as_it_is():
    source = picture_profile("photos/apple_gainmap_new.jpg")

    assert clean_icc(source) == source
    assert len(KNOWN) == 12


@pytest.mark.parametrize("profile", [b"", SECRET.encode(), PROFILE[:131], bytes(400)])
def test_what_is_no_profile_goes(profile):
    assert clean_icc(profile) == b""


@pytest.mark.parametrize("at", [4, 11, 12, 16, 20, 25, 35, 40, 48, 52, 66, 70, 80, 90, 127])
def test_the_check_refuses_a_header_that_names_somebody(at):
    made = bytearray(clean_icc(PROFILE))
    check_icc(bytes(made))
    made[at : at + 1] = b"A"

    with pytest.raises(UnexplainedError):
        check_icc(bytes(made))


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made + SECRET.encode(),
        lambda made: made + bytes(4),
        lambda made: made.replace(b"wtpt", b"dmnd"),
        lambda made: made.replace(NEUTRAL_NAME.encode("utf-16-be"), b"\0A\0l\0i\0c\0e" + bytes(16)),
        lambda made: PROFILE,
        lambda made: made[:200],
        lambda made: SECRET.encode(),
    ],
)
def test_the_check_refuses_another_profile(change):
    with pytest.raises((UnexplainedError, struct.error)):
        check_icc(change(clean_icc(PROFILE)))
