"""Every still of the corpus: cleaned without loss, and nothing that its camera told is left."""

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pillow_heif
import pytest
from PIL import Image, ImageCms

from library.processing.containers.header import read_header
from library.processing.decoders import DECODER_ERRORS, open_photo, photo_orientation
from library.processing.errors import MediaError
from library.processing.exif import read_exif
from library.processing.formats import FORMATS, identify
from library.processing.metadata.cleaning import clean
from library.processing.metadata.icc import is_known
from library.processing.metadata.proving import PIECES, leaks
from library.processing.metadata.reading import read
from library.processing.metadata.values import Cleaning, Fact, Kind, Level, Verdict
from library.processing.probe import probe
from library.processing.values import Facts, MediaKind, PixelLimits
from tests.processing.corpus import ABSENT, FOLDER, manifest
from tests.processing.metadata.exiftool import NEEDS_EXIFTOOL, told, unasked
from tests.processing.metadata.planted import (
    LEVELS,
    PILLOW_NAMES,
    beside_picture,
    frames,
    in_all_codings,
    smooth,
)

LIMITS = PixelLimits()
SHORTEST = 6  # shorter texts are found by chance
PERSONAL = frozenset(Kind) - {Kind.SETTINGS, Kind.COLOR, Kind.HIDDEN}
# Their headers' checksums are wrong, or a text in them is a bomb: no decoder opens them
WITHHELD = {
    "hostile/png_decompression_dos.png",
    "odd/exif-legacy-app1.png",
    "odd/exif-legacy.png",
    "odd/vivo_exif_1x1.png",
}
# One says another size than it has, the other names a second picture that is none
BROKEN = ["heic/elodie_iphone8.heic", "photos/ExifTool.jpg"]
GAIN_MAPS = {
    "photos/small_gainmap_image.jpg": b"hdrgm:GainMapMax",
    "photos/seine_sdr_gainmap_srgb.jpg": b"hdrgm:GainMapMax",
    "photos/apple_gainmap_new.jpg": b"aux:hdrgainmap",
    "heic/aux_YCbCr.heic": b"hdrgm:GainMapMax",
    "heic/classic-car.heic": b"aux:hdrgainmap",
}
# Names of what has to be gone, whatever group it stands in; a profile has a creator of its own
SPEAKING = re.compile(
    r"(?!ICC).*:.*(GPS|Serial|Owner|Artist|By-?line|City|Country|Location|UniqueID|Author|"
    r"ContentIdentifier|DocumentID|InstanceID|Credit|MakerNote|Make$|Model|Software).*"
)

pytestmark = pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning", "ignore:Tag data larger")


class Passed(NamedTuple):
    """A still of the corpus that the site takes, and what becomes of it at a level."""

    name: str
    row: dict[str, str]
    facts: Facts
    source: Path
    target: Path
    cleaning: Cleaning

    @property
    def form(self) -> str:
        return self.facts.format

    @property
    def is_lossless(self) -> bool:
        return self.cleaning.verdict in (Verdict.CLEANED, Verdict.IDENTICAL)


def facts_of(path: Path) -> Facts:
    return probe(path, max_pixels_jpeg=LIMITS.jpeg, max_pixels_other=LIMITS.other)


def stills() -> Iterator[tuple[dict[str, str], Facts]]:
    """Yield the stills that the site takes."""
    for row in manifest():
        path = FOLDER / row["path"]
        try:
            if identify(path).kind == MediaKind.PHOTO:
                yield row, facts_of(path)
        except MediaError:
            continue


def passed_at(level: Level, folder: Path) -> list[Passed]:
    found = []
    for number, (row, facts) in enumerate(stills()):
        source, target = FOLDER / row["path"], folder / f"{number}"
        cleaning = clean(source, target, level, LIMITS)
        found.append(Passed(row["path"], row, facts, source, target, cleaning))
    return found


@pytest.fixture(scope="module", params=list(LEVELS))
def level(request) -> Level:
    return LEVELS[request.param]


