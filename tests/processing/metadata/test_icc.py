"""Profiles that nobody knows: their numbers stay, and nothing that stands between them."""

import io
import struct
import tracemalloc
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from library.processing.metadata.icc import MAX_PROFILE_BYTES, NEUTRAL_NAME, NOT_STATED, clean_icc
from library.processing.metadata.icc_tags import COLOR_TAGS, numbers_alone
from library.processing.metadata.proofs.colors import check_color_tag
from library.processing.metadata.proofs.told import check_icc
from library.processing.metadata.values import UncleanableError, UnexplainedError
from tests.processing.corpus import corpus_file
from tests.processing.metadata.planted import noise

MARKER = b"AliceWasHere"
WHITE = b"XYZ " + bytes(4) + bytes.fromhex("0000f6d6000100000000d32d")
MODES = {b"RGB ": "RGB", b"CMYK": "CMYK", b"GRAY": "L"}
CHANNELS = {b"RGB ": 3, b"CMYK": 4, b"GRAY": 1}
UNEXPLAINED = (UnexplainedError, struct.error, LookupError)


# Tags, in our form and in looser ones


def marks(length: int) -> bytes:
    return (MARKER * (length // len(MARKER) + 1))[:length]


def zeros(length: int) -> bytes:
    return bytes(length)


def curve(kind: bytes, numbers: bytes, fill=zeros) -> bytes:
    """Return a curve; the number of its parameters tells which function it is."""
    if kind == b"curv":
        return b"curv" + fill(4) + struct.pack(">I", len(numbers) // 2) + numbers
    function = (4, 12, 16, 20, 28).index(len(numbers))
    return b"para" + fill(4) + struct.pack(">H", function) + fill(2) + numbers


def filled(element: bytes, fill=zeros) -> bytes:
    return element + fill(-len(element) % 4)


def curves(told, fill=zeros) -> bytes:
    return b"".join(filled(curve(*one, fill), fill) for one in told)


def grid(points: bytes, number_bytes: int, numbers: bytes, fill=zeros) -> bytes:
    head = points + fill(16 - len(points)) + bytes((number_bytes,)) + fill(3)
    return filled(head + numbers, fill)


def elements(told, fill=zeros) -> list[bytes]:
    """Return curves B, a matrix, curves M, a table and curves A; b"" for what is absent."""
    b, matrix, m, table, a = told
    table = grid(*table, fill) if table else b""
    return [curves(b, fill), matrix, curves(m, fill), table, curves(a, fill)]


def lut(kind: bytes, channels: tuple[int, int], told, order=range(5), fill=zeros, gap=b"") -> bytes:
    """Return a `mAB ` or `mBA ` tag whose elements stand in this order, with something between them."""
    parts, places, body = elements(told, fill), [0] * 5, gap
    for n in order:
        if parts[n]:
            places[n] = 32 + len(body)
            body += parts[n] + gap
    return kind + fill(4) + bytes(channels) + fill(2) + struct.pack(">5I", *places) + body


def tables(kind: bytes, channels: tuple[int, int], points: int, seed: int, fill=zeros) -> bytes:
    """Return a `mft1` or `mft2` tag with some numbers."""
    inputs, outputs = channels
    ends = (256, 256) if kind == b"mft1" else (3, 5)
    count = inputs * ends[0] + points**inputs * outputs + outputs * ends[1]
    numbers = noise("RGBA", (count, 1), seed).tobytes()[: count * (1 if kind == b"mft1" else 2)]
    one, none = struct.pack(">i", 1 << 16), bytes(4)
    matrix = b"".join(one if n % 4 == 0 else none for n in range(9))
    head = kind + fill(4) + bytes((inputs, outputs, points)) + fill(1) + matrix
    return head + (b"" if kind == b"mft1" else struct.pack(">2H", *ends)) + numbers


def profile(
    tags: dict[bytes, bytes],
    *,
    space: bytes = b"RGB ",
    between: bytes = b"Lab ",
    version: int = 0x04200000,
    fill=zeros,
    gap: bytes = b"",
) -> bytes:
    """Return a profile with these tags; `fill` gives what its header tells of its maker."""
    tags = {b"desc": text(marks(20)), b"cprt": text(marks(20)), b"wtpt": WHITE, **tags}
    at, table, body = 132 + 12 * len(tags), b"", gap
    for name, content in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += filled(content, fill) + gap
    head = struct.pack(">I4s4s4s", version, b"prtr", space, between) + bytes(12) + b"acsp"
    head += fill(24) + bytes(4) + WHITE[8:] + fill(48)
    return (
        struct.pack(">I", at + len(body))
        + fill(4)
        + head
        + struct.pack(">I", len(tags))
        + table
        + body
    )


def text(words: bytes) -> bytes:
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(words), 28) + words


# Whatever numbers a table has


def some_curve():
    table = st.integers(0, 5).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
    numbers = st.sampled_from((1, 3, 4, 5, 7)).flatmap(
        lambda n: st.lists(st.integers(-(1 << 17), 1 << 18), min_size=n, max_size=n)
    )
    function = numbers.map(lambda found: struct.pack(f">{len(found)}i", *found))
    return st.one_of(st.tuples(st.just(b"curv"), table), st.tuples(st.just(b"para"), function))


def some_curves(count: int):
    return st.lists(some_curve(), min_size=count, max_size=count)


@st.composite
def some_grid(draw, inputs: int, outputs: int):
    points = bytes(draw(st.lists(st.integers(2, 3), min_size=inputs, max_size=inputs)))
    number_bytes, size = draw(st.sampled_from((1, 2))), outputs
    for count in points:
        size *= count
    return (
        points,
        number_bytes,
        draw(st.binary(min_size=size * number_bytes, max_size=size * number_bytes)),
    )


@st.composite
def some_lut(draw, kind: bytes, device: int):
    """Return a table's channels and elements."""
    channels = (device, 3) if kind == b"mAB " else (3, device)
    matrix = st.lists(st.integers(-(1 << 17), 1 << 17), min_size=12, max_size=12)
    told = (
        draw(some_curves(3)),
        draw(st.just(b"") | matrix.map(lambda found: struct.pack(">12i", *found))),
        draw(st.just([]) | some_curves(3)),
        draw(some_grid(*channels) if device != 3 else st.none() | some_grid(*channels)),
        draw(st.just([]) | some_curves(device)),
    )
    return channels, told


SPACES = st.sampled_from(sorted(CHANNELS))


def shown(content: bytes, space: bytes) -> list[bytes | None]:
    """Return what littlecms makes of a profile, from its device to sRGB and back; None where it refuses."""
    srgb = ImageCms.createProfile("sRGB")
    found = []
    for forth in (True, False):
        ends = (io.BytesIO(content), srgb) if forth else (srgb, io.BytesIO(content))
        mode, other = (MODES[space], "RGB") if forth else ("RGB", MODES[space])
        source, made = noise(mode, (16, 16)), Image.new(other, (16, 16))
        try:
            change = ImageCms.buildTransform(*ends, mode, other, ImageCms.Intent.PERCEPTUAL)
        except ImageCms.PyCMSError:
            found.append(None)
            continue
        change.transform.apply(source.getim(), made.getim())
        found.append(made.tobytes())
    return found


@settings(deadline=None, max_examples=40)
@given(st.data(), SPACES, st.permutations(range(5)), st.sampled_from((b"", MARKER, 2 * MARKER)))
def test_numbers_of_a_table_stay_and_what_is_between_them_goes(data, space, order, gap):
    device = CHANNELS[space]
    to_colors = data.draw(some_lut(b"mAB ", device))
    from_colors = data.draw(some_lut(b"mBA ", device))
    source = profile(
        {
            b"B2A0": lut(b"mBA ", *from_colors, order, marks, gap),
            b"A2B0": lut(b"mAB ", *to_colors, order, marks, gap),
        },
        space=space,
        fill=marks,
        gap=gap,
    )

    made = clean_icc(source)

    check_icc(made)
    assert MARKER[:6] not in made
    assert lut(b"mAB ", *to_colors) in made
    assert lut(b"mBA ", *from_colors) in made
    assert clean_icc(made) == made
    assert shown(made, space) == shown(source, space)


def test_a_table_that_changes_colors_is_seen_to_change_them():
    """The comparison above would be worth nothing if littlecms refused all of these."""
    first, second = (shown(made, b"RGB ") for made in (small_profile(1), small_profile(2)))

    assert None not in first + second
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_curves_that_elements_share_are_written_for_each():
    line = (b"curv", b"")
    told = ([line] * 3, b"", [line] * 3, (b"\2\2\2", 1, marks(24)), [line] * 3)
    shared = bytearray(lut(b"mAB ", (3, 3), told, fill=marks))
    for n in (2, 4):
        shared[12 + 4 * n : 16 + 4 * n] = shared[12:16]

    assert numbers_alone(bytes(shared)) == lut(b"mAB ", (3, 3), told)
    with pytest.raises(UnexplainedError):
        check_color_tag(b"A2B0", bytes(shared).replace(marks(4), bytes(4)))


# Profiles of printers and programs


def unknown(name: str) -> tuple[bytes, bytes]:
    """Return a picture's profile with one letter changed, so that nobody knows it, and its space."""
    with Image.open(corpus_file(name)) as picture:
        content = picture.info["icc_profile"]
    changed = content.replace(b"\0C\0o\0p\0y", b"\0X\0o\0p\0y")
    return changed, content[16:20]


@pytest.mark.parametrize(
    "name", ["thompson-springs.jpg", "dog_and_lake_cmyk_with_icc_profile.jpg", "adobe_coords.jpg"]
)
def test_a_real_profile_shows_the_same_colors_when_its_numbers_are_alone(name):
    source, space = unknown("photos/" + name)

    made = clean_icc(source)

    check_icc(made)
    assert made != source
    assert clean_icc(made) == made
    before, after = shown(source, space), shown(made, space)
    assert before == after
    assert None not in after


# What stands in the reserved bytes of each tag, and behind its numbers

LOOSE = {
    b"wtpt": lambda fill: b"XYZ " + fill(4) + WHITE[8:],
    b"lumi": lambda fill: b"XYZ " + fill(4) + WHITE[8:],
    b"chad": lambda fill: b"sf32" + fill(4) + struct.pack(">9i", *range(9)),
    b"chrm": lambda fill: b"chrm" + fill(4) + struct.pack(">2H6I", 3, 1, *[1 << 15] * 6),
    b"cicp": lambda fill: b"cicp" + fill(4) + bytes((9, 16, 0, 1)),
    b"rig0": lambda fill: b"sig " + fill(4) + b"prmg",
    b"rTRC": lambda fill: curve(b"curv", b"\2\x33", fill),
    b"gTRC": lambda fill: curve(b"para", bytes(28), fill),
    b"bTRC": lambda fill: curve(b"curv", bytes(range(10)), fill),
    b"A2B0": lambda fill: tables(b"mft1", (3, 3), 2, 1, fill),
    b"A2B1": lambda fill: tables(b"mft2", (4, 3), 2, 2, fill),
    b"B2A0": lambda fill: tables(b"mft2", (3, 1), 3, 3, fill),
    b"A2B2": lambda fill: lut(b"mAB ", *LUT, fill=fill),
    b"gamt": lambda fill: lut(b"mBA ", (3, 1), ([LINE] * 3, b"", [], GRID, [LINE]), fill=fill),
}
LINE = (b"curv", b"\1\0")
GRID = (b"\2\2\2", 1, bytes(range(8)))
LUT = (
    (3, 3),
    (
        [LINE] * 3,
        struct.pack(">12i", *range(12)),
        [(b"para", bytes(4))] * 3,
        (b"\2\3\2", 2, bytes(range(72))),
        [(b"curv", b"")] * 3,
    ),
)


@pytest.mark.parametrize("behind", [b"", b"A", MARKER])
@pytest.mark.parametrize("name", LOOSE)
def test_a_tag_is_its_numbers_alone(name, behind):
    made = numbers_alone(LOOSE[name](marks) + behind)

    assert made == LOOSE[name](zeros)
    check_color_tag(name, made)
    for fill, more in ((marks, b""), (zeros, b"\0"), (zeros, b"\0" * 4), (zeros, MARKER)):
        with pytest.raises(UNEXPLAINED):
            check_color_tag(name, LOOSE[name](fill) + more)
    with pytest.raises(UNEXPLAINED):
        check_color_tag(name, made[:-1])
    with suppress(UncleanableError, struct.error):
        assert numbers_alone(made[:-1]) in (b"", made)  # what fills up is not missed


def small_profile(seed: int = 1) -> bytes:
    """Return a clean profile with a tag of every type."""
    tags = {name: make(marks) for name, make in LOOSE.items() if name != b"gamt"}
    numbers = noise("RGBA", (100, 1), seed).tobytes()
    steps = (b"curv", struct.pack(">2H", 0, 0xFFFF))
    told = ([steps] * 3, b"", [], (b"\2\2\2", 2, numbers[:48]), [steps] * 3)
    tags |= {b"A2B0": lut(b"mAB ", (3, 3), told), b"B2A0": lut(b"mBA ", (3, 3), told)}
    return clean_icc(profile(tags, fill=marks, gap=MARKER))


@pytest.mark.parametrize("flip", [0xFF, 0x01, 0x20])
def test_the_check_knows_every_byte_of_a_profile(flip):
    """Whatever byte is changed: it is refused, or a number, and the cleaner too would write it so."""
    made = small_profile()
    check_icc(made)
    assert MARKER[:6] not in made
    accepted = 0
    for at in range(len(made)):
        changed = made[:at] + bytes((made[at] ^ flip,)) + made[at + 1 :]
        try:
            check_icc(changed)
        except UNEXPLAINED:
            continue
        accepted += 1
        assert clean_icc(changed) == changed

    assert 200 < accepted < len(made) - 500


@given(st.data())
def test_the_check_accepts_nothing_that_the_cleaner_would_not_write(data):
    made = small_profile()
    at = data.draw(st.integers(0, len(made)))
    more = data.draw(st.binary(max_size=8))
    changed = made[:at] + more + made[at + data.draw(st.integers(0, 8)) :]
    changed = struct.pack(">I", len(changed)) + changed[4:]
    try:
        check_icc(changed)
    except UNEXPLAINED:
        return

    assert clean_icc(changed) == changed


def with_texts(name: bytes, owner: bytes) -> bytes:
    """Return a profile in our form, but for these texts."""
    content = bytearray(profile({b"desc": name, b"cprt": owner}))
    content[24:36] = small_profile()[24:36]
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "owner", "is_sound"),
    [
        (NEUTRAL_NAME, NOT_STATED, True),
        ("sRGB", NOT_STATED, True),
        (NOT_STATED, NOT_STATED, False),
        ("sRGB", "sRGB", False),
        ("Alice", NOT_STATED, False),
    ],
)
def test_the_check_wants_a_known_name_and_no_owner(name, owner, is_sound):
    content = with_texts(text(name.encode("utf-16-be")), text(owner.encode("utf-16-be")))

    with nullcontext() if is_sound else pytest.raises(UnexplainedError):
        check_icc(content)


