"""Files that are changed at random: whatever is passed on of them tells nothing that was planted."""

import os
import re
import struct
import zlib
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.processing.formats import identify
from library.processing.metadata.proving import leaks
from library.processing.metadata.reading import read
from library.processing.metadata.values import Level, Verdict
from tests.processing.metadata.planted import (
    LEVELS,
    PILLOW_NAMES,
    SECRET,
    beside_picture,
    passed_on,
    seeds,
    tells,
)

EXAMPLES = int(os.environ.get("DRILL_COUNT", "300"))
# Where parts of a file begin, or nearly so
PARTS = {
    "jpeg": re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]", re.DOTALL),
    "png": re.compile(rb"(?<=.{4})(?:IHDR|PLTE|IDAT|IEND|[a-z][A-Za-z]{3})", re.DOTALL),
    "webp": re.compile(rb"VP8[ LX]|ICCP|ALPH|ANIM|ANMF|EXIF|XMP |RIFF"),
    "gif": re.compile(rb"![\xf9\xfe\xff\x01]|,\0\0\0\0", re.DOTALL),
    "heic": re.compile(rb"[a-z][a-zA-Z]{3}"),
    "avif": re.compile(rb"[a-z][a-zA-Z0-9]{3}"),
}
PLACES = st.tuples(st.integers(0, 1 << 16), st.integers(-6, 12))
KINDS = ("flip", "cut", "drop", "double", "move", "fill", "splice", "plant")
CHANGES = st.lists(
    st.tuples(st.sampled_from(KINDS), PLACES, PLACES, PLACES, st.integers(0, 255)),
    min_size=1,
    max_size=3,
)
FILLS = (b"\0", b"\xff", b"\0\0", b"\xff\xff", bytes(4), b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")


def place(form: str, data: bytes, told: tuple[int, int]) -> int:
    """Return a place near the beginning of some part, or anywhere."""
    number, off = told
    starts = [match.start() for match in PARTS[form].finditer(data)]
    at = starts[number % len(starts)] + off if starts and number % 4 else number
    return at % (len(data) + 1)


def changed(form: str, data: bytes, change: tuple, other: bytes) -> bytes:
    kind, *places, value = change
    one, two, three = (place(form, data, told) for told in places)
    start, stop = min(one, two), max(one, two)
    part = data[start:stop]
    rest = data[:start] + data[stop:]
    fill = FILLS[value % len(FILLS)]
    made = {
        "flip": lambda: data[:one] + bytes(b ^ (value or 1) for b in data[one : one + 1]),
        "cut": lambda: data[:one],
        "drop": lambda: rest,
        "double": lambda: data[:stop] + part + data[stop:],
        "move": lambda: rest[:three] + part + rest[three:],
        "fill": lambda: data[:one] + fill + data[one + len(fill) :],
        "splice": lambda: data[:one] + other[place(form, other, places[1]) :],
        "plant": lambda: data[:one] + SECRET.encode() + data[one:],
    }[kind]()
    return made + data[one + 1 :] if kind == "flip" else made


def repaired(data: bytes) -> bytes:
    """Return a PNG with the right checksum of every chunk that is whole."""
    whole, at = data[:8], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        whole += struct.pack(">I", length) + kind + content
        whole += struct.pack(">I", zlib.crc32(kind + content))
        at += 12 + length
    return whole + data[at:]


@st.composite
def mutants(draw: st.DrawFn, form: str) -> bytes:
    """Draw a file of a family that is changed in one to three places, or goes on as another one."""
    source = draw(st.sampled_from(seeds(form)))
    family = draw(st.sampled_from((form, form, form, *PILLOW_NAMES)))
    other = draw(st.sampled_from(seeds(family)))
    for change in draw(CHANGES):
        source = changed(form, source, change, other)
    return repaired(source) if form == "png" and draw(st.integers(0, 7)) else source


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken files
@pytest.mark.parametrize("form", PILLOW_NAMES)
def test_whatever_is_changed_in_a_file_nothing_planted_is_passed_on(form, tmp_path):
    verdicts: Counter[Verdict] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(source=mutants(form), level=st.sampled_from(list(LEVELS.values())))
    def check(source: bytes, level: Level) -> None:
        made, clean = passed_on(tmp_path, source, level)

        verdicts[made.verdict] += 1
        if clean:
            assert leaks(tmp_path / "target", read(tmp_path / "source"), level) == []
            assert not tells(beside_picture(identify(tmp_path / "target").name, clean))

    check()

    assert verdicts.keys() <= set(Verdict)
    assert verdicts[Verdict.CLEANED] > EXAMPLES / 30
    assert verdicts[Verdict.WITHHELD] > EXAMPLES / 20
