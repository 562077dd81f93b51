"""Whether decoders read the data of each image of a GIF to its end: what lies behind it is shown to nobody.

Its codes are walked (GIF89a, appendix F) as far as one needs to see where a decoder stops. No pixel is
painted: of each string in the table only its length is known.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from library.processing.metadata.values import Piece, UnexplainedError

_TABLE = 4096
_MAX_WIDTH = 12  # bits of a code
_HELD_BYTES = 6


class _Image(NamedTuple):
    pixels: int
    literal_bits: int
    codes: bytes  # its sub-blocks joined


def check(data: bytes, pieces: Iterable[Piece]) -> None:
    """Check that of each image of a proved GIF all data is read, or zero.

    Raises:
        UnexplainedError: some is not.
    """
    for image in _images(data, pieces):
        rest = image.codes[bytes_read(image.codes, image.literal_bits, image.pixels) :]
        if any(rest):
            raise UnexplainedError(f"{len(rest)} bytes behind the picture, in its coded data")


def _images(data: bytes, pieces: Iterable[Piece]) -> Iterator[_Image]:
    """Yield the images: each a descriptor of ten bytes, and behind it what it is coded in."""
    descriptor = b""
    for piece in pieces:
        if piece.kind == "frame" and data[piece.start] == 0x2C:
            descriptor = data[piece.start : piece.stop]
        elif piece.kind == "coded" and descriptor:
            width, height, flags = struct.unpack_from("<HHB", descriptor, 5)
            start = piece.start + (3 * 2 ** (flags % 8 + 1) if flags >= 0x80 else 0)
            yield _Image(width * height, data[start], b"".join(_blocks(data, start + 1)))


def _blocks(data: bytes, at: int) -> Iterator[bytes]:
    while size := data[at]:
        yield data[at + 1 : at + 1 + size]
        at += 1 + size


def bytes_read(data: bytes, literal_bits: int, pixels: int) -> int:
    """Return how many bytes of an image's data (its sub-blocks joined) decoders read.

    They stop behind the end code; behind the last pixel, where no end code follows it; and at a code
    that stands for nothing. It takes about 0.25 s per MB.
    """
    clear = 1 << literal_bits
    taken, code = 0, clear
    while code == clear:
        taken, pixels, width = _strings(data, taken, literal_bits, pixels)
        if 8 * len(data) - taken < width:
            return len(data)
        window = int.from_bytes(data[taken // 8 : taken // 8 + 3], "little")
        code = window >> taken % 8 & ((1 << width) - 1)
        taken += width if code in (clear, clear + 1) else 0
    return (taken + 7) // 8


def _strings(data: bytes, taken: int, literal_bits: int, pixels: int) -> tuple[int, int, int]:
    """Take codes with an empty table, until one is no string or no pixel is missing.

    Return how many bits are taken by then, how many pixels are missing, and how wide the next code is.
    """
    clear, first = 1 << literal_bits, (1 << literal_bits) + 2
    width, limit = literal_bits + 1, 2 * clear  # from a table of this size on codes are wider
    lengths: list[int] = []  # of the strings in the table, literals aside
    size, before = first, 0
    at = taken // 8
    held, bits = 0, 0  # what is read and not taken yet, the next code lowest
    if taken % 8:
        held, bits, at = data[at] >> taken % 8, 8 - taken % 8, at + 1
    while pixels > 0:
        if bits < width:
            chunk = data[at : at + _HELD_BYTES]
            held |= int.from_bytes(chunk, "little") << bits
            bits += 8 * len(chunk)
            at += len(chunk)
        code = held & (limit - 1)
        if bits < width or clear <= code < first:
            break
        if before and size < _TABLE:
            lengths.append(before + 1)
            size += 1
        if code >= size:
            break
        before = 1 if code < clear else lengths[code - first]
        pixels -= before
        held >>= width
        bits -= width
        if size == limit and width < _MAX_WIDTH:
            width += 1
            limit *= 2
    return 8 * at - bits, pixels, width
