"""Clean PNGs: the same pixels and colors, proved byte by byte, and nothing that was planted."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from library.processing.exif import read_exif
from library.processing.metadata.families import png
from library.processing.metadata.proofs.png import pieces
from library.processing.metadata.values import (
    Level,
    Privacy,
    UncleanableError,
    UnexplainedError,
    Verdict,
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
    passed_on,
    rewritten,
    tells,
)

cleaned = partial(rewritten, png)
told = partial(listed, png)
proved = partial(explained, pieces)
saved = partial(planted.saved, "PNG")

# In these the header's own CRC is wrong, or it is a JPEG
NO_PICTURES = ("exif-legacy-app1.png", "exif-legacy.png", "vivo_exif_1x1.png", "this-is-a-jpeg.png")


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def kinds(data: bytes) -> list[bytes]:
    return [kind for kind, _ in chunks(data)]


def joined(parts: list[tuple[bytes, bytes]]) -> bytes:
    return data_of(b"".join(chunk(*part) for part in parts))


def data_of(content: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + content


def with_chunk(data: bytes, extra: bytes, *, before: bytes = b"IDAT") -> bytes:
    at = data.index(before) - 4
    return data[:at] + extra + data[at:]


def raw(width: int, height: int, depth: int, color: int, rows: bytes, *, adam7: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, adam7)
    return data_of(chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND"))


def deep() -> bytes:
    return raw(5, 4, 16, 2, b"".join(b"\0" + random.Random(n).randbytes(30) for n in range(4)))


def interlaced(width: int, height: int) -> bytes:
    """Return gray noise in Adam7's seven passes."""
    pixels, rows = noise("L", (width, height)), b""
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for y in range(top, height, down):
            row = bytes(pixels.getpixel((x, y)) for x in range(left, width, across))
            rows += b"\0" + row if row else b""
    return raw(width, height, 8, 0, rows, adam7=1)


def moving(**options: object) -> bytes:
    frames = [noise("RGBA", seed=seed) for seed in range(3)]
    choices = {"save_all": True, "append_images": frames[1:], "duration": [40, 70, 300], "loop": 3}
    return saved(frames[0], **{**choices, **options})


def one_frame() -> bytes:
    """Return an animation of one frame, which is the picture itself."""
    place = struct.pack(">5I2H2B", 0, *SIZE, 0, 0, 1, 10, 0, 0)
    return with_chunk(
        saved(noise()), chunk(b"acTL", b"\0\0\0\1" + bytes(4)) + chunk(b"fcTL", place)
    )


MADE = {
    "bits": lambda: saved(noise("1")),
    "gray": lambda: saved(noise("L")),
    "gray, see-through": lambda: saved(noise("LA")),
    "gray of 16 bits": lambda: saved(noise("L").convert("I;16")),
    "palette": lambda: saved(noise("RGB").quantize(200)),
    "small palette": lambda: saved(noise("RGB").quantize(3), bits=2),
    "palette, see-through": lambda: saved(noise("RGB").quantize(9), transparency=bytes(range(9))),
    "colors": lambda: saved(noise("RGB")),
    "a color that is see-through": lambda: saved(noise("RGB"), transparency=(1, 2, 3)),
    "colors, see-through": lambda: saved(noise("RGBA")),
    "colors of 16 bits": deep,
    "interlaced": lambda: interlaced(37, 23),
    "interlaced and narrow": lambda: interlaced(1, 5),
    "moving": moving,
    "moving, of one frame": one_frame,
    "moving behind another picture": lambda: moving(default_image=True),
    "large": lambda: saved(noise("RGB", (700, 600))),
    "a palette with counts": lambda: with_chunk(
        saved(noise().quantize(9)), chunk(b"hIST", bytes(18))
    ),
    "significant bits": lambda: with_chunk(saved(noise()), chunk(b"sBIT", b"\5\6\5")),
    "an empty chunk of pixels": lambda: with_chunk(saved(noise()), chunk(b"IDAT")),
    "with resolution": lambda: saved(noise(), dpi=(300, 300)),
}


