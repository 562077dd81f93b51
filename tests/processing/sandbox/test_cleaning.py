"""Cleaning in the sandbox: proved files come out, and whatever a file holds is decided."""

import struct
from pathlib import Path

import pytest
from PIL import Image

from library.processing.errors import MediaError, ProcessingFailedError
from library.processing.metadata.values import CLEAN_FILE, Cleaning, Level, Privacy, Verdict
from library.processing.sandbox.client import Sandbox
from library.processing.values import PixelLimits
from tests.shares.planted import MARKER, planted

LIMITS = PixelLimits()
MIB = 1 << 20


def cleaned(sandbox: Sandbox, path: Path, folder: Path, level: Level = Level()) -> Cleaning:  # noqa: B008 - frozen
    made, written = sandbox.clean(path, folder, level, limits=LIMITS, wall_seconds=60)
    assert written == folder / CLEAN_FILE
    assert written.exists() == (made.verdict != Verdict.WITHHELD)
    if written.exists():
        assert MARKER.encode() not in written.read_bytes()
    return made


def jpeg_with(*segments: bytes, behind: bytes = b"") -> bytes:
    """Return a planted picture with these segments behind its start."""
    data = planted()
    return data[:2] + b"".join(segments) + data[2:] + behind


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def box(kind: bytes, content: bytes, *, claims: int | None = None) -> bytes:
    return struct.pack(">I4s", len(content) + 8 if claims is None else claims, kind) + content


FTYP = box(b"ftyp", b"heic\0\0\0\0heicmif1")
LOOP = b"MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08"
BAD = {
    "50 MB of XMP": lambda: jpeg_with(
        *(
            segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"x" * 60_000)
            for _ in range(50 * MIB // 60_000)
        )
    ),
    "one XMP of entities": lambda: jpeg_with(
        segment(
            0xE1,
            b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE a [<!ENTITY b 'c'>]><a>" + b"&b;" * 9_000,
        )
    ),
    "EXIF that points at itself": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + LOOP)),
    "an index outside the file": lambda: jpeg_with(
        segment(
            0xE2,
            b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\2\0\7\0\0\0\x20\0\0\0\x1a\0\0\0\0"
            + struct.pack(">IIIHH", 0x030000, 9, 0, 0, 0)
            + struct.pack(">IIIHH", 0x020002, 1 << 31, (1 << 32) - 1, 0, 0),
        )
    ),
    "a segment of more than the file": lambda: planted()[:2] + b"\xff\xe1\xff\xff" + planted()[2:],
    "a box of 4 GB": lambda: FTYP + box(b"meta", b"\0\0\0\0", claims=(1 << 32) - 1),
    "a box without an end": lambda: FTYP + box(b"meta", bytes(64), claims=0),
    "a box in itself": lambda: FTYP + box(b"meta", bytes(4) + box(b"meta", bytes(4), claims=24)),
    "cut short": lambda: planted()[:300],
}


def test_a_picture_is_cleaned(sandbox, tmp_path):
    source = tmp_path / "source.jpg"
    source.write_bytes(planted())

    made = cleaned(sandbox, source, tmp_path)

    assert (made.verdict, made.content_type, made.reason) == ("cleaned", "image/jpeg", "")


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("level", [Level(), Level(Privacy.LOCATION)], ids=["clean", "location"])
def test_whatever_a_file_holds_is_decided_and_the_next_one_too(name, level, sandbox, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(BAD[name]())

    assert cleaned(sandbox, source, tmp_path, level).verdict in set(Verdict)

    source.write_bytes(planted())
    assert cleaned(sandbox, source, tmp_path, level).verdict == Verdict.CLEANED


def test_a_file_larger_than_pictures_may_be_is_cleaned_too(sandbox, tmp_path):
    source = tmp_path / "source.png"
    noise = Image.effect_noise((900, 800), 90)
    noise.resize((9_000, 8_000)).save(source, compress_level=0)
    with source.open("ab") as file:
        file.write(MARKER.encode())
    assert source.stat().st_size > 64 * MIB

    assert cleaned(sandbox, source, tmp_path).verdict == Verdict.CLEANED


def test_one_that_never_ends_is_given_up(sandbox, pipe, tmp_path):
    with pytest.raises(ProcessingFailedError):
        sandbox.clean(pipe.path, tmp_path, Level(), limits=LIMITS, wall_seconds=1)


def test_what_a_file_reveals_is_told_and_no_more_than_an_answer_holds(sandbox, tmp_path):
    source = tmp_path / "source.jpg"
    comments = (segment(0xFE, "\u00e9".encode() * 500) for _ in range(1_500))
    source.write_bytes(jpeg_with(*comments))

    facts = sandbox.read(source)

    assert {"caption"} <= {fact["kind"] for fact in facts}
    assert 10 < len(facts) < 1_500


@pytest.mark.parametrize(
    "bad",
    [
        {"verdict": "fine", "content_type": "image/jpeg"},
        {"verdict": "cleaned", "content_type": "text/html"},
        {"verdict": "cleaned", "content_type": ""},
        {"verdict": "withheld", "content_type": "image/jpeg"},
        {"verdict": "cleaned", "content_type": "image/jpeg", "reason": "x" * 999},
        {"verdict": "cleaned", "content_type": "image/jpeg", "reason": 7},
        {},
    ],
    ids=str,
)
def test_an_answer_that_no_cleaning_gives_is_refused(bad):
    with pytest.raises((ValueError, TypeError, KeyError)):
        Cleaning.from_json(bad)


def test_a_file_that_is_not_there_is_no_media_error(sandbox, tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        sandbox.clean(tmp_path / "no", tmp_path, Level(), limits=LIMITS, wall_seconds=9)
    assert not isinstance(raised.value, MediaError)
