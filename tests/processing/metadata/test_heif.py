"""HEIC, HEIF and AVIF are written anew: the same picture, and nothing that it told."""

import io
import random
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif import blocks, clean
from library.processing.metadata.proofs.heif import pieces
from library.processing.metadata.values import (
    Level,
    Piece,
    Privacy,
    UncleanableError,
    UnexplainedError,
)
from tests.processing.corpus import corpus_file

MARKER = b"ALICE-AT-HOME"
REFUSED = (UncleanableError, struct.error, IndexError, ValueError)
APPLE_GAIN_MAP = "urn:com:apple:photo:2020:aux:hdrgainmap"
SAMSUNG_GAIN_MAP = "urn:com:samsung:photo:2024:aux:hdrgainmap"

HEICS = [
    "heic/IMG_2682.heic",
    "heic/L_exif_xmp_iptc.heic",
    "heic/RGBA_8__128x128.heif",
    "heic/RGB_10__128x128.heif",
    "heic/aux_YCbCr.heic",
    "heic/bird_burst.heic",
    "heic/classic-car.heic",
    "heic/empty_icc.heic",
    "heic/outdoor.heic",
    "heic/sewing-threads.heic",
    "heic/spatial_photo.heic",
    "heic/xiaomi.heic",
    "live/samsung-one-ui-6.heic",
]
AVIFS = [
    "odd/avif-orientation-6.avif",
    "odd/colors-animated-8bpc-alpha-exif-xmp.avif",
    "odd/paris_icc_exif_xmp.avif",
]
NOT_SHOWN = ["heic/elodie_iphone8.heic", "hostile/200MP.heic", "hostile/17000x17000.avif"]
BROKEN = [
    "hostile/corrupted.heic",
    "hostile/empty.heic",
    "hostile/oom_large_box.heic",
    "hostile/truncated.heic",
    "raw/CanonRaw.cr3",
]


def cleaned(path: Path, level: Level | None = None) -> bytes:
    out = io.BytesIO()
    with FileWindow(path) as data:
        clean(data, out, level or Level())
    return out.getvalue()


def cleaned_bytes(content: bytes, folder: Path) -> bytes:
    (folder / "photo").write_bytes(content)
    return cleaned(folder / "photo")


def explained(content: bytes) -> list[Piece]:
    """Return the pieces of a file, which must cover it."""
    found = list(pieces(content))
    ends = [piece.stop for piece in found]
    assert [piece.start for piece in found] == [0, *ends[:-1]]
    assert ends[-1] == len(content)
    return found


def listed(path: Path) -> list[tuple[str, str]]:
    with FileWindow(path) as data:
        return [(block.kind, block.name) for block in blocks(data)]


def pictures(content: bytes) -> list[tuple]:
    """Return all that a decoder makes of a HEIC file: every picture's pixels, colors and gain maps."""
    heif = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False)
    found = []
    for number, picture in enumerate(heif):
        maps = {
            kind: [bytes(picture.get_aux_image(one).data) for one in numbers]
            for kind, numbers in picture.info["aux"].items()
        }
        colors = picture.info.get("icc_profile"), picture.info.get("nclx_profile")
        found.append((picture.mode, picture.size, bytes(picture.data), maps, bool(colors[0])))
        found.append((number == heif.primary_index, colors[1]))
    return found


def frames(content: bytes) -> list[tuple]:
    """Return the frames of an AVIF file, each with how long it is shown."""
    picture = Image.open(io.BytesIO(content), formats=("AVIF",))
    return [
        (frame.size, frame.convert("RGBA").tobytes(), frame.info.get("duration"))
        for frame in ImageSequence.Iterator(picture)
    ]


@pytest.mark.parametrize("name", [*HEICS, *AVIFS, *NOT_SHOWN])
def test_every_byte_is_explained_and_every_coded_one_is_the_sources(name):
    source = corpus_file(name).read_bytes()

    content = cleaned(corpus_file(name))

    for piece in explained(content):
        if piece.kind == "coded":
            assert content[piece.start : piece.stop] in source


