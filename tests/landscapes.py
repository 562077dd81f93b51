"""Pictures that are ours to show, painted for screenshots and benchmarks, and one that is damaged."""

import math
import random
from datetime import datetime
from io import BytesIO

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SHAPES = [(3, 2), (2, 3), (4, 3), (16, 9), (3, 4), (1, 1)]
# sky above, sky at the horizon, farthest hills, nearest hills, sun
PALETTES = [
    ("#4a6fa5", "#f6d7b0", "#b9a7b8", "#1f2a3d", "#fff4df"),
    ("#7fb2d9", "#eaf3f5", "#a9c3c6", "#24483f", "#fffdf5"),
    ("#3b2c4d", "#e8825d", "#8b4a5c", "#180f1e", "#ffd9a0"),
    ("#c9d6df", "#f5efe6", "#d3c2a8", "#6b4a2f", "#ffffff"),
    ("#23395b", "#8ea8c3", "#5d7a94", "#0c1626", "#eef4ff"),
    ("#f2b880", "#fbe7cf", "#d99873", "#5a2f28", "#fff8ea"),
    ("#5e8b7e", "#dfe8cc", "#9dbf9e", "#1e3b2f", "#fdfbe8"),
    ("#8fa6c4", "#f4f6fa", "#c3cfdd", "#4c5f78", "#ffffff"),
]


def landscape(seed: int, *, taken: datetime | None = None, long_edge_px: int = 1600) -> bytes:
    """Return a JPEG of hills under a sky; the same seed gives the same picture."""
    image = paint_pictures(seed, long_edge_px=long_edge_px)
    exif = Image.Exif()
    if taken:
        exif[0x010F], exif[0x0110] = "Passalong", "Paintbox"
        exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    out = BytesIO()
    image.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def paint_pictures(seed: int, *, long_edge_px: int) -> Image.Image:
    """Paint hills, one behind the other, and grain over all."""
    chance = random.Random(seed)
    across, down = chance.choice(SHAPES)
    width = long_edge_px * across // max(across, down)
    height = long_edge_px * down // max(across, down)
    above, horizon, far, near, sun = map(ImageColor.getrgb, PALETTES[seed % len(PALETTES)])
    image = Image.new("RGB", (1, height))
    for y in range(height):
        image.putpixel((0, y), _between(above, horizon, min(1.0, y / height / 0.7)))
    image = image.resize((width, height))
    _shine(image, chance, sun)
    draw = ImageDraw.Draw(image)
    layers = chance.randint(4, 6)
    for layer in range(layers):
        depth = layer / (layers - 1)
        points = _ridge(chance, width, height, height * (0.48 + 0.4 * depth), rough=0.4 + depth)
        draw.polygon(points, fill=_between(far, near, depth))
    image = image.filter(ImageFilter.GaussianBlur(long_edge_px / 2000))
    grain = Image.effect_noise((width, height), 14).convert("RGB")
    return ImageChops.overlay(
        image, Image.blend(grain, Image.new("RGB", grain.size, (128,) * 3), 0.6)
    )


def _between(one: tuple[int, ...], other: tuple[int, ...], part: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * part) for a, b in zip(one, other, strict=True))


def _shine(image: Image.Image, chance: random.Random, color: tuple[int, ...]) -> None:
    width, height = image.size
    x, y = width * chance.uniform(0.2, 0.8), height * chance.uniform(0.18, 0.42)
    radius = min(width, height) * chance.uniform(0.035, 0.07)
    glow = Image.new("L", image.size, 0)
    halo = ImageDraw.Draw(glow)
    for ring in range(24, 0, -1):
        reach = radius * (1 + ring * 0.35)
        halo.ellipse(
            (x - reach, y - reach, x + reach, y + reach), fill=round(90 * (1 - ring / 25) ** 2)
        )
    halo.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    image.paste(color, mask=glow.filter(ImageFilter.GaussianBlur(radius / 12)))


def _ridge(
    chance: random.Random, width: int, height: int, top: float, *, rough: float
) -> list[tuple[float, float]]:
    waves = [
        (chance.uniform(0.4, 1.6) * 2**index, chance.uniform(0, 7), height * 0.1 / 2**index * rough)
        for index in range(7)
    ]
    points = [
        (
            x,
            top
            + sum(size * math.sin(pace * 6.3 * x / width + start) for pace, start, size in waves),
        )
        for x in range(0, width + 4, 4)
    ]
    return [(0, height), *points, (width, height)]


def damaged_png() -> bytes:
    """Return a picture whose header is sound and whose pixels are not; always the same one.

    Of random ones, one in thirty decodes: nothing says where its pixels went wrong.
    """
    out = BytesIO()
    Image.frombytes("L", (64, 64), random.Random(1).randbytes(64 * 64)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[200:400] = b"\xff" * 200
    return bytes(data)
