"""Clean JPEGs: the same coded segments, gain maps and views, and nothing that was planted."""

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageOps, ImageStat

from library.processing.metadata import xmp as packets
from library.processing.metadata.exif import entries
from library.processing.metadata.families import jpeg
from library.processing.metadata.proofs.jpeg import pieces
from library.processing.metadata.proving import leaks
from library.processing.metadata.reading import read
from library.processing.metadata.values import (
    Kind,
    Level,
    UncleanableError,
    UnexplainedError,
    Verdict,
)
from tests.processing.corpus import corpus_file
from tests.processing.metadata.planted import (
    ALLOWED,
    LEVELS,
    PROFILE,
    SECRET,
    corpus,
    exif,
    explained,
    frames,
    in_srgb,
    iptc,
    listed,
    noise,
    passed_on,
    resource,
    rewritten,
    saved,
    segment,
    smooth,
    tells,
    xmp,
)

Segment = tuple[int, bytes]  # a marker's second byte, and its content; 0 with the data of a scan

SOS, EOI, COM = 0xDA, 0xD9, 0xFE
ORIENTED_AND_DATED = {
    ("IFD0", 0x0112): b"\0\6",
    ("Exif", 0x9000): b"0232",
    ("Exif", 0x9003): b"2024:05:04 13:05:00\0",
    ("Exif", 0x9011): b"+02:00\0",
    ("Exif", 0x9291): b"417\0",
}

# Pillow warns of what is broken in EXIF
pytestmark = pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning", "ignore:Tag data larger")

cleaned = partial(rewritten, jpeg)
proved = partial(explained, pieces)


def walk(data: bytes, at: int = 0) -> Iterator[Segment]:
    """Yield the segments of one picture, written by hand from T.81, SOI and EOI left out."""
    assert data[at : at + 2] == b"\xff\xd8"
    at += 2
    while data[at + 1] != EOI:
        assert data[at] == 0xFF
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + size]
        start = at = at + 2 + size
        if data[start : start + 1] != b"\xff" or data[start + 1] in (0, *range(0xD0, 0xD8)):
            while data[at] != 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8)):
                at += 1
            yield 0, data[start:at]


def joined(parts: list[Segment], behind: bytes = b"") -> bytes:
    inside = b"".join(segment(*part) if part[0] else part[1] for part in parts)
    return b"\xff\xd8" + inside + b"\xff\xd9" + behind


def coded(data: bytes) -> list[Segment]:
    """Return what pixels are decoded from, in order."""
    return [part for part in walk(data) if part[0] < 0xE0]


def markers(data: bytes) -> list[int]:
    return [marker for marker, _ in walk(data) if marker >= 0xE0]


def contents(data: bytes, marker: int, name: bytes = b"") -> list[bytes]:
    return [c[len(name) :] for m, c in walk(data) if m == marker and c.startswith(name)]


def at_start(data: bytes, extra: bytes) -> bytes:
    return data[:2] + extra + data[2:]


def before(marker: int) -> Callable[[bytes, bytes], bytes]:
    """Return a place: right before the first segment of a marker."""

    def put(data: bytes, extra: bytes) -> bytes:
        parts = list(walk(data))
        at = [part[0] for part in parts].index(marker)
        return joined(parts[:at])[:-2] + extra + joined(parts[at:])[2:]

    return put


def before_last_scan(data: bytes, extra: bytes) -> bytes:
    at = data.rindex(b"\xff\xda")
    return data[:at] + extra + data[at:]


def before_end(data: bytes, extra: bytes) -> bytes:
    return data[:-2] + extra + data[-2:]


def made(mode: str = "RGB", **options: object) -> bytes:
    return saved("JPEG", noise(mode), **options)


def reworked(marker: int, change: Callable[[bytes], bytes], data: bytes) -> bytes:
    """Return the file with the content of its first segment of a marker changed."""
    parts = list(walk(data))
    at = [part[0] for part in parts].index(marker)
    parts[at] = marker, change(parts[at][1])
    return joined(parts)


def told_by(data: bytes) -> dict[tuple[str, int], bytes]:
    """Return the tags of a file's EXIF block but its pointers."""
    (block,) = contents(data, 0xE1, b"Exif\0\0")
    pointers = (0x8769, 0x8825, 0xA005)
    return {(e.directory, e.tag): e.value for e in entries(block) if e.tag not in pointers}


MADE = {
    "plain": made,
    "of full color": lambda: made(subsampling=0),
    "gray": lambda: made("L"),
    "of four inks": lambda: made("CMYK"),
    "progressive": lambda: made(progressive=True),
    "progressive and gray": lambda: made("L", progressive=True),
    "with restarts": lambda: made(restart_marker_blocks=1),
    "progressive with restarts": lambda: made(progressive=True, restart_marker_rows=1),
    "optimized": lambda: made(optimize=True, quality=30),
    "large": lambda: saved("JPEG", noise(size=(1900, 1100)), quality=95),
    "without JFIF": lambda: joined([part for part in walk(made()) if part[0] != 0xE0]),
    "RGB by Adobe's marker": lambda: made(keep_rgb=True),
}


@pytest.mark.parametrize("name", MADE)
def test_a_clean_jpeg_is_coded_in_the_same_segments(name, tmp_path):
    source = MADE[name]()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert coded(clean) == coded(source)
    assert frames("jpeg", clean) == frames("jpeg", source)
    assert cleaned(tmp_path, clean) == clean