@pytest.fixture(scope="module")
def passed(level, tmp_path_factory) -> list[Passed]:
    if not manifest():
        pytest.skip(ABSENT)
    return passed_at(level, tmp_path_factory.mktemp("passed"))


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory) -> list[Passed]:
    """Return what becomes of the stills at the level that people get who choose none."""
    if not manifest():
        pytest.skip(ABSENT)
    return passed_at(Level(), tmp_path_factory.mktemp("cleaned"))


def test_nearly_every_still_is_passed_on_without_loss(passed):
    withheld = {one.name for one in passed if one.cleaning.verdict == Verdict.WITHHELD}

    assert len(passed) >= 90
    assert withheld <= WITHHELD
    assert len(withheld) <= 0.05 * len(passed)
    assert [one.name for one in passed if one.cleaning.verdict == Verdict.CONVERTED] == []
    for one in passed:
        assert bool(one.cleaning.reason) == (one.name in withheld)
        assert one.target.exists() == (one.name not in withheld)


def test_nothing_of_what_they_told_leaks(passed, level):
    found = {one.name: leaks(one.target, read(one.source), level) for one in passed_on(passed)}

    assert {name: leak for name, leak in found.items() if leak} == {}


def passed_on(passed: list[Passed]) -> list[Passed]:
    return [one for one in passed if one.cleaning.content_type]


def may_stay(fact: Fact, level: Level) -> bool:
    return (fact.kind == Kind.DATE and level.keeps_dates) or (
        fact.kind == Kind.LOCATION and level.keeps_location
    )


def words_of(one: Passed, level: Level) -> set[bytes]:
    """Return what a still tells of somebody, in every coding: by the manifest, and as it is read."""
    facts = [f for f in read(one.source) if f.kind in PERSONAL and not may_stay(f, level)]
    texts = {fact.text for fact in facts} | {one.row["camera"]}
    texts |= set() if level.keeps_dates else {one.row["capture_time"]}
    if not level.keeps_location:
        texts |= set(re.findall(r"\d+\.\d{4}", one.row["gps_value"]))
    raws = {fact.raw.strip(b"\0 ") for fact in facts if len(set(fact.raw)) > 3}
    coded = {word for text in texts if len(text) >= SHORTEST for word in in_all_codings(text)}
    return coded | {raw for raw in raws if len(raw) >= SHORTEST}


def test_no_word_of_a_camera_or_its_owner_stands_beside_the_picture(passed, level):
    searched, found = 0, {}
    for one in passed_on(passed):
        words = words_of(one, level)
        rest = beside_picture_and_known_profile(one)
        searched += len(words)
        found[one.name] = [word for word in words if word in rest]

    assert searched > 1400
    assert {name: words for name, words in found.items() if words} == {}


def beside_picture_and_known_profile(one: Passed) -> bytes:
    """Return what stands beside the picture, without a profile that names its maker in every file."""
    data = one.target.read_bytes()
    found = [piece for piece in PIECES[one.form](data) if piece.kind != "coded"]
    plain = [data[piece.start : piece.stop] for piece in found if piece.kind != "icc"]
    return b"\n".join([*plain, *(p.content for p in found if not is_known(p.content))])


def shown(form: str, data: bytes) -> list[tuple[object, ...]] | str:
    """Return every frame of a file, or how its decoder fails."""
    try:
        return [
            (*frame[:2], hashlib.sha256(frame[2]).digest(), frame[3])
            for frame in frames(form, data)
        ]
    except DECODER_ERRORS as error:
        return type(error).__name__


def test_every_frame_has_the_same_pixels(cleaned):
    lossless = [one for one in cleaned if one.is_lossless]
    shows = {one.name: shown(one.form, one.source.read_bytes()) for one in lossless}

    broken = [name for name, show in shows.items() if isinstance(show, str)]
    for one in lossless:
        # Pillow takes a gain map for a second frame, or not, by how the first picture names it
        count = 1 if one.form == "jpeg" and one.name in GAIN_MAPS else None
        if one.name not in broken:
            found = shown(one.form, one.target.read_bytes())
            assert found[:count] == shows[one.name][:count], one.name
    assert broken == BROKEN
    assert sum(map(len, shows.values())) > 110


