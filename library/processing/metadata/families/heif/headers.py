"""The headers of a movie, its tracks and media, and its edits, without times and names (ISO/IEC 14496-12)."""

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.fields import (
    Fields,
    box,
    children,
    fields_of,
    full_box,
    single,
    words,
)
from library.processing.metadata.values import UncleanableError

MAX_EDITS = 16
_UNDETERMINED = 0x55C4  # the language "und", packed


def movie_header(fields: Fields, tracks: int) -> bytes:
    """Return a new `mvhd` box, of so many tracks."""
    version, times = _times_left_out(fields)
    scale, duration = fields.take(4), fields.take(8 if version else 4)
    fields.take(16)
    matrix = fields.take(36)
    content = times + scale + duration + words(0x10000) + words(0x100, 0, 0, 0, 0, 0, size=2)
    return full_box(b"mvhd", content + matrix + bytes(24) + words(tracks + 1), version=version)


def track_header(fields: Fields, number: int) -> bytes:
    """Return a new `tkhd` box, with this number."""
    version, flags = fields.full()
    if version > 1:
        raise UncleanableError("an unknown version of a header")
    wide = 8 if version else 4
    fields.take(2 * wide + 8)
    duration = fields.take(wide)
    fields.take(8)
    layer_and_group = fields.take(4)
    fields.take(4)
    rest = fields.take(44)
    content = bytes(2 * wide) + words(number, 0) + duration + bytes(8) + layer_and_group
    return full_box(b"tkhd", content + bytes(4) + rest, version=version, flags=flags & 7)


def media_header(fields: Fields) -> bytes:
    """Return a new `mdhd` box, in no language."""
    version, times = _times_left_out(fields)
    rest = fields.take(12 if version else 8)
    return full_box(b"mdhd", times + rest + words(_UNDETERMINED, 0, size=2), version=version)


def _times_left_out(fields: Fields) -> tuple[int, bytes]:
    version, _ = fields.full()
    if version > 1:
        raise UncleanableError("an unknown version of a header")
    return version, bytes(len(fields.take(16 if version else 8)))


def edits(data: FileWindow, edts: Part | None) -> bytes:
    """Return a new `edts` box; empty without one."""
    boxes = single(children(data, edts.start, edts.stop), b"elst") if edts else {}
    if b"elst" not in boxes:
        return b""
    fields = fields_of(data, boxes[b"elst"])
    version, flags = fields.full()
    count = fields.number(4)
    if version > 1 or count > MAX_EDITS:
        raise UncleanableError("an unknown list of edits")
    rows = fields.take(count * (20 if version else 12))
    return box(b"edts", full_box(b"elst", words(count), rows, version=version, flags=flags & 1))
