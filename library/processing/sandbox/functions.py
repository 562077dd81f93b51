"""What can be asked of a decoding child, by name; arguments and results are what JSON can hold."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from library.processing.errors import DamagedMediaError, ProcessingFailedError
from library.processing.metadata.cleaning import clean
from library.processing.metadata.reading import read, revealed
from library.processing.metadata.values import CLEAN_FILE, Level, Privacy
from library.processing.photos import render_photo
from library.processing.probe import probe
from library.processing.values import MediaKind, PixelLimits
from library.processing.videos import render_video

ANSWER_BYTES = 64 * 1024

UNSURE = "This file is damaged, or needs more memory to show than is allowed."
UNSURE_PIXELS = 40_000_000  # some decoders say "damaged" when they run out of memory


def rehearse() -> None:
    """Clean a picture of one pixel, all in memory.

    The memory that this takes is the process's own from then on. In a forked one the kernel copies it
    page by page, which takes as long as the cleaning of a small picture. Where the system has no files
    in memory, or does not show them, nothing is done.
    """
    where = Path("/proc/self/fd")
    if not (hasattr(os, "memfd_create") and where.is_dir()):
        return
    with (
        os.fdopen(os.memfd_create("source"), "wb", buffering=0) as source,
        os.fdopen(os.memfd_create("target"), "wb", buffering=0) as target,
    ):
        source.write(_pixel())
        paths = [where / str(file.fileno()) for file in (source, target)]
        clean(paths[0], paths[1], Level(), PixelLimits())


@cache
def _pixel() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "A maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:01:01 00:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def _probe(path: str, max_pixels_jpeg: int, max_pixels_other: int) -> dict[str, Any]:
    facts = probe(Path(path), max_pixels_jpeg=max_pixels_jpeg, max_pixels_other=max_pixels_other)
    return facts.to_json()


def _render(
    path: str,
    folder: str,
    thumbnail_px: int,
    preview_px: int,
    max_pixels_jpeg: int,
    max_pixels_other: int,
) -> dict[str, Any]:
    facts = probe(Path(path), max_pixels_jpeg=max_pixels_jpeg, max_pixels_other=max_pixels_other)
    render = render_video if facts.kind == MediaKind.VIDEO else render_photo
    try:
        rendered = render(
            Path(path), Path(folder), facts, thumbnail_px=thumbnail_px, preview_px=preview_px
        )
    except DamagedMediaError as error:
        if facts.width_px * facts.height_px < UNSURE_PIXELS:
            raise
        raise ProcessingFailedError(UNSURE) from error
    return replace(rendered, reveals=revealed(Path(path))).to_json()


def _read(path: str) -> dict[str, Any]:
    """Tell what a file reveals, as much as an answer holds."""
    found: list[dict[str, str]] = []
    size = 0
    for fact in read(Path(path)):
        told = {"kind": fact.kind, "name": fact.name, "text": fact.text}
        size += len(json.dumps(told))
        if size > ANSWER_BYTES // 2:
            break
        found.append(told)
    return {"facts": found}


def _clean(
    path: str,
    folder: str,
    privacy: str,
    hides_dates: bool,  # noqa: FBT001 - by name, from JSON
    max_pixels_jpeg: int,
    max_pixels_other: int,
) -> dict[str, Any]:
    level = Level(Privacy(privacy), hides_dates=hides_dates)
    limits = PixelLimits(jpeg=max_pixels_jpeg, other=max_pixels_other)
    return clean(Path(path), Path(folder, CLEAN_FILE), level, limits).to_json()


FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "clean": _clean,
    "probe": _probe,
    "read": _read,
    "render": _render,
}
