"""Whether decoders read the data of a JPEG to its end: what lies behind the last block is shown to nobody.

Two decodings tell it exactly: one of the picture, and one with the last bytes changed. For a photo of 12
megapixels that takes longer than all the rest of cleaning it. So it is done for small pictures, and for
others where their data seems to hold words. An end is that of a scan, or of a part of one before a restart.
"""

import hashlib
import io
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from PIL import Image

from library.processing.decoders import DECODER_ERRORS
from library.processing.metadata.proofs.jpeg_coding import TABLES
from library.processing.metadata.proofs.jpeg_frames import Frame, is_one_bit_each
from library.processing.metadata.proofs.words import END_BYTES, places_of_words
from library.processing.metadata.values import Piece, UnexplainedError

SPARE_BYTES = 8  # so many may be unread at an end: fewer than a word has
MAX_ENDS = 16  # that are looked at in a picture
SMALL_PIXELS = 1 << 17
MAX_PIXELS = 100_000_000  # that are decoded, for all ends of a picture together
STRIP_ROWS = 256
UNREAD = "bytes behind the picture, in its coded data"

_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"
_SOS, _DRI = 0xDA, 0xDD
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# What is put in the place of the last bytes: without FF, and no two of them begin alike
_CHANGES = [
    bytes.fromhex(digits)
    for digits in (
        *("5a36c96b1794e208", "a5c936941be85d71", "0000000000000000"),
        *("d1682ef4937a4bc5", "3c9b52e7c8147d3e", "fe4017a92c6d83b4"),
    )
]


def check(data: bytes, pieces: Iterable[Piece]) -> None:
    """Check that of each picture of a proved JPEG no data is left unread, as far as that is looked at.

    Raises:
        UnexplainedError: some is, or that can't be told.
    """
    for picture in _pictures(data, pieces):
        ends = picture.ends_to_look_at()
        if ends and not picture.is_read_up_to(ends):
            raise UnexplainedError(UNREAD)


def _pictures(data: bytes, pieces: Iterable[Piece]) -> Iterator["_Picture"]:
    segments: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.kind == "coded" and data[piece.start] != 0xFF:  # a table in the segment before
            segments[-1] = segments[-1][0], piece.stop
        elif piece.kind == "coded" or data[piece.start + 1] in TABLES:
            segments.append((piece.start, piece.stop))
        elif data[piece.start : min(piece.stop, piece.start + len(_END))] == _END:
            yield _Picture(data, segments)
            segments = []


class _Scan(NamedTuple):
    """A scan with its header, and where it stands once the picture is without anything but its coded data."""

    start: int
    stop: int
    moved_to: int


