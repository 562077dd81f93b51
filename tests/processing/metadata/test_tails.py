"""Words behind the last coded block of a picture, where no decoder reads: they are never passed on."""

import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterable
from fractions import Fraction

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from library.processing.metadata.proofs import gif_ends, vp8, webp_ends
from library.processing.metadata.proofs.jpeg_frames import Frame
from library.processing.metadata.proofs.words import places_of_words
from library.processing.metadata.proving import leaks
from library.processing.metadata.values import Level, UnexplainedError, Verdict
from tests.processing.metadata.planted import (
    LEVELS,
    SECRET,
    exif,
    in_all_codings,
    noise,
    passed_on,
    saved,
    smooth,
    xmp,
)

LARGE, SMALL = (480, 360), (64, 48)
UNCHANGED = {Verdict.CLEANED, Verdict.IDENTICAL}
REASON = "in its coded data"
SCAN = re.compile(rb"\xff\xda\0[\x06-\x0c].*?(?=\xff[^\0\xd0-\xd7])", re.DOTALL)


def packed(text: str) -> bytes:
    """Return a ZIP with the text in it as it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("note.txt", text)
    return out.getvalue()


WORDS = {
    "a name": SECRET.encode(),
    "a text": f"Taken by {SECRET} at 48.20849, 16.37208. ".encode() * 9,
    "a long text": f"{SECRET} was here. ".encode() * 9000,
    "UTF-16": SECRET.encode("utf-16-le"),
    "UTF-16, the other way": SECRET.encode("utf-16-be"),
    "a name in Russian": "Алиса Примерова".encode() + SECRET.encode(),
    "EXIF": exif(),
    "XMP": xmp(),
    "a ZIP": packed(SECRET),
    "words in noise": noise(size=(40, 40)).tobytes() + SECRET.encode() + b"\xa7\x91" * 30,
}


def grainy(size: tuple[int, int]) -> Image.Image:
    return Image.blend(smooth(size=size), noise(size=size), 0.2)


def holds(data: bytes) -> bool:
    return any(coded in data for coded in in_all_codings(SECRET))


def on_grey(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        ground = Image.new("RGBA", picture.size, "grey")
        return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def is_like(one: bytes, other: bytes) -> bool:
    """Tell whether two files show the same picture: what two of noise differ by is ten times as much."""
    one, other = on_grey(one), on_grey(other)
    difference = ImageStat.Stat(ImageChops.difference(one, other))
    return one.size == other.size and max(difference.mean) < 8


def check_converted(folder, data: bytes, level: Level) -> None:
    made, clean = passed_on(folder, data, level)

    assert holds(data)
    assert made.verdict == Verdict.CONVERTED, made.found
    assert REASON in made.found
    assert not holds(clean)
    assert is_like(data, clean)


# JPEG


def stuffed(words: bytes) -> bytes:
    """Return words as a scan may hold them: no byte of them begins a marker."""
    return words.replace(b"\xff", b"\xff\0")


def scans(data: bytes) -> list[re.Match[bytes]]:
    return list(SCAN.finditer(data))


def behind_scan(data: bytes, number: int, words: bytes) -> bytes:
    at = scans(data)[number].end()
    return data[:at] + stuffed(words) + data[at:]


JPEGS: dict[str, Callable[[tuple[int, int]], bytes]] = {
    "plain": lambda size: saved("JPEG", smooth(size=size), quality=90),
    "grainy": lambda size: saved("JPEG", grainy(size), quality=75, subsampling=0),
    "grey": lambda size: saved("JPEG", smooth("L", size)),
    "flat": lambda size: saved("JPEG", Image.new("RGB", size, (90, 140, 220))),
    "progressive": lambda size: saved("JPEG", smooth(size=size), progressive=True),
    "with restarts": lambda size: saved("JPEG", smooth(size=size), restart_marker_rows=2),
    "of the best quality": lambda size: saved("JPEG", smooth(size=size), quality=100),
}


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize("kind", JPEGS)
def test_no_words_behind_the_last_block_of_a_jpeg_are_passed_on(kind, size, level, tmp_path):
    data = JPEGS[kind](size)

    check_converted(tmp_path, behind_scan(data, -1, WORDS["a text"]), level)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("kind", ["plain", "progressive", "with restarts"])
def test_it_is_the_same_with_all_kinds_of_words(kind, words, tmp_path):
    data = behind_scan(JPEGS[kind](LARGE), -1, words)

    made, clean = passed_on(tmp_path, data)

    assert made.verdict == Verdict.CONVERTED, made.found
    assert not holds(clean)
    assert is_like(data, clean)


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
def test_the_end_of_every_scan_is_looked_at(size, tmp_path):
    data = JPEGS["progressive"](size)

    assert len(scans(data)) > 5
    for number in range(len(scans(data))):
        check_converted(tmp_path, behind_scan(data, number, WORDS["a text"]), Level())


@pytest.mark.parametrize("size", [LARGE, (256, 256)], ids=["large", "small"])
@pytest.mark.parametrize("number", [0, 5, -1])
def test_so_is_what_stands_before_a_restart(size, number, tmp_path):
    data = JPEGS["with restarts"](size)
    places = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    at = places[number]

    check_converted(tmp_path, data[:at] + WORDS["a text"] + data[at:], Level())


def test_words_before_every_restart_are_more_than_is_looked_at(tmp_path):
    data = saved("JPEG", smooth(size=LARGE), restart_marker_rows=1)
    data = re.sub(rb"(?=\xff[\xd0-\xd7])", WORDS["a text"], data)

    made, clean = passed_on(tmp_path, data)

    assert made.verdict == Verdict.CONVERTED
    assert "many places" in made.found
    assert not holds(clean)


def test_a_scan_has_no_more_restarts_than_its_picture(tmp_path):
    """Else a text could stand there in parts too short to look at."""
    data = JPEGS["with restarts"](LARGE)
    at = scans(data)[0].end()
    text = WORDS["a text"]
    parts = [text[at : at + 8] for at in range(0, len(text), 8)]
    tail = b"".join(bytes((0xFF, 0xD0 + number % 8)) + part for number, part in enumerate(parts))

    made, clean = passed_on(tmp_path, data[:at] + tail + data[at:])

    assert made.verdict == Verdict.CONVERTED
    assert REASON in made.found
    assert parts[0] not in clean
    ended = data[:at] + tail[:2] + data[at:]  # as some cameras do
    assert passed_on(tmp_path, ended)[0].verdict == Verdict.IDENTICAL


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
def test_so_is_every_picture_of_a_file(size, number, tmp_path):
    first, second = smooth(size=size), grainy(size)
    data = saved("MPO", first, save_all=True, append_images=[second])
    at, words = scans(data)[number].end(), WORDS["a text"]
    changed = bytearray(data[:at] + words + data[at:])
    index = data.index(b"MPF\0") + 4
    sizes = re.search(rb"\x02\xb0\x07\0(?P<bytes>....)(?P<at>....)", data[index:], re.DOTALL)
    (rows,) = struct.unpack("<I", sizes["at"])
    fields = [index + rows + 4 + 16 * number]  # its size, and of the second one what goes before
    fields += [index + rows + 24] if number == 0 else []
    struct.pack_into(
        "<I", changed, index + rows + 16, 0x020002
    )  # the other view of a stereo picture
    for field in fields:
        (value,) = struct.unpack_from("<I", data, field)
        struct.pack_into("<I", changed, field, value + len(words))

    made, clean = passed_on(tmp_path, bytes(changed))

    assert made.verdict == Verdict.CONVERTED, made.found
    assert REASON in made.found
    assert not holds(clean)


def test_no_scan_of_a_progressive_jpeg_may_paint_over_another(tmp_path):
    """A whole picture can stand in a first scan, and be covered by the next one."""
    data = JPEGS["progressive"](SMALL)
    hidden = saved("JPEG", noise(size=SMALL), progressive=True)
    at = data.index(b"\xff\xda")
    scan = scans(hidden)[0]
    tables = data[:at].rindex(b"\xff\xc4")
    first = hidden[hidden.rindex(b"\xff\xc4", 0, scan.start()) : scan.end()]

    made, clean = passed_on(tmp_path, data[:tables] + first + data[tables:])

    assert made.verdict == Verdict.CONVERTED
    assert "scanned already" in made.found
    assert first not in clean


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tail=st.binary(min_size=24, max_size=3000),
    kind=st.sampled_from(sorted(JPEGS)),
    number=st.integers(0, 9),
)
def test_whatever_stands_behind_a_scan_of_a_small_jpeg_is_found(tail, kind, number, tmp_path):
    data = JPEGS[kind](SMALL)
    number %= len(scans(data))

    made, _ = passed_on(tmp_path, behind_scan(data, number, tail))

    assert made.verdict == Verdict.CONVERTED, made.found


SAVED = [
    {},
    {"quality": 30},
    {"quality": 100, "subsampling": 0},
    {"progressive": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 3, "progressive": True},
    {"subsampling": 1, "optimize": True},
]


@pytest.mark.parametrize("options", SAVED, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (9, 7), (17, 33), (1, 90), LARGE], ids=str)
def test_jpegs_that_nobody_has_changed_stay_as_they_are(size, mode, options, tmp_path):
    flat = Image.new("RGB", size, (90, 140, 220))
    for picture in (smooth(mode, size), noise(mode, size), flat.convert(mode)):
        made, _ = passed_on(tmp_path, saved("JPEG", picture, **options))

        assert made.verdict in UNCHANGED, made.found


def test_words_by_chance_cost_time_alone(tmp_path):
    """They stand in the middle of noise that decoders read: 64 kB hold twelve letters now and then."""
    for seed in range(200):
        data = saved("JPEG", noise(size=(500, 300), seed=seed), quality=75)
        scan = scans(data)[0][0]
        if any(places_of_words(scan, everywhere=False)):
            break
    assert any(places_of_words(scan, everywhere=False))

    assert passed_on(tmp_path, data)[0].verdict in UNCHANGED


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (161, 95)], ids=str)
def test_lengths_of_scans_are_known_where_they_are_one_bit_a_block(size, sampling):
    data = saved("JPEG", smooth(size=size), progressive=True, subsampling=sampling)
    at = data.index(b"\xff\xc2")
    frame = Frame(data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4])])
    found = [scan[0] for scan in scans(data)]
    means = [
        scan for scan in found if scan[4 + 2 * scan[4] + 1] == 0 and scan[4 + 2 * scan[4] + 3] >> 4
    ]

    assert len(means) == 1
    header = means[0][4 : 2 + int.from_bytes(means[0][2:4])]
    body = means[0][4 + len(header) :]
    assert frame.has_length_of_bits(header, [body], 0)
    assert not frame.has_length_of_bits(header, [body + b"\0"], 0)
    assert not frame.has_length_of_bits(header, [body, b"\0"], 1 << 15)
    assert not frame.has_length_of_bits(header, [body[:-2]], 0)


# GIF


def in_blocks(content: bytes) -> bytes:
    """Return content in sub-blocks, without the empty one that ends them."""
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts)


def in_codes(codes: Iterable[int], literal_bits: int = 8) -> bytes:
    """Return LZW codes as an encoder packs them: the first clears, and codes grow with the table."""
    clear, held, bits = 1 << literal_bits, 0, 0
    width, size, has_before = literal_bits + 1, clear + 2, False
    for code in codes:
        held |= code << bits
        bits += width
        if code == clear:
            width, size, has_before = literal_bits + 1, clear + 2, False
            continue
        size += has_before and size < 4096
        has_before = True
        width = min(12, max(width, size.bit_length()))
    return held.to_bytes((bits + 7) // 8, "little")


def gif_of(codes: bytes, size: tuple[int, int]) -> bytes:
    """Return a GIF of shades of grey that is coded so."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF7, 0, 0)
    image = b"," + struct.pack("<4xHHB", *size, 0) + b"\x08" + in_blocks(codes) + b"\0"
    return head + bytes(value for value in range(256) for _ in "RGB") + image + b";"