@pytest.mark.parametrize("name", corpus((".jpg", ".jpeg", ".mpo"), "photos/", "odd/", "live/"))
def test_real_jpegs_are_cleaned_or_refused(name, tmp_path):
    source = corpus_file(name).read_bytes()
    try:
        clean = cleaned(tmp_path, source)
    except UncleanableError:
        assert name in ("photos/ultrahdr.jpg", "live/motion_photo_pixel_synth.jpg")
        return

    proved(clean, source)
    assert set(markers(clean)) <= {0xE0, 0xE1, 0xE2, 0xEE}


@pytest.mark.parametrize("name", corpus((".jpg", ".jpeg"), "hostile/"))
def test_hostile_jpegs_raise_nothing_else(name, tmp_path):
    source = corpus_file(name).read_bytes()

    try:
        clean = cleaned(tmp_path, source)
    except ALLOWED:
        return

    proved(clean, source)


def extended_xmp(text: str = SECRET) -> bytes:
    return b"http://ns.adobe.com/xmp/extension/\0" + bytes(32 + 4 + 4) + xmp(text)


PLANTED = {
    "comment": segment(COM, SECRET.encode()),
    "wide comment": segment(COM, SECRET.encode("utf-16-le")),
    "EXIF": segment(0xE1, exif()),
    "EXIF of nothing known": segment(0xE1, b"Exif\0\0" + SECRET.encode()),
    "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp()),
    "extended XMP": segment(0xE1, extended_xmp()),
    "IPTC": segment(0xED, b"Photoshop 3.0\0" + resource(0x0404, iptc())),
    "JFIF's thumbnail": segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + SECRET.encode()[:12]),
    "JFXX": segment(0xE0, b"JFXX\0\x10" + SECRET.encode()),
    "Adobe's marker": segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET.encode()),
    "profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE),
    "no profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + SECRET.encode()),
    "no index": segment(0xE2, b"MPF\0" + SECRET.encode()),
    "no gain map": segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + SECRET.encode()),
    "Ducky": segment(0xEC, b"Ducky\0\1\0\4" + SECRET.encode()),
    "an empty segment": segment(0xE5),
    "bytes between segments": SECRET.encode(),
    "zeros between segments": bytes(99),
    "fill bytes": 40 * b"\xff",
    "stray restarts": b"\xff\xd3\xff\x01" + SECRET.encode(),
    **{f"APP{n}": segment(0xE0 + n, SECRET.encode()) for n in range(16)},
}
PLACES = {
    "at the start": at_start,
    "before the frame": before(0xC2),
    "before the first scan": before(SOS),
    "before the last scan": before_last_scan,
    "before the end": before_end,
}
# Behind a scan these are a part of it
IN_SCAN = ("bytes between segments", "zeros between segments", "stray restarts")


PLANTINGS = [
    (name, place)
    for name in PLANTED
    for place in PLACES
    if name not in IN_SCAN or place not in ("before the last scan", "before the end")
]


@pytest.mark.parametrize(("name", "place"), PLANTINGS)
def test_what_was_planted_is_gone(name, place, tmp_path):
    plain = made(progressive=True)
    source = PLACES[place](plain, PLANTED[name])

    clean = cleaned(tmp_path, source)

    assert not tells(clean, proved(clean, source))
    assert coded(clean) == coded(plain)
    told = [part for part in walk(clean) if part[0] >= 0xE0 and part[0] != 0xE2]
    kept = {"EXIF": {0xE1}, "Adobe's marker": {0xEE}}.get(name, set())
    assert {marker for marker, _ in told} == {0xE0, *kept}


def test_fill_bytes_behind_a_scan_cost_no_quality(tmp_path):
    source = before_end(made(), b"\xff\xff\xff")

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict == Verdict.CLEANED
    assert clean == made()


TRAILERS = {
    "a film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + SECRET.encode(),
    "an archive": b"PK\3\4" + SECRET.encode() + b"PK\5\6" + bytes(18),
    "a page": b"<html>" + SECRET.encode() + b"</html>",
    "a second picture that nothing names": made(comment=SECRET.encode()),
    "Samsung's": SECRET.encode("utf-16-le") + b"SEFT",
    "one byte": b"\0",
}


@pytest.mark.parametrize("name", TRAILERS)
def test_what_stands_behind_the_end_is_gone(name, tmp_path):
    clean = cleaned(tmp_path, made() + TRAILERS[name])

    assert clean == cleaned(tmp_path, made())
    assert list(walk(clean))


def test_nothing_of_a_plain_picture_changes(tmp_path):
    made_of_it, clean = passed_on(tmp_path, made())

    assert (made_of_it.verdict, clean) == (Verdict.IDENTICAL, made())


WHERE = {
    ("GPS", 0): b"\2\3\0\0",
    ("GPS", 1): b"N\0",
    ("GPS", 2): struct.pack(">6I", 48, 1, 12, 1, 764, 25),
    ("GPS", 3): b"E\0",
    ("GPS", 4): struct.pack(">6I", 16, 1, 22, 1, 1949, 100),
}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_keeps_its_tags_and_no_more(level, tmp_path):
    wanted = dict(ORIENTED_AND_DATED)
    if LEVELS[level].hides_dates:
        wanted = {("IFD0", 0x0112): b"\0\6"}
    if LEVELS[level].keeps_location:
        wanted |= WHERE

    made_of_it, clean = passed_on(tmp_path, at_start(made(), PLANTED["EXIF"]), LEVELS[level])

    assert made_of_it.verdict == Verdict.CLEANED
    assert told_by(clean) == wanted
    assert not tells(clean)


