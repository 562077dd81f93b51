"""Whether decoders read the data of a WebP to its end: what lies behind it is shown to nobody.

A decoder notices when data that it needs is missing. So each part of a picture that can be decoded is
shortened by a few bytes: if it can be decoded even so, they were not needed. For a picture of 12 megapixels
that is three decodings, of about 0.2 s each.
"""

import io
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from PIL import Image

from library.processing.decoders import DECODER_ERRORS
from library.processing.metadata.proofs import vp8
from library.processing.metadata.values import Piece, UnexplainedError

# Decoders may read a byte or two more than there are, and encoders round up: no picture of libwebp's can be
# decoded without its last 4 bytes. So many may be unread, which are fewer than a word has.
SPARE_BYTES = 8
MAX_PIXELS = 1_000_000_000  # that are decoded for a file, each part on its own
UNREAD = "bytes behind the picture, in its coded data"

_LOSSY, _LOSSLESS, _ALPHA = b"VP8 ", b"VP8L", b"ALPH"


class _Picture(NamedTuple):
    kind: bytes
    content: bytes
    alpha: bytes

    @property
    def size(self) -> tuple[int, int]:
        if self.kind == _LOSSY:
            width, height = struct.unpack_from("<HH", self.content, 6)
            return width & 0x3FFF, height & 0x3FFF
        (bits,) = struct.unpack_from("<I", self.content, 1)
        return 1 + bits % (1 << 14), 1 + (bits >> 14) % (1 << 14)


def check(data: bytes, pieces: Iterable[Piece]) -> None:
    """Check that of each picture of a proved WebP all data is read.

    Raises:
        UnexplainedError: some is not, or that can't be told.
    """
    left = MAX_PIXELS
    for picture in _pictures(data, pieces):
        width, height = picture.size
        for number, variant in enumerate((picture, *_shortened(picture))):
            left -= width * height
            if left < 0:
                raise UnexplainedError("more pictures than can be looked at")
            if _can_be_decoded(variant) != (number == 0):
                raise UnexplainedError(UNREAD if number else "a picture that can't be decoded")


def _pictures(data: bytes, pieces: Iterable[Piece]) -> Iterator[_Picture]:
    alpha = b""
    for piece in pieces:
        if piece.kind == "coded":
            kind = data[piece.start - 8 : piece.start - 4]
            content = data[piece.start : piece.stop]
            if kind == _ALPHA:
                alpha = content
            else:
                yield _Picture(kind, content, alpha)
                alpha = b""


def _shortened(picture: _Picture) -> Iterator[_Picture]:
    """Yield the picture with each of its parts shortened; those that are short anyway stay."""
    kind, content, alpha = picture
    if (
        alpha and alpha[0] & 3 and len(alpha) > SPARE_BYTES
    ):  # what is not packed has one byte a pixel
        yield _Picture(kind, content, alpha[:-SPARE_BYTES])
    if kind == _LOSSLESS:
        yield _Picture(kind, content[:-SPARE_BYTES], alpha)
        return
    first, others = vp8.parts(content)
    for part in (first, *others):
        if part[1] - part[0] > SPARE_BYTES:
            yield _Picture(kind, vp8.shortened(content, part, SPARE_BYTES), alpha)


def _can_be_decoded(picture: _Picture) -> bool:
    try:
        with Image.open(io.BytesIO(_file(picture)), formats=("WEBP",)) as opened:
            opened.load()
    except DECODER_ERRORS:
        return False
    return True


def _file(picture: _Picture) -> bytes:
    """Return a file of this picture alone."""
    chunks = _chunk(picture.kind, picture.content)
    if picture.alpha:
        width, height = picture.size
        canvas = struct.pack("<I", 0x10) + _three(width - 1) + _three(height - 1)
        chunks = _chunk(b"VP8X", canvas) + _chunk(_ALPHA, picture.alpha) + chunks
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