@pytest.mark.parametrize("name", HEICS)
def test_heic_files_show_the_same_pictures(name):
    source = corpus_file(name).read_bytes()

    content = cleaned(corpus_file(name))

    assert pictures(content) == pictures(source)
    assert pillow_heif.is_supported(content[:64])


@pytest.mark.parametrize("name", AVIFS)
def test_avif_files_show_the_same_frames(name):
    source = corpus_file(name).read_bytes()

    assert frames(cleaned(corpus_file(name))) == frames(source)


@pytest.mark.parametrize("name", [*HEICS, *AVIFS])
def test_a_cleaned_file_is_cleaned_to_itself(name, tmp_path):
    content = cleaned(corpus_file(name), Level(privacy=Privacy.LOCATION))
    (tmp_path / "once").write_bytes(content)

    assert cleaned(tmp_path / "once", Level(privacy=Privacy.LOCATION)) == content


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_or_something_else_is_refused(name):
    with pytest.raises(REFUSED):
        cleaned(corpus_file(name))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("heic/classic-car.heic", APPLE_GAIN_MAP), ("heic/aux_YCbCr.heic", SAMSUNG_GAIN_MAP)],
)
def test_gain_maps_stay_with_their_numbers(name, kind):
    content = cleaned(corpus_file(name))

    picture = pillow_heif.open_heif(io.BytesIO(content))[0]
    assert list(picture.info["aux"]) == [kind]
    assert [piece.kind for piece in explained(content)].count("xmp") == 1


def test_a_stereo_pair_stays_one():
    content = cleaned(corpus_file("heic/spatial_photo.heic"))

    assert len(pillow_heif.open_heif(io.BytesIO(content))) == 2
    assert b"ster" in content
    assert content.count(b"cmex") == 2
    assert b"uuid" not in content


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("live/samsung-one-ui-6.heic", {"exif", "xmp", "thumbnail", "motion", "other"}),
        ("heic/L_exif_xmp_iptc.heic", {"exif", "xmp", "other"}),
        ("odd/paris_icc_exif_xmp.avif", {"exif", "xmp", "icc"}),
    ],
)
def test_what_a_file_tells_is_listed(name, kinds, tmp_path):
    (tmp_path / "clean").write_bytes(cleaned(corpus_file(name), Level(hides_dates=True)))

    assert {kind for kind, _ in listed(corpus_file(name))} == kinds
    assert {kind for kind, _ in listed(tmp_path / "clean")} <= {"exif", "icc"}


def test_the_tracks_of_a_sequence_show_the_same_frames(tmp_path):
    source = corpus_file("heic/bird_burst.heic")
    (tmp_path / "clean.heic").write_bytes(cleaned(source))

    assert video_frames(tmp_path / "clean.heic") == video_frames(source)


def video_frames(path: Path) -> list[bytes]:
    """Return the frames of the largest track."""
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda one: one.width * (one.frames > 1))
        return [bytes(frame.planes[0]) for frame in container.decode(stream)]


def planted_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = MARKER.decode()  # ImageDescription
    exif[0x9286] = MARKER
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (59.0, 26.0, 13.37)
    return exif.tobytes()


def planted_xmp() -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/">%s</x:xmpmeta>' % MARKER


@cache
def saved(form: str, *, count: int = 1, planted: bool = True) -> bytes:
    noise = random.Random(1)
    made = [Image.frombytes("RGB", (64, 64), noise.randbytes(64 * 64 * 3)) for _ in range(count)]
    out = io.BytesIO()
    pillow_heif.register_heif_opener()
    more = {"save_all": True, "append_images": made[1:]} if count > 1 else {}
    told = {"exif": planted_exif(), "xmp": planted_xmp()} if planted else {}
    made[0].save(out, form, **told, **more)
    return out.getvalue()


@pytest.mark.parametrize(("form", "count"), [("HEIF", 1), ("HEIF", 3), ("AVIF", 1), ("AVIF", 3)])
def test_what_was_planted_is_gone(form, count, tmp_path):
    source = saved(form, count=count)
    assert MARKER in source

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert MARKER not in content
    read = pictures if form == "HEIF" else frames
    assert read(content) == read(source)


