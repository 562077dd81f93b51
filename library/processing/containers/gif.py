"""GIF by its blocks (GIF89a); a part's kind is its introducer, for extensions with their label."""

from collections.abc import Iterator

from library.processing.containers.values import MAX_PARTS, TOO_MANY_PARTS, Header, Part
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
CONTROL = b"!\xf9"
MAX_SUB_BLOCKS = 8_000_000  # at their usual 255 bytes, those of 2 GB

_SCREEN_BYTES = 13
_FIRST_PIECE_BYTES, _LATER_PIECE_BYTES = 256, 64 << 10


def parts(data: FileWindow) -> Iterator[Part]:
    """Yield header with screen and table as kind b"GIF", and each image, extension and the trailer.

    Sub-blocks are counted over the whole file. Stray bytes between blocks, which decoders pass
    over, belong to none.

    Raises:
        DamagedMediaError: there is no end to its blocks or sub-blocks.
    """
    at = _SCREEN_BYTES + _table_bytes(data[10])
    left = MAX_SUB_BLOCKS
    yield Part(b"GIF", 0, 6, at, at)
    for _ in range(MAX_PARTS):
        if at >= len(data):
            return
        introducer = data[at]
        if introducer == TRAILER:
            yield Part(b";", at, at + 1, at + 1, at + 1)
            return
        if introducer == IMAGE:
            kind, start = b",", at + 1
            end, left = _after_sub_blocks(data, at + 11 + _table_bytes(data[at + 9]), left)
        elif introducer == EXTENSION:
            kind, start = data[at : at + 2], at + 2
            end, left = _after_sub_blocks(data, start, left)
        else:
            at += 1
            continue
        yield Part(kind, at, start, end, end)
        at = end
    raise DamagedMediaError(TOO_MANY_PARTS)


def read_header(data: FileWindow) -> Header:
    """Read size, frames and how long they play.

    Where the first frame is larger than the screen, it is the size.
    """
    header = Header(frames=0, duration_ms=0)
    header.width_px, header.height_px = data.unpack("<HH", 6)
    for part in parts(data):
        if part.kind == b",":
            _read_frame(data, part, header)
        elif part.kind == CONTROL:
            hundredths = int.from_bytes(data[part.start + 2 : part.start + 4], "little")
            header.duration_ms = (header.duration_ms or 0) + 10 * hundredths
        elif part.kind == b";":
            header.complete = True
    if header.frames < 2:
        header.frames, header.duration_ms = 1, None
    return header


def _read_frame(data: FileWindow, part: Part, header: Header) -> None:
    left, top, width, height = data.unpack("<HHHH", part.start)
    header.largest = max(header.largest, (left + width) * (top + height))
    if not header.frames:
        header.width_px = max(header.width_px, left + width)
        header.height_px = max(header.height_px, top + height)
    header.frames += 1


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: FileWindow, at: int, left: int) -> tuple[int, int]:
    """Return where a run of sub-blocks ends, behind its empty one, and how many more there may be."""
    piece_bytes = _FIRST_PIECE_BYTES  # most runs are short, and a few hold a whole picture
    while at < len(data):
        piece = data[at : at + piece_bytes]
        if not piece:  # the file has become shorter meanwhile
            raise IndexError(at)
        place = 0
        while place < len(piece) and piece[place]:
            place += 1 + piece[place]
            left -= 1
        if left < 0:
            raise DamagedMediaError(TOO_MANY_PARTS)
        if place < len(piece):
            return at + place + 1, left
        at += place
        piece_bytes = _LATER_PIECE_BYTES
    return at + 1, left
