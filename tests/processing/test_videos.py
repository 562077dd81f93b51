"""Videos: facts from the container, and an upright poster that shows something."""

# ruff: noqa: DTZ001 - the wall clocks of cameras have no zone

import os
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image, ImageStat

from library.processing.errors import DamagedMediaError, TooLargeError, UnsupportedMediaError
from library.processing.probe import probe
from library.processing.values import Rendered
from library.processing.videos import render_video
from tests.processing.corpus import corpus_file

LIMITS = {"max_pixels_jpeg": 250_000_000, "max_pixels_other": 100_000_000}


def video(
    path: Path,
    colors: list[str],
    *,
    degrees: int = 0,
    form: str = "mp4",
    codec: str = "libx264",
    pixels: str = "yuv420p",
) -> Path:
    """Write half a second of each color, the left half white, at 160 x 96."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixels
        stream.codec_context.gop_size = 5
        if degrees:
            stream.set_display_rotation(degrees)
        for number in range(5 * len(colors)):
            picture = Image.new("RGB", (160, 96), colors[number // 5])
            if colors[number // 5] != "black":
                picture.paste("white", (0, 0, 80, 96))
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    # As root, SVT-AV1 makes its caller a real-time process, and so all that the tests start from then
    # on: sites and browsers that no other process could interrupt
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def render(source: Path, folder: Path, **sizes: int) -> Rendered:
    sizes = {"thumbnail_px": 64, "preview_px": 128, **sizes}
    return render_video(source, folder, probe(source, **LIMITS), **sizes)


def brightness(picture: Image.Image, box: tuple[int, int, int, int]) -> float:
    return ImageStat.Stat(picture.convert("L").crop(box)).mean[0]


def test_facts_of_a_video(tmp_path):
    facts = probe(video(tmp_path / "video", ["red"] * 4), **LIMITS)

    assert (facts.format, facts.kind, facts.content_type) == ("mp4", "video", "video/mp4")
    assert (facts.width_px, facts.height_px, facts.frames) == (160, 96, 20)
    assert (facts.duration_ms, facts.has_sound) == (2000, False)


@pytest.mark.parametrize(
    ("name", "size", "taken_at", "offset", "source"),
    [
        ("video/meta.mov", (720, 1280), datetime(2019, 2, 12, 15, 27, 12), 480, "quicktime"),
        ("live/train.mov", (1440, 1080), datetime(2021, 4, 10, 11, 43, 59), 60, "quicktime"),
        ("video/video.mov", (1920, 1080), datetime(2015, 1, 19, 12, 45, 11), -480, "quicktime"),
        ("video/meta.mp4", (1080, 1920), datetime(2024, 2, 3, 7, 5, 38), 0, "container"),
        ("video/sample-5s_h265.mp4", (1376, 1840), None, None, None),
    ],
)
def test_dates_and_sizes_of_real_videos(name, size, taken_at, offset, source):
    facts = probe(corpus_file(name), **LIMITS)

    assert (facts.width_px, facts.height_px) == size
    assert (facts.taken_at, facts.taken_offset_minutes, facts.taken_from) == (
        taken_at,
        offset,
        source,
    )


def test_sound_and_camera_of_a_real_video():
    facts = probe(corpus_file("live/train.mov"), **LIMITS)

    assert facts.has_sound
    assert (facts.camera_make, facts.camera_model) == ("Apple", "iPhone 6s")


def test_sound_alone_is_no_video():
    with pytest.raises(UnsupportedMediaError, match="sound but no pictures"):
        probe(corpus_file("video/mp4-with-audio.mp4"), **LIMITS)


def test_a_video_has_a_pixel_limit_too(tmp_path):
    with pytest.raises(TooLargeError):
        probe(video(tmp_path / "video", ["red"]), max_pixels_jpeg=0, max_pixels_other=160 * 96 - 1)


@pytest.mark.parametrize(
    ("degrees", "size", "white"),
    [
        (0, (128, 77), (4, 4, 56, 73)),
        (90, (77, 128), (4, 68, 73, 124)),
        (180, (128, 77), (72, 4, 124, 73)),
        (270, (77, 128), (4, 4, 73, 60)),
    ],
)
def test_rotation_is_applied_to_poster_and_facts(degrees, size, white, tmp_path):
    # A rotation of 90 turns counterclockwise: the left side ends up at the bottom.
    source = video(tmp_path / "video", ["#202020"] * 2, degrees=degrees)

    rendered = render(source, tmp_path)

    poster = Image.open(tmp_path / "poster.webp")
    assert poster.size == size
    assert brightness(poster, white) > 200
    facts = rendered.facts
    assert (facts.width_px > facts.height_px) == (size[0] > size[1])


def test_reflections_are_applied_too(tmp_path):
    source = corpus_file("video/sample_rotate_and_reflect.mp4")
    with av.open(str(source)) as container:
        stored = next(container.decode(video=0)).to_image()

    render(source, tmp_path, preview_px=1080)

    poster = Image.open(tmp_path / "poster.webp")
    expected = stored.transpose(Image.Transpose.TRANSPOSE)
    assert poster.size == expected.size
    small = [picture.convert("L").resize((9, 12)) for picture in (poster, expected)]
    gaps = [abs(a - b) for a, b in zip(*(p.tobytes() for p in small), strict=True)]
    assert sum(gaps) / len(gaps) < 12


def test_black_beginnings_are_passed_over(tmp_path):
    rendered = render(video(tmp_path / "video", ["black"] * 3 + ["red"] * 3), tmp_path)

    assert rendered.placeholder > "#800000"


def test_a_video_that_is_all_black_still_has_a_poster(tmp_path):
    rendered = render(video(tmp_path / "video", ["black"] * 2), tmp_path)

    assert [file.kind for file in rendered.renditions] == ["thumbnail", "poster"]
    assert rendered.placeholder == "#000000"


def test_posters_are_not_enlarged(tmp_path):
    rendered = render(
        video(tmp_path / "video", ["red"]), tmp_path, preview_px=2016, thumbnail_px=640
    )

    assert {(file.width_px, file.height_px) for file in rendered.renditions} == {(160, 96)}


def test_a_video_whose_pictures_are_gone_is_damaged(tmp_path):
    source = video(tmp_path / "video", ["red"] * 2)
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    source.write_bytes(data)

    with pytest.raises(DamagedMediaError, match="video is damaged"):
        render(source, tmp_path)


def test_a_playlist_dressed_as_a_video_opens_nothing(tmp_path):
    secret = video(tmp_path / "secret.mp4", ["red"])
    dressed = b"\0\0\0\x10ftypisom\0\0\0\0#EXTM3U\n" + str(secret).encode()
    (tmp_path / "video").write_bytes(dressed + b"\0\0\0\x08moov")

    with pytest.raises(DamagedMediaError):
        probe(tmp_path / "video", **LIMITS)


@pytest.mark.parametrize(
    ("form", "codec", "pixels"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mp4", "libx265", "yuv420p"),
        ("mp4", "libsvtav1", "yuv420p"),
        ("mp4", "libvpx-vp9", "yuv420p"),
        ("mp4", "mpeg4", "yuv420p"),
        ("mov", "mjpeg", "yuvj420p"),
        ("mov", "prores_ks", "yuv422p10le"),
    ],
)
def test_what_cameras_write_is_shown(form, codec, pixels, tmp_path):
    source = video(tmp_path / "video", ["red"], form=form, codec=codec, pixels=pixels)

    assert {file.kind for file in render(source, tmp_path).renditions} == {"thumbnail", "poster"}


def refusal(source: Path) -> str:
    with pytest.raises(UnsupportedMediaError) as refused:
        probe(source, **LIMITS)
    return str(refused.value)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("png", "rgb24"),
        ("qtrle", "rgb24"),
        ("svq1", "yuv410p"),
        ("cinepak", "rgb24"),
        ("jpeg2000", "rgb24"),
    ],
)
def test_codecs_that_no_camera_uses_are_refused_with_a_sentence(codec, pixels, tmp_path):
    source = video(tmp_path / "video", ["red"], form="mov", codec=codec, pixels=pixels)

    assert refusal(source) == (
        f"This video is coded in a way that is not taken here ({codec}). "
        "Save it as H.264 or HEVC, in MP4 or MOV, and upload that."
    )


@pytest.mark.parametrize(
    ("tag", "name"), [(b"vvc1", "vvc"), (b"VP80", "vp8"), (b"png ", "png"), (b"zzzz", "unknown")]
)
def test_a_video_that_claims_another_codec_is_not_decoded_by_it(tag, name, tmp_path):
    source = video(tmp_path / "video", ["red"])
    source.write_bytes(source.read_bytes().replace(b"avc1", tag))

    assert f"({name})" in refusal(source)


def test_ffmpeg_itself_opens_no_decoder_that_is_not_allowed(tmp_path):
    source = video(tmp_path / "video", ["red"])
    source.write_bytes(source.read_bytes().replace(b"avc1", b"vvc1"))
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            refusal(source)
    finally:
        av.logging.set_level(level)

    assert any("Codec (vvc) not on whitelist" in text for _, _, text in said)