CLEAR, END = 256, 257
GREY = [70, 71, 72, 73] * 60  # pixels of 16 x 15
GIF_SIZE = (16, 15)
LITERALS = [CLEAR, *GREY]
LETTERS = list(SECRET.encode() * 3)


def test_codes_of_a_gif_are_known_to_be_read(tmp_path):
    data = gif_of(in_codes([*LITERALS, END]), GIF_SIZE)

    made, _ = passed_on(tmp_path, data)

    with Image.open(io.BytesIO(data)) as picture:
        assert list(picture.convert("L").tobytes()) == GREY
    assert made.verdict == Verdict.IDENTICAL, made.found


GIF_TAILS = {
    "behind the end code": lambda: in_codes([*LITERALS, END]) + WORDS["a text"],
    "behind the last pixel": lambda: in_codes(LITERALS) + WORDS["a text"],
    "as codes behind the last pixel": lambda: in_codes([*LITERALS, *LETTERS, END]),
    "behind a last clear code": lambda: in_codes([*LITERALS, CLEAR, *LETTERS, END]),
    "behind a code of no string": lambda: in_codes([*LITERALS[:99], 700]) + WORDS["a text"],
    "behind many zeros": lambda: in_codes([*LITERALS, END]) + bytes(500) + WORDS["a text"],
}


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("made", GIF_TAILS.values(), ids=GIF_TAILS)
def test_no_words_behind_the_pixels_of_a_gif_are_passed_on(made, level, tmp_path):
    data = gif_of(made(), GIF_SIZE)

    cleaning, clean = passed_on(tmp_path, data, level)

    assert cleaning.verdict != Verdict.IDENTICAL
    assert "behind the picture" in cleaning.found
    assert not holds(clean)
    if clean:
        assert is_like(data, clean)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_no_kind_of_words_stands_in_a_sub_block_of_a_gif(words, tmp_path):
    data = saved("GIF", smooth(size=LARGE).quantize(64))
    at = len(data) - 2
    assert data[at:] == b"\0;"

    check_converted(tmp_path, data[:at] + in_blocks(words + SECRET.encode()) + data[at:], Level())


