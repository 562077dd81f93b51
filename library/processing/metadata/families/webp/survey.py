"""The chunks of a WebP, and whether decoders agree on what they show (RFC 9649)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from library.processing.containers import webp
from library.processing.containers.values import MAX_EXIF_BYTES, Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.icc import MAX_PROFILE_BYTES
from library.processing.metadata.values import UncleanableError

MAX_BLOCK_BYTES = 1 << 20
ICC, ALPHA, EXIF, ANIMATION = 0x20, 0x10, 0x08, 0x02
IMAGE = frozenset((b"ALPH", b"VP8 ", b"VP8L"))
KEPT = IMAGE | {b"VP8X", b"ANIM", b"ANMF"}
FRAME_BYTES = 16  # of a frame's own header


@dataclass(slots=True)
class Survey:
    """What the chunks of a file are, once they are seen to be in order."""

    flags: int = 0
    size: tuple[int, int] = (0, 0)
    is_extended: bool = False
    image: list[Part] = field(default_factory=list)  # of a still picture
    background: bytes = b""  # and the loops of an animation: the content of ANIM
    frames: int = 0
    frame_bytes: int = 0  # of all frames as they will be written
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes = b""

    def take(self, data: FileWindow, part: Part) -> None:
        """Note one chunk.

        Raises:
            UncleanableError: it stands where decoders would not agree about it.
        """
        if part.kind in (b"EXIF", b"XMP "):
            self._take_description(data, part)
        elif part.kind == b"ICCP" and self.is_extended:
            self._take_profile(data, part)
        elif part.kind in IMAGE:
            if self.flags & ANIMATION:
                raise UncleanableError("a picture beside an animation")
            self.image.append(part)
            _check_order(self.image)
        elif part.kind == b"ANMF":
            self._take_frame(data, part)
        elif part.kind == b"ANIM" and self.flags & ANIMATION:
            if self.background or part.stop - part.start != 6:
                raise UncleanableError("a second loop")
            self.background = data[part.start : part.stop]

    def _take_description(self, data: FileWindow, part: Part) -> None:
        if part.kind == b"EXIF":
            self.exif = _only(self.exif, part, data, MAX_EXIF_BYTES)
        else:
            self.xmp = self.xmp or data[part.start : min(part.stop, part.start + MAX_BLOCK_BYTES)]

    def _take_profile(self, data: FileWindow, part: Part) -> None:
        if not self.flags & ICC or self.image or self.frames:
            raise UncleanableError("a color profile that is not announced")
        self.icc = _only(self.icc, part, data, MAX_PROFILE_BYTES)

    def _take_frame(self, data: FileWindow, part: Part) -> None:
        if not self.background:
            raise UncleanableError("a frame of no animation")
        x, y, width, height = frame_place(data, part)
        image = frame_image(data, part)
        if _image_size(data, image) != (width, height):
            raise UncleanableError("a frame of another size than its picture")
        if x + width > self.size[0] or y + height > self.size[1]:
            raise UncleanableError("a frame beside the picture")
        self._check_alpha(image)
        self.frames += 1
        self.frame_bytes += 8 + FRAME_BYTES + sum(map(written_bytes, image))

    def finish(self, data: FileWindow) -> None:
        """Check the picture as a whole.

        Raises:
            UncleanableError: it has none, or one of another size than it says.
        """
        if self.is_extended and self.flags & ANIMATION:
            if not self.frames:
                raise UncleanableError("an animation without frames")
            return
        size = _image_size(data, self.image)
        if not self.is_extended:
            self.size = size
            is_plain = len(self.image) == 1
            if is_plain and self.image[0].kind == b"VP8L" and data[self.image[0].start + 4] & 0x10:
                self.flags = ALPHA
        elif size != self.size:
            raise UncleanableError("a picture of another size than it says")
        self._check_alpha(self.image)

    def _check_alpha(self, image: list[Part]) -> None:
        if image[0].kind == b"ALPH" and not self.flags & ALPHA:
            raise UncleanableError("transparency that is not announced")


def survey_of(data: FileWindow) -> Survey:
    """Read what its chunks are.

    Raises:
        UncleanableError: decoders would not agree on them.
    """
    survey = Survey()
    for number, part in enumerate(parts(data)):
        if part.kind == b"VP8X":
            if number or part.stop - part.start != 10:
                raise UncleanableError("a second header")
            content = data[part.start : part.stop]
            survey.is_extended, survey.flags = True, content[0]
            survey.size = _more_one(content[4:]), _more_one(content[7:])
        elif not (number or part.kind in (b"VP8 ", b"VP8L")):
            raise UncleanableError("no header")
        else:
            survey.take(data, part)
    survey.finish(data)
    return survey


def parts(data: FileWindow) -> Iterator[Part]:
    """Yield the chunks behind the RIFF header, each wholly in the file."""
    if not (data.starts(b"RIFF", 0) and data.starts(b"WEBP", 8)):
        raise UncleanableError("no WebP")
    (size,) = data.unpack("<I", 4)
    end = min(8 + size, len(data))
    if 8 + size > len(data) + 1:  # some leave the last padding out
        raise UncleanableError("no end of the picture")
    for part in islice(webp.parts(data), 1, None):
        if part.stop > end:
            raise UncleanableError("a chunk that is cut short")
        yield part


def frame_parts(data: FileWindow, frame: Part) -> Iterator[Part]:
    """Yield the chunks in an ANMF; the last may claim to end behind it."""
    at = frame.start + FRAME_BYTES
    while at + 8 <= frame.stop:
        kind, length = data.unpack("<4sI", at)
        part = Part(kind, at, at + 8, at + 8 + length, at + 8 + length + length % 2)
        yield part
        at = part.end


def frame_image(data: FileWindow, frame: Part) -> list[Part]:
    """Return the chunks of a frame's picture: one more than there may be is enough to refuse it."""
    image = list(islice((p for p in frame_parts(data, frame) if p.kind in IMAGE), 3))
    if any(part.stop > frame.stop for part in image):
        raise UncleanableError("a chunk that is cut short")
    return image


