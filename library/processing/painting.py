"""Turns a decoded picture into the small WebP files that pages show; nothing else is carried."""

import io
from pathlib import Path

from PIL import Image, ImageCms

from library.processing.values import RenderedFile, RenditionKind

QUALITY = 80
EFFORT = 2  # of WebP's 0 to 6
GREY = (128, 128, 128)
# How far Pillow may halve by plain averages first: 1.0 is fastest, 3.0 cannot be told from none.
# Measured against full Lanczos: 44 dB for a preview at 1.0, 43 dB for a thumbnail at 1.5.
PREVIEW_GAP = 1.0
THUMBNAIL_GAP = 1.5

_SRGB = ImageCms.createProfile("sRGB")
_HIGH_BYTE = [value // 257 for value in range(65536)]
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def fitting_size(width_px: int, height_px: int, longest_edge_px: int) -> tuple[int, int]:
    """Return the sides scaled down to the longest edge; never enlarged, at least one pixel."""
    scale = min(1.0, longest_edge_px / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Apply an EXIF orientation (1 to 8) to the pixels."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def shrink(picture: Image.Image, longest_edge_px: int, *, gap: float = PREVIEW_GAP) -> Image.Image:
    """Return the picture in a simple mode (L, RGB, RGBA, CMYK), at most this long on an edge."""
    plain = _plain(picture)
    size = fitting_size(*plain.size, longest_edge_px)
    if size == plain.size:
        return plain
    return plain.resize(size, Image.Resampling.BICUBIC, reducing_gap=gap)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB; where the profile is absent, broken or of other inks, by rule of thumb."""
    target = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if picture.mode in ("RGB", "RGBA") and _is_srgb(source):
                return picture
            inks = source.profile.xcolor_space.strip()
            if inks == "RGB" and picture.mode == "L":
                picture = picture.convert("RGB")
            if inks == {"L": "GRAY", "CMYK": "CMYK"}.get(picture.mode, "RGB"):
                converted = ImageCms.profileToProfile(
                    picture,
                    source,
                    _SRGB,
                    ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    target,
                    inPlace=picture.mode == target,
                )
                return picture if converted is None else converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a picture with a broken profile is shown as if it had none
    return picture.convert(target)


def paint_pictures(
    picture: Image.Image, kind: RenditionKind, folder: Path, *, thumbnail_px: int
) -> tuple[tuple[RenderedFile, ...], str]:
    """Write an upright sRGB picture and its thumbnail; return both and the average color."""
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    thumbnail = shrink(picture, thumbnail_px, gap=THUMBNAIL_GAP)
    files = (_write(thumbnail, RenditionKind.THUMBNAIL, folder), _write(picture, kind, folder))
    return files, average_color(thumbnail)


def average_color(picture: Image.Image) -> str:
    """Return the average color as "#rrggbb", with transparent parts over a middle grey."""
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, (*GREY, 255))
        picture = Image.alpha_composite(ground, picture)
    pixel = picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).tobytes()
    return f"#{pixel.hex()}"


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return ImageCms.getProfileDescription(profile).strip().lower().startswith("srgb")


def _write(picture: Image.Image, kind: RenditionKind, folder: Path) -> RenderedFile:
    picture.info = {}  # Pillow would otherwise write the profile it came with
    picture.save(folder / kind.file_name, "WEBP", quality=QUALITY, method=EFFORT)
    return RenderedFile(kind, kind.file_name, *picture.size)


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion would clip them
        return picture.convert("I").point(_HIGH_BYTE, "L")
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")
