"""Archives as others read them: Python's zipfile, Info-ZIP and 7-Zip."""

import io
import itertools
import os
import random
import re
import shutil
import subprocess
import time
import unicodedata
import zipfile
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shares.zips import (
    Entry,
    EntryChangedError,
    plan_archive,
    safe_member_name,
    unique_member_names,
)

NOON = datetime(2024, 5, 6, 12, 34, 56, tzinfo=UTC)
MIB = 1 << 20
GIB = 1 << 30
MAX_32 = 0xFFFFFFFF

# --- Names -------------------------------------------------------------------------------------

HOSTILE_NAMES = [
    ("../../evil.jpg", "evil.jpg"),
    (r"C:\Windows\evil.dll", "evil.dll"),
    ("a/../../b.jpg", "b.jpg"),
    ("a.jpg", "a.jpg"),
    ("a.jpg", "a (2).jpg"),
    ("A.JPG", "A (3).JPG"),
    ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
    ("new\nline.jpg", "newline.jpg"),
    ("holiday\u202egpj.exe", "holidaygpj.exe"),
    ("nul\0byte.jpg", "nulbyte.jpg"),
    ("CON.jpg", "_CON.jpg"),
    ("trailing.", "trailing"),
    ("\U0001f600 party.jpg", "\U0001f600 party.jpg"),
    ("Cafe\u0301.jpg", "Caf\xe9.jpg"),
    ("CAF\xc9.jpg", "CAF\xc9 (2).jpg"),
    ("", "file"),
    (".", "file (2)"),
    ("..", "file (3)"),
    ('<>:"|?*.jpg', "_______.jpg"),
    (" .hidden ", "hidden"),
    ("folder/", "file (4)"),
    ("D:notes.txt", "notes.txt"),
    ("lpt\xb9.tar.gz", "_lpt\xb9.tar.gz"),
    ("nul .txt", "_nul .txt"),
    ("conout$", "_conout$"),
    ("COM0.txt", "COM0.txt"),
    ("CON" + " " * 250 + "x", "_CON"),
    ("\ud800lone.jpg", "lone.jpg"),
    ("IMG_1.HEIC", "IMG_1.HEIC"),
    ("IMG_1.MOV", "IMG_1.MOV"),
    ("\uff21.jpg", "\uff21 (4).jpg"),
]

RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9\xb9\xb2\xb3]) *(\..*)?", re.IGNORECASE
)

nasty_characters = st.sampled_from(list("./\\:*?<> aAkCON1\0\n\u0301\u202e\u200d\u212a\xe9\u3000"))
names = st.one_of(
    st.text(st.one_of(nasty_characters, st.characters()), max_size=300),
    st.sampled_from([name for name, _ in HOSTILE_NAMES]),
    st.builds(str.__add__, st.sampled_from(["x" * 190, "\xe9" * 100, "\u6f22" * 66]), st.text()),
)


def problems(name):
    """List what is wrong with a name, judged without the code under test."""
    categories = {unicodedata.category(char) for char in name}
    found = {
        "empty": not name,
        "long": len(name.encode(errors="replace")) > 200,
        "invisible": bool(categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}),
        "punctuation": bool(set(name) & set('/\\<>:"|?*')),
        "edges": name != name.strip(". "),
        "composition": not unicodedata.is_normalized("NFC", name),
        "reserved": bool(RESERVED.fullmatch(name)),
    }
    return [problem for problem, present in found.items() if present]


def as_a_file_system_sees(name):
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFC", name).casefold()).casefold()


def test_hostile_names_become_safe_and_unique():
    rebuilt = unique_member_names([name for name, _ in HOSTILE_NAMES])

    assert rebuilt == [expected for _, expected in HOSTILE_NAMES]
    assert [problems(name) for name in rebuilt] == [[]] * len(rebuilt)


@given(names)
def test_any_name_becomes_safe_and_then_stays_as_it_is(name):
    rebuilt = safe_member_name(name)

    assert problems(rebuilt) == []
    assert safe_member_name(rebuilt) == rebuilt