def test_every_level_knows_what_the_lower_one_would_leak(tmp_path):
    source = at_start(made(), PLANTED["EXIF"])
    _, where = passed_on(tmp_path, source, LEVELS["location"])
    told = read(tmp_path / "source")
    (tmp_path / "where").write_bytes(where)

    assert leaks(tmp_path / "where", told, LEVELS["location"]) == []
    for level in ("clean", "without dates", "location without dates"):
        assert leaks(tmp_path / "where", told, LEVELS[level])


def test_adobe_rgb_that_only_the_camera_names_stays(tmp_path):
    block = Image.Exif()
    block.get_ifd(0x8769)[0xA001] = 0xFFFF
    block.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    block.get_ifd(0x8769)[0x927C] = SECRET.encode()
    source = made(exif=block)

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert told_by(clean) == {
        ("Exif", 0x9000): b"0232",
        ("Exif", 0xA001): b"\xff\xff",
        ("Interop", 1): b"R03\0",
    }
    with Image.open(io.BytesIO(clean)) as picture:
        assert picture.getexif().get_ifd(ExifTags.IFD.Interop)[1] == "R03"


def colored(profile: bytes, *, order: tuple[int, ...] = (1,), size: int = 1 << 15) -> bytes:
    """Return a picture with a profile in so many parts, in that order."""
    parts = {n: profile[(n - 1) * size : n * size] for n in order}
    name = b"ICC_PROFILE\0"
    parts = [segment(0xE2, name + bytes((n, len(order))) + parts[n]) for n in order]
    return before(0xDB)(saved("JPEG", smooth(), quality=95), b"".join(parts))


def profile_of(data: bytes) -> bytes:
    return b"".join(part[2:] for part in contents(data, 0xE2, b"ICC_PROFILE\0"))


@pytest.mark.parametrize("order", [(1,), (1, 2, 3), (3, 1, 2)])
def test_a_profile_that_nobody_knows_shows_the_same_colors(order, tmp_path):
    source = colored(PROFILE, order=order, size=-(-len(PROFILE) // len(order)))
    one_part = colored(PROFILE)

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert not tells(clean)
    assert contents(clean, 0xE2, b"ICC_PROFILE\0")[0][:2] == b"\1\1"
    assert in_srgb(clean) == in_srgb(one_part)


def test_a_profile_of_other_primaries_shows_the_same_colors(tmp_path):
    swapped = bytearray(PROFILE)
    red, green = (PROFILE.index(name, 132) for name in (b"rXYZ", b"gXYZ"))
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    source = colored(bytes(swapped))

    clean = cleaned(tmp_path, source)

    assert in_srgb(clean) == in_srgb(source) != in_srgb(colored(PROFILE))
    assert not tells(clean)


@pytest.mark.parametrize(
    "name",
    ["photos/dog_and_lake_cmyk_with_icc_profile.jpg", "odd/colorchecker_ECI_RGB_v2.jpg"],
)
def test_large_and_rare_profiles_show_the_same_colors(name, tmp_path):
    source = corpus_file(name).read_bytes()

    clean = cleaned(tmp_path, source)

    assert in_srgb(clean) == in_srgb(source)


def test_a_large_profile_is_written_in_parts(tmp_path):
    source = corpus_file("photos/dog_and_lake_cmyk_with_icc_profile.jpg").read_bytes()

    clean = cleaned(tmp_path, source)

    parts = contents(clean, 0xE2, b"ICC_PROFILE\0")
    assert [part[:2] for part in parts] == [bytes((n + 1, len(parts))) for n in range(len(parts))]
    assert len(parts) > 1
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile_of(clean)))


def test_a_profile_with_a_part_missing_is_not_passed_on_as_it_is(tmp_path):
    source = colored(PROFILE, order=(1, 3), size=200)

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict in (Verdict.CONVERTED, Verdict.WITHHELD)
    assert not tells(clean)


# Pictures behind the picture


def stereo(*, kind: int = 0x020002, **options: object) -> bytes:
    """Return two views, named as a camera does: Pillow writes no types."""
    views = [noise(seed=seed) for seed in (1, 2)]
    data = saved("MPO", views[0], save_all=True, append_images=views[1:], **options)
    with Image.open(io.BytesIO(data)) as picture:
        sizes = [row["Size"] for row in picture.mpinfo[0xB002]]
    for old, size in ((0x030000, sizes[0]), (0, sizes[1])):
        data = data.replace(struct.pack("<II", old, size), struct.pack("<II", kind, size), 1)
    return data


def index_of(data: bytes) -> list[tuple[int, int, int]]:
    """Return type, start and size of every picture that a file's index names."""
    base = data.index(b"MPF\0") + 4
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        block = picture.info["mp"]
    order = {b"II*\0": "<", b"MM\0*": ">"}[block[:4]]
    (table,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, table)
    found = [struct.unpack_from(order + "HHII", block, table + 2 + 12 * n) for n in range(count)]
    size, place = next(entry[2:] for entry in found if entry[0] == 0xB002)
    rows = [struct.unpack_from(order + "III", block, place + at) for at in range(0, size, 16)]
    return [(kind & 0xFFFFFF, base + at if at else 0, length) for kind, length, at in rows]