def shown(data: bytes) -> list[object]:
    """Return all that a viewer sees of a picture: pixels, loop and durations."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        facts: list[object] = [picture.mode, picture.size, picture.info.get("loop")]
        facts += [picture.info.get("dpi"), picture.info.get("transparency")]
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            facts += [picture.convert("RGBA").tobytes(), picture.info.get("duration")]
    return facts


@pytest.mark.parametrize("name", MADE)
def test_a_clean_png_shows_the_same(name, tmp_path):
    source = MADE[name]()

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert shown(clean) == shown(source)
    assert cleaned(tmp_path, clean) == clean


@pytest.mark.parametrize("name", corpus(".png", "photos/", "odd/"))
def test_real_pngs_are_cleaned_or_damaged(name, tmp_path):
    source = corpus_file(name).read_bytes()
    if name.endswith(NO_PICTURES):
        with pytest.raises(UncleanableError):
            cleaned(tmp_path, source)
        return

    clean = cleaned(tmp_path, source)

    proved(clean, source)
    assert set(kinds(clean)).isdisjoint({b"tEXt", b"zTXt", b"iTXt", b"tIME"})
    facts = [shown(data) for data in (clean, without_texts(source))]
    assert facts[0] == facts[1]


def without_texts(data: bytes) -> bytes:
    """Return a PNG without what Pillow can't read of some, of which this is no test."""
    kept = [part for part in chunks(data) if part[0] not in (b"tEXt", b"zTXt", b"iTXt")]
    return joined(kept)


@pytest.mark.parametrize("name", corpus(".png", "hostile/"))
def test_hostile_pngs_raise_nothing_else(name, tmp_path):
    source = corpus_file(name).read_bytes()

    try:
        clean = cleaned(tmp_path, source)
    except ALLOWED:
        return

    proved(clean, source)


PLANTED = {
    "tEXt": chunk(b"tEXt", b"Author\0" + SECRET.encode()),
    "zTXt": chunk(b"zTXt", b"Author\0\0" + zlib.compress(SECRET.encode())),
    "iTXt": chunk(b"iTXt", b"Author\0\0\0en\0Name\0" + SECRET.encode()),
    "packed iTXt": chunk(b"iTXt", b"Author\0\1\0\0\0" + zlib.compress(SECRET.encode())),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<a>" + SECRET.encode() + b"</a>"),
    "C2PA": chunk(b"caBX", SECRET.encode("utf-16-le")),
    "palette with a name": chunk(b"sPLT", SECRET.encode() + b"\0\x08" + bytes(6)),
    "iDOT": chunk(b"iDOT", SECRET.encode()),
    "eXIf": chunk(b"eXIf", exif().removeprefix(b"Exif\0\0")),
    "profile": chunk(b"iCCP", SECRET.encode() + b"\0\0" + zlib.compress(PROFILE)),
    "no profile": chunk(b"iCCP", b"icc\0\0" + zlib.compress(SECRET.encode())),
}


@pytest.mark.parametrize(
    ("name", "before"),
    [(name, b"IDAT") for name in PLANTED]
    + [(name, b"IEND") for name in PLANTED if "profile" not in name],
)
def test_what_was_planted_is_gone(name, before, tmp_path):
    source = with_chunk(saved(noise()), PLANTED[name], before=before)

    clean = cleaned(tmp_path, source)

    assert not tells(clean, proved(clean, source))
    assert shown(clean) == shown(saved(noise()))


def test_what_stands_behind_the_end_is_gone(tmp_path):
    source = saved(noise())

    assert cleaned(tmp_path, source + SECRET.encode()) == cleaned(tmp_path, source)