@given(st.lists(names, max_size=12).map(lambda some: some + some[:4]))
@example(["a.jpg", "A.JPG", "a (2).jpg", "a.jpg"])
@example(["\xe9" * 98 + ".jpg"] * 3 + ["e" + "\u0301\u0323" * 48 + ".jpg"] * 3)
def test_any_list_of_names_becomes_safe_and_unique_and_then_stays_as_it_is(some):
    rebuilt = unique_member_names(some)

    assert [problems(name) for name in rebuilt] == [[]] * len(some)
    assert len({as_a_file_system_sees(name) for name in rebuilt}) == len(some)
    assert unique_member_names(rebuilt) == rebuilt


def test_the_number_goes_before_the_extension():
    assert unique_member_names(["a.jpg", "A.JPG", "b"] * 2) == [
        "a.jpg",
        "A (2).JPG",
        "b",
        "a (3).jpg",
        "A (4).JPG",
        "b (2)",
    ]


def test_a_number_passes_over_names_that_are_taken():
    some = ["a.jpg", "a.jpg", "a (2).jpg", "a.jpg", "A (3).jpg"]

    assert unique_member_names(some) == [
        "a.jpg",
        "a (4).jpg",
        "a (2).jpg",
        "a (5).jpg",
        "A (3).jpg",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("\u6f22" * 99 + ".jpg", "\u6f22" * 65 + ".jpg"),
        ("x" * 195 + "e\u0323\u0302\u0301.jpg", "x" * 195 + ".jpg"),
        ("x" * 194 + "\U0001f44d\U0001f3fd.jpg", "x" * 194 + ".jpg"),
        ("q" + "\u0301" * 150 + ".jpg", "_.jpg"),
        ("x" * 190 + "   ..." + "y" * 99, "x" * 190 + "   ..." + "y" * 4),
        ("x" * 197 + "..." + "y" * 99, "x" * 197),
        ("x" * 300, "x" * 200),
        ("CON." + "x" * 196, "_CON." + "x" * 195),
    ],
)
def test_long_names_are_cut_between_characters_and_keep_a_short_extension(name, expected):
    assert safe_member_name(name) == expected


def test_a_numbered_long_name_is_still_short_enough():
    rebuilt = unique_member_names(["\xe9" * 98 + ".jpg"] * 12)

    assert rebuilt[11] == "\xe9" * 93 + " (12).jpg"
    assert [problems(name) for name in rebuilt] == [[]] * 12


def test_the_fallback_stands_in_for_an_empty_name():
    assert safe_member_name("\u202e", fallback="Photo") == "Photo"


@pytest.mark.parametrize(
    "some",
    [
        ["a.jpg"] * 10_000,
        [f"{'x' * 185}{number:05}.jpg" for number in range(5_000)] * 2,
        ["a.jpg"] * 5_000 + [f"a ({number}).jpg" for number in range(5_000)],
        ["a" + "\u0301\u0323" * 500_000],
    ],
    ids=["equal", "equal when cut", "taken", "a million marks"],
)
def test_many_clashing_names_are_settled_in_linear_time(some):
    began = time.process_time()

    rebuilt = unique_member_names(some)

    assert time.process_time() - began < 2  # takes 0.1 s; a quadratic search takes minutes
    assert len(set(rebuilt)) == len(some)


# --- Archives ----------------------------------------------------------------------------------

CONTENTS = {
    "first.jpg": b"\xff\xd8 first" * 1_000,
    "empty.txt": b"",
    "\u6f22\u5b57 caf\xe9 \U0001f600.heic": bytes(range(256)) * 20,
    "one byte": b"x",
}


def plan_of(contents, modified_at=NOON):
    return plan_archive(
        [Entry(name, len(data), zlib.crc32(data), modified_at) for name, data in contents.items()]
    )


def reader_of(contents, opened=None):
    """Read from memory in pieces of 1,000 bytes, noting in `opened` which entries were asked."""
    datas = list(contents.values())

    def read_entry(index, start, stop):
        if opened is not None:
            opened.append((index, start, stop))
        return (datas[index][at : min(at + 1_000, stop)] for at in range(start, stop, 1_000))

    return read_entry


PLAN = plan_of(CONTENTS)
WHOLE = b"".join(PLAN.pieces(0, PLAN.size_bytes, reader_of(CONTENTS)))


SEVEN_ZIP = ["7z", "7zz"]


def no_entry(index, start, stop):
    pytest.fail(f"entry {index} was read")


