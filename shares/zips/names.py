"""Names of archive members: safe to unpack on every system, and unique there."""

import re
import unicodedata
from collections.abc import Collection, Sequence

_NAME_MAX_BYTES = 200  # file systems stop at 255; the rest is for " (2)" and the like of unpackers
_READ_MAX_CHARS = 512  # Unicode normalization is quadratic: 200,000 marks take it half a minute
_NUMBER_ROOM_BYTES = len(" (9999999)")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_EDGES = ".\x20\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_DRIVE = re.compile(r"\A[A-Za-z]:")
_EXTENSION = re.compile(r"\.[0-9A-Za-z]{1,15}\Z")  # ASCII only: its collision key is its lower case
# What cameras write; nothing of it has to be rebuilt, and most names need no closer look
_ORDINARY = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_ ()-]{0,99}\.[0-9A-Za-z]{1,15}")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [port + digit for port in ("COM", "LPT") for digit in "123456789\xb9\xb2\xb3"]
)


def safe_member_name(name: str, *, fallback: str = "file") -> str:
    """Rebuild a name so that every system can unpack it, and only into the chosen folder.

    A safe name comes back unchanged. `fallback`, which must be safe itself, stands in for a name
    of which nothing is left.
    """
    if _ORDINARY.fullmatch(name) and _unreserve(name) == name:
        return name
    last = name.replace("\\", "/").rpartition("/")[2]
    if len(last) > _READ_MAX_CHARS:
        last = last[: _READ_MAX_CHARS - 32] + last[-32:]
    if not last.isprintable():
        last = "".join(char for char in last if unicodedata.category(char) not in _INVISIBLE)
    # Normalizing comes after removing: what an invisible character kept apart may now compose.
    composed = unicodedata.normalize("NFC", _DRIVE.sub("", last))
    rebuilt = _unreserve(composed.translate(_FORBIDDEN).strip(_EDGES))
    stem, extension = _split_extension(rebuilt)
    # Cutting may bare a reserved word ("CON", many spaces, "x"), now short enough for a prefix.
    return _unreserve(_cut(stem, _NAME_MAX_BYTES - len(extension)) + extension) or fallback


def unique_member_names(names: Sequence[str], *, reserved: Collection[str] = ()) -> list[str]:
    """Rebuild names safe and, for any file system, unique; their order stays.

    The first of several equal names keeps it, later ones are numbered: `A (2).JPG`. Equal means
    whatever the case and the Unicode form, as on macOS and Windows. None gets a `reserved` name.
    """
    safe_names = [safe_member_name(name) for name in names]
    keys = [_collision_key(name) for name in safe_names]
    kept = {_collision_key(name) for name in reserved}
    taken = kept.union(keys)
    numbers: dict[tuple[str, str], int] = {}
    unique = []
    for name, key in zip(safe_names, keys, strict=True):
        unique.append(_numbered(name, taken, numbers) if key in kept else name)
        kept.add(key)
    return unique


def _numbered(name: str, taken: set[str], numbers: dict[tuple[str, str], int]) -> str:
    """Give the name its next free number, and note both in `taken` and `numbers`.

    Room for any number is cut out first, so that all names of one cut stem share one count and
    no search begins at 2 again.
    """
    stem, extension = _split_extension(name)
    stem = _cut(stem, _NAME_MAX_BYTES - _NUMBER_ROOM_BYTES - len(extension))
    family = stem_key, extension_key = _collision_key(stem), extension.lower()
    number = numbers.get(family, 1) + 1
    # Nothing composes with a space or a dot, so the key of the whole is made of the keys.
    while (key := f"{stem_key} ({number}){extension_key}") in taken:
        number += 1
    numbers[family] = number
    taken.add(key)
    return f"{stem} ({number}){extension}"


def _collision_key(name: str) -> str:
    """Equal for names that a file system might take for one: Unicode's compatibility caseless."""
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())


def _split_extension(name: str) -> tuple[str, str]:
    """Split a name into stem and short extension with its dot; `""` when it has none."""
    found = _EXTENSION.search(name)
    at = found.start() if found else len(name)
    return name[:at], name[at:]


def _unreserve(name: str) -> str:
    """Prefix what Windows takes for a device, whatever the extension."""
    return f"_{name}" if name.partition(".")[0].rstrip(" ").upper() in _RESERVED else name


def _cut(text: str, limit_bytes: int) -> str:
    """Cut to this many bytes of UTF-8, before a character and its combining marks.

    A first character with more marks than fit is given up for an underscore.
    """
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    end = len(encoded[:limit_bytes].decode(errors="ignore"))
    while end and _belongs_to_previous(text[end]):
        end -= 1
    return text[:end].rstrip(_EDGES) or "_"


def _belongs_to_previous(char: str) -> bool:
    """Tell combining marks, variation selectors and skin tones."""
    return unicodedata.category(char).startswith("M") or "\U0001f3fb" <= char <= "\U0001f3ff"
