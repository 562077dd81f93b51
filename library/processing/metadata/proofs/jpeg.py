"""A cleaned JPEG, byte by byte: only these segments, each as long as its own fields say (ITU-T T.81)."""

import re
import struct
from collections.abc import Iterator

from library.processing.metadata.proofs.jpeg_coding import TABLES, Coding
from library.processing.metadata.values import Piece, UnexplainedError

MAX_PICTURES = 16
_JFIF = re.compile(rb"JFIF\x00\x01[\x00-\x02][\x00-\x02]....\x00\x00", re.DOTALL)
_ADOBE = re.compile(rb"Adobe\x00[\x64\x65]....[\x00-\x02]", re.DOTALL)
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_BYTES = frozenset((4, 37, 61, 77, 141))
_XMP, _EXIF, _ICC, _MPF = b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0"
_INDEX = re.compile(
    rb"MM\x00\*\x00\x00\x00\x08\x00\x03"
    rb"\xb0\x00\x00\x07\x00\x00\x00\x040100"
    rb"\xb0\x01\x00\x04\x00\x00\x00\x01\x00\x00\x00(?P<count>.)"
    rb"\xb0\x02\x00\x07(?P<size>....)\x00\x00\x00\x32\x00\x00\x00\x00(?P<rows>.*)",
    re.DOTALL,
)
_KINDS = frozenset((0, 0x020002, 0x030000))


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield all of a file: its first picture, and those that its index names, without a gap.

    Raises:
        UnexplainedError: a byte is there for no reason that a decoder has.
    """
    starts, at = [0], 0
    for n in range(MAX_PICTURES):
        if n == len(starts):
            break
        if starts[n] != at:
            raise UnexplainedError(
                f"the index names a picture at {starts[n]}, and one ends at {at}"
            )
        walk = _Walk(data, at, behind=n > 0)
        yield from walk
        if n == 0:
            starts += [start for start, _ in walk.index]
            sizes = [size for _, size in walk.index]
        elif sizes[n - 1] != walk.at - at:
            raise UnexplainedError("the index names another size")
        at = walk.at
        if n == 0 and walk.index and walk.first_bytes != at:
            raise UnexplainedError("the index names another size of the first picture")
    if at != len(data):
        raise UnexplainedError(f"{len(data) - at} bytes behind the last picture")


class _Walk:
    """One picture from SOI to EOI; afterwards `at` is where it ends, `index` what it names behind it."""

    def __init__(self, data: bytes, at: int, *, behind: bool) -> None:
        self.data = data
        self.at = at
        self.index: list[tuple[int, int]] = []
        self.first_bytes = 0
        self._coding = Coding()
        self._may_index = not behind
        self._seen: set[str] = set()
        self._profile: list[bytes] = []
        self._profile_parts = 0

    def __iter__(self) -> Iterator[Piece]:
        if self.data[self.at : self.at + 2] != b"\xff\xd8":
            raise UnexplainedError("no picture begins here")
        yield Piece("frame", self.at, self.at + 2)
        self.at += 2
        while (marker := self._marker()) != 0xD9:
            start, (size,) = self.at, struct.unpack_from(">H", self.data, self.at + 2)
            stop = start + 2 + size
            content = self.data[start + 4 : stop]
            if size < 2 or stop > len(self.data):
                raise UnexplainedError("a segment that goes on behind the file")
            self._check_place(marker, content)
            if marker >= 0xE0:
                yield self._told(marker, content, start, stop)
            elif marker in TABLES:
                yield from self._tables(marker, content, start)
            else:
                self._coding.take(marker, content)
                stop = self._coding.scan_end(self.data, stop) if marker == 0xDA else stop
                yield Piece("coded", start, stop)
            self.at = stop
        self._end_picture()
        yield Piece("frame", self.at, self.at + 2)
        self.at += 2

    def _check_place(self, marker: int, content: bytes) -> None:
        if self._profile_parts and (marker != 0xE2 or not content.startswith(_ICC)):
            self._end_profile()
        if marker >= 0xE0 and self._coding.has_begun:
            raise UnexplainedError(f"a segment FF{marker:02X} amid the picture")

    def _tables(self, marker: int, content: bytes, start: int) -> Iterator[Piece]:
        """Yield each table by itself: those that nothing used may have stood between them."""
        at = start + 4
        yield Piece("frame", start, at)
        for size in self._coding.take_tables(marker, content):
            yield Piece("coded", at, at + size)
            at += size

    def _marker(self) -> int:
        first, marker = self.data[self.at], self.data[self.at + 1]
        if first != 0xFF or not (0xC0 <= marker <= 0xCF or 0xD9 <= marker <= 0xEE):
            raise UnexplainedError(f"no segment at {self.at}")
        return marker

    def _told(self, marker: int, content: bytes, start: int, stop: int) -> Piece:
        match marker:
            case 0xE0 if _JFIF.fullmatch(content):
                return self._once("jfif", Piece("frame", start, stop))
            case 0xEE if _ADOBE.fullmatch(content):
                return self._once("adobe", Piece("frame", start, stop))
            case 0xE1 if content.startswith(_EXIF):
                return self._once("exif", Piece("exif", start, stop, content[len(_EXIF) :]))
            case 0xE1 if content.startswith(_XMP):
                return self._once("xmp", Piece("xmp", start, stop, content[len(_XMP) :]))
            case 0xE2 if content.startswith(_ICC):
                return self._profile_part(content, start, stop)
            case 0xE2 if content.startswith(_ISO) and len(content) - len(_ISO) in _ISO_BYTES:
                return self._once("iso", Piece("frame", start, stop))
            case 0xE2 if content.startswith(_MPF) and self._may_index:
                self._read_index(content[len(_MPF) :], start + 4 + len(_MPF))
                return self._once("mpf", Piece("frame", start, stop))
        raise UnexplainedError(f"a segment FF{marker:02X} {content[:12]!r}")

    def _once(self, name: str, piece: Piece) -> Piece:
        if name in self._seen:
            raise UnexplainedError(f"{name} stands there twice")
        self._seen.add(name)
        return piece

    def _profile_part(self, content: bytes, start: int, stop: int) -> Piece:
        number, of = content[len(_ICC) : len(_ICC) + 2]
        if number != len(self._profile) + 1 or of != (self._profile_parts or of) or number > of:
            raise UnexplainedError("a profile in a wrong order")
        self._profile_parts = of
        self._profile.append(content[len(_ICC) + 2 :])
        whole = b"".join(self._profile) if number == of else b""
        return Piece("icc", start, stop, whole)

    def _end_profile(self) -> None:
        if len(self._profile) != self._profile_parts:
            raise UnexplainedError("a profile that is not whole")
        self._profile_parts = 0

    def _end_picture(self) -> None:
        if self._profile_parts:
            self._end_profile()
        self._coding.end()

    def _read_index(self, block: bytes, base: int) -> None:
        match = _INDEX.fullmatch(block)
        count = match["count"][0] if match else 0
        rows = match["rows"] if match else b""
        if not 2 <= count <= MAX_PICTURES or len(rows) != 16 * count:
            raise UnexplainedError("an index of pictures in another form")
        if match and struct.unpack(">I", match["size"])[0] != len(rows):
            raise UnexplainedError("an index of pictures of another size")
        for n in range(count):
            kind, size, offset, one, other = struct.unpack_from(">IIIHH", rows, 16 * n)
            if kind & 0xDFFFFFFF not in _KINDS or one or other or (n == 0 and offset):
                raise UnexplainedError("an index that names a picture of another kind")
            if n == 0:
                self.first_bytes = size
            else:
                self.index.append((base + offset, size))