# From here on files are made by hand, around one real picture of 64 times 64.


def box(kind: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">I4s", 8 + len(joined), kind) + joined


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def configuration() -> bytes:
    source = saved("HEIF", planted=False)
    at = source.index(b"hvcC")
    return source[at - 4 :][: int.from_bytes(source[at - 4 : at], "big")]


def coded() -> bytes:
    return saved("HEIF", planted=False).partition(b"mdat")[2]


ISPE = full(b"ispe", struct.pack(">II", 64, 64))


@dataclass
class Told:
    """An item as a file tells of it; `extents` where it lies by its own word, instead of a body.

    Properties are numbered from 1: the configuration, the size, and what the file has of its own.
    """

    kind: bytes = b"hvc1"
    body: bytes = b""
    properties: tuple[int, ...] = (0x81, 2)
    references: dict[bytes, list[int]] = field(default_factory=dict)
    hidden: bool = False
    name: bytes = b""
    extents: list[tuple[int, int]] | None = None
    method: int = 0
    elsewhere: int = 0


def heif(
    *items: Told, own: tuple[bytes, ...] = (), groups: bytes = b"", behind: bytes = b""
) -> bytes:
    """Return a file of these items, numbered from 1; the first one is the primary item."""

    def meta(start: int) -> bytes:
        rows, at = [], start
        for number, item in enumerate(items, 1):
            extents = item.extents if item.extents is not None else [(at, len(item.body))]
            rows.append(struct.pack(">4H", number, item.method, item.elsewhere, len(extents)))
            rows += [struct.pack(">II", *extent) for extent in extents]
            at += len(item.body)
        listed = enumerate(items, 1)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(12), b"hdlr", b"\0"),
            full(b"pitm", b"\0\1"),
            full(
                b"iinf",
                struct.pack(">H", len(items)),
                *(
                    full(
                        b"infe",
                        struct.pack(">HH", number, 0),
                        item.kind,
                        item.name + b"\0",
                        version=2,
                        flags=item.hidden,
                    )
                    for number, item in enumerate(items, 1)
                ),
            ),
            full(
                b"iref",
                *(
                    box(kind, struct.pack(f">{2 + len(to)}H", number, len(to), *to))
                    for number, item in enumerate(items, 1)
                    for kind, to in item.references.items()
                ),
            ),
            box(
                b"iprp",
                box(b"ipco", configuration(), ISPE, *own),
                full(
                    b"ipma",
                    struct.pack(">I", len(items)),
                    *(
                        struct.pack(">HB", number, len(item.properties)) + bytes(item.properties)
                        for number, item in listed
                    ),
                ),
            ),
            groups,
            full(b"iloc", b"\x44\0", struct.pack(">H", len(items)), *rows, version=1),
        )

    head = box(b"ftyp", b"heic", MARKER[:4], b"mif1", b"heic", MARKER[:4])
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(item.body for item in items)) + behind


def picture(**more: object) -> Told:
    return Told(**{"body": coded(), **more})


def nal(kind: int, payload: bytes) -> bytes:
    return struct.pack(">IBB", 2 + len(payload), kind << 1, 1) + payload


def auxiliary(name: bytes) -> bytes:
    return full(b"auxC", name, b"\0")


def test_a_plain_file_by_hand_is_cleaned(tmp_path):
    source = heif(picture())

    content = cleaned_bytes(source, tmp_path)

    assert pictures(content) == pictures(source)
    assert MARKER[:4] not in content


@pytest.mark.parametrize("kind", [35, 37, 38, 39, 40, 45, 63])
def test_messages_in_the_coded_picture_go(kind, tmp_path):
    source = heif(picture(body=nal(kind, MARKER) + coded() + nal(kind, MARKER)))

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert MARKER not in content
    assert pictures(content) == pictures(heif(picture()))


