"""The decoders, each opened for one named format only, so that none of them guesses."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import pillow_heif
from av.container import InputContainer
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream
from PIL import AvifImagePlugin, Image, ImageOps, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from library.processing.containers.values import Header
from library.processing.errors import DamagedMediaError, UnsupportedMediaError
from library.processing.exif import read_exif

# Their libraries import these only once a file needs them; then a decoding child would have to reach them
EAGER = (ImageOps, MpoImagePlugin, TiffImagePlugin, SubtitleStream)
THREADS = 2
NO_PICTURES = "This file has sound but no pictures."
STRANGE_CODEC = (
    "This video is coded in a way that is not taken here ({name}). "
    "Save it as H.264 or HEVC, in MP4 or MOV, and upload that."
)

# FFmpeg has decoders for hundreds of codecs, most of them long unused and little looked after. These
# are the ones of cameras, phones and screen recorders. None is for sound: it is never decoded.
VIDEO_DECODERS = ("h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4", "mjpeg", "prores")
ALLOWED = {"codec_whitelist": ",".join(VIDEO_DECODERS)}

# What Pillow, pillow-heif and PyAV raise over a broken file; MemoryError is not among them.
DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    av.FFmpegError,
)

_PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "heic": "HEIF",
    "avif": "AVIF",
}
_READ_WHOLE = frozenset(("heic", "avif", "webp"))  # by their decoders

Image.MAX_IMAGE_PIXELS = None  # our own limits are checked before a picture is opened
Image.preinit()
pillow_heif.register_heif_opener(decode_threads=THREADS, thumbnails=False, depth_images=False)
AvifImagePlugin.DEFAULT_MAX_THREADS = THREADS
assert WebPImagePlugin.SUPPORTED  # noqa: S101


@contextmanager
def decoding(damaged: str) -> Iterator[None]:
    """Turn whatever a decoder raises over a broken file into our own error, with this sentence.

    Raises:
        DamagedMediaError: the block ended with one of `DECODER_ERRORS`.
    """
    try:
        yield
    except DECODER_ERRORS as error:
        raise DamagedMediaError(damaged) from error


def open_photo(path: Path, format_name: str) -> Image.Image:
    """Open a photo without decoding it yet.

    Raises:
        DECODER_ERRORS: it is damaged.
    """
    # A large file that is read on after its first bytes takes ten times as long as one that is read at once
    file = io.BytesIO(path.read_bytes()) if format_name in _READ_WHOLE else path
    return Image.open(file, formats=(_PILLOW_NAMES[format_name],))


def photo_orientation(picture: Image.Image, header: Header, format_name: str) -> int:
    """Return how the decoded picture is to be turned, as an EXIF orientation.

    The HEIC decoder turns pictures itself; the AVIF decoder puts the file's own turn (`irot`,
    `imir`) in the place of the EXIF orientation.
    """
    if format_name == "heic":
        return 1
    exif = picture.info.get("exif", b"") if format_name == "avif" else header.exif
    return read_exif(exif).orientation


def open_video(file: BinaryIO) -> tuple[InputContainer, VideoStream]:
    """Open a MOV or MP4 from an open file: FFmpeg may neither guess a format nor open others.

    Of its decoders it may use those that cameras need: told to it, and looked at again here.

    Raises:
        DECODER_ERRORS: it is damaged.
        UnsupportedMediaError: there is no video track, or it is of a codec that we do not take.
    """
    container = av.open(
        file, "r", format="mov", metadata_errors="ignore", container_options=ALLOWED
    )
    try:
        stream = _first_video(container)
        stream.codec_context.options = ALLOWED
        stream.thread_count = THREADS
    except BaseException:
        container.close()
        raise
    return container, stream


def _first_video(container: InputContainer) -> VideoStream:
    streams = container.streams.video
    known = [stream for stream in streams if stream.codec_context is not None]
    for stream in known:
        if stream.width and stream.height and not stream.disposition & Disposition.attached_pic:
            name = stream.codec_context.codec.name
            if name not in VIDEO_DECODERS:
                raise UnsupportedMediaError(STRANGE_CODEC.format(name=name))
            return stream
    if len(known) < len(streams):  # FFmpeg itself does not know it
        raise UnsupportedMediaError(STRANGE_CODEC.format(name="unknown"))
    raise UnsupportedMediaError(NO_PICTURES)
