"""The walks over files: every byte of a whole file belongs to one part, and no file makes a walk endless."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from library.processing import decoders  # noqa: F401 - loading it teaches Pillow HEIC
from library.processing.containers import boxes, gif, jpeg, png, webp
from library.processing.containers.header import read_header
from library.processing.containers.values import Part
from library.processing.containers.window import SEARCH_BYTES, FileWindow
from library.processing.errors import DamagedMediaError, MediaError
from library.processing.formats import FORMATS, identify
from tests.processing.corpus import ABSENT, corpus_file, manifest

WALKS = {
    "jpeg": jpeg.parts,
    "png": png.parts,
    "webp": webp.parts,
    "gif": gif.parts,
    "heic": lambda data: boxes.parts(data, 0, len(data)),
    "avif": lambda data: boxes.parts(data, 0, len(data)),
}
FRAMES = [Image.effect_noise((60, 40), 80).convert("RGB") for _ in range(3)]
MOVING = {"save_all": True, "append_images": FRAMES[1:], "duration": 100}
WHOLE = {
    "jpeg": ("jpeg", "JPEG", {"restart_marker_rows": 1, "comment": "by hand"}),
    "progressive jpeg": ("jpeg", "JPEG", {"progressive": True}),
    "png": ("png", "PNG", {}),
    "moving png": ("png", "PNG", MOVING),
    "webp": ("webp", "WEBP", {}),
    "webp without loss": ("webp", "WEBP", {"lossless": True}),
    "moving webp": ("webp", "WEBP", MOVING),
    "gif": ("gif", "GIF", {}),
    "moving gif": ("gif", "GIF", MOVING),
    "heic": ("heic", "HEIF", {}),
    "avif": ("avif", "AVIF", {}),
}


def put(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def made(name: str) -> bytes:
    _, kind, options = WHOLE[name]
    buffer = io.BytesIO()
    FRAMES[0].save(buffer, kind, **options)
    return buffer.getvalue()


def walk(path: Path, form: str) -> list[Part]:
    with FileWindow(path) as data:
        return list(WALKS[form](data))


@pytest.mark.parametrize("name", WHOLE)
def test_the_parts_of_a_file_are_all_of_it(name, tmp_path):
    data = made(name)

    found = walk(put(tmp_path, data), WHOLE[name][0])

    assert b"".join(data[part.at : part.end] for part in found) == data
    assert all(part.at <= part.start <= part.stop <= part.end for part in found)


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in {"heic", "avif"}])
@pytest.mark.parametrize("trailer", [b"\xff\xd8\xff\xe1\0\x08hidden", bytes(99)])
def test_what_follows_the_end_mark_belongs_to_no_part(name, trailer, tmp_path):
    data = made(name)

    assert walk(put(tmp_path, data + trailer), WHOLE[name][0])[-1].end == len(data)


@pytest.mark.parametrize(
    "row",
    manifest() or [pytest.param(None, marks=pytest.mark.skip(ABSENT))],
    ids=lambda row: row["path"] if row else "corpus",
)
def test_the_parts_of_real_files_follow_each_other(row):
    path = corpus_file(row["path"])
    try:
        form = identify(path).name
        found = walk(path, form) if form in WALKS else []
    except (MediaError, struct.error, IndexError):
        return

    places = [place for part in found for place in (part.at, part.end)]
    assert places == sorted(places)


def test_a_progressive_jpeg_has_tables_between_its_scans(tmp_path):
    kinds = [part.kind for part in walk(put(tmp_path, made("progressive jpeg")), "jpeg")]

    scans = [at for at, kind in enumerate(kinds) if kind == b"\xda"]
    assert len(scans) > 5
    assert all(kinds[at + 1] == b"" for at in scans)
    assert b"\xc4" in kinds[scans[0] : scans[-1]]
    assert kinds[-1] == b"\xd9"


def test_restart_marks_and_stuffed_bytes_stay_within_coded_data(tmp_path):
    data = made("jpeg")

    (coded,) = [part for part in walk(put(tmp_path, data), "jpeg") if not part.kind]

    content = data[coded.start : coded.stop]
    assert b"\xff\xd0" in content
    assert data[coded.stop :] == b"\xff\xd9"


@pytest.mark.parametrize("length", [0, 1, 60_000])
def test_a_segment_that_claims_a_wrong_length_has_no_negative_one(length, tmp_path):
    data = bytearray(made("jpeg"))
    scan = data.index(b"\xff\xda")
    data[scan + 2 : scan + 4] = length.to_bytes(2, "big")

    found = walk(put(tmp_path, bytes(data)), "jpeg")

    assert all(part.start <= part.stop and part.at <= part.end for part in found)


def test_a_gif_of_many_short_blocks_is_read_once(tmp_path, fetched):
    data = made("gif")
    path = put(tmp_path, data[:-1] + b"!\xfe\0" * 100_000 + b";")

    assert read_header(path, FORMATS["gif"]).complete
    assert sum(fetched) <= 2 * path.stat().st_size


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_becomes_shorter_while_it_is_read_ends_the_walk(name, tmp_path):
    path = put(tmp_path, made(name) + bytes(200_000))

    with FileWindow(path) as data:
        os.truncate(path, 40)
        with suppress(struct.error, IndexError, DamagedMediaError):
            assert list(WALKS[WHOLE[name][0]](data))


def test_a_jpeg_whose_coded_data_just_stops_ends_there(tmp_path):
    data = made("jpeg")[:-40]

    last = walk(put(tmp_path, data), "jpeg")[-1]

    assert (last.kind, last.end) == (b"", len(data))


def comments(count: int) -> bytes:
    """Return a JPEG with so many empty comments before its picture."""
    data = made("jpeg")
    return data[:2] + b"\xff\xfe\0\2" * count + data[2:]


def test_half_a_million_empty_comments_are_read_once(tmp_path, fetched):
    path = put(tmp_path, comments(562_500))

    header = read_header(path, FORMATS["jpeg"])

    assert (header.width_px, header.height_px, header.complete) == (60, 40, True)
    assert sum(fetched) <= path.stat().st_size + 2 * SEARCH_BYTES


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif"])
def test_a_file_of_more_parts_than_any_camera_writes_is_refused(name, tmp_path, monkeypatch):
    module = {"jpeg": jpeg, "png": png, "webp": webp, "gif": gif}[name]
    path = put(tmp_path, made(name))
    monkeypatch.setattr(module, "MAX_PARTS", 1)

    with pytest.raises(DamagedMediaError, match="more pieces than any camera"):
        read_header(path, FORMATS[name])


def test_the_sub_blocks_of_a_gif_are_counted_over_all_its_blocks(tmp_path, monkeypatch):
    data = made("gif")
    bits = b"!\xfe" + b"\1x" * 9 + b"\0"  # a comment, a letter a sub-block
    path = put(tmp_path, data[:-1] + 5 * bits + b";")
    count = sum(1 for _ in sub_blocks(data)) + 45

    monkeypatch.setattr(gif, "MAX_SUB_BLOCKS", count)
    assert read_header(path, FORMATS["gif"]).complete

    monkeypatch.setattr(gif, "MAX_SUB_BLOCKS", count - 1)
    with pytest.raises(DamagedMediaError, match="more pieces than any camera"):
        read_header(path, FORMATS["gif"])


def sub_blocks(data: bytes) -> Iterator[int]:
    """Yield the sizes of the sub-blocks of a GIF with one image, by another way than the site's."""
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while data[at] != 0x3B:
        at += (
            2
            if data[at] == 0x21
            else 11 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
        )
        while data[at]:
            yield data[at]
            at += 1 + data[at]
        at += 1


@given(st.sampled_from(sorted(WALKS)), st.binary(max_size=300))
def test_a_walk_over_noise_goes_forward_and_ends(tmp_path_factory, form, noise):
    path = put(tmp_path_factory.getbasetemp(), noise)

    try:
        found = walk(path, form)
    except (struct.error, IndexError, DamagedMediaError):
        return

    assert all(one.at < other.at for one, other in pairwise(found))
