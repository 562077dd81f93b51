"""A selection of positions as a short, stable piece of an address.

Ranges in base 36, `1-1k.22.30-3f`, or `~` and a base64url bitmap where that would be long.
"""

import base64
import re
from collections.abc import Iterable
from itertools import groupby

LONGEST_RANGES_CHARACTERS = 1_000
HIGHEST_POSITION = 1 << 17
_RUN = re.compile(r"([0-9a-z]{1,6})(?:-([0-9a-z]{1,6}))?", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class SelectionError(ValueError):
    """The text is not a selection."""


def encode_positions(positions: Iterable[int]) -> str:
    """Write positions (from 1) down; the same set always gives the same text."""
    ordered = sorted(set(positions))
    runs = ".".join(_run(run) for run in _runs(ordered))
    return runs if len(runs) <= LONGEST_RANGES_CHARACTERS else _bitmap(ordered)


def decode_positions(text: str) -> set[int]:
    """Read positions back.

    Raises:
        SelectionError: the text is neither ranges nor a bitmap, or names absurd positions.
    """
    if text.startswith("~"):
        return _from_bitmap(text[1:])
    positions: set[int] = set()
    previous = 0
    for part in text.split("."):
        match = _RUN.fullmatch(part)
        if match is None:
            raise SelectionError
        first = int(match[1], 36)
        last = int(match[2], 36) if match[2] else first
        if not previous < first <= last <= HIGHEST_POSITION:  # going back could cost seconds
            raise SelectionError
        positions.update(range(first, last + 1))
        previous = last
    return positions


def _runs(ordered: list[int]) -> list[tuple[int, int]]:
    runs = []
    for _, pairs in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        members = [position for _, position in pairs]
        runs.append((members[0], members[-1]))
    return runs


def _run(run: tuple[int, int]) -> str:
    first, last = run
    return _base36(first) if first == last else f"{_base36(first)}-{_base36(last)}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def _bitmap(ordered: list[int]) -> str:
    bits = 0
    for position in ordered:
        bits |= 1 << position
    raw = bits.to_bytes(ordered[-1] // 8 + 1, "little")
    return "~" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _from_bitmap(text: str) -> set[int]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise SelectionError from error
    if len(raw) * 8 > HIGHEST_POSITION + 8:
        raise SelectionError
    positions = {
        index * 8 + bit for index, byte in enumerate(raw) for bit in range(8) if byte >> bit & 1
    }
    if not positions or 0 in positions:
        raise SelectionError
    return positions
