"""A file as it is passed on at a level: cleaned and proved, else encoded anew and proved, else withheld."""

import filecmp
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from library.processing.containers.header import read_header
from library.processing.containers.window import FileWindow
from library.processing.decoders import DECODER_ERRORS, open_photo, photo_orientation
from library.processing.disks import is_full
from library.processing.errors import MediaError
from library.processing.formats import FORMATS, identify
from library.processing.metadata.exif import kept_exif
from library.processing.metadata.families import gif, heif, jpeg, png, webp
from library.processing.metadata.icc import clean_icc
from library.processing.metadata.proving import faults, leaks
from library.processing.metadata.reading import facts_in
from library.processing.metadata.values import (
    MAX_REASON,
    Cleaning,
    Fact,
    Level,
    UncleanableError,
    Verdict,
)
from library.processing.painting import shrink, upright
from library.processing.probe import probe
from library.processing.values import Facts, MediaKind, PixelLimits

QUALITY = 95
VIDEO = "Videos can't be cleaned yet."
UNREADABLE = (
    "This picture can't be read well enough to be sure that nothing personal is left in it."
)
MOVING = "This moving picture can't be cleaned without stopping it."

CLEANERS: dict[str, Callable[[FileWindow, BinaryIO, Level], None]] = {
    "jpeg": jpeg.clean,
    "png": png.clean,
    "webp": webp.clean,
    "gif": gif.clean,
    "heic": heif.clean,
    "avif": heif.clean,
}
_BROKEN = (
    UncleanableError,
    MediaError,
    struct.error,
    zlib.error,
    LookupError,
    ValueError,
    ArithmeticError,
)
_UNCODABLE: tuple[type[Exception], ...] = (MediaError, UncleanableError, *DECODER_ERRORS)


def clean(source: Path, target: Path, level: Level, limits: PixelLimits) -> Cleaning:
    """Write what is passed on of a photo at a level; nothing is left in `target` that is not proved.

    Never raises over what is in the file. `everything` needs no copy and is refused.

    Raises:
        ValueError: the level is `everything`.
        OSError: the target can't be written.
    """
    if not level.hides_something:
        raise ValueError("the file as it is needs no copy")
    try:
        form = identify(source)
        if form.kind == MediaKind.VIDEO:
            return Cleaning(Verdict.WITHHELD, reason=VIDEO)
    except MediaError as error:
        return _withheld(UNREADABLE, str(error))
    with FileWindow(source) as data:
        told = facts_in(data, form)
        problem = _written(data, target, level, form.name)
    problem = problem or _unproved(target, source, told, level)
    if not problem:
        is_same = filecmp.cmp(source, target, shallow=False)
        verdict = Verdict.IDENTICAL if is_same else Verdict.CLEANED
        return Cleaning(verdict, form.content_type)
    target.unlink(missing_ok=True)
    return _converted(source, target, level, limits, told, problem)


def _written(data: FileWindow, target: Path, level: Level, form: str) -> str:
    """Write the clean file; return what stands in the way, empty when it is done."""
    try:
        with target.open("wb") as out:
            CLEANERS[form](data, out, level)
            _start_writing(out)
    except _BROKEN as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _start_writing(out: BinaryIO) -> None:
    """Have the kernel begin to bring a file to disk: whoever stores it, once it is proved, waits for less."""
    if hasattr(os, "posix_fadvise"):
        out.flush()
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _unproved(target: Path, source: Path, told: list[Fact], level: Level) -> str:
    """Return the first thing that the proof finds, empty when the file is proved."""
    return next(iter(faults(target, source, told, level)), "")


def _converted(
    source: Path, target: Path, level: Level, limits: PixelLimits, told: list[Fact], problem: str
) -> Cleaning:
    """Encode the picture anew; withhold it when that fails or is not proved either."""
    try:
        facts = probe(source, max_pixels_jpeg=limits.jpeg, max_pixels_other=limits.other)
        if facts.frames > 1:
            return _withheld(MOVING, problem)
        content_type = _encode(source, target, facts, level)
        found = leaks(target, told, level)
    except _UNCODABLE as error:
        if is_full(error):  # which says nothing of the picture
            raise
        found = [f"{type(error).__name__}: {error}"]
    if found:
        target.unlink(missing_ok=True)
        return _withheld(UNREADABLE, f"{problem}; {found[0]}")
    reason = "It could not be cleaned as it is, so it was saved anew at full size."
    return Cleaning(Verdict.CONVERTED, content_type, reason, problem[:MAX_REASON])


def _encode(source: Path, target: Path, facts: Facts, level: Level) -> str:
    """Write the pixels upright as JPEG, or as WebP where some are transparent; return the type."""
    form = FORMATS[facts.format]
    header = read_header(source, form)
    with open_photo(source, facts.format) as picture:
        orientation = photo_orientation(picture, header, facts.format)
        profile = picture.info.get("icc_profile") or b""
        block = header.exif or picture.info.get("exif") or b""
        picture.load()
        pixels = shrink(picture, max(picture.size))  # as it is, in a mode that both encoders take
        kept_profile = clean_icc(profile) if _fits(profile, pixels.mode) else b""
        pixels = upright(pixels, orientation)
    pixels.info.clear()
    told = kept_exif(block, level, is_upright=True)
    exif = b"Exif\0\0" + told if told else b""
    kept = FORMATS["webp" if pixels.mode == "RGBA" else "jpeg"]
    options: dict[str, Any] = {"quality": QUALITY, "exif": exif, "icc_profile": kept_profile}
    if kept.name == "jpeg":
        options |= {"subsampling": 0, "optimize": True}
    encoded = io.BytesIO()  # an encoder that writes into a file does not say that the disk is full
    pixels.save(encoded, kept.name, **options)
    target.write_bytes(encoded.getbuffer())
    _clean_again(target, kept.name, level)
    return kept.content_type


def _clean_again(target: Path, form: str, level: Level) -> None:
    """Bring what an encoder has written into the form that the proof knows."""
    written = io.BytesIO()
    with FileWindow(target) as data:
        CLEANERS[form](data, written, level)
    target.write_bytes(written.getbuffer())


def _fits(profile: bytes, mode: str) -> bool:
    """Tell whether a profile speaks of pixels as they are written."""
    spaces = {b"RGB ": ("RGB", "RGBA"), b"GRAY": ("L",), b"CMYK": ("CMYK",)}
    return mode in spaces.get(profile[16:20], ())


def _withheld(reason: str, found: str) -> Cleaning:
    return Cleaning(Verdict.WITHHELD, reason=reason, found=found[:MAX_REASON])