def with_index(rows: list[tuple[int, int, int]], behind: bytes = b"", count: int = 0) -> bytes:
    """Return a picture with an index of these types, sizes and offsets, and bytes behind it."""
    packed = b"".join(struct.pack("<IIIHH", *row, 0, 0) for row in rows)
    table = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    table += struct.pack("<HHII", 0xB001, 4, 1, count or len(rows))
    table += struct.pack("<HHII", 0xB002, 7, 16 * (count or len(rows)), 50)
    block = b"II*\0" + struct.pack("<IH", 8, 3) + table + bytes(4) + packed
    return before(0xDB)(made(), segment(0xE2, b"MPF\0" + block)) + behind


def indexed(kind: int, other: bytes) -> bytes:
    """Return a picture with another one behind it, which its index names as of a type."""
    bare = with_index([(0x030000, 0, 0), (kind, 0, 0)])
    start = len(bare) - bare.index(b"MPF\0") - 4
    return with_index([(0x030000, len(bare), 0), (kind, len(other), start)], other)


@pytest.mark.parametrize("kind", [0x020001, 0x020003], ids=["panorama", "multi-angle"])
def test_single_shots_behind_a_picture_go(kind, tmp_path):
    """They can show what the picture that was made of them does not."""
    clean = cleaned(tmp_path, stereo(kind=kind))

    assert len(frames("jpeg", clean)) == 1
    assert clean.count(b"\xff\xd8\xff") == 1


def test_both_views_of_a_stereo_picture_stay(tmp_path):
    kind = 0x020002
    source = stereo(kind=kind, exif=exif())
    plain = stereo(kind=kind)

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert not tells(clean)
    assert [row[0] for row in index_of(clean)] == [kind, kind]
    assert len(frames("jpeg", clean)) == 2
    assert frames("jpeg", clean) == frames("jpeg", source) == frames("jpeg", plain)
    assert cleaned(tmp_path, clean) == clean


def amid(data: bytes, more: bytes) -> bytes:
    return data[:-2] + more + data[-2:]


HIDDEN = {
    "behind a restart": lambda: amid(made(), b"\xff\xd0" + SECRET.encode()),
    "in a second scan": lambda: amid(
        made(), segment(SOS, next(walk_to(made(), SOS))) + SECRET.encode()
    ),
    "in a second frame": lambda: amid(made(), made(seed=7)[2:-2] + SECRET.encode()),
}


def quantizers(number: int, content: bytes) -> bytes:
    return bytes((number,)) + content.ljust(128 if number >> 4 else 64, b".")


def codes(key: int, content: bytes) -> bytes:
    return bytes((key, *bytes(15), len(content))) + content


def beside_tables(kind: int, table: bytes, source: bytes, *, first: bool) -> bytes:
    """Return a picture with a table more in the first segment of that kind."""
    end = source.index(bytes((0xFF, kind)))
    (size,) = struct.unpack_from(">H", source, end + 2)
    old = source[end + 4 : end + 2 + size]
    return (
        source[:end]
        + segment(kind, table + old if first else old + table)
        + source[end + 2 + size :]
    )


UNUSED = {
    "codes": lambda: before(0xDB)(made(), segment(0xC4, codes(0x13, SECRET.encode()))),
    "codes that are defined again": lambda: before(0xDB)(
        made(), segment(0xC4, codes(0x10, SECRET.encode()))
    ),
    "codes beside others": lambda: beside_tables(
        0xC4, codes(0x02, SECRET.encode()), made(), first=True
    ),
    "codes of means that no scan reads": lambda: amid_scans(codes(0x03, SECRET.encode())),
    "quantizers": lambda: before(0xDB)(made(), segment(0xDB, quantizers(3, SECRET.encode()))),
    "quantizers that are defined again": lambda: before(0xDB)(
        made(), segment(0xDB, quantizers(0, SECRET.encode()))
    ),
    "quantizers before others": lambda: beside_tables(
        0xDB, quantizers(2, SECRET.encode()), made(), first=True
    ),
    "quantizers behind others": lambda: beside_tables(
        0xDB, quantizers(0x12, SECRET.encode()), made(), first=False
    ),
    "quantizers between others": lambda: beside_tables(
        0xDB, quantizers(1, SECRET.encode()) + quantizers(3, bytes(64)), made(), first=False
    ),
}


def amid_scans(table: bytes) -> bytes:
    """Return a progressive picture, one of whose last scans names a table that it does not read."""
    source = made(progressive=True)
    last = source.rindex(b"\xff\xda\0\x08\1")
    named = source[last : last + 6] + bytes((0x30 | source[last + 6],)) + source[last + 7 :]
    return source[:last] + segment(0xC4, table) + named


@pytest.mark.parametrize("name", UNUSED)
def test_a_table_that_nothing_uses_goes_and_no_other(name, tmp_path):
    source = UNUSED[name]()
    assert SECRET.encode() in source
    with pytest.raises(UnexplainedError, match="that nothing uses"):
        list(pieces(source))

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict == Verdict.CLEANED
    assert not tells(clean)
    assert frames("jpeg", clean) == frames("jpeg", source)
    if not name.startswith("codes of means"):
        assert clean == made()


def test_hundreds_of_thousands_of_tables_are_not_gone_through(tmp_path):
    picture = saved("JPEG", smooth(), quality=95)
    empty = segment(0xC4, codes(0x13, b"") * 3800)

    made_of_it, clean = passed_on(tmp_path, before(0xDB)(picture, 300 * empty))

    assert made_of_it.verdict == Verdict.CONVERTED
    assert "more tables" in made_of_it.found
    assert difference(clean, picture) < 2