def test_a_gif_that_moves_is_withheld_for_what_stands_behind_one_of_its_images(tmp_path):
    shots = [noise("P", (40, 30), seed) for seed in range(3)]
    data = saved("GIF", shots[0], save_all=True, append_images=shots[1:], duration=40)
    assert passed_on(tmp_path, data)[0].verdict in UNCHANGED
    at = data.index(b"\0!\xf9\4", data.index(b",\0\0\0\0"))

    made, clean = passed_on(tmp_path, data[:at] + in_blocks(SECRET.encode()) + data[at:])

    assert (made.verdict, clean) == (Verdict.WITHHELD, b"")


def test_an_image_without_pixels_holds_no_words(tmp_path):
    data = gif_of(in_codes([*LITERALS, END]), GIF_SIZE)
    empty = b"," + bytes(9) + b"\x08" + in_blocks(WORDS["a name"]) + b"\0"

    made, clean = passed_on(tmp_path, data[:-1] + empty + data[-1:])

    assert "behind the picture" in made.found
    assert not holds(clean)


HONEST_CODES = {
    "without an end code": [*LITERALS],
    "with a clear code before the end": [*LITERALS, CLEAR, END],
    "with fewer pixels than it says": [*LITERALS[:99], END],
    "with clear codes amid the picture": [CLEAR, *GREY[:50], CLEAR, CLEAR, *GREY[50:], END],
    "with strings": [CLEAR, 9, *range(258, 258 + 20), *[258] * 4, 7, END],
}


