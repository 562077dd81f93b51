"""Clean GIFs: the same frames at the same pace, proved by bytes, and nothing that was planted."""

import io
import struct
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from library.processing.metadata.families import gif
from library.processing.metadata.proofs.gif import pieces
from library.processing.metadata.values import (
    UnexplainedError,
)
from tests.processing.corpus import corpus_file
from tests.processing.metadata import planted
from tests.processing.metadata.planted import (
    ALLOWED,
    SECRET,
    corpus,
    explained,
    listed,
    rewritten,
    tells,
)

cleaned = partial(rewritten, gif)
told = partial(listed, gif)
proved = partial(explained, pieces)
saved = partial(planted.saved, "GIF")

MAGIC = b"\1" + bytes(range(255, -1, -1)) + b"\0"
LOOP = b"!\xff\x0bNETSCAPE2.0\3\1\3\0\0"


def noise(seed: int = 1, size: tuple[int, int] = (31, 17)) -> Image.Image:
    return planted.noise("RGB", size, seed).quantize(60)


def moving(**options: object) -> bytes:
    frames = [noise(seed) for seed in range(4)]
    choices = {"save_all": True, "append_images": frames[1:], "duration": [40, 70, 300, 20]}
    return saved(frames[0], **{**choices, "loop": 3, **options})


def own_table(data: bytes) -> bytes:
    """Return a still GIF with the screen's table moved to its image."""
    table = data[13 : 13 + 192]
    image = data[13 + 192 :].replace(b"\x11\0\x40", b"\x11\0\xc5" + table, 1)
    return data[:10] + bytes((data[10] & 0x7F,)) + data[11:13] + image


MADE = {
    "still": lambda: saved(noise()),
    "with no table but its image's": lambda: own_table(saved(noise())),
    "bits": lambda: saved(noise().convert("1")),
    "interlaced": lambda: saved(noise(), interlace=True),
    "large": lambda: saved(noise(size=(900, 700))),
    "see-through": lambda: saved(noise(), transparency=3),
    "moving": moving,
    "moving once": lambda: saved(noise(), save_all=True, append_images=[noise(2)]),
    "moving without end": lambda: moving(loop=0),
    "drawn over the ground": lambda: moving(disposal=2),
    "drawn over the frame before": lambda: moving(disposal=3, transparency=0),
}


def shown(data: bytes) -> list[object]:
    """Return all that a viewer sees of a picture: pixels, loop and durations."""
    with Image.open(io.BytesIO(data), formats=("GIF",)) as picture:
        facts: list[object] = [picture.size, picture.info.get("loop"), picture.n_frames]
        for number in range(picture.n_frames):
            picture.seek(number)
            facts += [picture.convert("RGBA").tobytes(), picture.info.get("duration")]
            facts += [picture.disposal_method, picture.info.get("transparency")]
    return facts


def sub_blocks(content: bytes) -> bytes:
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def application(name: bytes, content: bytes) -> bytes:
    return b"!\xff\x0b" + name + content


def before_image(data: bytes, extra: bytes) -> bytes:
    """Return the file with something before the control of its first image."""
    at = data.index(b"!\xf9\4") if b"!\xf9\4" in data else data.index(b",\0\0\0\0")
    return data[:at] + extra + data[at:]


def before_end(data: bytes, extra: bytes) -> bytes:
    return data[:-1] + extra + data[-1:]


