"""Renders a photo: one decode, upright, in sRGB, as preview and thumbnail."""

from pathlib import Path

from PIL import Image

from library.processing.containers.header import read_header
from library.processing.containers.values import DAMAGED
from library.processing.decoders import decoding, open_photo, photo_orientation
from library.processing.formats import FORMATS
from library.processing.painting import fitting_size, paint_pictures, shrink, to_srgb, upright
from library.processing.values import Facts, Rendered, RenditionKind


def render_photo(
    source: Path, folder: Path, facts: Facts, *, thumbnail_px: int, preview_px: int
) -> Rendered:
    """Write `thumbnail.webp` and `preview.webp` into the folder; of what moves, the first frame.

    The numbers are longest edges; nothing is enlarged. `facts` are those of `probe`.

    Raises:
        DamagedMediaError: the picture does not decode.
    """
    with decoding(DAMAGED):
        picture = _decode(source, facts, preview_px)
    renditions, placeholder = paint_pictures(
        picture, RenditionKind.PREVIEW, folder, thumbnail_px=thumbnail_px
    )
    return Rendered(facts, renditions, placeholder)


def _decode(source: Path, facts: Facts, longest_edge_px: int) -> Image.Image:
    header = read_header(source, FORMATS[facts.format])
    with open_photo(source, facts.format) as picture:
        orientation = photo_orientation(picture, header, facts.format)
        profile = picture.info.get("icc_profile")
        # JPEG decodes at an 8th, a quarter or half its size for less work, if both sides allow.
        picture.draft(None, fitting_size(*picture.size, longest_edge_px))
        picture.load()
        small = shrink(picture, longest_edge_px)
    return upright(to_srgb(small, profile), orientation)