def test_a_component_without_its_quantizers_is_not_proved():
    source = reworked(0xDB, lambda content: content[:0], made(mode="L"))

    with pytest.raises(UnexplainedError, match="without its quantization table"):
        list(pieces(source))


def test_colors_that_are_coded_as_they_are_stay_so(tmp_path):
    """As in XYB: with colors that no decoder turns into others, and data that is looked at to its end."""
    source = saved("JPEG", smooth("RGB"), quality=90, keep_rgb=True, exif=exif())

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict == Verdict.CLEANED
    assert frames("jpeg", clean) == frames("jpeg", source)
    assert not tells(clean)


def walk_to(data: bytes, wanted: int) -> Iterator[bytes]:
    return (content for marker, content in walk(data) if marker == wanted)


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_hidden_among_the_coded_segments_is_never_passed_on_as_it_is(name, tmp_path):
    made_of_it, data = passed_on(tmp_path, HIDDEN[name]())

    assert made_of_it.verdict in (Verdict.CONVERTED, Verdict.WITHHELD)
    assert SECRET.encode() not in data


@pytest.mark.parametrize("caption", ["2024:05:04 13:05:00", "+02:00", "2024:05:04"])
def test_a_caption_that_says_what_may_stay_withholds_nothing(caption, tmp_path):
    block = Image.Exif()
    block[0x010E] = caption
    block.get_ifd(0x8769)[0x9003] = "2024:05:04 13:05:00"
    block.get_ifd(0x8769)[0x9011] = "+02:00"

    made_of_it, _ = passed_on(tmp_path, made(exif=block.tobytes()))

    assert made_of_it.verdict == Verdict.CLEANED


def test_the_second_view_is_cleaned_too(tmp_path):
    other = at_start(made(comment=SECRET.encode()), PLANTED["EXIF"] + PLANTED["IPTC"])
    source = indexed(0x020002, other) + SECRET.encode()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert not tells(clean)
    (_, start, size) = index_of(clean)[1]
    assert (coded(clean[start:]), start + size) == (coded(other), len(clean))


def test_a_real_stereo_picture_stays_one(tmp_path):
    source = corpus_file("odd/sugarshack.mpo").read_bytes()

    clean = cleaned(tmp_path, source)

    assert len(frames("jpeg", clean)) == 2
    assert frames("jpeg", clean) == frames("jpeg", source)


@pytest.mark.parametrize("kind", [0, 0x010001, 0x010002, 0x030000, 0x050000, 0x123456])
def test_a_thumbnail_or_what_nobody_sees_behind_the_picture_goes(kind, tmp_path):
    source = indexed(kind, made(comment=SECRET.encode()))
    assert index_of(source)[1][1:] == (
        len(source) - len(made(comment=SECRET.encode())),
        len(made(comment=SECRET.encode())),
    )

    assert cleaned(tmp_path, source) == made()


