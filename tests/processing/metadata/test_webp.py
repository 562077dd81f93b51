"""Clean WebPs: the same pixels and colors, proved byte by byte, and nothing that was planted."""

import io
import struct
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from library.processing.exif import read_exif
from library.processing.metadata.families import webp
from library.processing.metadata.proofs.webp import pieces
from library.processing.metadata.values import (
    Block,
    Level,
    Privacy,
    UnexplainedError,
)
from tests.processing.corpus import corpus_file
from tests.processing.metadata import planted
from tests.processing.metadata.planted import (
    ALLOWED,
    PROFILE,
    SECRET,
    SIZE,
    corpus,
    exif,
    explained,
    in_srgb,
    listed,
    noise,
    rewritten,
    tells,
)

Chunks = list[tuple[bytes, bytes]]

cleaned = partial(rewritten, webp)
told = partial(listed, webp)
proved = partial(explained, pieces)
saved = partial(planted.saved, "WEBP")

EXIF = exif()


def moving(mode: str = "RGBA", **options: object) -> bytes:
    frames = [noise(mode, seed=seed) for seed in range(3)]
    choices = {"save_all": True, "append_images": frames[1:], "duration": [40, 70, 300], "loop": 3}
    return saved(frames[0], **{**choices, **options})


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


def walk(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def chunks(data: bytes) -> Chunks:
    return list(walk(data[12:]))


def kinds(data: bytes) -> list[bytes]:
    return [kind for kind, _ in chunks(data)]


def joined(parts: Chunks) -> bytes:
    return riff(b"".join(chunk(*part) for part in parts))


def extended(data: bytes, flags: int, *, before: Chunks = (), behind: Chunks = ()) -> bytes:
    """Return a WebP with a header of these flags and more chunks on both sides of its picture."""
    with Image.open(io.BytesIO(data)) as picture:
        sides = [(side - 1).to_bytes(3, "little") for side in picture.size]
    rest = [part for part in chunks(data) if part[0] != b"VP8X"]
    return joined([(b"VP8X", bytes((flags, 0, 0, 0)) + b"".join(sides)), *before, *rest, *behind])


def reworked(kind: bytes, change: object, data: bytes) -> bytes:
    """Return the file with the content of its first chunk of a kind changed."""
    parts = chunks(data)
    at = [part[0] for part in parts].index(kind)
    parts[at] = kind, change(parts[at][1])
    return joined(parts)


def in_frame(change: object) -> bytes:
    """Return an animation with the chunks in its first frame changed."""
    return reworked(
        b"ANMF",
        lambda frame: frame[:16] + b"".join(chunk(*p) for p in change(list(walk(frame[16:])))),
        moving(lossless=False, quality=50),
    )


MADE = {
    "lossy": lambda: saved(noise()),
    "lossless": lambda: saved(noise(), lossless=True),
    "lossy, see-through": lambda: saved(noise("RGBA")),
    "lossless, see-through": lambda: saved(noise("RGBA"), lossless=True),
    "with bare transparency": lambda: extended(
        saved(noise()), 0x10, before=[(b"ALPH", b"\0" + noise("L").tobytes())]
    ),
    "large": lambda: saved(noise(size=(700, 600)), lossless=True),
    "moving": moving,
    "moving without loss": lambda: moving(lossless=True),
    "moving, both": lambda: moving(allow_mixed=True, minimize_size=True),
    "moving without end or transparency": lambda: moving("RGB", loop=0),
    "with a header for nothing": lambda: extended(saved(noise()), 0),
}


def shown(data: bytes) -> list[object]:
    """Return all that a viewer sees of a picture: pixels, loop and durations."""
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as picture:
        facts: list[object] = [picture.mode, picture.size, picture.info.get("loop")]
        facts += [picture.info.get("background"), picture.n_frames]
        for number in range(picture.n_frames):
            picture.seek(number)
            facts += [picture.convert("RGBA").tobytes()]
            facts += [picture.info.get("duration"), picture.info.get("timestamp")]
    return facts


@pytest.mark.parametrize("name", MADE)
def test_a_clean_webp_shows_the_same(name, tmp_path):
    source = MADE[name]()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert shown(clean) == shown(source)
    assert cleaned(tmp_path, clean) == clean


@pytest.mark.parametrize("told_bytes", [0, 1])
def test_a_picture_that_lacks_its_last_padding_gets_it(told_bytes, tmp_path):
    plain = reworked(
        b"VP8 ", lambda content: content + b"abc"[: 1 + len(content) % 2], saved(noise())
    )
    source = bytearray(plain[:-1])
    source[4:8] = struct.pack("<I", len(plain) - 8 - told_bytes)

    clean = cleaned(tmp_path, bytes(source))

    assert (clean, clean[-1]) == (plain, 0)
    proved(clean, bytes(source))


@pytest.mark.parametrize("name", corpus(".webp", "photos/", "odd/"))
def test_real_webps_are_cleaned(name, tmp_path):
    source = corpus_file(name).read_bytes()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert shown(clean) == shown(source)
    with Image.open(io.BytesIO(clean)) as one, Image.open(io.BytesIO(source)) as other:
        assert one.getexif().get(0x0112) == other.getexif().get(0x0112)


@pytest.mark.parametrize("name", corpus(".webp", "hostile/"))
def test_hostile_webps_raise_nothing_else(name, tmp_path):
    source = corpus_file(name).read_bytes()

    try:
        clean = cleaned(tmp_path, source)
    except ALLOWED:
        return

    proved(clean, source)


PLANTED: dict[str, Chunks] = {
    "EXIF": [(b"EXIF", EXIF)],
    "bare EXIF": [(b"EXIF", EXIF.removeprefix(b"Exif\0\0"))],
    "XMP": [(b"XMP ", SECRET.encode())],
    "C2PA": [(b"C2PA", SECRET.encode("utf-16-le"))],
    "nothing known": [(b"\xff\0ab", SECRET.encode("utf-16-be"))],
    "no profile": [(b"ICCP", SECRET.encode())],
    "profile": [(b"ICCP", PROFILE)],
    "a loop of no animation": [(b"ANIM", SECRET.encode()[:6])],
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("lossless", [True, False])
def test_what_was_planted_is_gone(name, place, lossless, tmp_path):
    plain = saved(noise("RGBA"), lossless=lossless)
    flags, side = 0x10 | 0x20 * ("profile" in name), "before" if "profile" in name else place
    source = extended(plain, flags, **{side: PLANTED[name]})

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert not tells(clean)
    assert shown(clean) == shown(plain)


def test_what_was_planted_in_a_frame_is_gone(tmp_path):
    source = in_frame(lambda parts: [*parts, (b"XMP ", SECRET.encode()), (b"EXIF", EXIF)])

    clean = cleaned(tmp_path, source)

    assert clean == cleaned(tmp_path, in_frame(list))
    assert [block.kind for block in told(tmp_path, source)] == ["xmp", "exif"]


@pytest.mark.parametrize("inside", [True, False])
def test_what_stands_behind_the_picture_is_gone(inside, tmp_path):
    source = saved(noise()) + SECRET.encode()[:7]
    if inside:
        source = riff(source[12:])

    assert cleaned(tmp_path, source) == saved(noise())


def test_padding_and_reserved_bits_become_zero(tmp_path):
    source = bytearray(extended(moving(lossless=True), 0x12 | 0xC1))
    source[21:24] = b"abc"
    header = source.index(b"ANMF") + 8
    source[header + 15] |= 0xFC

    clean = cleaned(tmp_path, bytes(source))

    assert clean == cleaned(tmp_path, moving(lossless=True))
    assert clean[20:24] == b"\x12\0\0\0"


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_orientation_and_date_stay_in_a_new_block_behind_the_pixels(mode, lossless, tmp_path):
    plain = saved(noise(mode), lossless=lossless)
    source = riff(plain[12:] + chunk(b"EXIF", EXIF))

    clean = cleaned(tmp_path, source)
    hidden = cleaned(tmp_path, source, Level(Privacy.CLEAN, hides_dates=True))

    assert (kinds(clean)[0], kinds(clean)[-1]) == (b"VP8X", b"EXIF")
    assert chunks(clean)[0][1][0] == 0x08 | 0x10 * (mode == "RGBA")
    assert shown(clean) == shown(plain)
    (block,) = [piece.content for piece in proved(clean, source) if piece.kind == "exif"]
    assert (read_exif(block).orientation, read_exif(block).taken_at.year) == (6, 2024)
    (block,) = [piece.content for piece in proved(hidden, source) if piece.kind == "exif"]
    assert (read_exif(block).orientation, read_exif(block).taken_at) == (6, None)


def test_a_profile_with_a_name_shows_the_same_colors(tmp_path):
    source = saved(noise(), icc_profile=PROFILE)

    clean = cleaned(tmp_path, source)

    (found,) = [piece.content for piece in proved(clean, source) if piece.kind == "icc"]
    assert not tells(found)
    assert in_srgb(clean) == in_srgb(source)


def lossy() -> bytes:
    return saved(noise("RGBA"))


def alpha(content: bytes) -> bytes:
    return extended(saved(noise()), 0x10, before=[(b"ALPH", content)])


HIDING = {
    "a second picture": lambda: extended(saved(noise()), 0, behind=chunks(saved(noise(seed=2)))),
    "a second picture without a header": lambda: joined(2 * chunks(saved(noise()))),
    "a picture beside an animation": lambda: joined([*chunks(moving()), *chunks(saved(noise()))]),
    "an animation beside a picture": lambda: extended(moving(), 0x10),
    "a frame beside a picture": lambda: extended(saved(noise()), 0, behind=[chunks(moving())[2]]),
    "an animation without frames": lambda: joined(chunks(moving())[:2]),
    "a loop that is missing": lambda: joined([p for p in chunks(moving()) if p[0] != b"ANIM"]),
    "two loops": lambda: joined([*chunks(moving())[:2], *chunks(moving())[1:]]),
    "a loop of a wrong length": lambda: reworked(b"ANIM", lambda c: c + b"\0\0", moving()),
    "two headers": lambda: joined([chunks(lossy())[0], *chunks(lossy())]),
    "a header of a wrong length": lambda: reworked(b"VP8X", lambda c: c + b"\0\0", lossy()),
    "no header": lambda: joined([(b"XMP ", b"ab"), *chunks(saved(noise()))]),
    "a profile that is not announced": lambda: extended(
        saved(noise()), 0, before=[(b"ICCP", PROFILE)]
    ),
    "a late profile": lambda: extended(saved(noise()), 0x20, behind=[(b"ICCP", PROFILE)]),
    "two profiles": lambda: extended(saved(noise()), 0x20, before=2 * [(b"ICCP", PROFILE)]),
    "two EXIF blocks": lambda: extended(saved(noise()), 8, behind=2 * [(b"EXIF", EXIF)]),
    "a huge EXIF block": lambda: extended(saved(noise()), 8, behind=[(b"EXIF", bytes(2 << 20))]),
    "transparency that is not announced": lambda: extended(lossy(), 0),
    "transparency of what has it already": lambda: extended(
        saved(noise(), lossless=True), 0x10, before=[(b"ALPH", b"\1ab")]
    ),
    "transparency of nothing": lambda: joined([p for p in chunks(lossy()) if p[0] != b"VP8 "]),
    "transparency twice": lambda: alpha(b"\1ab")[:30] + alpha(b"\1ab")[30:42] + alpha(b"\1ab")[30:],
    "transparency of no bytes": lambda: alpha(b""),
    "transparency with reserved bits": lambda: alpha(b"\x41ab"),
    "transparency of an unknown kind": lambda: alpha(b"\2ab"),
    "transparency prepared in an unknown way": lambda: alpha(b"\x21ab"),
    "more transparency than pixels": lambda: alpha(bytes(2 + SIZE[0] * SIZE[1])),
    "another size than it says": lambda: reworked(
        b"VP8X", lambda c: c[:4] + b"\x25" + c[5:], lossy()
    ),
    "a frame of another size": lambda: reworked(
        b"ANMF", lambda c: c[:6] + b"\x10" + c[7:], moving()
    ),
    "a frame beside the canvas": lambda: reworked(b"ANMF", lambda c: b"\1" + c[1:], moving()),
    "a frame without its header": lambda: reworked(b"ANMF", lambda c: c[:9], moving()),
    "a frame without a picture": lambda: reworked(b"ANMF", lambda c: c[:16], moving()),
    "a frame of two pictures": lambda: in_frame(lambda parts: 2 * parts),
    "a frame that is cut short": lambda: reworked(b"ANMF", lambda c: c[:-8], moving()),
    "a frame of a film": lambda: reworked(
        b"VP8 ", lambda c: bytes((c[0] | 1,)) + c[1:], saved(noise())
    ),
    "a picture that is not shown": lambda: reworked(
        b"VP8 ", lambda c: bytes((c[0] & 0xEF,)) + c[1:], saved(noise())
    ),
    "a picture of an unknown version": lambda: reworked(
        b"VP8 ", lambda c: bytes((c[0] | 0xE,)) + c[1:], saved(noise())
    ),
    "a picture of no size": lambda: reworked(
        b"VP8 ", lambda c: c[:6] + bytes(4) + c[10:], saved(noise())
    ),
    "a part that is longer than all": lambda: reworked(b"VP8 ", lambda c: c[:60], saved(noise())),
    "a lossless picture of a later version": lambda: reworked(
        b"VP8L", lambda c: c[:4] + bytes((c[4] | 0x20,)) + c[5:], saved(noise(), lossless=True)
    ),
    "no end": lambda: saved(noise())[:-9],
    "a chunk that is cut short": lambda: riff(saved(noise())[12:-8]),
    "no WebP": lambda: b"RIFF\0\0\0\0WAVE" + bytes(99),
}


@pytest.mark.parametrize("name", HIDING)
def test_what_could_hide_something_is_neither_cleaned_nor_explained(name, tmp_path):
    source = HIDING[name]()

    with pytest.raises(ALLOWED):
        cleaned(tmp_path, source)
    with pytest.raises((UnexplainedError, struct.error, IndexError)):
        list(pieces(source))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0\0",
        lambda data: riff(data[12:] + b"\0\0"),
        lambda data: riff(data[12:] + chunk(b"XMP ", b"ab")),
        lambda data: extended(data, 0x04),
        lambda data: extended(data, 0x01),
        lambda data: extended(data, 0x08),
        lambda data: extended(data, 0x20),
        lambda data: extended(data, 0, behind=[(b"EXIF", EXIF)]),
        lambda data: extended(data, 8, behind=[(b"EXIF", b"")]),
        lambda data: reworked(b"VP8 ", lambda content: content + b"abc", data)[:-1] + b"d",
    ],
)
def test_the_proof_explains_nothing_else(change):
    source = saved(noise())
    if len(chunks(source)[0][1]) % 2:
        source = reworked(b"VP8 ", lambda content: content + b"\0", source)
    list(pieces(source))

    with pytest.raises((UnexplainedError, struct.error)):
        list(pieces(change(source)))