class PlanFile(io.RawIOBase):
    """An archive that others read like a file, though nobody ever wrote it."""

    def __init__(self, plan, read_entry):
        self.plan, self.read_entry, self.at = plan, read_entry, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = offset + (0, self.at, self.plan.size_bytes)[whence]
        return self.at

    def readinto(self, buffer):
        stop = min(self.at + len(buffer), self.plan.size_bytes)
        data = b"".join(self.plan.pieces(min(self.at, stop), stop, self.read_entry))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def opened_zip(plan, read_entry=no_entry):
    return zipfile.ZipFile(io.BufferedReader(PlanFile(plan, read_entry), 1 << 20))


def write_archive(folder, plan, read_entry):
    path = folder / "archive.zip"
    path.write_bytes(b"".join(plan.pieces(0, plan.size_bytes, read_entry)))
    return path


def run_unpacker(programs, *arguments):
    """Run the first of these programs that is there; a machine that builds must have one."""
    found = next(filter(None, map(shutil.which, programs)), None)
    if found is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"No {' or '.join(programs)} here: archives were not tried with it.")
    env = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, env=env)


def test_zipfile_reads_back_names_dates_and_bytes():
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == CONTENTS
        assert {info.date_time for info in archive.infolist()} == {(2024, 5, 6, 12, 34, 56)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


@pytest.mark.parametrize(
    ("programs", "verdict"),
    [(["unzip"], "No errors detected"), (SEVEN_ZIP, "Everything is Ok")],
    ids=["unzip", "7z"],
)
@pytest.mark.parametrize(
    "contents",
    [CONTENTS, {f"{number}.txt": b"%d" % number for number in range(70_000)}],
    ids=["ordinary", "70,000 entries"],
)
def test_other_unpackers_find_no_fault(programs, verdict, contents, tmp_path):
    path = write_archive(tmp_path, plan_of(contents), reader_of(contents))

    done = run_unpacker(programs, "t" if programs is SEVEN_ZIP else "-t", path)

    files = re.search(r"Files: (\d+)", done.stdout)
    tested = int(files[1]) if files else done.stdout.count("testing:")
    assert (done.returncode, tested) == (0, len(contents))
    assert verdict in done.stdout


def test_hostile_names_unpack_one_by_one_into_the_folder(tmp_path):
    rebuilt = unique_member_names([name for name, _ in HOSTILE_NAMES])
    contents = {name: name.encode() for name in rebuilt}
    path = write_archive(tmp_path, plan_of(contents), reader_of(contents))
    folder = tmp_path / "out"

    done = run_unpacker(["unzip"], "-q", path, "-d", folder)

    assert done.returncode == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == contents
    assert {found.name for found in tmp_path.iterdir()} == {"archive.zip", "out"}


def test_an_archive_of_nothing_is_its_end_record():
    plan = plan_archive([])

    data = b"".join(plan.pieces(0, plan.size_bytes, no_entry))

    assert (plan.size_bytes, len(data)) == (22, 22)
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == []


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOON.replace(year=1969), (1980, 1, 1, 0, 0, 0)),
        (NOON.replace(year=2200), (2107, 12, 31, 23, 59, 58)),
        (NOON.replace(second=59), (2024, 5, 6, 12, 34, 58)),
        (NOON.replace(tzinfo=None), (2024, 5, 6, 12, 34, 56)),
        (NOON.replace(tzinfo=timezone(timedelta(hours=9))), (2024, 5, 6, 12, 34, 56)),
        (datetime(2107, 12, 31, 23, 59, 59, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
        (NOON.replace(year=2107), (2107, 5, 6, 12, 34, 56)),
        (NOON.replace(year=1980), (1980, 5, 6, 12, 34, 56)),
    ],
)
def test_dates_are_wall_clock_and_kept_within_what_dos_can_tell(moment, expected):
    [info] = opened_zip(plan_of({"a": b""}, modified_at=moment)).infolist()

    assert info.date_time == expected


@pytest.mark.parametrize(
    ("name", "size_bytes", "crc32"),
    [("a", -1, 0), ("a", 1, -1), ("a", 1, 1 << 32), ("a" * 65_536, 1, 0)],
)
def test_an_entry_that_no_archive_can_hold_is_refused(name, size_bytes, crc32):
    with pytest.raises(ValueError, match=r"No file|member name"):
        Entry(name, size_bytes, crc32, NOON)