def test_messages_in_the_configuration_go(tmp_path):
    plain = configuration()
    message = b"\xa7\0\1" + struct.pack(">H", 2 + len(MARKER)) + b"\x4e\1" + MARKER
    told = box(b"hvcC", plain[8:30], bytes((plain[30] + 1,)), plain[31:], message)
    source = heif(picture(properties=(0x83, 2)), own=(told,))

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert MARKER not in content
    assert pictures(content) == pictures(heif(picture()))


def test_parameter_sets_that_are_called_something_else_are_refused(tmp_path):
    plain = configuration()
    at = (
        plain.index(b"\x42\1") - 5
    )  # the sequence parameter set, behind its array's kind and two numbers
    told = plain[:at] + b"\xa7" + plain[at + 1 :]

    with pytest.raises(UncleanableError, match="called something else"):
        cleaned_bytes(heif(picture(properties=(0x83, 2)), own=(told,)), tmp_path)


@pytest.mark.parametrize(
    "own",
    [
        full(b"udes", b"en\0", MARKER, b"\0\0\0"),
        full(b"mdft", bytes(4), MARKER),
        box(b"uuid", MARKER.ljust(16, b"\0"), MARKER),
        box(b"free", MARKER),
        box(b"ABCD", MARKER),
        auxiliary(b"urn:com:example:" + MARKER),
    ],
)
def test_unknown_properties_go_unless_they_are_essential(own, tmp_path):
    content = cleaned_bytes(heif(picture(properties=(0x81, 2, 3)), own=(own,)), tmp_path)

    explained(content)
    assert MARKER not in content
    with pytest.raises(UncleanableError):
        cleaned_bytes(heif(picture(properties=(0x81, 2, 0x83)), own=(own,)), tmp_path)


@pytest.mark.parametrize(
    "behind",
    [MARKER, box(b"free", MARKER), box(b"uuid", bytes(16), MARKER), box(b"sefd", MARKER)],
)
def test_names_boxes_and_trailers_go(behind, tmp_path):
    source = heif(picture(name=MARKER), behind=behind)

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert MARKER not in content
    with pytest.raises((UnexplainedError, IndexError, struct.error)):
        list(pieces(content + behind))


def test_only_what_the_picture_needs_stays(tmp_path):
    alpha, matte = auxiliary(b"urn:mpeg:hevc:2015:auxid:1"), auxiliary(b"urn:com:example:matte")
    source = heif(
        picture(),
        picture(references={b"thmb": [1]}),
        picture(hidden=True),
        picture(),
        picture(properties=(0x81, 2, 0x83), references={b"auxl": [1]}),
        picture(properties=(0x81, 2, 0x84), references={b"auxl": [1]}),
        Told(b"jpeg", MARKER, properties=(2,), references={b"thmb": [1]}),
        Told(b"uri ", MARKER, properties=()),
        own=(alpha, matte),
    )

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert content.count(b"infe") == 3  # the primary item, the other one that is shown, and alpha
    assert MARKER not in content
    assert len(pillow_heif.open_heif(io.BytesIO(content))) == 2


@pytest.mark.parametrize("maker", [b"apple:photo:2020", b"samsung:photo:2024", b"photo"])
def test_gain_maps_of_every_maker_stay_with_their_numbers(maker, tmp_path):
    name = b"urn:com:" + maker + b":aux:hdrgainmap"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    xmp += (
        b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    )
    xmp += b' hdrgm:GainMapMax="2.5" hdrgm:Owner="' + MARKER + b'"/></rdf:RDF></x:xmpmeta>'
    source = heif(
        picture(),
        picture(properties=(0x81, 2, 0x83), references={b"auxl": [1]}, hidden=True),
        Told(
            b"mime",
            xmp,
            properties=(),
            references={b"cdsc": [2]},
            name=b"\0application/rdf+xml",
        ),
        own=(auxiliary(name),),
    )

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    (opened,) = pillow_heif.open_heif(io.BytesIO(content))
    assert list(opened.info["aux"]) == [name.decode()]
    assert b"GainMapMax" in content
    assert MARKER not in content