NONSENSE = {
    "a picture behind the file": [(0x020002, 500, 1 << 20)],
    "a picture that ends behind the file": [(0x020002, 1 << 30, 2000)],
    "a picture at a negative place": [(0x020002, 500, 0xFFFFFFF0)],
    "a picture of a negative size": [(0x020002, 0xFFFFFFFF, 0)],
    "the picture itself": [(0x020002, 500, 0), (0x020002, 500, 4), (0x020002, 500, 1)],
    "a thousand pictures": 1000 * [(0x020002, 500, 2000)],
    "a thousand nothings": 1000 * [(0, 0, 0)],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_an_index_of_nonsense_goes(name, tmp_path):
    source = with_index([(0x030000, 0, 0), *NONSENSE[name]], SECRET.encode() * 100)

    assert cleaned(tmp_path, source) == made()


@pytest.mark.parametrize("count", [1 << 16, (1 << 28) - 1])
def test_an_index_that_claims_more_than_it_holds_goes(count, tmp_path):
    source = with_index([(0x030000, 0, 0), (0x020002, 10, 1 << 30)], count=count)

    assert cleaned(tmp_path, source) == made()


def test_pictures_that_lie_over_each_other_are_not_passed_on_twice_their_number(tmp_path):
    other = made()
    bare = with_index(100 * [(0x020002, 0, 0)])
    start = len(bare) - bare.index(b"MPF\0") - 4
    source = with_index([(0x030000, len(bare), 0), *99 * [(0x020002, len(other), start)]], other)

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict in (Verdict.CLEANED, Verdict.CONVERTED, Verdict.WITHHELD)
    assert len(clean) < 17 * len(source)


# Gain maps

NUMBERS = (
    "GainMapMin",
    "GainMapMax",
    "Gamma",
    "OffsetSDR",
    "OffsetHDR",
    "HDRCapacityMin",
    "HDRCapacityMax",
    "BaseRenditionIsHDR",
    "Version",
)
ULTRA_HDR = ["photos/small_gainmap_image.jpg", "photos/seine_sdr_gainmap_srgb.jpg"]
APPLE = "photos/apple_gainmap_new.jpg"


def second_picture(data: bytes) -> bytes:
    """Return the bytes of the one picture behind the first, by the index."""
    (_, start, size) = index_of(data)[1]
    return data[start : start + size]


def packet_of(data: bytes) -> bytes:
    found = contents(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0")
    return found[0] if found else b""


def numbers_of(packet: bytes, space: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in packets.properties(packet):
        if one.space == space:
            found.setdefault(one.name, []).append(one.value)
    return found


@pytest.mark.parametrize("name", ULTRA_HDR)
@pytest.mark.parametrize("level", LEVELS)
def test_an_ultra_hdr_picture_keeps_its_gain_map_and_numbers(name, level, tmp_path):
    source = corpus_file(name).read_bytes()

    clean = cleaned(tmp_path, source, LEVELS[level])

    proved(clean, source)
    gain_map = second_picture(clean)
    assert coded(gain_map) == coded(second_picture(source))
    assert clean.endswith(gain_map)
    wanted = numbers_of(packet_of(second_picture(source)), packets.HDRGM)
    found = numbers_of(packet_of(gain_map), packets.HDRGM)
    assert {"GainMapMax", "Version"} <= found.keys() <= set(NUMBERS)
    assert found == {"BaseRenditionIsHDR": ["False"]} | {
        name: values for name, values in wanted.items() if name in NUMBERS
    }


@pytest.mark.parametrize("name", ULTRA_HDR)
def test_the_first_picture_says_how_long_its_gain_map_is(name, tmp_path):
    clean = cleaned(tmp_path, corpus_file(name).read_bytes())

    found = [item for item in packets.properties(packet_of(clean)) if "container" in item.space]
    assert [item.value for item in found if item.name == "Semantic"] == ["Primary", "GainMap"]
    assert [int(item.value) for item in found if item.name == "Length"] == [
        len(second_picture(clean))
    ]
    assert numbers_of(packet_of(clean), packets.HDRGM) == {"Version": ["1.0"]}


def test_the_numbers_of_iso_21496_stay(tmp_path):
    source = corpus_file("photos/small_gainmap_image.jpg").read_bytes()
    name = b"urn:iso:std:iso:ts:21496:-1\0"

    clean = cleaned(tmp_path, source)

    assert contents(clean, 0xE2, name) == contents(source, 0xE2, name) == [bytes(4)]
    (numbers,) = contents(second_picture(source), 0xE2, name)
    assert contents(second_picture(clean), 0xE2, name) == [numbers]


@pytest.mark.parametrize("level", LEVELS)
def test_an_apple_picture_keeps_its_gain_map_and_headroom(level, tmp_path):
    source = corpus_file(APPLE).read_bytes()

    clean = cleaned(tmp_path, source, LEVELS[level])

    proved(clean, source)
    assert coded(second_picture(clean)) == coded(second_picture(source))
    assert frames("jpeg", clean) == frames("jpeg", source)
    for space in (packets.APPLE_GAIN_MAP, packets.APPLE_PIXEL_DATA):
        wanted = numbers_of(packet_of(second_picture(source)), space)
        assert numbers_of(packet_of(second_picture(clean)), space).items() <= wanted.items()
    assert packets.is_apple_gain_map(packet_of(second_picture(clean)))
    assert headroom_of(clean) == headroom_of(source)
    assert len(headroom_of(clean)) == 2


def headroom_of(data: bytes) -> dict[int, tuple[int, int]]:
    """Return the two numbers of Apple's maker note that say how bright a gain map makes a picture."""
    note = told_by(data)["Exif", 0x927C]
    assert note.startswith(b"Apple iOS\0\0\1MM")
    (count,) = struct.unpack_from(">H", note, 14)
    found = [struct.unpack_from(">HHII", note, 16 + 12 * n) for n in range(count)]
    return {
        tag: struct.unpack_from(">ii", note, at) for tag, _, _, at in found if tag in (0x21, 0x30)
    }


def test_the_headroom_goes_where_there_is_no_gain_map(tmp_path):
    source = corpus_file(APPLE).read_bytes()
    end = index_of(source)[1][1]
    first = joined([part for part in walk(source[:end]) if b"MPF\0" not in part[1][:4]])

    assert ("Exif", 0x927C) in told_by(first)
    assert ("Exif", 0x927C) not in told_by(cleaned(tmp_path, first))


# What is broken, or could hide something


def looping_exif() -> bytes:
    """Return a block whose directories, all five, begin at one place, and go on there."""
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005))
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 3) + entries + struct.pack(">I", 8)


def boundless_exif(kind: int) -> bytes:
    """Return a block with entries of four billion values, the orientation among them."""
    rows = [(0x0112, 3, 1, 6 << 16), (0x010E, kind, 0xFFFFFFFF, 8), (0x013B, kind, 0xFFFFFFFF, 0)]
    rows += [(0x8769, 4, 1, 0xFFFFFFFE), (0x9003, 2, 0xFFFFFFFF, 0xFFFFFFFF)]
    packed = b"".join(struct.pack(">HHII", *row) for row in rows)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 0xFFFF) + packed + SECRET.encode()