@pytest.mark.parametrize("codes", HONEST_CODES.values(), ids=HONEST_CODES)
@pytest.mark.parametrize("rest", [b"", b"\0", bytes(300)], ids=len)
def test_gifs_as_encoders_end_them_stay_as_they_are(codes, rest, tmp_path):
    made, _ = passed_on(tmp_path, gif_of(in_codes(codes) + rest, GIF_SIZE))

    assert made.verdict == Verdict.IDENTICAL, made.found


def test_a_table_may_be_full_for_long(tmp_path):
    """An encoder need not clear it: codes stay at twelve bits."""
    size = (200, 100)
    pixels = [number * 7 % 256 for number in range(size[0] * size[1])]
    codes = in_codes([CLEAR, *pixels, END])
    with Image.open(io.BytesIO(gif_of(codes, size))) as picture:
        assert list(picture.convert("L").tobytes()) == pixels

    assert gif_ends.bytes_read(codes, 8, len(pixels)) == len(codes)
    assert gif_ends.bytes_read(codes + b"more", 8, len(pixels)) == len(codes)
    assert passed_on(tmp_path, gif_of(codes, size))[0].verdict == Verdict.IDENTICAL


@settings(max_examples=150, deadline=None)
@given(
    colors=st.integers(2, 256),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 99),
    is_smooth=st.booleans(),
    tail=st.binary(max_size=40),
)
def test_where_pillow_ends_an_image_is_where_reading_ends(colors, size, seed, is_smooth, tail):
    picture = smooth(size=size) if is_smooth else noise(size=size, seed=seed)
    data = saved("GIF", picture.quantize(colors))
    start = 13 + 3 * 2 ** (data[10] % 8 + 1) + 10
    codes = b"".join(gif_ends._blocks(data, start + 1))

    assert gif_ends.bytes_read(codes + tail, data[start], size[0] * size[1]) == len(codes)