# --- Ranges ------------------------------------------------------------------------------------


def test_the_predicted_size_is_the_size():
    assert len(WHOLE) == PLAN.size_bytes


def test_fifty_random_ranges_are_slices_of_the_whole():
    rng = random.Random(20240506)
    for _ in range(50):
        start, stop = sorted(rng.choices(range(PLAN.size_bytes + 1), k=2))

        assert b"".join(PLAN.pieces(start, stop, reader_of(CONTENTS))) == WHOLE[start:stop]


@given(st.lists(st.binary(max_size=60), max_size=6), st.data())
def test_any_range_of_any_archive_is_a_slice_of_the_whole(datas, data):
    contents = {f"{number}": content for number, content in enumerate(datas)}
    plan, read_entry = plan_of(contents), reader_of(contents)
    whole = b"".join(plan.pieces(0, plan.size_bytes, read_entry))
    start = data.draw(st.integers(0, plan.size_bytes))
    stop = data.draw(st.integers(start, plan.size_bytes))

    pieces = list(plan.pieces(start, stop, read_entry))

    assert b"".join(pieces) == whole[start:stop]
    assert all(pieces)


def test_every_range_of_a_small_archive_is_a_slice_of_the_whole():
    contents = {"a": b"", "b": b"bytes"}
    plan, read_entry = plan_of(contents), reader_of(contents)
    whole = b"".join(plan.pieces(0, plan.size_bytes, read_entry))

    for start, stop in itertools.combinations(range(plan.size_bytes + 1), 2):
        pieces = list(plan.pieces(start, stop, read_entry))
        assert b"".join(pieces) == whole[start:stop]
        assert all(pieces)


def test_a_directory_of_several_pieces_can_be_entered_anywhere():
    plan = plan_of({f"{number}.jpg": b"" for number in range(2_000)})
    whole = b"".join(plan.pieces(0, plan.size_bytes, no_entry))
    for start in range(plan.size_bytes // 2, plan.size_bytes, 7_919):
        stop = min(start + 40_000, plan.size_bytes)

        assert b"".join(plan.pieces(start, stop, no_entry)) == whole[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, PLAN.size_bytes + 1)])
def test_a_range_outside_of_the_archive_is_refused_at_once(start, stop):
    with pytest.raises(ValueError, match="No range"):
        PLAN.pieces(start, stop, no_entry)


def test_only_the_part_in_the_range_is_read():
    opened = []
    first_data_at = WHOLE.index(b"\xff\xd8 first")

    list(PLAN.pieces(first_data_at + 10, first_data_at + 30, reader_of(CONTENTS, opened)))

    assert opened == [(0, 10, 30)]


def test_headers_directory_and_empty_files_are_made_without_reading():
    first_data_at = WHOLE.index(b"\xff\xd8 first")
    second_header_at = first_data_at + len(CONTENTS["first.jpg"])
    third_data_at = WHOLE.index(bytes(range(256)))
    directory_at = zipfile.ZipFile(io.BytesIO(WHOLE)).start_dir

    for start, stop in [
        (0, first_data_at),
        (second_header_at, third_data_at),
        (directory_at, PLAN.size_bytes),
        (50, 50),
    ]:
        assert b"".join(PLAN.pieces(start, stop, no_entry)) == WHOLE[start:stop]


@pytest.mark.parametrize("given_bytes", [0, 99, 101, 5_000])
def test_a_file_of_another_size_never_completes_an_archive(given_bytes):
    plan = plan_archive([Entry("a.jpg", 100, 0, NOON)])
    sent = []

    with pytest.raises(EntryChangedError, match="Entry 0"):
        sent.extend(plan.pieces(0, plan.size_bytes, lambda *_: iter([b"x" * given_bytes])))

    assert len(b"".join(sent)) <= 35 + 100  # at most the header and as much as was due


def test_breaking_off_closes_the_file_that_was_being_read():
    closed = []

    def read_entry(index, start, stop):
        try:
            yield b"x" * 10
            yield b"y" * (stop - start - 10)
        finally:
            closed.append(index)

    pieces = PLAN.pieces(0, PLAN.size_bytes, read_entry)
    assert [len(next(pieces)) for _ in range(2)] == [39, 10]
    pieces.close()

    assert closed == [0]


