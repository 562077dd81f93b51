"""What a file's header tells: format, completeness, size as displayed, date and camera."""

# ruff: noqa: DTZ001 - the wall clocks of cameras have no zone

import io
import struct
import zlib
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from library.processing.containers.header import check_complete, read_header
from library.processing.errors import (
    DamagedMediaError,
    MediaError,
    TooLargeError,
    UnsupportedMediaError,
)
from library.processing.formats import FORMATS, identify
from library.processing.probe import probe
from tests.processing.corpus import corpus_file

LIMITS = {"max_pixels_jpeg": 250_000_000, "max_pixels_other": 100_000_000}
SEEDS = {
    "jpeg": {"format": "JPEG"},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP"},
    "gif": {"format": "GIF"},
    "avif": {"format": "AVIF"},
    "heic": {"format": "HEIF"},
}


def picture_bytes(name: str, size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(buffer, **{**SEEDS[name], **options})
    return buffer.getvalue()


def put(folder: Path, data: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(data)
    return path


def ftyp(major: bytes, *others: bytes) -> bytes:
    body = major + bytes(4) + b"".join(others)
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body


@pytest.mark.parametrize("name", SEEDS)
def test_each_kind_of_photo_is_known_by_content_and_complete(name, tmp_path):
    path = put(tmp_path, picture_bytes(name))

    facts = probe(path, **LIMITS)

    assert identify(path) == FORMATS[name]
    check_complete(path, FORMATS[name])
    assert (facts.format, facts.width_px, facts.height_px) == (name, 60, 40)
    assert (facts.kind, facts.frames, facts.duration_ms) == ("photo", 1, None)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ((b"heic", b"mif1"), "heic"),
        ((b"mif1", b"heic"), "heic"),
        ((b"mif1", b"miaf", b"avif"), "avif"),
        ((b"msf1", b"hevc"), "heic"),
        ((b"avis", b"mif1"), "avif"),
        ((b"qt  ",), "mov"),
        ((b"isom", b"mp41"), "mp4"),
        ((b"mp42",), "mp4"),
        ((b"M4V ", b"mp42"), "mp4"),
        ((b"3gp4", b"isom"), "mp4"),
    ],
)
def test_the_brand_tells_the_kind_of_box_file(brands, name, tmp_path):
    assert identify(put(tmp_path, ftyp(*brands))).name == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty."),
        (b"hello, this is text", "a text"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG drawings can contain programs"),
        (b"\xef\xbb\xbf \n<SVG>", "SVG drawings can contain programs"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a list of other files"),
        (b"ffconcat version 1.0\nfile 'x.ts'\n", "a list of other files"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"8BPS\0\1", "Photoshop"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"PK\3\4", "ZIP"),
        (b"BM\x80", "BMP"),
        (b"\xff\x0a\0", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\x1a\x45\xdf\xa3webm", "cannot be kept yet"),
        (b"RIFF\x10\0\0\0AVI LIST", "cannot be kept yet"),
        (ftyp(b"crx ", b"isom"), "CR3"),
        (ftyp(b"3gp4", b"3gp5"), "3GP"),
        (ftyp(b"M4A "), "a sound file"),
        (b"\0\0\0\x08wide\0\0\0\x08mdat", "not a photo or video"),
        (b"\0\1\2\3\4", "not a photo or video"),
    ],
)
def test_other_kinds_are_refused_by_name(data, words, tmp_path):
    with pytest.raises(UnsupportedMediaError) as caught:
        identify(put(tmp_path, data))

    assert words in str(caught.value)


def test_old_quicktime_without_brands_is_known_by_its_movie_box(tmp_path):
    boxes = b"\0\0\0\x08wide" + b"\0\0\0\x10mdat" + bytes(8) + b"\0\0\0\x08moov"

    assert identify(put(tmp_path, boxes)).name == "mov"


@pytest.mark.parametrize("name", SEEDS)
def test_a_file_cut_short_is_damaged(name, tmp_path):
    whole = picture_bytes(name)

    for part in (0.5, 0.8, 0.97):
        with pytest.raises(DamagedMediaError, match=r"cut short|damaged"):
            probe(put(tmp_path, whole[: int(part * len(whole))]), **LIMITS)


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("trailer", [bytes(1000), b"\xff\xd8junk", b"\0\0\xff\0free", b"SEFT" * 9])
def test_what_follows_the_end_is_no_damage(name, trailer, tmp_path):
    facts = probe(put(tmp_path, picture_bytes(name) + trailer), **LIMITS)

    assert facts.width_px == 60


def test_a_video_whose_data_runs_past_the_end_is_cut_short(tmp_path):
    path = put(tmp_path, ftyp(b"isom") + b"\0\0\0\x08moov" + b"\0\0\xff\xffmdat" + bytes(99))

    with pytest.raises(DamagedMediaError, match="cut short"):
        probe(path, **LIMITS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
def test_sizes_are_as_displayed(name, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = put(tmp_path, picture_bytes(name, exif=exif))

    facts = probe(path, **LIMITS)

    expected = (40, 60) if orientation >= 5 else (60, 40)
    assert (facts.width_px, facts.height_px) == expected


def test_a_rotated_heic_is_turned_once():
    facts = probe(corpus_file("heic/classic-car.heic"), **LIMITS)

    assert (facts.width_px, facts.height_px) == (3024, 4032)
    assert facts.taken_at == datetime(2023, 10, 22, 9, 39, 48)
    assert facts.taken_offset_minutes == 120


@pytest.mark.parametrize("name", ["png", "webp", "gif", "avif"])
def test_moving_pictures_tell_frames_and_duration(name, tmp_path):
    more = [Image.new("RGB", (60, 40), color) for color in ("red", "green")]
    options = {"save_all": True, "append_images": more, "duration": 500}

    facts = probe(put(tmp_path, picture_bytes(name, **options)), **LIMITS)

    assert (facts.frames, facts.duration_ms) == (3, 1500)


@pytest.mark.parametrize(
    "name",
    [
        "16384x16384.png",
        "17000x17000.avif",
        "200MP.heic",
        "65536-uint32-limit.png",
        "decompression_bomb.gif",
        "giant-image.jpg",
        "lottapixel.jpg",
    ],
)
def test_bombs_are_refused_by_their_header(name):
    with pytest.raises(TooLargeError, match=r"has [\d,]+ megapixels; at most (100|250) can"):
        probe(corpus_file(f"hostile/{name}"), **LIMITS)


def test_every_frame_counts_towards_the_limit(tmp_path):
    more = [Image.new("RGB", (60, 40), (n, 0, 0)) for n in range(9)]
    path = put(tmp_path, picture_bytes("gif", save_all=True, append_images=more))

    probe(path, max_pixels_jpeg=0, max_pixels_other=24_000)
    with pytest.raises(TooLargeError):
        probe(path, max_pixels_jpeg=0, max_pixels_other=23_999)


def test_a_progressive_jpeg_counts_among_the_others(tmp_path):
    baseline, progressive = (picture_bytes("jpeg", progressive=p) for p in (False, True))

    probe(put(tmp_path, baseline), max_pixels_jpeg=2400, max_pixels_other=0)
    with pytest.raises(TooLargeError):
        probe(put(tmp_path, progressive), max_pixels_jpeg=2400, max_pixels_other=0)


def test_a_picture_without_size_is_damaged(tmp_path):
    header = struct.pack(">I4sIIBBBBB", 13, b"IHDR", 0, 5, 8, 2, 0, 0, 0)
    end = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))

    with pytest.raises(DamagedMediaError):
        probe(put(tmp_path, b"\x89PNG\r\n\x1a\n" + header + bytes(4) + end), **LIMITS)


@pytest.mark.parametrize(
    ("name", "taken_at", "offset", "camera"),
    [
        ("photos/vivo_x90_12mp.jpg", datetime(2023, 7, 9, 20, 36, 33), 480, "vivo X90 Pro+"),
        ("photos/exif_gps_typeerror.jpg", datetime(2010, 8, 15, 13, 58, 9), None, ""),
        ("hostile/corrupt_exif.jpg", datetime(2016, 7, 7, 21, 42, 20), None, "ONEPLUS A3003"),
        ("hostile/invalid-exif.jpg", None, None, ""),
        ("odd/paris_icc_exif_xmp_at_end.png", datetime(2022, 8, 22, 20, 30, 46), 120, "Pixel 4a"),
        ("odd/webp-orientation-6.webp", datetime(2020, 7, 23, 9, 46, 8), None, "SM-N975U"),
        ("odd/paris_icc_exif_xmp.avif", datetime(2022, 8, 22, 20, 30, 46), 120, "Pixel 4a"),
    ],
)
def test_dates_and_cameras_of_real_photos(name, taken_at, offset, camera):
    facts = probe(corpus_file(name), **LIMITS)

    assert (facts.taken_at, facts.taken_offset_minutes) == (taken_at, offset)
    assert facts.taken_from == ("exif" if taken_at else None)
    assert facts.camera_model == camera


@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
)
def test_header_readers_raise_only_our_errors(tmp_path_factory, name, changes):
    data = bytearray(_cached(name))
    for place, value in changes:
        data[int(place * len(data))] = value
    path = put(tmp_path_factory.getbasetemp(), bytes(data))

    try:
        header = read_header(path, FORMATS[name])
    except MediaError:
        return
    assert header.pixels >= 0


@given(st.sampled_from(sorted(FORMATS)), st.binary(min_size=1, max_size=200))
def test_header_readers_survive_noise(tmp_path_factory, name, noise):
    starts = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF\xff\0\0\0WEBP"}
    starts |= {"gif": b"GIF89a", "heic": ftyp(b"heic"), "avif": ftyp(b"avif"), "mp4": ftyp(b"mp42")}
    path = put(tmp_path_factory.getbasetemp(), starts.get(name, b"\0\0\0\x08moov") + noise)

    try:
        read_header(path, FORMATS[name])
    except MediaError:
        return


_seeds: dict[str, bytes] = {}


def _cached(name: str) -> bytes:
    if name not in _seeds:
        _seeds[name] = picture_bytes(name)
    return _seeds[name]
