"""A text that says what belongs into an archive, as `sha256sum --check` reads it after unpacking."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

MANIFEST_NAME = "MANIFEST.txt"
_HOW = "sha256sum --check MANIFEST.txt, or on a Mac: shasum -a 256 --check MANIFEST.txt"
_DATE_CHARACTERS = len("2025-05-04 14:03:00")


class Listed(NamedTuple):
    """A file as the manifest tells of it. `sha256` is in hex; `taken_at` None says no date."""

    name: str
    size_bytes: int
    sha256: str
    taken_at: datetime | None


def manifest_of(files: Sequence[Listed]) -> bytes:
    """Write the manifest: the same files always give the same text. Names are safe, so none is escaped."""
    noun = "file" if len(files) == 1 else "files"
    total_bytes = sum(file.size_bytes for file in files)
    lines = [
        f"# {len(files)} {noun}, {total_bytes} bytes",
        f"# To check them: {_HOW}",
        *map(_lines_of, files),
    ]
    return ("\n".join(lines) + "\n").encode()


def _lines_of(file: Listed) -> str:
    name, size_bytes, sha256, taken_at = file
    date = f", {str(taken_at)[:_DATE_CHARACTERS]}" if taken_at else ""
    return f"# {size_bytes} bytes{date}\n{sha256}  {name}"
