"""A file read by place looks like its bytes, whatever its size."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.processing.containers.window import BUFFER_BYTES, SEARCH_BYTES, FileWindow
from library.processing.values import PixelLimits
from tests.landscapes import landscape

SIZE = 3 * SEARCH_BYTES + 17


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Return a file longer than every buffer, and its bytes."""
    path = tmp_path_factory.mktemp("window") / "numbered"
    data = b"".join(number.to_bytes(4, "big") for number in range(SIZE // 4)) + b"end"
    path.write_bytes(data)
    return path, data


@given(st.integers(0, SIZE + 9), st.integers(0, 3 * BUFFER_BYTES))
def test_a_slice_is_the_same_slice_of_the_bytes(numbered, start, length):
    path, data = numbered

    with FileWindow(path) as window:
        assert window[start : start + length] == data[start : start + length]


@given(st.lists(st.integers(0, SIZE - 20), max_size=20))
def test_single_bytes_and_fields_are_the_same_in_any_order(numbered, places):
    path, data = numbered

    with FileWindow(path) as window:
        for at in places:
            assert window[at] == data[at]
            assert window.unpack(">IH", at) == struct.unpack_from(">IH", data, at)


@pytest.mark.parametrize(
    "wanted", [b"\x00\x0b\x00\x01\x00", b"end", b"\x00\x04\x00\x00\x00\x04\x00\x01"]
)
def test_a_search_finds_the_first_place_across_its_pieces(numbered, wanted):
    path, data = numbered

    with FileWindow(path) as window:
        assert window.find(wanted, 0) == data.find(wanted)
        assert window.find(wanted, data.find(wanted) + 1) == data.find(
            wanted, data.find(wanted) + 1
        )


def test_behind_the_end_there_is_nothing(numbered):
    with FileWindow(numbered[0]) as window:
        with pytest.raises(IndexError):
            window[len(window)]
        with pytest.raises(struct.error):
            window.unpack(">I", len(window) - 2)
        assert window.find(b"end", len(window)) == -1


def test_a_file_larger_than_the_memory_limit_is_read_all_the_same(sandbox, tmp_path):
    path = tmp_path / "with-a-long-tail.jpg"
    path.write_bytes(landscape(3, long_edge_px=320))
    with path.open("r+b") as file:
        file.truncate(5 << 30)

    facts = sandbox.probe(path, limits=PixelLimits())

    assert max(facts.width_px, facts.height_px) == 320


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_a_search_by_pattern_finds_what_python_finds(numbered, held_at, at):
    path, data = numbered
    pattern = re.compile(rb"\x07[\x00-\x20]")

    with FileWindow(path) as window:
        window[held_at : held_at + 1]
        found = window.search(pattern, at, length=2)

    match = pattern.search(data, at)
    assert found == (match.start() if match else -1)


def test_searches_every_few_bytes_read_no_more_than_one_does(numbered, fetched):
    path, _ = numbered

    with FileWindow(path) as window:
        at = 0
        for _ in range(SEARCH_BYTES // 4 + 9):
            at = window.find(b"\x00", at) + 4

    assert len(fetched) == 2