@settings(max_examples=300, deadline=None)
@given(codes=st.binary(max_size=600), bits=st.integers(1, 11), pixels=st.integers(0, 1 << 32))
def test_any_data_is_read_to_some_place_in_it(codes, bits, pixels):
    read = gif_ends.bytes_read(codes, bits, pixels)

    assert 0 <= read <= len(codes)
    assert gif_ends.bytes_read(codes[:read], bits, pixels) == read


# WebP


def see_through(size: tuple[int, int]) -> Image.Image:
    """Return colors that run into each other, before the ground and not."""
    picture = grainy(size).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(size))
    return picture


WEBPS: dict[str, Callable[[tuple[int, int]], bytes]] = {
    "lossy": lambda size: saved("WEBP", grainy(size), quality=80),
    "flat": lambda size: saved("WEBP", Image.new("RGB", size, (90, 140, 220)), quality=50),
    "lossless": lambda size: saved("WEBP", grainy(size), lossless=True),
    "lossless and flat": lambda size: saved("WEBP", Image.new("RGB", size, "red"), lossless=True),
    "lossy and see-through": lambda size: saved("WEBP", see_through(size), quality=80),
    "lossless and see-through": lambda size: saved("WEBP", see_through(size), lossless=True),
}


def with_chunk(data: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a WebP with the content of its first chunk of a kind changed."""
    at = data.index(kind)
    (length,) = struct.unpack_from("<I", data, at + 4)
    content = change(data[at + 8 : at + 8 + length])
    rest = data[at + 8 + length + length % 2 :]
    chunk = kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    body = data[8:at] + chunk + rest
    return b"RIFF" + struct.pack("<I", len(body)) + body


def kind_of(data: bytes) -> bytes:
    return b"VP8L" if b"VP8L" in data else b"VP8 "


def behind_first(words: bytes) -> Callable[[bytes], bytes]:
    """Return how words get behind what is read of the first partition of a VP8."""

    def change(frame: bytes) -> bytes:
        end = vp8.parts(frame).first[1]
        tag = int.from_bytes(frame[:3], "little") + (len(words) << 5)
        return tag.to_bytes(3, "little") + frame[3:end] + words + frame[end:]

    return change


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("size", [(300, 200), (17, 9)], ids=["large", "small"])
@pytest.mark.parametrize("kind", WEBPS)
def test_no_words_behind_the_data_of_a_webp_are_passed_on(kind, size, level, tmp_path):
    data = WEBPS[kind](size)

    check_converted(tmp_path, with_chunk(data, kind_of(data), lambda c: c + WORDS["a name"]), level)


@pytest.mark.parametrize("kind", ["lossy", "flat", "lossy and see-through"])
def test_nor_between_the_partitions_of_a_vp8(kind, tmp_path):
    data = with_chunk(WEBPS[kind]((300, 200)), b"VP8 ", behind_first(WORDS["a text"]))

    check_converted(tmp_path, data, Level())


def test_nor_behind_its_transparency(tmp_path):
    data = WEBPS["lossy and see-through"]((300, 200))

    check_converted(tmp_path, with_chunk(data, b"ALPH", lambda c: c + WORDS["a text"]), Level())


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_webp_that_moves_is_withheld_for_one_frame(number, tmp_path):
    shots = [noise("RGB", (40, 30), seed) for seed in range(3)]
    data = saved("WEBP", shots[0], save_all=True, append_images=shots[1:], lossless=number == 1)
    assert passed_on(tmp_path, data)[0].verdict in UNCHANGED
    places = [match.start() for match in re.finditer(b"ANMF", data)]
    frame = data[places[number] :]
    (length,) = struct.unpack_from("<I", frame, 4)
    inner = frame[24 : 8 + length]
    changed = with_chunk(b"RIFF\0\0\0\0" + inner, kind_of(inner), lambda c: c + b"Alice Example.")[
        8:
    ]
    frame = frame[:4] + struct.pack("<I", 16 + len(changed)) + frame[8:24] + changed
    rest = data[places[number] + 8 + length + length % 2 :]
    body = data[8 : places[number]] + frame + rest

    made, clean = passed_on(tmp_path, b"RIFF" + struct.pack("<I", len(body)) + body)

    assert (made.verdict, clean) == (Verdict.WITHHELD, b"")
    assert REASON in made.found


@pytest.mark.parametrize(
    "options",
    [{}, {"lossless": True}, {"quality": 5, "method": 0}, {"quality": 100}, {"alpha_quality": 40}],
    ids=str,
)
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (1, 300), (200, 130)], ids=str)
def test_webps_that_nobody_has_changed_stay_as_they_are(size, options, tmp_path):
    flat = Image.new("RGBA", size, (90, 140, 220, 99))
    for picture in (flat, see_through(size), noise("RGBA", size)):
        for mode in ("RGB", "RGBA"):
            made, _ = passed_on(tmp_path, saved("WEBP", picture.convert(mode), **options))

            assert made.verdict in UNCHANGED, made.found


def in_partitions(picture: Image.Image, number: int) -> bytes:
    """Return a VP8 with so many partitions of coefficients, as libwebp's own tools can write it."""
    try:
        coder = av.codec.CodecContext.create("libvpx", "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip("PyAV has no encoder for VP8 here")
    coder.width, coder.height = picture.size
    coder.pix_fmt, coder.time_base = "yuv420p", Fraction(1, 25)
    coder.options = {"slices": str(number), "crf": "10", "b": "4M"}
    frame = av.VideoFrame(*picture.size, "yuv420p")
    for plane, band in zip(frame.planes, picture.convert("YCbCr").split(), strict=True):
        small = band.resize((plane.width, plane.height))
        padded = small.crop((0, 0, plane.line_size, plane.height))
        plane.update(padded.tobytes().ljust(plane.buffer_size, b"\0"))
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*coder.encode(frame), *coder.encode(None)])


