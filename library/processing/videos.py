"""Renders a video's poster frame and its thumbnail."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageStat

from library.processing.decoders import decoding, open_video
from library.processing.errors import DamagedMediaError
from library.processing.painting import fitting_size, paint_pictures, upright
from library.processing.probe import VIDEO_DAMAGED, square_pixel_size, video_orientation
from library.processing.values import Facts, Rendered, RenditionKind

MAX_SEEK_SECONDS = 10.0
FRACTIONS = (0.25, 0.5, 0.75, 0.0)
FRAMES_PER_PLACE = 8
NEARLY_BLACK = 20.0  # average brightness, of 0 to 255


def render_video(
    source: Path, folder: Path, facts: Facts, *, thumbnail_px: int, preview_px: int
) -> Rendered:
    """Write `poster.webp` and `thumbnail.webp` into the folder; the numbers are longest edges.

    The poster is a key frame near a quarter of the video, or a later one if that is black.

    Raises:
        DamagedMediaError: no frame decodes.
    """
    with decoding(VIDEO_DAMAGED), source.open("rb") as file:
        container, stream = open_video(file)
        with container:
            picture = _poster(container, stream, preview_px)
            picture = upright(picture, video_orientation(source, stream.id))
    renditions, placeholder = paint_pictures(
        picture, RenditionKind.POSTER, folder, thumbnail_px=thumbnail_px
    )
    return Rendered(facts, renditions, placeholder)


def _poster(container: InputContainer, stream: VideoStream, longest_edge_px: int) -> Image.Image:
    """Return the first frame that is not nearly black, else the brightest one seen."""
    best: Image.Image | None = None
    brightest = -1.0
    size = fitting_size(*square_pixel_size(stream), longest_edge_px)
    for frame in _candidates(container, stream):
        light = _brightness(frame)
        if light > brightest:
            best, brightest = _to_picture(frame, size), light
        if light > NEARLY_BLACK:
            break
    if best is None:
        raise DamagedMediaError(VIDEO_DAMAGED)
    return best


def _candidates(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield a few frames from each of some places; a place that does not decode is passed over."""
    seconds = (container.duration or 0) / av.time_base
    for fraction in FRACTIONS:
        at = min(seconds * fraction, MAX_SEEK_SECONDS * 4 * fraction)
        try:
            container.seek(int(at * av.time_base))
            yield from islice(container.decode(stream), FRAMES_PER_PLACE)
        except av.FFmpegError:
            continue


def _brightness(frame: VideoFrame) -> float:
    return float(ImageStat.Stat(_to_picture(frame, (32, 32)).convert("L")).mean[0])


def _to_picture(frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
    small = frame.reformat(*size, "rgb24", interpolation="AREA")
    picture: Image.Image = small.to_image()
    return picture