# --- ETag --------------------------------------------------------------------------------------

ENTRIES = [Entry("a.jpg", 10, 1, NOON), Entry("b.jpg", 20, 2, NOON)]


def test_the_etag_stays_while_the_bytes_do():
    same = [replace(entry, modified_at=NOON.replace(second=57)) for entry in ENTRIES]

    assert re.fullmatch(r"[0-9a-f]{32}", plan_archive(ENTRIES).etag)
    assert plan_archive(ENTRIES).etag == plan_archive(same).etag


@pytest.mark.parametrize(
    "others",
    [
        [replace(ENTRIES[0], name="c.jpg"), ENTRIES[1]],
        [replace(ENTRIES[0], size_bytes=11), ENTRIES[1]],
        [replace(ENTRIES[0], crc32=3), ENTRIES[1]],
        [replace(ENTRIES[0], modified_at=NOON.replace(minute=0)), ENTRIES[1]],
        ENTRIES[::-1],
        ENTRIES[:1],
        [],
    ],
    ids=["name", "size", "CRC", "date", "order", "fewer", "none"],
)
def test_the_etag_changes_with_anything_in_the_archive(others):
    assert plan_archive(others).etag != plan_archive(ENTRIES).etag


# --- ZIP64 -------------------------------------------------------------------------------------


def test_nothing_is_zip64_where_it_need_not_be():
    plan = plan_archive([Entry("big", MAX_32 - 1, 0, NOON)] + [Entry("a", 0, 0, NOON)] * 65_533)
    plan_small = plan_of(CONTENTS)

    assert {info.extract_version for info in opened_zip(plan_small).infolist()} == {20}
    assert {info.extra for info in opened_zip(plan_small).infolist()} == {b""}
    assert b"PK\x06\x06" not in WHOLE
    assert [info.extra for info in opened_zip(plan).infolist()[:1]] == [b""]


@pytest.mark.parametrize(
    ("size_bytes", "offset", "extra_bytes"),
    [
        (MAX_32 - 1, 0, 0),
        (MAX_32, 0, 20),
        (5, MAX_32 - 1, 0),
        (5, MAX_32, 12),
        (MAX_32, MAX_32, 28),
    ],
)
def test_an_entry_is_zip64_from_the_first_number_that_does_not_fit(size_bytes, offset, extra_bytes):
    # Two entries lead up to the offset, as one so long would itself be ZIP64.
    lead = [Entry("l", size, 0, NOON) for size in (GIB, offset - GIB - 62)] if offset else []
    plan = plan_archive([*lead, Entry("e", size_bytes, 0, NOON)])

    info = opened_zip(plan).infolist()[-1]

    assert (info.file_size, info.header_offset, len(info.extra)) == (
        size_bytes,
        offset,
        extra_bytes,
    )
    assert info.extract_version == info.create_version == (45 if extra_bytes else 20)


@pytest.mark.parametrize(("count", "is_zip64"), [(65_534, False), (65_535, True), (70_000, True)])
def test_the_end_record_is_zip64_from_65_535_entries(count, is_zip64):
    plan = plan_archive([Entry(f"{number}", 1, 0, NOON) for number in range(count)])

    tail = b"".join(plan.pieces(plan.size_bytes - 98, plan.size_bytes, no_entry))

    assert tail.startswith(b"PK\x06\x06") is is_zip64
    infos = opened_zip(plan).infolist()
    assert [info.filename for info in infos] == [entry.name for entry in plan.entries]
    assert {len(info.extra) for info in infos} == {0}


@pytest.mark.parametrize(("directory_at", "is_zip64"), [(MAX_32 - 1, False), (MAX_32, True)])
def test_the_end_record_is_zip64_from_a_directory_at_4_gib(directory_at, is_zip64):
    sizes = (GIB, directory_at - GIB - 62)
    plan = plan_archive([Entry("e", size_bytes, 0, NOON) for size_bytes in sizes])

    tail_bytes = plan.size_bytes - directory_at

    assert tail_bytes == 2 * 47 + 22 + (76 if is_zip64 else 0)
    assert [info.extra for info in opened_zip(plan).infolist()] == [b"", b""]