XMP = b"<x>" + SECRET.encode() + b"</x>"
PLANTED = {
    "comment": b"!\xfe" + sub_blocks(SECRET.encode()),
    "wide comment": b"!\xfe" + sub_blocks(SECRET.encode("utf-16-le")),
    "plain text": b"!\x01\x0c" + bytes(12) + sub_blocks(SECRET.encode()),
    "XMP": application(b"XMP DataXMP", XMP + MAGIC),
    "XMP in sub-blocks": application(b"XMP DataXMP", sub_blocks(XMP)),
    "no XMP": application(b"XMP DataXMP", b"\0"),
    "profile": application(b"ICCRGBG1012", sub_blocks(SECRET.encode())),
    "other application": application(b"MGK8BIM0000", sub_blocks(SECRET.encode())),
    "unknown extension": b"!\x42" + sub_blocks(SECRET.encode()),
    "zeros": bytes(20),
    "stray bytes": SECRET.encode(),
    "stray wide letters": SECRET.encode("utf-16-be"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_clean_gif_shows_the_same(name, tmp_path):
    source = MADE[name]()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert shown(clean) == shown(source)
    assert cleaned(tmp_path, clean) == clean


@pytest.mark.parametrize("name", corpus(".gif", "photos/", "odd/"))
def test_real_gifs_are_cleaned(name, tmp_path):
    source = corpus_file(name).read_bytes()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert shown(clean) == shown(source)
    assert told(tmp_path, clean) == []


@pytest.mark.parametrize("name", corpus(".gif", "hostile/"))
def test_hostile_gifs_raise_nothing_else(name, tmp_path):
    source = corpus_file(name).read_bytes()

    try:
        clean = cleaned(tmp_path, source)
    except ALLOWED:
        return

    proved(clean, source)


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("place", [before_image, before_end])
def test_what_was_planted_is_gone(name, place, tmp_path):
    source = place(moving(), PLANTED[name])

    clean = cleaned(tmp_path, source)

    assert not tells(clean)
    assert proved(clean, source)
    assert shown(clean) == shown(moving())


def test_what_stands_behind_the_end_is_gone(tmp_path):
    assert cleaned(tmp_path, moving() + SECRET.encode()) == cleaned(tmp_path, moving())


def test_a_gif_that_lacks_its_end_mark_gets_it(tmp_path):
    assert cleaned(tmp_path, moving()[:-1]) == cleaned(tmp_path, moving())


@pytest.mark.parametrize("name", [b"NETSCAPE2.0", b"ANIMEXTS1.0"])
def test_a_loop_stays_once_and_what_follows_it_goes(name, tmp_path):
    long, short = (application(name, b"\3\1\3\0" + more) for more in (b"\5\2abcd\0", b"\0"))
    source = before_image(moving(loop=None), long + short)

    clean = cleaned(tmp_path, source)

    assert clean == before_image(moving(loop=None), short)
    assert shown(clean) == shown(source)


def test_each_name_of_a_loop_may_stay(tmp_path):
    source = before_image(moving(), application(b"ANIMEXTS1.0", b"\3\1\4\0\0"))

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert clean == source


def test_a_control_stands_before_its_image_without_reserved_bits(tmp_path):
    source = before_image(saved(noise()), b"!\xf9\4\xe0\7\0\0\0" + PLANTED["comment"] + LOOP)
    source = source.replace(b",\0\0\0\0\x1f\0\x11\0\x40", b",\0\0\0\0\x1f\0\x11\0\x58")

    clean = cleaned(tmp_path, source)

    assert b"\0\0!\xf9\4\0\7\0\0\0,\0\0\0\0\x1f\0\x11\0\x40" in clean
    assert shown(clean)[4] == 70


HIDING = {
    "two controls": lambda: before_image(moving(), b"!\xf9\4\1\7\0\0\0"),
    "a control that is too long": lambda: before_image(moving(), b"!\xf9\5\1\7\0\0\0\0"),
    "a control in pieces": lambda: before_image(moving(), b"!\xf9\1\1\2\7\0\0"),
    "a text that is drawn": lambda: before_image(
        moving(), b"!\xf9\4\0\7\0\0\0" + PLANTED["plain text"]
    ),
    "two loops": lambda: before_image(moving(), LOOP.replace(b"\3\1\3", b"\3\1\4")),
    "no loop": lambda: before_image(moving(), application(b"NETSCAPE2.0", b"\3\2\3\0\0")),
    "a loop that is cut short": lambda: before_image(
        saved(noise()), application(b"NETSCAPE2.0", b"\3\1\3")
    )[:40],
    "a code size that is unknown": lambda: before_end(
        saved(noise()), b"," + struct.pack("<4HB", 0, 0, 9, 9, 0) + b"\x0c\1\1\0"
    ),
    "more than its pixels": lambda: before_end(
        saved(noise()), b"," + struct.pack("<4HB", 0, 0, 9, 9, 0) + b"\2" + sub_blocks(bytes(1500))
    ),
    "an image that is cut short": lambda: saved(noise())[:-20],
    "no image": lambda: saved(noise())[:10] + bytes(3) + b";",
    "a second loop of the same name": lambda: before_image(
        moving(), LOOP.replace(b"\3\1\3", b"\3\1\0")
    ),
    "a tail that is text": lambda: before_end(
        saved(noise()), b"a" + b"," + SECRET.encode()[:9] + b"\2\1\1\0"
    ),
    "no GIF": lambda: b"BM" + bytes(99),
}


@pytest.mark.parametrize("name", HIDING)
def test_what_could_hide_something_is_neither_cleaned_nor_explained(name, tmp_path):
    source = HIDING[name]()

    with pytest.raises(ALLOWED):
        cleaned(tmp_path, source)
    with pytest.raises((UnexplainedError, struct.error, IndexError)):
        list(pieces(source))


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("place", [before_image, before_end, lambda data, extra: data + extra])
def test_the_proof_explains_nothing_else(name, place):
    with pytest.raises((UnexplainedError, struct.error)):
        list(pieces(place(moving(), PLANTED[name])))


def test_the_owner_is_told_all_that_goes(tmp_path):
    extra = b"".join(PLANTED.values()) + application(b"NETSCAPE2.0", sub_blocks(b"\1\0\0more"))

    found = told(tmp_path, before_image(moving(), extra) + SECRET.encode())

    assert [(block.kind, block.name) for block in found] == [
        ("text", "Comment"),
        ("text", "Comment"),
        ("text", "Plain text"),
        *3 * [("xmp", "XMP")],
        ("icc", "ICC"),
        ("other", "MGK8BIM0000"),
        ("other", "extension 42"),
        ("other", "bytes between two blocks"),
        ("other", "NETSCAPE2.0"),
        ("other", "13 bytes behind the picture"),
    ]
    contents = [block.content for block in found]
    assert contents[3:6] == [XMP, XMP, b""]
    assert all(contents[at] == SECRET.encode() for at in (0, 2, 6, 7, 8, 11))


def test_a_long_comment_is_cut(tmp_path):
    comment = b"!\xfe" + sub_blocks(bytes(2 << 20))

    (block,) = told(tmp_path, before_end(saved(noise()), comment))

    assert len(block.content) == 1 << 20


EDITS = st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=3), st.booleans()), max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.booleans(), edits=EDITS)
def test_a_changed_gif_is_refused_or_tells_nothing(moves, edits, tmp_path):
    data = before_image(moving() if moves else saved(noise()), b"".join(PLANTED.values()))
    for at, new, inserted in edits:
        data = data[:at] + new + data[at if inserted else at + len(new) :]

    try:
        clean = cleaned(tmp_path, data)
    except ALLOWED:
        return

    found = proved(clean, data)
    assert not tells(b"|".join(clean[p.start : p.stop] for p in found if p.kind == "frame"))