def test_orientation_and_date_stay_in_a_new_block_before_the_pixels(tmp_path):
    source = with_chunk(saved(noise()), PLANTED["eXIf"], before=b"IEND")

    clean = cleaned(tmp_path, source)
    hidden = cleaned(tmp_path, source, Level(Privacy.CLEAN, hides_dates=True))

    assert kinds(clean) == [b"IHDR", b"eXIf", b"IDAT", b"IEND"]
    (block,) = [piece.content for piece in proved(clean, source) if piece.kind == "exif"]
    assert (read_exif(block).orientation, read_exif(block).taken_at.year) == (6, 2024)
    (block,) = [piece.content for piece in proved(hidden, source) if piece.kind == "exif"]
    assert (read_exif(block).orientation, read_exif(block).taken_at) == (6, None)


def test_a_profile_with_a_name_shows_the_same_colors(tmp_path):
    source = saved(noise(), icc_profile=PROFILE)

    clean = cleaned(tmp_path, source)

    (found,) = [piece.content for piece in proved(clean, source) if piece.kind == "icc"]
    assert SECRET.encode("utf-16-be") not in found
    assert in_srgb(clean) == in_srgb(source)


def rows(picture: Image.Image, extra: bytes = b"") -> bytes:
    """Return a gray picture whose stream goes on behind its rows."""
    width, height = picture.size
    lines = [picture.crop((0, y, width, y + 1)).tobytes() for y in range(height)]
    return raw(width, height, 8, 0, b"".join(b"\0" + line for line in lines) + extra)


def reworked(kind: bytes, change: object, data: bytes) -> bytes:
    """Return the file with the content of its first chunk of a kind changed."""
    parts = list(chunks(data))
    at = [part[0] for part in parts].index(kind)
    parts[at] = kind, change(parts[at][1])
    return joined(parts)


def other_picture() -> bytes:
    return zlib.compress(noise("L").tobytes())