BROKEN_EXIF = {
    "directories in a loop": looping_exif(),
    "a directory behind the block": b"Exif\0\0II*\0\xff\xff\xff\xff" + SECRET.encode(),
    "no TIFF header": b"Exif\0\0" + SECRET.encode(),
    "nothing": b"Exif\0\0",
    "a header cut short": b"Exif\0\0MM\0*\0",
    **{f"four billion of type {kind}": boundless_exif(kind) for kind in (1, 2, 5, 7, 12, 255)},
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", BROKEN_EXIF)
def test_broken_exif_goes_and_what_is_sound_in_it_stays(name, level, tmp_path):
    source = at_start(made(), segment(0xE1, BROKEN_EXIF[name]))

    made_of_it, clean = passed_on(tmp_path, source, LEVELS[level])

    assert made_of_it.verdict == Verdict.CLEANED
    assert not tells(clean)
    if name.startswith("four billion"):
        assert told_by(clean) == {("IFD0", 0x0112): b"\0\6"}
    else:
        assert clean == made()


def test_fifty_megabytes_of_xmp_go(tmp_path):
    long = segment(0xE1, extended_xmp(SECRET * 4900))
    count = (50 << 20) // len(long)

    made_of_it, clean = passed_on(tmp_path, at_start(made(), count * long))

    assert made_of_it.verdict == Verdict.CLEANED
    assert clean == made()


OVERLONG = {
    "a comment": lambda: at_start(made(), struct.pack(">BBH", 0xFF, COM, 0xFFFF)),
    "EXIF": lambda: at_start(made(), struct.pack(">BBH", 0xFF, 0xE1, 0xFFFF) + exif()),
    "a table": lambda: made().replace(b"\xff\xdb\0\x43", b"\xff\xdb\xff\xff", 1),
    "a scan's header": lambda: made().replace(b"\xff\xda\0", b"\xff\xda\xff", 1),
    "a segment shorter than its length": lambda: at_start(made(), b"\xff\xfe\0\1"),
    "a segment of no length": lambda: at_start(made(), b"\xff\xe1\0\0"),
}


@pytest.mark.parametrize("name", OVERLONG)
def test_a_segment_that_claims_too_much_or_nothing_raises_nothing(name, tmp_path):
    source = OVERLONG[name]()

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict in tuple(Verdict)
    if clean:
        assert frames("jpeg", clean) == frames("jpeg", made())
        assert not tells(clean)


EXTRA = SECRET.encode()
HIDING = {
    "bytes behind a quantization table": lambda: reworked(0xDB, lambda c: c + EXTRA, made()),
    "a byte behind a quantization table": lambda: reworked(0xDB, lambda c: c + b"\0", made()),
    "bytes behind a Huffman table": lambda: reworked(0xC4, lambda c: c + EXTRA, made()),
    "bytes behind a frame's fields": lambda: reworked(0xC0, lambda c: c + EXTRA, made()),
    "bytes behind a progressive frame's fields": lambda: reworked(
        0xC2, lambda c: c + EXTRA, made(progressive=True)
    ),
    "bytes behind a scan's fields": lambda: reworked(SOS, lambda c: c + EXTRA, made()),
    "bytes behind a restart interval": lambda: reworked(
        0xDD, lambda c: c + EXTRA, made(restart_marker_blocks=1)
    ),
    "arithmetic conditioning with more": lambda: before(SOS)(
        made(), segment(0xCC, b"\0\1" + EXTRA)
    ),
    "a number of lines with more": lambda: before_end(made(), segment(0xDC, b"\0\x17" + EXTRA)),
    "an unknown extension": lambda: before(SOS)(made(), segment(0xC8, EXTRA)),
    "a hierarchy": lambda: before(SOS)(made(), segment(0xDE, EXTRA)),
    "a reserved segment": lambda: before(SOS)(made(), segment(0xF3, EXTRA)),
    "a reserved segment below": lambda: before(SOS)(made(), segment(0x42, EXTRA)),
}


@pytest.mark.parametrize("name", HIDING)
def test_bytes_behind_the_fields_are_never_passed_on_as_they_are(name, tmp_path):
    source = HIDING[name]()

    made_of_it, clean = passed_on(tmp_path, source)

    assert made_of_it.verdict in (Verdict.CONVERTED, Verdict.WITHHELD)
    assert made_of_it.found
    assert not tells(clean)
    with pytest.raises((UnexplainedError, struct.error, IndexError)):
        list(pieces(source))


def uncleanable(mode: str, **options: object) -> bytes:
    """Return a picture that can only be saved anew: behind its scan it says how high it is, and more."""
    data = saved("JPEG", smooth(mode), quality=95, **options)
    return before_end(data, segment(0xDC, b"\0\x17" + EXTRA))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_what_is_saved_anew_looks_the_same_and_tells_no_more(mode, level, tmp_path):
    source = uncleanable(mode, exif=exif())

    made_of_it, clean = passed_on(tmp_path, source, LEVELS[level])

    assert (made_of_it.verdict, made_of_it.content_type) == (Verdict.CONVERTED, "image/jpeg")
    assert difference(clean, source) < 2
    wanted = {} if LEVELS[level].hides_dates else dict(ORIENTED_AND_DATED)
    wanted.pop(("IFD0", 0x0112), None)  # it stands upright
    wanted |= WHERE if LEVELS[level].keeps_location else {}
    assert (told_by(clean) if wanted else {}) == wanted
    assert not tells(clean)


def difference(one: bytes, other: bytes) -> float:
    """Return by how much two pictures differ, of 255, both turned upright."""
    upright = []
    for data in (one, other):
        with Image.open(io.BytesIO(data)) as picture:
            upright.append(ImageOps.exif_transpose(picture))
    return max(ImageStat.Stat(ImageChops.difference(*upright)).mean)


def test_what_is_saved_anew_keeps_its_colors(tmp_path):
    source = uncleanable("RGB", icc_profile=PROFILE)

    _, clean = passed_on(tmp_path, source)

    (before, after) = (in_srgb(data) for data in (source, clean))
    assert sum(abs(a - b) for a, b in zip(before, after, strict=True)) < 2 * len(before)
    assert not tells(clean)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (b"JFIF\0\1\1\0", b"JFIF\0\2\1\0"),
        (b"JFIF\0\1\1\0", b"JFIF\0\1\1\7"),
        (b"Adobe\0\x64", b"Adobe\1\x90"),
    ],
)
def test_a_version_that_never_was_costs_no_quality(told, wrong, tmp_path):
    plain = saved("JPEG", smooth("CMYK")) if told.startswith(b"Adobe") else made()
    assert told in plain

    made_of_it, clean = passed_on(tmp_path, plain.replace(told, wrong))

    assert (made_of_it.verdict, clean) == (Verdict.CLEANED, plain)