def test_tiles_that_share_their_bytes_stay(tmp_path):
    """As some encoders write tiles that are alike: the whole is far larger than its file."""
    grid, tiles = struct.pack(">4B2H", 0, 0, 3, 3, 256, 256), 16
    wide = full(b"ispe", struct.pack(">II", 256, 256))
    place = 0
    for _ in range(2):  # the second time the place is known
        source = heif(
            Told(b"grid", grid, (3,), {b"dimg": [*range(2, 2 + tiles)]}),
            *[picture(body=b"", extents=[(place, len(coded()))], hidden=True)] * tiles,
            Told(b"free", coded(), properties=()),
            own=(wide,),
        )
        place = source.index(coded())

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert pictures(content) == pictures(source)


def test_identical_pictures_derived_from_one_stay(tmp_path):
    source = heif(
        Told(b"iden", references={b"dimg": [2]}, properties=(2, 0x83), extents=[]),
        picture(hidden=True),
        own=(box(b"irot", b"\1"),),
    )

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert content.count(b"infe") == 2


GRID = struct.pack(">4B2H", 0, 0, 0, 1, 128, 64)
WIDE = full(b"ispe", struct.pack(">II", 128, 64))


def test_grids_stay(tmp_path):
    grid = Told(b"grid", GRID, properties=(3,), references={b"dimg": [2, 2]})
    source = heif(grid, picture(hidden=True), own=(WIDE,))

    content = cleaned_bytes(source, tmp_path)

    explained(content)
    assert pictures(content) == pictures(source)


TONE_MAP = bytes(5) + b"\x40" + bytes(56)


@pytest.mark.parametrize("more", [b"", b"\0", MARKER])
def test_tone_maps_stay_when_they_are_nothing_else(more, tmp_path):
    tone_map = Told(b"tmap", TONE_MAP + more, properties=(2,), references={b"dimg": [1, 3]})
    altr = box(b"grpl", full(b"altr", struct.pack(">4I", 9, 2, 2, 1)))
    source = heif(picture(), tone_map, picture(hidden=True), groups=altr)

    if more:
        with pytest.raises(UncleanableError):
            cleaned_bytes(source, tmp_path)
    else:
        content = cleaned_bytes(source, tmp_path)
        explained(content)
        assert content.count(b"tmap") == content.count(b"altr") == 1


@pytest.mark.parametrize(("metres", "stays"), [(0.065, True), (6.5, False)])
def test_a_camera_stands_beside_another_and_nowhere_else(metres, stays, tmp_path):
    cmex = full(b"cmex", struct.pack(">i", round(metres * 1e6)), MARKER[:4], flags=33)
    pair = [picture(), picture(properties=(0x81, 2, 3))]
    ster = box(b"grpl", full(b"ster", struct.pack(">4I", 9, 2, 1, 2)))

    content = cleaned_bytes(heif(*pair, own=(cmex,), groups=ster), tmp_path)

    explained(content)
    assert (b"cmex" in content) is stays
    assert MARKER[:4] not in content


def clap(width: int) -> bytes:
    return box(b"clap", struct.pack(">8I", width, 1, 64, 1, 0, 1, 0, 1))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: heif(Told(b"jpeg", MARKER, properties=(2,))), id="jpeg"),
        pytest.param(lambda: heif(Told(b"avc1", MARKER, properties=(2,))), id="avc1"),
        pytest.param(lambda: heif(picture(), Told(b"unci", MARKER, (2,))), id="shown"),
        pytest.param(lambda: heif(picture(properties=(2,))), id="no configuration"),
        pytest.param(lambda: heif(picture(method=2)), id="made of items"),
        pytest.param(lambda: heif(picture(elsewhere=1)), id="in another file"),
        pytest.param(lambda: heif(picture(references={b"pred": [1]})), id="predicted"),
        pytest.param(lambda: heif(picture(properties=(0x81, 2, 9))), id="no property"),
        pytest.param(
            lambda: heif(picture(properties=(0x81, 3, 4)), own=(WIDE, clap(60))), id="crop"
        ),
        pytest.param(
            lambda: heif(
                Told(b"iovl", bytes(20), (2,), references={b"dimg": [2]}), picture(hidden=True)
            ),
            id="one picture over another",
        ),
        pytest.param(
            lambda: heif(
                Told(b"grid", GRID, (2,), references={b"dimg": [2]}), picture(hidden=True)
            ),
            id="grid of fewer",
        ),
        pytest.param(
            lambda: heif(
                Told(b"grid", GRID[:4] + b"\0\x20\0\x20", (2,), references={b"dimg": [2, 3]}),
                picture(hidden=True),
                picture(hidden=True),
            ),
            id="grid that hides one",
        ),
        pytest.param(lambda: heif(picture(), behind=box(b"meta")), id="two"),
        pytest.param(lambda: heif(picture(), behind=box(b"moof")), id="fragments"),
        pytest.param(lambda: heif(picture(body=coded()[:-1])), id="cut"),
        pytest.param(lambda: heif(picture(body=nal(39, MARKER))), id="only messages"),
    ],
)
def test_what_is_not_known_is_refused(source, tmp_path):
    with pytest.raises(UncleanableError):
        cleaned_bytes(source(), tmp_path)