def test_the_check_refuses_what_another_library_can_t_read(monkeypatch):
    def fail(profile):
        raise ImageCms.PyCMSError

    monkeypatch.setattr(ImageCms, "getProfileDescription", fail)
    with pytest.raises(UnexplainedError):
        check_icc(small_profile())


def test_the_check_wants_one_order_of_tags():
    """In which order tags stand could tell something too."""
    made = small_profile()
    start = made.index(b"lumi", 132)
    swapped = (
        made[:start] + made[start + 12 : start + 24] + made[start : start + 12] + made[start + 24 :]
    )

    with pytest.raises(UnexplainedError):
        check_icc(swapped)
    assert clean_icc(swapped) != swapped


@pytest.mark.parametrize("version", [0x02000000, 0x02400000, 0x04400000, 0x04201234])
def test_a_version_is_told_without_its_corrections(version):
    made = clean_icc(profile({b"kTRC": LOOSE[b"rTRC"](zeros)}, space=b"GRAY", version=version))

    check_icc(made)
    assert made[8:12] == struct.pack(">I", version & 0xFFF00000)


@pytest.mark.parametrize("version", [0, 0x01000000, 0x05000000, 0x04500000, 0x41420000])
def test_a_version_that_there_is_not_is_refused(version):
    with pytest.raises(UncleanableError):
        clean_icc(profile({b"kTRC": LOOSE[b"rTRC"](zeros)}, version=version))


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        (b"chrm", b"chrm" + bytes(4) + struct.pack(">2H", 3, 0) + marks(24)),
        (b"chrm", b"chrm" + bytes(4) + struct.pack(">2H6I", 4, 0, *[1] * 6)),
        (b"chrm", b"chrm" + bytes(4) + struct.pack(">2H6I", 3, 9, *[1] * 6)),
        (b"cicp", b"cicp" + bytes(4) + b"Alic"),
        (b"cicp", b"cicp" + bytes(4) + b"\1"),
        (b"rig0", b"sig " + bytes(4) + b"Alic"),
    ],
)
def test_words_in_a_tag_that_changes_no_color_drop_it(name, tag):
    made = clean_icc(profile({name: tag, b"kTRC": LOOSE[b"rTRC"](zeros)}))

    check_icc(made)
    assert name not in made
    assert b"Alic" not in made
    with pytest.raises(UNEXPLAINED):
        check_color_tag(name, tag)


