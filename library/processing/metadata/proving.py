"""The proof that a file tells nothing which its level hides. It walks files by code of its own.

Three nets: every byte of the file is explained by a strict reading of its format; what may still be told
is checked value by value; and nothing that the source told is found anywhere outside the coded picture.
Of the cleaners it shares one list: the color profiles that stay as they are.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from library.processing.decoders import DECODER_ERRORS, open_photo
from library.processing.errors import UnsupportedMediaError
from library.processing.formats import identify
from library.processing.metadata.proofs import (
    gif,
    gif_ends,
    heif,
    jpeg,
    jpeg_ends,
    png,
    webp,
    webp_ends,
)
from library.processing.metadata.proofs.told import check_exif, check_icc, check_xmp
from library.processing.metadata.values import (
    Fact,
    Kind,
    Level,
    Piece,
    UnexplainedError,
)

SHORTEST = 6  # shorter values are found by chance
PREFIX_BYTES = 64
PIECE_BYTES = 64 << 10
MAX_TRIES = 1000

_DATES = re.compile(rb"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d\0|[+-]\d\d:\d\d\0")

PIECES: dict[str, Callable[[bytes], Iterator[Piece]]] = {
    "jpeg": jpeg.pieces,
    "png": png.pieces,
    "webp": webp.pieces,
    "gif": gif.pieces,
    "heic": heif.pieces,
    "avif": heif.pieces,
}

# Whether decoders read coded data to its end; of PNG the walk itself tells
ENDS: dict[str, Callable[[bytes, list[Piece]], None]] = {
    "jpeg": jpeg_ends.check,
    "webp": webp_ends.check,
    "gif": gif_ends.check,
}


def leaks(path: Path, told: Iterable[Fact], level: Level) -> list[str]:
    """Return what is wrong with a file that is to be passed on at this level; empty when it is proved clean.

    `told` is what `read` found in its source. Every failure to read the file is a finding too.
    """
    return _findings(path, None, told, level)


def faults(path: Path, source: Path, told: Iterable[Fact], level: Level) -> list[str]:
    """Return what `leaks` does, and whether the picture is another than that of its source.

    It is the same one when it is coded in stretches of its source, and opens as that does. Nothing is
    decoded for this: the same coded bytes are the same pixels.
    """
    return _findings(path, source, told, level)


def _findings(path: Path, source: Path | None, told: Iterable[Fact], level: Level) -> list[str]:
    if not level.hides_something:
        return []
    try:
        form = identify(path).name
        with _bytes_of(path) as data:
            pieces = list(PIECES[form](data))
            _check_cover(pieces, len(data))
            _check_told(data, pieces, level)
            if form in ENDS:
                ENDS[form](data, pieces)
            if source is not None:
                _check_picture(path, source, form, data, pieces)
            return [f"{name} is still there" for name in _found(data, pieces, told, level)]
    except (UnexplainedError, UnsupportedMediaError) as error:
        return [str(error) or "something that is not explained"]
    except (struct.error, zlib.error, LookupError, ValueError, ArithmeticError, OSError) as error:
        return [f"it can't be read: {type(error).__name__}"]


def _check_picture(
    path: Path, source: Path, form: str, data: bytes, pieces: Iterable[Piece]
) -> None:
    """Check that a file shows the picture of its source.

    Raises:
        UnexplainedError: it does not, or that can't be told.
    """
    try:
        is_same = form == identify(source).name and _opened(path, form) == _opened(source, form)
    except DECODER_ERRORS as error:
        raise UnexplainedError("a picture that does not open") from error
    with _bytes_of(source) as original:
        at = 0
        for piece in pieces:
            if piece.kind == "coded" and is_same:
                at = _place_of(data, piece.start, piece.stop, original, at)
                is_same = at >= 0
    if not is_same:
        raise UnexplainedError("a picture that is not that of its source")


def _opened(path: Path, form: str) -> tuple[object, ...]:
    with open_photo(path, form) as picture:
        return picture.size, picture.mode


def _place_of(data: bytes, start: int, stop: int, original: bytes, at: int) -> int:
    """Return where these bytes end in the original, from there on or from its start; -1 if nowhere."""
    prefix = data[start : min(stop, start + PREFIX_BYTES)]
    for begin in (at, 0):
        place = original.find(prefix, begin)
        for _ in range(MAX_TRIES):
            if place < 0:
                break
            if _is_same(data, start, stop, original, place):
                return place + stop - start
            place = original.find(prefix, place + 1)
    return -1


def _is_same(data: bytes, start: int, stop: int, original: bytes, place: int) -> bool:
    """Compare piece by piece: small ones, for which memory is at hand."""
    shift = place - start
    return all(
        data[at : min(at + PIECE_BYTES, stop)]
        == original[at + shift : min(at + PIECE_BYTES, stop) + shift]
        for at in range(start, stop, PIECE_BYTES)
    )


@contextmanager
def _bytes_of(path: Path) -> Iterator[bytes]:
    """Give a file's bytes in place, mapped in one go: a fault for each page would take longer."""
    flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as data,
    ):
        yield data  # type: ignore[misc]  # it can all that is asked of bytes here


def _check_cover(pieces: list[Piece], size: int) -> None:
    at = 0
    for piece in pieces:
        if piece.start != at or piece.stop < at:
            raise UnexplainedError(f"bytes at {at} that nothing explains")
        at = piece.stop
    if at != size:
        raise UnexplainedError(f"bytes at {at} that nothing explains")


def _check_told(data: bytes, pieces: list[Piece], level: Level) -> None:
    beside_gain_map = any(
        b"hdrgainmap" in data[piece.start : piece.stop].lower()
        for piece in pieces
        if piece.kind in ("frame", "xmp")
    )
    for piece in pieces:
        if piece.kind == "exif":
            check_exif(piece.content, level, beside_gain_map=beside_gain_map)
        elif piece.kind == "xmp":
            check_xmp(piece.content)
        elif piece.kind == "icc" and piece.content:
            check_icc(piece.content)


def _found(data: bytes, pieces: list[Piece], told: Iterable[Fact], level: Level) -> Iterator[str]:
    """Yield the names of facts whose values stand outside the coded picture, in any coding of text."""
    rest = b"\n".join(
        data[piece.start : piece.stop] for piece in pieces if piece.kind in ("exif", "frame")
    )
    rest = _DATES.sub(b"", rest)  # checked already; a caption may well say the same
    for fact in told:
        if _may_stay(fact, level):
            continue
        if any(value in rest for value in _codings(fact)):
            yield fact.name


def _may_stay(fact: Fact, level: Level) -> bool:
    return (
        fact.kind in (Kind.SETTINGS, Kind.COLOR)
        or (fact.kind == Kind.DATE and level.keeps_dates)
        or (fact.kind == Kind.LOCATION and level.keeps_location)
    )


def _codings(fact: Fact) -> set[bytes]:
    raw = fact.raw.strip(b"\0 ")
    coded = {raw, fact.text.encode(), fact.text.encode("utf-16-le"), fact.text.encode("utf-16-be")}
    return {value for value in coded if len(value) >= SHORTEST and len(set(value)) > 2}