HIDING = {
    "rows behind the last": lambda: rows(noise("L"), bytes(38)),
    "one byte behind the last row": lambda: rows(noise("L"), b"\0"),
    "a stream behind the stream": lambda: reworked(
        b"IDAT", lambda content: content + other_picture(), saved(noise())
    ),
    "a chunk behind the stream": lambda: with_chunk(
        saved(noise()), chunk(b"IDAT", other_picture()), before=b"IEND"
    ),
    "a stream that is cut short": lambda: reworked(
        b"IDAT", lambda content: content[:-2], saved(noise())
    ),
    "too few rows": lambda: reworked(
        b"IHDR", lambda content: content[:7] + b"\x18" + content[8:], saved(noise())
    ),
    "pixels in two places": lambda: with_chunk(
        with_chunk(saved(noise()), chunk(b"tEXt", b"a\0b"), before=b"IEND"),
        chunk(b"IDAT"),
        before=b"IEND",
    ),
    "bytes behind a frame's stream": lambda: reworked(
        b"fdAT", lambda content: content + other_picture(), moving()
    ),
    "frames of no animation": lambda: joined(
        [part for part in chunks(moving()) if part[0] != b"acTL"]
    ),
    "a picture that goes on in another's chunk": lambda: with_chunk(
        reworked(b"IDAT", lambda content: content[:50], one_frame()),
        chunk(b"fdAT", b"\0\0\0\1" + next(c for k, c in chunks(one_frame()) if k == b"IDAT")[50:]),
        before=b"IEND",
    ),
    "more frames than it says": lambda: reworked(
        b"acTL", lambda content: b"\0\0\0\2" + content[4:], moving()
    ),
    "fewer frames than it says": lambda: reworked(
        b"acTL", lambda content: b"\0\0\0\4" + content[4:], moving()
    ),
    "frames in a wrong order": lambda: reworked(
        b"fdAT", lambda content: b"\0\0\0\7" + content[4:], moving()
    ),
    "a second header": lambda: with_chunk(saved(noise()), saved(noise())[8:33]),
    "a second resolution": lambda: with_chunk(
        saved(noise(), dpi=(72, 72)), chunk(b"pHYs", bytes(9))
    ),
    "two EXIF blocks": lambda: with_chunk(saved(noise()), 2 * PLANTED["eXIf"]),
    "a color behind the pixels": lambda: with_chunk(
        saved(noise()), chunk(b"gAMA", b"\0\0\xb1\x8f"), before=b"IEND"
    ),
    "a color behind the palette": lambda: with_chunk(
        saved(noise().quantize(9)), chunk(b"gAMA", b"\0\0\xb1\x8f")
    ),
    "a color of a wrong size": lambda: with_chunk(saved(noise()), chunk(b"gAMA", SECRET.encode())),
    "a palette that is too long": lambda: reworked(
        b"PLTE", lambda content: content + bytes(3 * 200), saved(noise().quantize(9))
    ),
    "a palette of no colors": lambda: reworked(
        b"PLTE", lambda content: b"", saved(noise().quantize(9))
    ),
    "a picture of no size": lambda: raw(0, 4, 8, 0, b""),
    "an unknown depth": lambda: raw(4, 4, 3, 0, bytes(12)),
    "an unknown interlacing": lambda: raw(4, 4, 8, 0, bytes(20), adam7=2),
    "an animation without frames": lambda: with_chunk(saved(noise()), chunk(b"acTL", bytes(8))),
    "a frame drawn in an unknown way": lambda: reworked(
        b"fcTL", lambda content: content[:25] + b"\2", moving()
    ),
    "a frame beside the picture": lambda: reworked(
        b"fcTL", lambda content: content[:15] + b"\1" + content[16:], moving()
    ),
    "no picture": lambda: joined([next(chunks(saved(noise()))), (b"IEND", b"")]),
    "a palette of gray": lambda: with_chunk(saved(noise("L")), chunk(b"PLTE", bytes(3))),
    "more transparency than colors": lambda: with_chunk(
        saved(noise().quantize(9)), chunk(b"tRNS", bytes(40))
    ),
    "counts of no colors": lambda: with_chunk(saved(noise()), chunk(b"hIST", bytes(2))),
    "an unknown chunk that decides": lambda: with_chunk(saved(noise()), chunk(b"CgBI", bytes(4))),
    "no end": lambda: saved(noise())[:-12],
    "no pixels": lambda: joined([part for part in chunks(saved(noise())) if part[0] != b"IDAT"]),
    "a wrong CRC": lambda: saved(noise())[:-13] + b"\0" + saved(noise())[-12:],
    "a broken profile": lambda: with_chunk(saved(noise()), chunk(b"iCCP", b"icc\0\0x")),
    "no PNG": lambda: b"GIF89a" + bytes(99),
}


@pytest.mark.parametrize("name", HIDING)
def test_what_could_hide_something_is_neither_cleaned_nor_explained(name, tmp_path):
    source = HIDING[name]()

    with pytest.raises(UncleanableError):
        cleaned(tmp_path, source)
    with pytest.raises((UnexplainedError, struct.error, zlib.error)):
        list(pieces(source))


def test_what_is_saved_anew_stands_upright_and_keeps_its_date_and_transparency(tmp_path):
    source = with_chunk(saved(noise("RGBA")), 2 * PLANTED["eXIf"])

    made, clean = passed_on(tmp_path, source)

    assert (made.verdict, made.content_type) == (Verdict.CONVERTED, "image/webp")
    with Image.open(io.BytesIO(clean)) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (SIZE[1], SIZE[0]))
        facts = read_exif(picture.info["exif"])
    assert (facts.orientation, str(facts.taken_at)) == (1, "2024-05-04 13:05:00")
    assert not tells(clean)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0",
        lambda data: with_chunk(data, PLANTED["tEXt"]),
        lambda data: with_chunk(data, PLANTED["profile"]),
        lambda data: with_chunk(data, chunk(b"eXIf")),
        lambda data: data[:-1] + b"\0",
        lambda data: reworked(b"IDAT", lambda content: with_filter(content, 5), data),
    ],
)
def test_the_proof_explains_nothing_else(change):
    source = saved(noise())
    list(pieces(source))

    with pytest.raises((UnexplainedError, struct.error)):
        list(pieces(change(source)))


