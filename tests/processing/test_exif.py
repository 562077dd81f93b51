"""The EXIF reader: right on sane blocks, empty on broken ones, never an exception."""

# ruff: noqa: DTZ001 - the wall clocks of cameras have no zone

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from library.processing.exif import ExifFacts, clean_text, parse_date, parse_offset, read_exif

WHOLE = {0x010F: "Vivo", 0x0110: "X90", 0x0112: 6, 0x0132: "2023:01:01 00:00:00"}


def block(tags: dict[int, object], exif_tags: dict[int, object] | None = None) -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    exif.get_ifd(0x8769).update(exif_tags or {})
    return exif.tobytes()


def test_a_camera_block_gives_date_offset_camera_and_orientation():
    data = block(WHOLE, {0x9003: "2023:07:09 20:36:33", 0x9011: "+08:00"})

    facts = read_exif(data)

    assert facts == ExifFacts(6, datetime(2023, 7, 9, 20, 36, 33), 480, "Vivo", "X90")


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHxx", 0x0112, 3, 1, 8)
    data = mark + struct.pack(order + "IH", 8, 1) + entry

    assert read_exif(data).orientation == 8
    assert read_exif(b"Exif\0\0" + data).orientation == 8


def test_the_original_date_goes_before_the_digitized_and_the_changed_one():
    dates = {0x9003: "2001:01:01 01:01:01", 0x9004: "2002:02:02 02:02:02"}

    assert read_exif(block(WHOLE, dates)).taken_at == datetime(2001, 1, 1, 1, 1, 1)
    dates[0x9003] = "0000:00:00 00:00:00"
    assert read_exif(block(WHOLE, dates)).taken_at == datetime(2002, 2, 2, 2, 2, 2)
    assert read_exif(block(WHOLE)).taken_at == datetime(2023, 1, 1)


def test_each_date_has_its_own_offset():
    data = block(WHOLE, {0x9010: "-05:00", 0x9011: "+08:00"})

    assert read_exif(data).taken_offset_minutes == -300


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024:02:29 23:59:59", datetime(2024, 2, 29, 23, 59, 59)),
        ("2019-02-12T15:27:12+08:00", datetime(2019, 2, 12, 15, 27, 12)),
        ("2024:02:30 00:00:00", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("1825:12:31 00:00:00", None),
        ("2101:01:01 00:00:00", None),
        ("2024:02:29", None),
        ("٢٠٢٤:01:01 00:00:00", datetime(2024, 1, 1)),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_absurd_dates_are_no_dates(text, moment):
    assert parse_date(text) == moment


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+02:00", 120), ("-0330", -210), ("Z", 0), ("+99:00", None), ("UTC", None), (None, None)],
)
def test_offsets_are_minutes_east(text, minutes):
    assert parse_offset(text) == minutes


def test_camera_names_are_one_clean_line():
    assert clean_text(" Canon\0\x1b[31m\u202eEOS\n ") == "Canon[31mEOS"
    assert len(clean_text("x" * 500)) == 120
    assert clean_text(None) == ""


def test_directories_that_point_at_themselves_end():
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    data = b"II*\0" + struct.pack("<IH", 8, 3) + entry * 3 + struct.pack("<I", 8)

    assert read_exif(data) == ExifFacts()


def test_counts_and_offsets_beyond_the_block_are_left_out():
    long_text = struct.pack("<HHII", 0x010F, 2, 0xFFFFFFFF, 0xFFFFFFF0)
    data = b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + long_text

    assert read_exif(data) == ExifFacts()


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_no_block_raises(data, mark):
    read_exif(mark + data)


@given(st.data())
def test_no_change_to_a_real_block_raises(data):
    whole = bytearray(block(WHOLE, {0x9003: "2023:07:09 20:36:33", 0x9011: "+08:00"}))
    for _ in range(4):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    facts = read_exif(bytes(whole))

    assert 1 <= facts.orientation <= 8
