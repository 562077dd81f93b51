"""Selections in addresses: every one comes back, and nothing else is read."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shares.positions import (
    HIGHEST_POSITION,
    LONGEST_RANGES_CHARACTERS,
    SelectionError,
    decode_positions,
    encode_positions,
)

ALPHABET = string.ascii_lowercase + string.digits + ".-~_"
REQUEST_LINE_BYTES = 8_190


def from_bits(bits: bytes) -> set[int]:
    return {index + 1 for index in range(len(bits) * 8) if bits[index // 8] >> index % 8 & 1}


def joined_runs(runs: list[tuple[int, int]]) -> set[int]:
    return {position for first, length in runs for position in range(first, first + length)}


sparse = st.sets(st.integers(1, 10_000), min_size=1)
dense = st.binary(min_size=1, max_size=1_250).map(from_bits).filter(bool)
in_runs = st.lists(
    st.tuples(st.integers(1, 9_000), st.integers(1, 1_000)), min_size=1, max_size=40
).map(joined_runs)


@given(st.one_of(sparse, dense, in_runs))
@example({1})
@example({HIGHEST_POSITION})
@example(set(range(1, 10_001)))
@example(set(range(1, 10_001, 2)))
@example(set(range(1, HIGHEST_POSITION + 1, 2)))
def test_every_selection_comes_back_as_it_was(positions):
    text = encode_positions(positions)

    assert decode_positions(text) == positions
    assert text.startswith("~") or len(text) <= LONGEST_RANGES_CHARACTERS
    assert set(text) <= set(string.ascii_letters + string.digits + ".-~_")


@given(st.lists(st.integers(1, 10_000), min_size=1), st.randoms())
def test_the_order_of_ticking_makes_no_other_address(positions, random):
    shuffled = positions + random.sample(positions, k=len(positions) // 2)
    random.shuffle(shuffled)

    assert encode_positions(shuffled) == encode_positions(positions)


@pytest.mark.parametrize(
    ("positions", "text"),
    [
        ({1}, "1"),
        ({1, 2}, "1-2"),
        ({35, 36, 37}, "z-11"),
        (set(range(1, 57)) | {74} | set(range(108, 124)), "1-1k.22.30-3f"),
        (set(range(1, 10_001)), "1-7ps"),
    ],
)
def test_a_short_selection_is_written_as_ranges_in_base_36(positions, text):
    assert encode_positions(positions) == text
    assert decode_positions(text) == positions


def test_a_long_selection_is_written_as_a_bitmap():
    text = encode_positions(range(2, 3_000, 2))

    assert text.startswith("~")
    assert decode_positions(text) == set(range(2, 3_000, 2))


def test_the_form_changes_only_where_ranges_grow_too_long():
    lengths = [len(encode_positions(range(2, last, 2))) for last in range(4, 1_000, 2)]
    forms = [encode_positions(range(2, last, 2))[0] == "~" for last in range(4, 1_000, 2)]

    assert forms == sorted(forms)
    assert lengths[forms.index(True) - 1] in range(LONGEST_RANGES_CHARACTERS - 5, 1_001)


def test_every_second_of_ten_thousand_items_fits_a_request_line():
    address = f"/s/{'x' * 32}/archive?items={encode_positions(range(1, 10_001, 2))}"

    assert len(f"GET {address} HTTP/1.1\r\n") < REQUEST_LINE_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0-5",
        "5-0",
        "9-3",
        "-",
        "-5",
        "5-",
        "1-2-3",
        ".",
        "1.",
        ".1",
        "1..2",
        "1,2",
        "1 2",
        " 1",
        "1\n",
        "1.\n2",
        "A",
        "1-Z",
        "+1",
        "1_0",
        "é",
        "\u0661",
        "\uff11",
        "zzzzzz",
        "1-zzzzzz",
        "1-2t54",
        "zzzzzzz",
        "~",
        "~A",
        "~AA",
        "~AQ",
        "~=",
        "~%",
        "~A A",
        "~é",
        "~" + "A" * 40_000,
        "~" + "_" * 40_000,
        "~~Ag",
        "\x00",
        "None",
    ],
)
def test_anything_else_is_no_selection(text):
    with pytest.raises(SelectionError):
        decode_positions(text)


@given(st.one_of(st.text(max_size=60), st.text(ALPHABET, max_size=60)))
@example("~" + "w" * 22_000)
@example("1-" + "1" * 5_000)
def test_whatever_the_text_it_is_read_or_refused(text):
    try:
        positions = decode_positions(text)
    except SelectionError:
        return

    assert positions
    assert min(positions) >= 1
    assert max(positions) <= HIGHEST_POSITION + 7


@pytest.mark.parametrize("text", ["1-5.3-9", "7.7", "9.1", "1-9.2", ".".join(["1-2t4w"] * 1_000)])
def test_ranges_that_go_back_are_refused_for_a_thousand_wide_ones_would_cost_seconds(text):
    with pytest.raises(SelectionError):
        decode_positions(text)