def orientation_of(path: Path, form: str) -> int:
    header = read_header(path, FORMATS[form])
    with open_photo(path, form) as picture:
        return photo_orientation(picture, header, form)


def test_size_orientation_and_date_are_the_same(passed, level):
    for one in passed_on(passed):
        found = facts_of(one.target)
        assert (found.width_px, found.height_px) == (one.facts.width_px, one.facts.height_px)
        assert (found.frames, found.duration_ms) == (one.facts.frames, one.facts.duration_ms)
        turns = [orientation_of(path, one.form) for path in (one.target, one.source)]
        assert turns[0] == turns[1], one.name
        taken = (one.facts.taken_at, one.facts.taken_offset_minutes)
        assert dates_of(one) == ({taken} if level.keeps_dates and taken[0] else set()), one.name
        assert (found.camera_make, found.camera_model) == ("", "")


def dates_of(one: Passed) -> set[tuple[object, ...]]:
    """Return when it was taken, by every EXIF block: of a moving AVIF, Pillow reads another."""
    blocks = [p.content for p in PIECES[one.form](one.target.read_bytes()) if p.kind == "exif"]
    facts = [read_exif(block) for block in blocks]
    return {(fact.taken_at, fact.taken_offset_minutes) for fact in facts if fact.taken_at}


def colors(form: str, data: bytes) -> bytes:
    """Return a ramp of colors as the file's profile shows them; empty where it has none."""
    with Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[form],)) as picture:
        content, mode = picture.info.get("icc_profile"), picture.mode
    if not content:
        return b""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    inks = {"GRAY": "L", "CMYK": "CMYK"}.get(profile.profile.xcolor_space.strip(), "RGB")
    ramp = smooth(inks, (64, 64))
    target = ImageCms.createProfile("sRGB")
    shown = ImageCms.profileToProfile(ramp, profile, target, outputMode="RGB")
    return shown.tobytes() + mode.encode()


def test_profiles_show_the_same_colors(cleaned):
    found = {}
    for one in cleaned:
        if one.is_lossless:
            found[one.name] = colors(one.form, one.source.read_bytes())
            assert colors(one.form, one.target.read_bytes()) == found[one.name], one.name

    assert sum(map(bool, found.values())) >= 25


@pytest.mark.parametrize("name", GAIN_MAPS)
def test_gain_maps_are_still_there(name, passed):
    (one,) = [one for one in passed if one.name == name]

    assert GAIN_MAPS[name] in one.source.read_bytes()
    assert GAIN_MAPS[name] in beside_picture(one.form, one.target.read_bytes())


def test_gain_maps_are_not_made_nor_lost_elsewhere(cleaned):
    for one in cleaned:
        if one.is_lossless and one.form == "heic":
            aux = [
                [list(picture.info["aux"]) for picture in pillow_heif.open_heif(path)]
                for path in (one.target, one.source)
            ]
            assert aux[0] == aux[1], one.name
        elif one.is_lossless:
            marks = [b"hdrgm:GainMapMax", b"aux:hdrgainmap"]
            data = one.target.read_bytes()
            assert any(mark in data for mark in marks) == (one.name in GAIN_MAPS), one.name


@pytest.mark.tool("exiftool")
@NEEDS_EXIFTOOL
def test_exiftool_finds_nobody_and_no_place(passed, level):
    whole = passed_on(passed)

    for one, found in zip(whole, told(*(one.target for one in whole)), strict=True):
        assert unasked(found, level) == [], one.name
        speaking = [name for name in found if SPEAKING.fullmatch(name)]
        assert level.keeps_location or speaking == [], one.name


@pytest.mark.tool("exiftool")
@NEEDS_EXIFTOOL
def test_exiftool_finds_somebody_or_some_place_in_nearly_every_source(cleaned):
    small = [one.source for one in cleaned if one.source.stat().st_size < 60_000]

    speaking = [any(map(SPEAKING.fullmatch, found)) for found in told(*small)]

    assert sum(speaking) > 0.7 * len(small) > 30