@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_words_stand_in_no_partition(number, tmp_path):
    frame = in_partitions(grainy((320, 240)), number)
    empty = WEBPS["flat"]((16, 16))
    whole = with_chunk(empty, b"VP8 ", lambda _: frame)
    parts = vp8.parts(frame).others

    assert len(parts) == number
    assert passed_on(tmp_path, whole)[0].verdict == Verdict.IDENTICAL
    for place, (_, stop) in enumerate(parts):
        longer = frame[:stop] + WORDS["a text"] + frame[stop:]
        if place + 1 < number:
            field = vp8.parts(frame).first[1] + 3 * place
            size = int.from_bytes(frame[field : field + 3], "little") + len(WORDS["a text"])
            longer = longer[:field] + size.to_bytes(3, "little") + longer[field + 3 :]
        check_converted(tmp_path, with_chunk(empty, b"VP8 ", lambda _, c=longer: c), Level())


def test_more_partitions_than_rows_hold_no_words(tmp_path):
    """The last ones of eight are read by nobody where a picture has four rows of macroblocks."""
    frame = in_partitions(grainy((64, 64)), 8)
    empty = WEBPS["flat"]((16, 16))
    made, clean = passed_on(tmp_path, with_chunk(empty, b"VP8 ", lambda _: frame + WORDS["a text"]))

    assert made.verdict == Verdict.CONVERTED
    assert not holds(clean)


def test_a_partition_that_goes_on_behind_its_picture_is_refused():
    frame = in_partitions(grainy((320, 240)), 8)

    with pytest.raises(UnexplainedError, match="goes on behind"):
        vp8.parts(frame[:6000])


def test_a_webp_that_can_be_decoded_in_no_way_proves_nothing(tmp_path):
    """Its coefficients are cut short: what is behind its first partition would make no difference."""
    data = with_chunk(WEBPS["lossy"]((300, 200)), b"VP8 ", behind_first(WORDS["a text"]))

    made, clean = passed_on(tmp_path, with_chunk(data, b"VP8 ", lambda content: content[:-600]))

    assert (made.verdict, clean) == (Verdict.WITHHELD, b"")
    assert "can't be decoded" in made.found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(WEBPS)), tail=st.binary(min_size=16, max_size=3000))
def test_whatever_stands_behind_a_webp_is_found(kind, tail, tmp_path):
    data = WEBPS[kind]((40, 30))

    made, _ = passed_on(tmp_path, with_chunk(data, kind_of(data), lambda content: content + tail))

    assert made.verdict == Verdict.CONVERTED, made.found


def test_a_webp_of_too_many_pixels_is_not_looked_at_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(webp_ends, "MAX_PIXELS", 4000)
    (tmp_path / "picture").write_bytes(WEBPS["lossy"]((40, 30)))
    assert leaks(tmp_path / "picture", [], Level()) == []

    (tmp_path / "picture").write_bytes(WEBPS["lossy"]((40, 40)))
    assert leaks(tmp_path / "picture", [], Level()) == ["more pictures than can be looked at"]