# Hostile ones


def told_lut(change) -> bytes:
    tag = bytearray(lut(b"mAB ", *LUT))
    change(tag)
    return bytes(tag)


def put(at: int, form: str, *values: int):
    return lambda tag: struct.pack_into(form, tag, at, *values)


HOSTILE = {
    "no curves B": put(12, ">I", 0),
    "a place outside": put(24, ">I", 1 << 31),
    "a place at the end": put(24, ">I", len(lut(b"mAB ", *LUT))),
    "the head as a matrix": put(16, ">I", 8),
    "itself as curves": put(12, ">I", 4),
    "an odd place": put(16, ">I", 46),
    "a table of terabytes": lambda tag: put(struct.unpack_from(">I", tag, 24)[0], "3B", *[255] * 3)(
        tag
    ),
    "a table of one point": lambda tag: put(struct.unpack_from(">I", tag, 24)[0], "B", 1)(tag),
    "numbers of three bytes": lambda tag: put(struct.unpack_from(">I", tag, 24)[0] + 16, "B", 3)(
        tag
    ),
    "no channels": put(8, "2B", 0, 0),
    "many channels": put(8, "2B", 255, 255),
    "a matrix of one channel": put(8, "2B", 1, 1),
    "other channels and no table": lambda tag: (put(8, "B", 4)(tag), put(24, ">I", 0)(tag)),
    "a curve of four billion numbers": put(40, ">I", 0xFFFFFFFF),
    "a function that there is not": put(
        struct.unpack_from(">I", lut(b"mAB ", *LUT), 20)[0] + 8, ">H", 5
    ),
    "no curve": put(32, "4B", *b"Alic"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_table_in_disorder_is_refused_by_both(change):
    tag = told_lut(change)

    with pytest.raises(UncleanableError):
        clean_icc(profile({b"A2B0": tag}))
    with pytest.raises(UNEXPLAINED):
        check_color_tag(b"A2B0", tag)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, (1 << 32) - 1)), max_size=4),
    st.booleans(),
)
def test_whatever_a_table_says_of_itself_it_is_refused_or_proved(changes, is_wide):
    tag = bytearray(lut(b"mAB ", *LUT))
    for at, value in changes:
        put(at if is_wide else at // 4 * 4, ">I", value if is_wide else value % 512)(tag)
    try:
        made = clean_icc(profile({b"A2B0": bytes(tag)}))
    except UncleanableError:
        return

    check_icc(made)


@pytest.mark.parametrize("cut", [0, 1, 4, 8, 9, 12, 30, 32, 40])
@pytest.mark.parametrize("kind", sorted({kind for kinds in COLOR_TAGS.values() for kind in kinds}))
def test_a_tag_that_ends_too_soon_is_refused_by_both(kind, cut):
    content = (kind + bytes(4) + bytes((3, 3, 2, 0)) + bytes(40))[:cut]
    name = next(name for name, kinds in COLOR_TAGS.items() if kind in kinds)
    try:
        made = clean_icc(profile({name: content, b"kTRC": LOOSE[b"rTRC"](zeros)}))
        check_icc(made)
    except UncleanableError:
        with pytest.raises(UNEXPLAINED):
            check_color_tag(name, content)


def test_a_profile_does_not_grow_by_being_read():
    """Each of its tags says that it is almost all of it, and each of a table's curves too."""
    body = lut(b"mAB ", (3, 3), ([(b"curv", bytes(2 << 20))] * 3, b"", [], None, []))
    names = [name for name, kinds in COLOR_TAGS.items() if b"mAB " in kinds] + [b"rTRC"] * 90
    table = b"".join(
        struct.pack(">4sII", name, 132 + 12 * len(names), len(body) - 4 * n)
        for n, name in enumerate(names)
    )
    head = profile({})[:128] + struct.pack(">I", len(names))
    long = bytearray(lut(b"mAB ", (3, 3), ([(b"curv", bytes(5 << 20))] * 3, b"", [], None, [])))
    long[20:24] = long[28:32] = long[12:16]
    tracemalloc.start()
    try:
        for content in (head + table + body, profile({b"A2B0": bytes(long)})):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(UncleanableError):
                clean_icc(content)
            assert tracemalloc.get_traced_memory()[1] - before < 8 * MAX_PROFILE_BYTES
    finally:
        tracemalloc.stop()


def tampered(at: int, form: str, *values: object) -> bytes:
    made = bytearray(profile({b"A2B0": lut(b"mAB ", *LUT), b"rTRC": LOOSE[b"rTRC"](zeros)}))
    struct.pack_into(form, made, at, *values)
    return bytes(made)


@pytest.mark.parametrize(
    "content",
    [
        profile({}),
        profile({b"rXYZ": WHITE}),
        tampered(12, "4s", b"link"),
        tampered(16, "4s", b"2CLR"),
        tampered(20, "4s", b"RGB "),
        tampered(128, ">I", 101),
        tampered(128, ">I", 5)[:180],
        tampered(132 + 36, "4s", b"rTRC"),  # of another type
        tampered(132 + 24, "4s", b"rTRC"),  # twice, too
        tampered(132 + 36 + 4, ">I", 1 << 31),
        tampered(132 + 36 + 8, ">I", 1 << 31),
        profile(dict.fromkeys((b"rTRC", b"kTRC"), WHITE)),
        profile({b"A2B0": lut(b"mAB ", *LUT)}).ljust(MAX_PROFILE_BYTES + 1, b"\0"),
    ],
)
def test_a_profile_that_is_no_picture_s_is_refused(content):
    with pytest.raises(UncleanableError):
        clean_icc(content)


def test_a_tag_that_stands_there_twice_is_refused():
    content = profile({b"rTRC": LOOSE[b"rTRC"](zeros), b"gTRC": LOOSE[b"rTRC"](zeros)})
    clean_icc(content)

    with pytest.raises(UncleanableError):
        clean_icc(content.replace(b"gTRC", b"rTRC"))


def test_a_table_on_an_odd_place_is_refused():
    """Readers do not agree on where its curves are."""
    content = bytearray(profile({b"A2B0": lut(b"mAB ", *LUT)}) + bytes(4))
    at = struct.unpack_from(">I", content, 132 + 36 + 4)[0]
    content[at + 1 :] = content[at:-1]
    content[132 + 36 + 4 : 132 + 36 + 8] = struct.pack(">I", at + 1)

    with pytest.raises(UncleanableError):
        clean_icc(bytes(content))


@pytest.mark.parametrize("count", [0, 2, 41, 100, 0xFFFFFFFF])
def test_the_check_refuses_other_counts_of_tags(count):
    made = bytearray(small_profile())
    made[128:132] = struct.pack(">I", count)

    with pytest.raises(UNEXPLAINED):
        check_icc(bytes(made))


@pytest.mark.parametrize("names", [(b"rTRC", b"gTRC", b"bTRC"), (b"A2B0", b"A2B1", b"A2B2")])
def test_tags_that_share_their_place_are_written_once(names):
    tag = LOOSE[names[0]](zeros)
    source = profile(dict.fromkeys(names, tag))
    places = [source.index(name, 132) for name in names]
    shared = bytearray(source)
    for place in places[1:]:
        shared[place + 4 : place + 8] = source[places[0] + 4 : places[0] + 8]

    made = clean_icc(bytes(shared))

    check_icc(made)
    assert made == clean_icc(source)
    assert made.count(tag) == 1
