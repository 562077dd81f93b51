"""Reads a file's facts from its header, before anything is decoded."""

import re
from dataclasses import replace
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from library.processing.containers.boxes import track_orientation
from library.processing.containers.header import read_header
from library.processing.containers.values import CUT_SHORT, DAMAGED, Header
from library.processing.containers.window import FileWindow
from library.processing.decoders import decoding, open_photo, open_video
from library.processing.errors import DamagedMediaError, TooLargeError
from library.processing.exif import clean_text, parse_date, parse_offset, read_exif
from library.processing.formats import AVIF, HEIC, identify
from library.processing.values import MAX_NUMBER, Facts, Format, MediaKind

VIDEO_DAMAGED = "This video is damaged and can't be shown. Copy it again from the camera or phone."

_MAKES = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODELS = ("com.apple.quicktime.model", "com.android.model", "model")
_QUICKTIME_DATE = "com.apple.quicktime.creationdate"
_AFTER_SECONDS = re.compile(r"^.{19}(?:\.\d+)?")
_EMPTY_DATES = ("1904-01-01T00:00:00", "1970-01-01T00:00:00")


def probe(path: Path, *, max_pixels_jpeg: int, max_pixels_other: int) -> Facts:
    """Read a file's facts; limits are in pixels, width x height x frames.

    The first is for JPEGs that decode at a fraction of their size; progressive ones do not.

    Raises:
        UnsupportedMediaError: it is of a kind that we do not take.
        DamagedMediaError: it is cut short, or its header makes no sense.
        TooLargeError: it has more pixels than the limit.
    """
    form = identify(path)
    header = read_header(path, form)
    limit = max_pixels_jpeg if header.reducible else max_pixels_other
    _check_pixels(header.pixels, limit)
    if not header.complete:
        raise DamagedMediaError(CUT_SHORT)
    if form.kind == MediaKind.VIDEO:
        return _probe_video(path, form, limit)
    return _probe_photo(path, form, header, limit)


def displayed_size(width_px: int, height_px: int, orientation: int) -> tuple[int, int]:
    """Return the sides after an EXIF orientation is applied: 5 to 8 lay a picture on its side."""
    return (height_px, width_px) if orientation >= 5 else (width_px, height_px)


def video_orientation(path: Path, track_id: int) -> int:
    """Return how a video track's display matrix turns it, as an EXIF orientation."""
    with FileWindow(path) as data:
        return track_orientation(data, track_id)


def square_pixel_size(stream: VideoStream) -> tuple[int, int]:
    """Return a video's size with square pixels, before rotation."""
    ratio = float(stream.sample_aspect_ratio or 1)
    width = round(stream.width * ratio) if 0.25 <= ratio <= 4 else stream.width
    return max(1, width), stream.height


def _check_pixels(pixels: int, limit: int) -> None:
    if pixels > limit:
        raise TooLargeError(
            f"This picture has {pixels / 1e6:,.0f} megapixels; "
            f"at most {limit / 1e6:,.0f} can be shown."
        )


def _probe_photo(path: Path, form: Format, header: Header, limit: int) -> Facts:
    if form in (HEIC, AVIF):
        header = _ask_decoder(path, form, header)
        _check_pixels(header.pixels, limit)
    exif = read_exif(header.exif)
    orientation = 1 if form == HEIC else exif.orientation
    width_px, height_px = displayed_size(header.width_px, header.height_px, orientation)
    return Facts(
        format=form.name,
        content_type=form.content_type,
        kind=form.kind,
        width_px=width_px,
        height_px=height_px,
        frames=header.frames,
        duration_ms=_plausible(header.duration_ms) if header.frames > 1 else None,
        taken_at=exif.taken_at,
        taken_offset_minutes=exif.taken_offset_minutes,
        taken_from="exif" if exif.taken_at else None,
        camera_make=exif.camera_make,
        camera_model=exif.camera_model,
    )


def _ask_decoder(path: Path, form: Format, header: Header) -> Header:
    """Complete a HEIC's or AVIF's header; only AVIF is ever shown moving."""
    with decoding(DAMAGED), open_photo(path, form.name) as picture:
        width_px, height_px = picture.size
        frames = getattr(picture, "n_frames", 1) if form == AVIF else 1
        exif = picture.info.get("exif") or b""
    return replace(header, width_px=width_px, height_px=height_px, frames=frames, exif=exif)


def _probe_video(path: Path, form: Format, limit: int) -> Facts:
    with decoding(VIDEO_DAMAGED), path.open("rb") as file:
        container, stream = open_video(file)
        with container:
            return _video_facts(path, form, limit, container, stream)


def _video_facts(
    path: Path, form: Format, limit: int, container: InputContainer, stream: VideoStream
) -> Facts:
    _check_pixels(stream.width * stream.height, limit)
    width_px, height_px = displayed_size(
        *square_pixel_size(stream), video_orientation(path, stream.id)
    )
    duration = container.duration
    facts = Facts(
        format=form.name,
        content_type=form.content_type,
        kind=form.kind,
        width_px=width_px,
        height_px=height_px,
        frames=_plausible(stream.frames) or 1,
        duration_ms=None if duration is None else _plausible(round(duration / 1000)),
        camera_make=_first_text(container.metadata, _MAKES),
        camera_model=_first_text(container.metadata, _MODELS),
        has_sound=bool(container.streams.audio),
    )
    return _with_date(facts, container.metadata)


def _plausible(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= MAX_NUMBER else None


def _with_date(facts: Facts, metadata: dict[str, str]) -> Facts:
    """Add when a video was taken: the phone's local time, else the container's in UTC."""
    local = metadata.get(_QUICKTIME_DATE, "")
    taken_at = parse_date(local)
    if taken_at is not None:
        offset = parse_offset(_AFTER_SECONDS.sub("", local))
        return replace(
            facts, taken_at=taken_at, taken_offset_minutes=offset, taken_from="quicktime"
        )
    created = metadata.get("creation_time", "")
    taken_at = None if created.startswith(_EMPTY_DATES) else parse_date(created)
    if taken_at is not None:
        return replace(facts, taken_at=taken_at, taken_offset_minutes=0, taken_from="container")
    return facts


def _first_text(metadata: dict[str, str], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := clean_text(metadata.get(name)))), "")