def _only(before: bytes | None, part: Part, data: FileWindow, most: int) -> bytes:
    """Return the content of a chunk of which there may be one."""
    if before is not None:
        raise UncleanableError(f"a second {part.kind!r}")
    if part.stop - part.start > most:
        raise UncleanableError(f"{part.kind!r} of a size that none has")
    return data[part.start : part.stop]


def _check_order(image: list[Part]) -> None:
    """Check that a picture is one VP8 with or without an ALPH before it, or one VP8L."""
    if [part.kind for part in image] not in ([b"ALPH"], [b"ALPH", b"VP8 "], [b"VP8 "], [b"VP8L"]):
        raise UncleanableError("two pictures in the place of one")


def _image_size(data: FileWindow, image: list[Part]) -> tuple[int, int]:
    """Read a picture's size from its bitstream.

    Raises:
        UncleanableError: it is none that is known, or there is no bitstream.
    """
    _check_order(image)
    part = image[-1]
    start = data[part.start : min(part.stop, part.start + 10)]
    if part.kind == b"VP8L":
        signature, bits = struct.unpack_from("<BI", start)
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        is_known = signature == 0x2F and not bits >> 29
    elif part.kind == b"VP8 ":
        tag, code, width, height = struct.unpack("<3s3sHH", start)
        first = int.from_bytes(tag, "little")  # not a frame of a film, and shown
        size = width & 0x3FFF, height & 0x3FFF
        is_known = code == b"\x9d\x01\x2a" and first & 0x11 == 0x10 and first >> 1 & 7 < 4
        is_known &= (first >> 5) <= part.stop - part.start - 10
    else:
        raise UncleanableError("transparency of no picture")
    if not is_known or not all(size):
        raise UncleanableError("an unknown kind of picture")
    if image[0].kind == b"ALPH":
        _check_transparency(data, image[0], size)
    return size


def _check_transparency(data: FileWindow, part: Part, size: tuple[int, int]) -> None:
    """Check an ALPH's first byte: reserved bits, preprocessing, filter, compression."""
    first = data[part.start] if part.start < part.stop else 0xFF
    if first & 0xC0 or first >> 4 & 3 > 1 or first & 3 > 1:
        raise UncleanableError("an unknown kind of transparency")
    if not first & 3 and part.stop - part.start != 1 + size[0] * size[1]:
        raise UncleanableError("more transparency than pixels")


def frame_place(data: FileWindow, frame: Part) -> tuple[int, int, int, int]:
    """Return where a frame stands, and its width and height, in pixels."""
    header = data[frame.start : min(frame.stop, frame.start + FRAME_BYTES)]
    if len(header) < FRAME_BYTES:
        raise UncleanableError("a frame without its header")
    x, y = (int.from_bytes(header[at : at + 3], "little") for at in (0, 3))
    return 2 * x, 2 * y, _more_one(header[6:]), _more_one(header[9:])


def _more_one(number: bytes) -> int:
    return 1 + int.from_bytes(number[:3], "little")


def written_bytes(part: Part) -> int:
    """Return how long a chunk is with its head and its filling byte."""
    return part.end - part.at