def with_filter(packed: bytes, number: int) -> bytes:
    """Return a stream with another filter of its last row."""
    inflated = bytearray(zlib.decompress(packed))
    inflated[-(1 + 3 * SIZE[0])] = number
    return zlib.compress(bytes(inflated))


def test_a_bomb_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr(png.cleaning, "MAX_INFLATED_BYTES", 1000)

    with pytest.raises(UncleanableError, match="more pixels"):
        cleaned(tmp_path, saved(noise()))


def test_the_owner_is_told_all_that_goes(tmp_path):
    hexed = b"\nexif\n  12\n" + exif().hex().encode()
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(SECRET)) + SECRET.encode()
    packet = b"http://ns.adobe.com/xap/1.0/\0<a/>"
    extra = b"".join(PLANTED.values())
    extra += chunk(b"tEXt", b"Raw profile type exif\0" + hexed)
    extra += chunk(
        b"zTXt",
        b"Raw profile type iptc\0\0" + zlib.compress(b"\niptc\n 9\n" + resource.hex().encode()),
    )
    extra += chunk(b"tEXt", b"Raw profile type APP1\0\napp1\n 9\n" + packet.hex().encode())
    extra += chunk(b"zTXt", b"Broken\0\0" + SECRET.encode())
    extra += chunk(b"tIME", bytes(7))

    found = told(tmp_path, with_chunk(saved(noise()), extra) + SECRET.encode())

    assert [(block.kind, block.name) for block in found] == [
        *3 * [("text", "Author")],
        ("text", "Author"),
        ("xmp", "XML:com.adobe.xmp"),
        ("other", "caBX"),
        ("other", "sPLT"),
        ("other", "iDOT"),
        ("exif", "eXIf"),
        ("icc", SECRET),
        ("exif", "Raw profile type exif"),
        ("iptc", "Raw profile type iptc"),
        ("xmp", "Raw profile type APP1"),
        ("text", "Broken"),
        ("text", "tIME"),
        ("other", "13 bytes behind the picture"),
    ]
    contents = [block.content for block in found]
    assert contents[:4] == 4 * [SECRET.encode()]
    assert contents[4] == b"<a>" + SECRET.encode() + b"</a>"
    assert contents[8] == contents[10] == exif().removeprefix(b"Exif\0\0")
    assert (contents[9], contents[11], contents[15]) == (PROFILE, *2 * [SECRET.encode()])
    assert contents[12:14] == [b"<a/>", b""]


def test_the_list_of_what_goes_has_an_end(tmp_path):
    source = with_chunk(saved(noise()), 300 * PLANTED["tEXt"])

    assert len(told(tmp_path, source)) == png.MAX_BLOCKS
    assert cleaned(tmp_path, source) == saved(noise())


def test_a_text_that_is_a_bomb_is_cut(tmp_path):
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5 << 20)))

    (block,) = told(tmp_path, with_chunk(saved(noise()), bomb))

    assert len(block.content) == 1 << 20


EDITS = st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=3), st.booleans()), max_size=4)


def edited(data: bytes, edits: list[tuple[int, bytes, bool]], *, repaired: bool) -> bytes:
    for at, new, inserted in edits:
        data = data[:at] + new + data[at if inserted else at + len(new) :]
    return repair(data) if repaired else data


def repair(data: bytes) -> bytes:
    """Return the file with the right CRC of every chunk that is whole."""
    whole, at = data[:8], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        whole += chunk(kind, data[at + 8 : at + 8 + length])
        at += 12 + length
    return whole


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.booleans(), edits=EDITS, repaired=st.booleans())
def test_a_changed_png_is_refused_or_tells_nothing(moves, edits, repaired, tmp_path):
    source = moving() if moves else saved(noise("L", (9, 7)))
    planted = [part for name, part in PLANTED.items() if name != "no profile"]
    source = edited(with_chunk(source, b"".join(planted)), edits, repaired=repaired)

    try:
        clean = cleaned(tmp_path, source)
    except ALLOWED:
        return

    assert not tells(clean, proved(clean, source))