NO_PICTURES = {
    "no end": lambda: made()[:-2],
    "no scan": lambda: joined([part for part in walk(made()) if part[0] not in (SOS, 0)]),
    "half a scan": lambda: made()[: len(made()) // 2],
    "nothing but a start": lambda: b"\xff\xd8\xff",
    "nothing but start and end": lambda: b"\xff\xd8\xff\xd9",
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_whole_picture_is_not_cleaned(name, tmp_path):
    source = NO_PICTURES[name]()

    made_of_it, _ = passed_on(tmp_path, source)

    assert made_of_it.verdict == Verdict.WITHHELD
    assert made_of_it.reason
    with pytest.raises(ALLOWED):
        cleaned(tmp_path, source)
    with pytest.raises((UnexplainedError, struct.error, IndexError)):
        list(pieces(source))


@pytest.mark.parametrize(("name", "place"), PLANTINGS)
def test_the_proof_explains_nothing_else(name, place, tmp_path):
    plain = made(progressive=True)
    (tmp_path / "target").write_bytes(PLACES[place](plain, PLANTED[name]))

    assert leaks(tmp_path / "target", [], Level())
    assert list(pieces(plain))


@pytest.mark.parametrize("behind", TRAILERS)
def test_the_proof_explains_no_trailer(behind):
    with pytest.raises((UnexplainedError, struct.error)):
        list(pieces(made() + TRAILERS[behind]))


def test_the_proof_reads_an_index_strictly(tmp_path):
    clean = cleaned(tmp_path, stereo())
    list(pieces(clean))

    at = clean.index(b"MPF\0")
    for place in range(at + 4, at + 4 + 50 + 32):
        changed = clean[:place] + bytes((clean[place] ^ 0x40,)) + clean[place + 1 :]
        with pytest.raises((UnexplainedError, struct.error, IndexError)):
            list(pieces(changed))
    for changed in (clean + b"\0", clean[:-1], clean[:2] + clean):
        with pytest.raises((UnexplainedError, struct.error, IndexError)):
            list(pieces(changed))


# What the owner is told


def test_the_owner_is_told_all_that_goes(tmp_path):
    names = ("comment", "EXIF", "XMP", "extended XMP", "IPTC", "JFXX", "Ducky", "profile", "APP7")
    source = at_start(made(), b"".join(PLANTED[name] for name in names))

    found = listed(jpeg, tmp_path, source + SECRET.encode())

    assert [(block.kind, block.name) for block in found] == [
        ("text", "Comment"),
        ("exif", "Exif"),
        ("xmp", "XMP"),
        ("other", "APP1 http://ns.adobe.com/xmp/extension/"),
        ("iptc", "8BIM 0404"),
        ("other", "APP0 JFXX"),
        ("other", "APP12 Ducky"),
        ("icc", "ICC"),
        ("other", "APP7 Alice Example"),
        ("other", "13 bytes behind the picture"),
    ]
    assert found[0].content == SECRET.encode()
    assert b"Exif\0\0" + found[1].content == exif()
    assert (found[2].content, found[4].content, found[7].content) == (xmp(), iptc(), PROFILE)


def test_facts_name_who_where_and_when(tmp_path):
    (tmp_path / "photo").write_bytes(at_start(made(), PLANTED["EXIF"] + PLANTED["IPTC"]))

    found = {fact.kind: fact for fact in read(tmp_path / "photo")}

    assert {Kind.PERSON, Kind.DATE, Kind.LOCATION, Kind.CAPTION, Kind.HIDDEN} <= set(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("City", Kind.LOCATION),
        ("CountryCode", Kind.LOCATION),
        ("creatorAddressCity", Kind.LOCATION),
        ("HDRCapacityMax", Kind.SETTINGS),
        ("creator", Kind.PERSON),
        ("CreatorTool", Kind.SOFTWARE),
        ("softwareAgent", Kind.SOFTWARE),
        ("originalDocumentID", Kind.SERIAL),
        ("LensSerialNumber", Kind.SERIAL),
        ("DateCreated", Kind.DATE),
        ("Percentage", Kind.SETTINGS),
    ],
)
def test_a_property_is_what_its_words_say(name, kind, tmp_path):
    packet = xmp().replace(b"dc:creator", b"dc:" + name.encode())
    source = at_start(made(), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    (tmp_path / "photo").write_bytes(source)

    (fact,) = read(tmp_path / "photo")

    assert (fact.kind, fact.name, fact.text) == (kind, f"XMP {name}", SECRET)


def test_every_segment_of_a_clean_file_is_told_once(tmp_path):
    source = at_start(made(), 2 * b"".join(PLANTED[n] for n in ("EXIF", "XMP", "Adobe's marker")))

    clean = cleaned(tmp_path, source)

    assert markers(clean) == [0xE0, 0xE1, 0xEE]
    assert all(one <= other for one, other in pairwise(markers(clean)))