VIDEO_BYTES = 5 * GIB + 123
BEFORE = Entry("before.txt", 6, zlib.crc32(b"before"), NOON)
AFTER = Entry("after.txt", 5, zlib.crc32(b"after"), NOON)
VIDEO_AT = (30 + 10 + 6) + (30 + 9 + 20)  # in the archive: BEFORE, and the video's own header
MARKS = {0: b"begin", 4 * GIB - VIDEO_AT - 5: b"[4|GiB]", VIDEO_BYTES - 3: b"end"}


@pytest.fixture(scope="module")
def video_archive(tmp_path_factory):
    """Plan an archive of a 5 GB video, which takes no room on disk, between two small files."""
    path = tmp_path_factory.mktemp("video") / "video.mov"
    crc32, at, zeros = 0, 0, memoryview(bytes(16 * MIB))
    with path.open("wb") as file:
        for mark_at, mark in MARKS.items():
            for zeros_at in range(at, mark_at, len(zeros)):
                crc32 = zlib.crc32(zeros[: mark_at - zeros_at], crc32)
            crc32, at = zlib.crc32(mark, crc32), mark_at + len(mark)
            file.seek(mark_at)
            file.write(mark)

    def read_entry(index, start, stop):
        with (
            io.BytesIO((b"before", b"", b"after")[index]) if index != 1 else path.open("rb") as file
        ):
            file.seek(start)
            for piece_at in range(start, stop, MIB):
                yield file.read(min(MIB, stop - piece_at))

    return plan_archive([BEFORE, Entry("video.mov", VIDEO_BYTES, crc32, NOON), AFTER]), read_entry


def test_a_video_of_5_gb_reads_back_from_its_ends(video_archive):
    plan, read_entry = video_archive
    archive = opened_zip(plan, read_entry)

    assert [info.file_size for info in archive.infolist()] == [6, VIDEO_BYTES, 5]
    assert [archive.read(name) for name in ("before.txt", "after.txt")] == [b"before", b"after"]
    with archive.open("video.mov") as member:
        assert member.read(8) == b"begin\0\0\0"
    video_end = VIDEO_AT + VIDEO_BYTES
    assert b"".join(plan.pieces(video_end - 5, video_end, read_entry)) == b"\0\0end"


def test_what_follows_a_video_of_5_gb_has_a_zip64_offset(video_archive):
    infos = opened_zip(*video_archive).infolist()

    assert [len(info.extra) for info in infos] == [0, 20, 12]
    assert [info.extract_version for info in infos] == [20, 45, 45]
    assert infos[2].header_offset == VIDEO_AT + VIDEO_BYTES


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        (4 * GIB, bytes(5) + b"[4|GiB]" + bytes(8)),
        (VIDEO_AT + VIDEO_BYTES, bytes(7) + b"endPK\3\4" + b"\x2d\0\0\x08\0\0"),
    ],
    ids=["4 GiB", "end of the video"],
)
def test_ranges_across_far_borders_join_without_a_gap(video_archive, border, expected):
    plan, read_entry = video_archive

    for middle in range(border - 10, border + 11):
        left = b"".join(plan.pieces(border - 10, middle, read_entry))
        right = b"".join(plan.pieces(middle, border + 10, read_entry))
        assert left + right == expected


def test_other_unpackers_reach_past_a_video_of_5_gb(video_archive, tmp_path):
    plan, read_entry = video_archive
    path, border, video_end = tmp_path / "archive.zip", 4 * GIB, VIDEO_AT + VIDEO_BYTES
    with path.open("wb") as file:
        # All but the zeros, which are holes. To read those takes a cold disk cache half a minute.
        for start, stop in [(0, 200), (border - 9, border + 9), (video_end - 9, plan.size_bytes)]:
            file.seek(start)
            file.writelines(plan.pieces(start, stop, read_entry))

    assert path.stat().st_size == plan.size_bytes
    assert run_unpacker(["unzip"], "-p", path, "after.txt").stdout == "after"
    done = run_unpacker(SEVEN_ZIP, "t", path, "before.txt", "after.txt")
    assert (done.returncode, "Files: 2" in done.stdout) == (0, True)