def relocated(head: bytes) -> bytes:
    """Return a plain file whose iloc box begins with other counts and sizes."""
    return heif(picture()).replace(b"\x44\0\0\1\0\1\0\0\0\0\0\1", head)


def overlapping() -> bytes:
    place = heif(picture()).index(coded())
    for _ in range(2):  # the second time the place is known
        source = heif(
            picture(), *[picture(body=b"", extents=[(place, len(coded()))]) for _ in range(6000)]
        )
        place = source.index(coded())
    return source


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            lambda: heif(Told(b"iden", references={b"dimg": [1]}, extents=[])), id="itself"
        ),
        pytest.param(
            lambda: heif(
                *[
                    Told(b"iden", references={b"dimg": [number % 60 + 1] * 900}, extents=[])
                    for number in range(1, 61)
                ]
            ),
            id="ring",
        ),
        pytest.param(lambda: heif(picture(extents=[(1 << 30, 50)])), id="outside"),
        pytest.param(lambda: heif(picture(extents=[(0, (1 << 32) - 1)])), id="4 GB"),
        pytest.param(lambda: heif(picture(extents=[(0, 0)])), id="empty"),
        pytest.param(overlapping, id="overlapping"),
        pytest.param(lambda: heif(picture()).replace(b"iinf", b"iin\0"), id="no items"),
        pytest.param(lambda: relocated(b"\x44\0\xff\xff\0\1\0\0\0\0\0\1"), id="many items"),
        pytest.param(lambda: relocated(b"\x44\0\0\1\0\1\0\0\0\0\xff\xff"), id="many places"),
        pytest.param(lambda: relocated(b"\0\0\0\1\0\1\0\0\0\0\xff\xff"), id="many nothings"),
        pytest.param(lambda: b"\xff\xff\xff\xffmeta" + bytes(100), id="huge box"),
        pytest.param(lambda: b"\0\0\0\1meta" + b"\xff" * 8 + bytes(100), id="huger box"),
        pytest.param(lambda: box(b"ftyp", b"heic") * 100, id="a hundred brands"),
    ],
)
def test_hostile_files_are_refused(source, tmp_path):
    with pytest.raises(REFUSED):
        cleaned_bytes(source(), tmp_path)


@pytest.mark.parametrize("name", ["HEIF", "AVIF"])
@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_of_a_damaged_file_nothing_is_told_either(name, places, tmp_path_factory):
    content = bytearray(saved(name))
    for place, value in places:
        if MARKER not in content[place - len(MARKER) : place + len(MARKER)]:
            content[place] = value

    try:
        found = cleaned_bytes(bytes(content), tmp_path_factory.getbasetemp())
    except REFUSED:
        return

    explained(found)
    assert MARKER not in found


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_the_proof_reads_damaged_files_to_an_end(place, value, tmp_path_factory):
    content = bytearray(cleaned_bytes(saved("HEIF", count=3), tmp_path_factory.getbasetemp()))
    content[place % len(content)] = value

    try:
        explained(bytes(content))
    except (UnexplainedError, struct.error, IndexError):
        return