class _Picture:
    """One picture by its coded segments: where the parts of its scans stand, in a file of these alone.

    Its data is copied where it is decoded, and not before: that it lies in memory takes a while.
    """

    def __init__(self, data: bytes, segments: list[tuple[int, int]]) -> None:
        """Take where its segments are; a scan's with the data behind it.

        Raises:
            UnexplainedError: some data is too much or too little, as its length tells.
        """
        self._data = data
        self._segments = segments
        self._parts: list[tuple[int, int]] = []
        self._scans: list[_Scan] = []
        frame = next(start for start, _ in segments if data[start + 1] in _FRAMES)
        self._frame = Frame(data[frame + 4 : self._header_end(frame)])
        self._restart_units = 0
        at = len(_BEGIN)
        for start, stop in segments:
            if data[start + 1] == _DRI:
                (self._restart_units,) = struct.unpack_from(">H", data, start + 4)
            elif data[start + 1] == _SOS:
                self._survey(_Scan(start, stop, at))
            at += stop - start

    def _header_end(self, segment: int) -> int:
        return segment + 2 + int(struct.unpack_from(">H", self._data, segment + 2)[0])

    def _survey(self, scan: _Scan) -> None:
        start = self._header_end(scan.start)
        header = self._data[scan.start + 4 : start]
        parts = list(self._parts_of(start, scan.stop))
        if len(parts) > 1 and parts[-1][0] == parts[-1][1]:
            parts.pop()  # some cameras write a restart behind the last block too
        if len(parts) > self._frame.parts(header, self._restart_units):
            raise UnexplainedError(UNREAD)
        if not is_one_bit_each(header):
            shift = scan.moved_to - scan.start
            self._scans.append(scan)
            self._parts += [(start + shift, stop + shift) for start, stop in parts]
        elif not self._frame.has_length_of_bits(
            header, (self._data[start:stop] for start, stop in parts), self._restart_units
        ):
            raise UnexplainedError(UNREAD)

    def _parts_of(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        restarts = _RESTART.finditer(self._data, start, stop) if self._restart_units else ()
        for restart in restarts:
            yield start, restart.start()
            start = restart.end()
        yield start, stop

    @cached_property
    def _coded(self) -> bytes:
        segments = (self._data[start:stop] for start, stop in self._segments)
        return b"".join((_BEGIN, *segments, _END))

    def ends_to_look_at(self) -> list[tuple[int, int]]:
        """Return the parts whose ends are to be looked at.

        Raises:
            UnexplainedError: they are more than pictures have that nobody has changed.
        """
        most = min(MAX_ENDS, MAX_PIXELS // max(1, self._frame.pixels))
        parts = [(start, stop) for start, stop in self._parts if stop - start > SPARE_BYTES]
        if self._frame.pixels > SMALL_PIXELS or len(parts) > most:
            parts = sorted({self._part_with(place) for place in self._places_of_words()})
        if len(parts) > most:
            raise UnexplainedError("a picture whose data seems to hold words in many places")
        return parts

    def _places_of_words(self) -> Iterator[int]:
        """Look through each scan's end, or all of it where it is made of parts with ends of their own."""
        for scan in self._scans:
            start = scan.start if self._restart_units else max(scan.start, scan.stop - END_BYTES)
            found = places_of_words(
                self._data[start : scan.stop], everywhere=self._restart_units > 0
            )
            yield from (scan.moved_to + start - scan.start + place for place in found)

    def _part_with(self, place: int) -> tuple[int, int]:
        return self._parts[bisect_right(self._parts, place, key=itemgetter(0)) - 1]

    def is_read_up_to(self, ends: list[tuple[int, int]]) -> bool:
        """Tell whether the last bytes before each of these ends make a difference to what is shown.

        Seen small already, mostly, where only averages are computed.

        Raises:
            UnexplainedError: the picture can't be decoded.
        """
        for scale in (8, 1):
            shown = _shown(self._coded, scale)
            if shown is None:
                raise UnexplainedError("a picture that can't be decoded")
            ends = [end for end in ends if not self._makes_difference(end, shown, scale)]
            if not ends:
                return True
        return False

    def _makes_difference(self, part: tuple[int, int], shown: bytes, scale: int) -> bool:
        start, stop = part
        at = max(start, stop - SPARE_BYTES)
        at += (
            at > start and self._coded[at - 1] == 0xFF
        )  # it stays a number, with the zero behind it
        for change in _CHANGES:
            changed = self._coded[:at] + change[: stop - at] + self._coded[stop:]
            if changed != self._coded and _shown(changed, scale) != shown:
                return True
        return False


def _shown(file: bytes, scale: int) -> bytes | None:
    """Return a checksum of the pixels of a JPEG, decoded at a fraction of its size; None if it can't be."""
    for mode in ("YCbCr", None):  # as it is coded, mostly; else as it is shown
        with suppress(*DECODER_ERRORS):
            return _decoded(file, scale, mode)
    return None


def _decoded(file: bytes, scale: int, mode: str | None) -> bytes:
    checksum = hashlib.blake2b()
    with Image.open(io.BytesIO(file), formats=("JPEG",)) as picture:
        width, height = picture.size
        picture.draft(mode, (max(1, width // scale), max(1, height // scale)))
        picture.load()
        for top in range(0, picture.height, STRIP_ROWS):
            strip = (0, top, picture.width, min(top + STRIP_ROWS, picture.height))
            checksum.update(picture.crop(strip).tobytes())
    return checksum.digest()