def test_the_owner_is_told_all_that_goes(tmp_path):
    behind = [(b"EXIF", EXIF), (b"XMP ", b"<a/>"), (b"C2PA", bytes(2 << 20))]
    source = extended(saved(noise()), 0x2C, before=[(b"ICCP", PROFILE)], behind=behind)

    found = told(tmp_path, source + SECRET.encode())

    assert found == [
        Block("icc", "ICCP", PROFILE),
        Block("exif", "EXIF", EXIF.removeprefix(b"Exif\0\0")),
        Block("xmp", "XMP", b"<a/>"),
        Block("other", "C2PA", bytes(1 << 20)),
        Block("other", "13 bytes behind the picture", SECRET.encode()),
    ]


EDITS = st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=3), st.booleans()), max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.booleans(), edits=EDITS)
def test_a_changed_webp_is_refused_or_tells_nothing(moves, edits, tmp_path):
    plain, flags = (moving(), 0x3E) if moves else (saved(noise()), 0x2C)
    before = [*PLANTED["profile"], *PLANTED["XMP"], *PLANTED["C2PA"], *PLANTED["EXIF"]]
    data = extended(plain, flags, before=before)
    for at, new, inserted in edits:
        data = data[:at] + new + data[at if inserted else at + len(new) :]

    try:
        clean = cleaned(tmp_path, data)
    except ALLOWED:
        return

    found = proved(clean, data)
    assert not tells(b"|".join(clean[p.start : p.stop] for p in found if p.kind != "coded"))
