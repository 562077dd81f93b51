"""GIF by a list of blocks that may stay (GIF89a); images are copied with their tables.

A GIF has no place for a date or an orientation, so nothing is added.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from library.processing.containers import gif
from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.icc import MAX_PROFILE_BYTES
from library.processing.metadata.values import Block, Level, UncleanableError

COPY_BYTES = 1 << 20
MAX_BLOCK_BYTES = 1 << 20
MAX_BLOCKS = 200

_PLAIN_TEXT, _COMMENT, _APPLICATION = b"!\x01", b"!\xfe", b"!\xff"
_LOOPS = (b"\x0bNETSCAPE2.0\3\1", b"\x0bANIMEXTS1.0\3\1")  # how often it plays follows, and an end
_XMP = b"\x0bXMP DataXMP"
_ICC = b"\x0bICCRGBG1012"
# Behind an XMP packet: whichever byte of it a reader of sub-blocks lands on leads it to the last
_MAGIC = b"\x01" + bytes(range(255, -1, -1)) + b"\0"


class _Cleaner:
    """Takes the blocks of a file in order, and writes those that stay."""

    def __init__(self, data: FileWindow, out: BinaryIO) -> None:
        self._data, self._out = data, out
        self._end = 0
        self._has_strays = False  # bytes between blocks, in which a reader may see blocks by chance
        self._control = b""  # is written with the image that it is for
        self._loops: dict[bytes, bytes] = {}
        self._images = 0

    def take(self, part: Part) -> None:
        """Copy a block, write it anew, or leave it out.

        Raises:
            UncleanableError: decoders would not agree on it.
        """
        self._has_strays |= self._are_strays(part.at)
        self._end = part.end
        if part.end > len(self._data):
            raise UncleanableError("a block that is cut short")
        if part.kind == b"GIF":
            self._copy(part.at, part.end)
        elif part.kind == b",":
            self._write_image(part)
        elif part.kind == gif.CONTROL:
            self._hold_control(part)
        elif part.kind == _APPLICATION:
            self._write_loop(part)
        elif part.kind == _PLAIN_TEXT and self._control:
            raise UncleanableError("a text that is drawn as a frame")

    def finish(self) -> None:
        """Write the end; a file without one is shown all the same.

        Raises:
            UncleanableError: there was no image.
        """
        if not self._images:
            raise UncleanableError("no picture")
        self._out.write(bytes((gif.TRAILER,)))

    def _are_strays(self, stop: int) -> bool:
        """Tell whether something other than zeros stands between the last block and this place."""
        places = range(self._end, stop, COPY_BYTES)
        return any(any(self._data[at : min(at + COPY_BYTES, stop)]) for at in places)

    def _hold_control(self, part: Part) -> None:
        if part.end - part.at != 8 or self._data[part.start] != 4:
            raise UncleanableError("a graphic control of an unknown kind")
        content = self._data[part.at : part.end]
        control = content[:3] + bytes((content[3] & 0x1F,)) + content[4:]
        if self._control not in (b"", control):
            raise UncleanableError("two graphic controls of one image")
        self._control = control

    def _write_loop(self, part: Part) -> None:
        content = self._data[part.start : min(part.end, part.start + 17)]
        if content[:12] not in (loop[:12] for loop in _LOOPS):
            return
        if content[:14] not in _LOOPS or len(content) < 17:
            raise UncleanableError("a loop of an unknown kind")
        is_first = content[:14] not in self._loops
        before = self._loops.setdefault(content[:14], content[14:16])
        if before != content[14:16]:
            raise UncleanableError("two loops")
        if is_first:
            self._out.write(_APPLICATION + content[:16] + b"\0")

    def _write_image(self, part: Part) -> None:
        descriptor = self._data[part.at : part.at + 10]
        flags = descriptor[9]
        table_bytes = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
        coded = part.at + 10 + table_bytes
        left, top, width, height = struct.unpack_from("<HHHH", descriptor, 1)
        if not 1 <= self._data[coded] <= 11:
            raise UncleanableError("an image of an unknown code size")
        if part.end - coded > _most_coded_bytes(width * height):
            raise UncleanableError("more in an image than its pixels")
        if self._has_strays and not self._is_on_screen(left + width, top + height):
            raise UncleanableError("an image that may be none")
        self._out.write(self._control + descriptor[:9] + bytes((flags & 0xE7,)))
        self._copy(part.at + 10, part.end)
        self._control = b""
        self._images += 1

    def _is_on_screen(self, right: int, bottom: int) -> bool:
        width, height = self._data.unpack("<HH", 6)
        return right <= int(width) and bottom <= int(height)

    def _copy(self, start: int, stop: int) -> None:
        for at in range(start, stop, COPY_BYTES):
            self._out.write(self._data[at : min(at + COPY_BYTES, stop)])


def clean(data: FileWindow, out: BinaryIO, level: Level) -> None:  # noqa: ARG001 - as all families
    """Write the images with how long and how often they play, and nothing else.

    Raises:
        UncleanableError: it is no whole GIF, or decoders would not agree on what it shows.
    """
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise UncleanableError("no GIF")
    cleaner = _Cleaner(data, out)
    for part in gif.parts(data):
        cleaner.take(part)
    cleaner.finish()


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside and behind its picture: at most `MAX_BLOCKS`."""
    return islice(_blocks(data), MAX_BLOCKS)


