"""Photos become upright sRGB WebP files that carry nothing else."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from library.processing.errors import DamagedMediaError
from library.processing.painting import average_color, fitting_size, to_srgb
from library.processing.photos import render_photo
from library.processing.probe import probe
from library.processing.values import Rendered
from tests.landscapes import damaged_png
from tests.processing.corpus import corpus_file

LIMITS = {"max_pixels_jpeg": 250_000_000, "max_pixels_other": 100_000_000}
# Six patches, no two alike, so that every turn and mirroring shows.
PATCHES = ["red", "lime", "blue", "white", "black", "yellow"]


def render(source: Path, folder: Path, thumbnail_px: int = 64, preview_px: int = 200) -> Rendered:
    facts = probe(source, **LIMITS)
    return render_photo(source, folder, facts, thumbnail_px=thumbnail_px, preview_px=preview_px)


def patches(size: tuple[int, int] = (300, 200)) -> Image.Image:
    picture = Image.new("RGB", (3, 2))
    picture.putdata([Image.new("RGB", (1, 1), color).getpixel((0, 0)) for color in PATCHES])
    return picture.resize(size, Image.Resampling.NEAREST)


def difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def chunks(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 12, []
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append(data[at : at + 4])
        at += 8 + length + length % 2
    return found


def rgb(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text.removeprefix("#")))


TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_orientation_comes_out_upright(format_name, orientation, tmp_path):
    stored = patches()
    if orientation > 1:
        stored = stored.transpose(TURNED_BACK[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo", format_name, exif=exif, quality=95)

    rendered = render(tmp_path / "photo", tmp_path)

    preview = Image.open(tmp_path / "preview.webp")
    assert preview.size == (200, 133)
    assert difference(preview, patches().resize((200, 133))) < 8
    assert (rendered.facts.width_px, rendered.facts.height_px) == (300, 200)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_eight_landscapes_look_alike(orientation, tmp_path):
    (tmp_path / "upright").mkdir()
    render(corpus_file("photos/Landscape_1.jpg"), tmp_path / "upright")

    render(corpus_file(f"photos/Landscape_{orientation}.jpg"), tmp_path)

    upright = Image.open(tmp_path / "upright" / "thumbnail.webp")
    found = Image.open(tmp_path / "thumbnail.webp")
    same = difference(found, upright)
    assert same < 5
    for turn in (
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.ROTATE_180,
    ):
        assert difference(found, upright.transpose(turn)) > 5 * same


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("heic/classic-car.heic", (1512, 2016)),
        ("live/samsung-one-ui-6.heic", (1512, 2016)),
        ("odd/avif-orientation-6.avif", (1512, 2016)),
        ("photos/orientation-issue-1.jpg", (1512, 2016)),
    ],
)
def test_phone_photos_held_upright_are_turned_once(name, size, tmp_path):
    render(corpus_file(name), tmp_path, 640, 2016)

    assert Image.open(tmp_path / "preview.webp").size == size
    assert Image.open(tmp_path / "thumbnail.webp").size == (480, 640)


@pytest.mark.parametrize(
    "name",
    [
        "photos/ExifTool.jpg",
        "photos/mongolia.jpeg",
        "photos/Google.jpg",
        "odd/paris_icc_exif_xmp.png",
        "odd/paris_icc_exif_xmp.avif",
        "odd/webp-orientation-6.webp",
        "odd/animated-loop-3.gif",
        "heic/L_exif_xmp_iptc.heic",
        "heic/outdoor.heic",
    ],
)
def test_pictures_carry_no_metadata(name, tmp_path):
    rendered = render(corpus_file(name), tmp_path)

    for file in rendered.renditions:
        assert set(chunks(tmp_path / file.name)) <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}


def test_a_profile_and_a_comment_stay_behind(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    patches().save(tmp_path / "photo", "JPEG", icc_profile=profile, comment=b"at home")

    render(tmp_path / "photo", tmp_path)

    assert chunks(tmp_path / "preview.webp") == [b"VP8 "]


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (150, 10), (3, 900)])
def test_nothing_is_enlarged_and_nothing_vanishes(size, tmp_path):
    patches(size).save(tmp_path / "photo", "PNG")

    rendered = render(tmp_path / "photo", tmp_path)

    for file, edge in zip(rendered.renditions, (64, 200), strict=True):
        assert (file.width_px, file.height_px) == fitting_size(*size, edge)
        assert Image.open(tmp_path / file.name).size == (file.width_px, file.height_px)
        assert 1 <= file.width_px <= size[0]
        assert 1 <= file.height_px <= size[1]


def linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def encoded(value: float) -> int:
    value = min(1.0, max(0.0, value))
    return round(
        255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055)
    )


def test_wide_gamut_becomes_srgb(tmp_path):
    profile = Image.open(corpus_file("photos/vivo_x90_12mp.jpg")).info["icc_profile"]
    color = (180, 120, 100)
    Image.new("RGB", (40, 40), color).save(tmp_path / "photo", "PNG", icc_profile=profile)
    # Display P3 to sRGB in linear light, from the two standards' primaries.
    matrix = ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983))
    light = [linear(value / 255) for value in color]
    expected = [encoded(sum(m * v for m, v in zip(row, light, strict=True))) for row in matrix]

    rendered = render(tmp_path / "photo", tmp_path)

    for found, wanted in zip(rgb(rendered.placeholder), expected, strict=True):
        assert abs(found - wanted) <= 4, (rendered.placeholder, expected)


def test_cmyk_is_converted_by_its_profile(tmp_path):
    source = corpus_file("photos/dog_and_lake_cmyk_with_icc_profile.jpg")
    with Image.open(source) as picture:
        inks = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        srgb = ImageCms.createProfile("sRGB")
        reference = ImageCms.profileToProfile(picture, inks, srgb, 1, outputMode="RGB")

    render(source, tmp_path, 640, 2016)

    assert difference(Image.open(tmp_path / "preview.webp"), reference) < 4


def test_a_broken_or_foreign_profile_does_no_harm(tmp_path):
    grey = Image.new("L", (9, 9), 100)

    assert to_srgb(grey, b"not a profile").getpixel((0, 0)) == (100, 100, 100)
    assert to_srgb(grey, None).getpixel((0, 0)) == (100, 100, 100)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert to_srgb(grey, lab).mode == "RGB"


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path):
    Image.new("I;16", (30, 30), 128 * 257).save(tmp_path / "photo", "PNG")

    assert render(tmp_path / "photo", tmp_path).placeholder == "#808080"


def test_alpha_is_kept_and_its_average_is_over_grey(tmp_path):
    picture = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 40, 20))
    picture.save(tmp_path / "photo", "PNG")

    rendered = render(tmp_path / "photo", tmp_path)

    preview = Image.open(tmp_path / "preview.webp")
    assert preview.mode == "RGBA"
    assert preview.getchannel("A").getextrema() == (0, 255)
    assert (
        difference(
            Image.new("RGB", (1, 1), rgb(rendered.placeholder)), Image.new("RGB", (1, 1), "#bf4040")
        )
        <= 3
    )


def test_an_opaque_alpha_channel_is_dropped(tmp_path):
    patches().convert("RGBA").save(tmp_path / "photo", "PNG")

    render(tmp_path / "photo", tmp_path)

    assert Image.open(tmp_path / "preview.webp").mode == "RGB"


def test_palettes_with_transparency_keep_it(tmp_path):
    picture = patches().quantize(6)
    picture.save(tmp_path / "photo", "GIF", transparency=0)

    render(tmp_path / "photo", tmp_path)

    assert Image.open(tmp_path / "preview.webp").mode == "RGBA"


def test_of_what_moves_the_first_frame_is_shown(tmp_path):
    red, blue = (Image.new("RGB", (20, 20), color) for color in ("red", "blue"))
    red.save(tmp_path / "photo", "WEBP", save_all=True, append_images=[blue], lossless=True)

    rendered = render(tmp_path / "photo", tmp_path)

    assert (
        difference(
            Image.new("RGB", (1, 1), rgb(rendered.placeholder)), Image.new("RGB", (1, 1), "red")
        )
        < 4
    )
    assert not getattr(Image.open(tmp_path / "preview.webp"), "is_animated", False)


def test_a_damaged_picture_says_so(tmp_path):
    (tmp_path / "photo").write_bytes(damaged_png())

    with pytest.raises(DamagedMediaError, match="damaged and can't be shown"):
        render(tmp_path / "photo", tmp_path)


def test_the_average_color_is_written_as_in_a_stylesheet():
    assert average_color(Image.new("L", (5, 5), 7)) == "#070707"