def _blocks(data: FileWindow) -> Iterator[Block]:
    end = 0
    for part in gif.parts(data):
        if part.at > end and any(gap := data[end : min(part.at, end + MAX_BLOCK_BYTES)]):
            yield Block("other", "bytes between two blocks", gap)
        end = part.end
        if part.kind == _COMMENT:
            yield Block("text", "Comment", _joined(data, part.start, part.end))
        elif part.kind == _APPLICATION:
            yield from _application(data, part)
        elif part.kind[:1] == b"!" and part.kind != gif.CONTROL:
            content = _joined(data, part.start, part.end)
            is_text = part.kind == _PLAIN_TEXT
            name = "Plain text" if is_text else f"extension {part.kind[1]:02X}"
            yield Block("text" if is_text else "other", name, content[12 if is_text else 0 :])
    if end < len(data):
        name = f"{len(data) - end:,} bytes behind the picture"
        yield Block("other", name, data[end : end + MAX_BLOCK_BYTES])


def _application(data: FileWindow, part: Part) -> Iterator[Block]:
    """Read an application extension by its name of eleven letters; a loop tells nothing."""
    name, start = data[part.start : part.start + 12], part.start + 12
    if name == _XMP:
        packet = data[start : min(part.end, start + MAX_BLOCK_BYTES)]
        is_raw = data.starts(_MAGIC, max(start, part.end - len(_MAGIC)))
        content = packet.removesuffix(_MAGIC) if is_raw else _joined(data, start, part.end)
        yield Block("xmp", "XMP", content)
    elif name == _ICC:
        yield Block("icc", "ICC", _joined(data, start, part.end, MAX_PROFILE_BYTES))
    elif name not in (loop[:12] for loop in _LOOPS) or part.end - part.start != 17:
        letters = name[1:].decode("latin-1")
        yield Block("other", letters, _joined(data, start, part.end))


def _joined(data: FileWindow, at: int, end: int, most: int = MAX_BLOCK_BYTES) -> bytes:
    """Return the content of sub-blocks, at most so much of it."""
    content = bytearray()
    while at < min(end, len(data)) and len(content) < most and (size := data[at]):
        content += data[at + 1 : min(at + 1 + size, end)]
        at += 1 + size
    return bytes(content[:most])


def _most_coded_bytes(pixels: int) -> int:
    """Return what an image can come to: codes of 12 bits a pixel, in sub-blocks, and a little."""
    return 2 * pixels + 1024
