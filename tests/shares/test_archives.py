"""The ZIP of a link: true, whole, resumable, and gone with the link."""

import hashlib
import os
import random
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from library import work
from library.models import Blob
from library.processing.errors import MediaError
from library.processing.metadata.values import Level, Privacy
from shares.archives import FilesMissingError, planned_archive
from shares.cleaning import make_clean_copy
from shares.models import CleanCopy, Share
from shares.positions import encode_positions
from shares.publishing import stop_share
from shares.terms import Terms
from tests.conftest import picture
from tests.shares.helpers import file_of, many_assets, nothing_is_written, put_files

DATES = [datetime(2019, 12, 31, 23, 59, 58, tzinfo=UTC), datetime(2024, 2, 29, 0, 0, tzinfo=UTC)]


def archive_url(share: Share, query: str = "") -> str:
    return reverse("shares:archive", args=[share.token]) + query


def unpacked(response) -> dict[str, bytes]:
    data = response.getvalue()
    assert response.status_code == 200
    assert response["Content-Length"] == str(len(data))
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        *names, last = archive.namelist()
        assert last == "MANIFEST.txt"
        return {name: archive.read(name) for name in names}


@pytest.fixture
def originals() -> list[bytes]:
    return [picture(taken=DATES[0]) + b"x" * 300_000, picture(taken=DATES[1]) + b"y" * 300_000]


@pytest.fixture
def share(make_share, make_asset, originals) -> Share:
    """Two files of 300 kB whose names are one on systems that do not tell the case."""
    names = ["IMG_1.jpg", "img_1.JPG"]
    return make_share([make_asset(data=d, name=n) for d, n in zip(originals, names, strict=True)])


@pytest.fixture
def wide_share(make_share, make_asset) -> Share:
    """Six small files, named by their position."""
    return make_share([make_asset(name=f"{number}.jpg") for number in range(1, 7)])


def program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        problem = f"{' or '.join(names)} is not installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    return found


def test_the_archive_holds_the_originals_byte_for_byte(share, originals, carol):
    files = unpacked(carol.get(archive_url(share)))

    assert list(files.values()) == originals


def test_names_stay_apart_on_systems_that_do_not_tell_the_case(share, carol):
    names = list(unpacked(carol.get(archive_url(share))))

    assert names == ["IMG_1.jpg", "img_1 (2).JPG"]
    assert len({name.lower() for name in names}) == 2


def test_files_carry_the_moment_of_capture(share, carol):
    with zipfile.ZipFile(BytesIO(carol.get(archive_url(share)).getvalue())) as archive:
        dates = [datetime(*info.date_time, tzinfo=UTC) for info in archive.infolist()]

    assert dates == [*DATES, max(DATES)]  # the manifest tells no other moment


def test_names_of_uploads_can_not_leave_the_folder(make_share, make_asset, carol):
    asset = make_asset()
    asset.name = "../../C:\\..\\evil\u202egpj.exe\x00"
    asset.save()

    (name,) = unpacked(carol.get(archive_url(make_share([asset]))))

    assert re.fullmatch(r"[^/\\:\x00\u202e]+", name)
    assert not name.startswith(".")


@pytest.mark.parametrize("command", [("unzip", "-t"), ("7zz|7z|7za", "t")])
def test_other_programs_find_no_fault(command, share, carol, tmp_path):
    path = tmp_path / "all.zip"
    path.write_bytes(carol.get(archive_url(share)).getvalue())

    name, option = command
    done = subprocess.run(
        [program(*name.split("|")), option, str(path)], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"No errors detected|Everything is Ok", done.stdout)


def test_the_length_is_known_beforehand(share, carol):
    response = carol.get(archive_url(share))

    assert response.streaming
    assert response["Content-Length"] == str(len(response.getvalue()))
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "application/zip"


def test_fifty_ranges_equal_the_same_slices(share, carol):
    whole = carol.get(archive_url(share)).getvalue()
    size = len(whole)
    spans = [sorted(random.sample(range(size), 2)) for _ in range(44)]
    spans += [[0, 0], [size - 1, size - 1], [0, size - 1], [29, 31], [size - 60, size - 1], [0, 29]]

    for first, last in spans:
        answer = carol.get(archive_url(share), headers={"Range": f"bytes={first}-{last}"})

        assert answer.status_code == 206
        assert answer.getvalue() == whole[first : last + 1]
        assert answer["Content-Length"] == str(last + 1 - first)
        assert answer["Content-Range"] == f"bytes {first}-{last}/{size}"


def test_open_ranges_give_the_rest_and_the_end(share, carol):
    whole = carol.get(archive_url(share)).getvalue()

    rest = carol.get(archive_url(share), headers={"Range": "bytes=400000-"})
    end = carol.get(archive_url(share), headers={"Range": "bytes=-100"})

    assert rest.getvalue() == whole[400_000:]
    assert end.getvalue() == whole[-100:]


def test_a_range_behind_the_end_is_416_and_says_how_long_it_is(share, carol):
    size = len(carol.get(archive_url(share)).getvalue())

    response = carol.get(archive_url(share), headers={"Range": f"bytes={size}-"})

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{size}"


def test_a_download_resumes_only_while_the_archive_is_the_same(share, carol):
    etag = carol.get(archive_url(share))["ETag"]
    resume = {"Range": "bytes=100-199", "If-Range": etag}

    same = carol.get(archive_url(share), headers=resume)
    share.items.filter(position=2).update(removed_at=timezone.now())
    other = carol.get(archive_url(share), headers=resume)

    assert same.status_code == 206
    assert other.status_code == 200
    assert other["ETag"] != etag
    assert len(unpacked(other)) == 1


def test_the_same_items_always_give_the_same_bytes(share, carol, as_bob):
    first, second = carol.get(archive_url(share)), as_bob.get(archive_url(share))

    assert first["ETag"] == second["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32,64}"', first["ETag"])
    assert first.getvalue() == second.getvalue()


def test_head_has_the_headers_and_no_body(share, carol):
    asked, got = carol.head(archive_url(share)), carol.get(archive_url(share))

    assert asked.getvalue() == b""
    for name in ("ETag", "Content-Length", "Content-Type", "Content-Disposition", "Accept-Ranges"):
        assert asked[name] == got[name]


def test_what_is_there_already_is_not_sent_again(share, carol):
    etag = carol.get(archive_url(share))["ETag"]

    response = carol.get(archive_url(share), headers={"If-None-Match": etag})

    assert response.status_code == 304


@pytest.mark.parametrize(
    ("items", "names"),
    [
        ("1", ["1.jpg"]),
        ("6", ["6.jpg"]),
        ("2-3.5", ["2.jpg", "3.jpg", "5.jpg"]),
        ("1-6", [f"{number}.jpg" for number in range(1, 7)]),
        ("~Qg", ["1.jpg", "6.jpg"]),
        ("2.7.rs", ["2.jpg"]),
        ("4-zz", ["4.jpg", "5.jpg", "6.jpg"]),
        ("", [f"{number}.jpg" for number in range(1, 7)]),
    ],
)
def test_a_selection_holds_just_its_items(items, names, wide_share, carol):
    files = unpacked(carol.get(archive_url(wide_share, f"?items={items}")))

    assert list(files) == names


@pytest.mark.parametrize(
    "items",
    ["x y", "0", "3-1", "1..2", "~", "~!", "-", "%00", "é", "1,2", "7", "rs", "~AAE", "2t54"],
)
def test_a_selection_of_nothing_is_nothing(items, wide_share, carol):
    response = carol.get(archive_url(wide_share, f"?items={items}"))

    assert response.status_code == 404
    assert response.content == b"There is nothing here.\n"
    assert response["Cache-Control"] == "no-store"


def test_a_link_without_items_has_no_archive(wide_share, carol):
    wide_share.items.update(removed_at=timezone.now())

    assert carol.get(archive_url(wide_share)).status_code == 410


@pytest.mark.parametrize(
    ("ticked", "query"),
    [
        ([], ""),
        (["2", "6"], "?items=2.6"),
        (["5", "1", "3", "2"], "?items=1-3.5"),
        (["3", "4", "3"], "?items=3-4"),
    ],
)
def test_ticked_boxes_lead_to_a_stable_address(ticked, query, wide_share, carol):
    with nothing_is_written():
        response = carol.post(archive_url(wide_share), {"item": ticked})

    assert response.status_code == 303
    assert response["Location"] == archive_url(wide_share, query)
    assert carol.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("extra", [["999999"], ["100"], ["0"], ["-1"], ["x"], ["9" * 40], ["1e3"]])
def test_a_box_that_never_was_there_does_not_spoil_the_others(extra, wide_share, carol):
    response = carol.post(archive_url(wide_share), {"item": ["2", "3", *extra]})

    assert list(unpacked(carol.get(response["Location"]))) == ["2.jpg", "3.jpg"]


@pytest.mark.parametrize("ticked", [["4"], ["4", "4"], ["4", "100"]])
def test_one_file_is_never_zipped(ticked, wide_share, carol):
    response = carol.post(archive_url(wide_share), {"item": ticked})

    assert response.status_code == 303
    assert response["Location"] == reverse("shares:file", args=[wide_share.token, 4])


def test_all_of_one_is_that_file(make_share, make_asset, carol):
    share = make_share([make_asset()])

    response = carol.post(archive_url(share))

    assert response["Location"] == reverse("shares:file", args=[share.token, 1])


def test_a_name_that_lies_about_its_content_is_put_right(make_share, make_asset, carol):
    share = make_share([make_asset(name="invoice.html"), make_asset(name="IMG_2.JPEG")])

    names = list(unpacked(carol.get(archive_url(share))))
    alone = carol.get(reverse("shares:file", args=[share.token, 1]))

    assert names == ["invoice.html.jpg", "IMG_2.JPEG"]
    assert 'filename="invoice.html.jpg"' in alone["Content-Disposition"]


@pytest.mark.parametrize("ticked", [["x"], ["999999"], ["100"], [""], ["0"], ["\x00"], ["²"]])
def test_boxes_of_garbage_alone_never_mean_everything(ticked, wide_share, carol):
    response = carol.post(archive_url(wide_share), {"item": ticked})

    assert response.status_code == 404


def test_a_form_of_boxes_needs_no_cookie_and_no_secret(wide_share):
    stranger = Client(enforce_csrf_checks=True)

    response = stranger.post(archive_url(wide_share), {"item": ["1"]})

    assert response.status_code == 303
    assert not response.cookies


def test_every_second_of_ten_thousand_boxes_fits_the_web_servers_longest_line(share, carol):
    ticked = [str(position) for position in range(1, 10_001, 2)]
    Share.objects.filter(pk=share.pk).update(next_position=10_001)

    response = carol.post(archive_url(share), {"item": ticked})

    assert response["Location"].endswith(encode_positions(range(1, 10_001, 2)))
    assert len(response["Location"]) < 8_000


@pytest.mark.parametrize(
    ("photos", "videos", "name"),
    [(1, 0, "1 Photo.zip"), (2, 1, "2 Photos, 1 Video.zip"), (0, 2, "2 Videos.zip")],
)
def test_the_download_is_called_as_the_link_is(photos, videos, name, make_share, alice, carol):
    assets = many_assets(alice, photos) + many_assets(alice, videos, kind="video")
    put_files(assets)
    share = make_share(assets)

    response = carol.head(archive_url(share))

    assert response["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize(("position", "harm"), [(1, "cut short"), (2, "cut short"), (2, "missing")])
def test_a_file_that_is_damaged_after_the_first_byte_breaks_the_download_off(
    position, harm, share, carol
):
    path = file_of(share.items.get(position=position).source)

    response = carol.get(archive_url(share))
    path.unlink() if harm == "missing" else os.truncate(path, 150_000)
    pieces = []
    with pytest.raises(OSError, match="the file of blob"):
        pieces.extend(response.streaming_content)

    sent = b"".join(pieces)
    assert response.status_code == 200
    assert len(sent) < int(response["Content-Length"])
    assert not zipfile.is_zipfile(BytesIO(sent))


BROWSER = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def lose(share: Share, *positions: int) -> None:
    for item in share.items.filter(position__in=positions):
        file_of(item.source).unlink()


def rest_of(response) -> str:
    """Return the address of the rest, as the header says it."""
    return re.fullmatch(r'<(.+)>; rel="alternate"', response["Link"])[1]


@pytest.mark.parametrize("harm", ["missing", "cut short", "too long"])
@pytest.mark.parametrize("query", ["", "?items=2-4"])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-0"}, {"Range": "bytes=-1"}])
def test_a_damaged_file_is_named_before_the_first_byte_and_the_rest_is_offered(
    harm, query, asked, wide_share, carol
):
    path = file_of(wide_share.items.get(position=4).source)
    path.unlink() if harm == "missing" else os.truncate(path, 20 if harm == "cut short" else 9_999)

    answers = {
        method: getattr(carol, method)(archive_url(wide_share, query), headers=asked)
        for method in ("get", "head")
    }

    for answer in answers.values():
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert answer["Cache-Control"] == "no-store"
        assert not {"ETag", "Accept-Ranges", "Content-Disposition"} & set(answer.headers)
        assert rest_of(answer) == archive_url(
            wide_share, "?items=2-3" if query else "?items=1-3.5-6"
        )
    text = answers["get"].content.decode()
    assert text.startswith("4.jpg can't be read at the moment. The rest: http://")
    assert text.endswith(f"{rest_of(answers['get'])}\n")
    names = list(unpacked(carol.get(rest_of(answers["get"]))))
    assert names == [f"{n}.jpg" for n in ([2, 3] if query else [1, 2, 3, 5, 6])]


def test_whoever_goes_there_with_a_browser_sees_a_page(wide_share, carol):
    lose(wide_share, 4)

    answer = carol.get(archive_url(wide_share), headers=BROWSER)

    html = answer.content.decode()
    assert answer.status_code == 503
    assert answer["Content-Type"].startswith("text/html")
    assert "no-store" in answer["Cache-Control"]
    assert "4.jpg can&#x27;t be read at the moment." in html
    assert re.search(rf'href="{re.escape(rest_of(answer))}"[^>]*>Download the Rest</a>', html)


@pytest.mark.parametrize("left_out", ["Accept", "Sec-Fetch-Mode"])
def test_whoever_stores_what_comes_gets_a_line_and_no_page(left_out, wide_share, carol):
    lose(wide_share, 4)
    headers = {name: value for name, value in BROWSER.items() if name != left_out}
    headers |= {"Sec-Fetch-Dest": "empty"} if left_out == "Sec-Fetch-Mode" else {}

    answer = carol.get(archive_url(wide_share), headers=headers)

    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.count(b"\n") == 1


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ([1, 2], "1.jpg and 2.jpg can't be read"),
        ([1, 2, 3], "1.jpg, 2.jpg and 3.jpg can't be read"),
        ([1, 2, 3, 4], "1.jpg, 2.jpg, 3.jpg and 1 more can't be read"),
        ([1, 2, 3, 4, 5], "1.jpg, 2.jpg, 3.jpg and 2 more can't be read"),
    ],
)
def test_three_that_are_missing_are_named_and_others_are_counted(lost, sentence, wide_share, carol):
    lose(wide_share, *lost)

    assert sentence in carol.get(archive_url(wide_share)).content.decode()


def test_a_rest_of_one_is_that_file(wide_share, carol):
    lose(wide_share, 1, 2, 3, 4, 5)

    rest = rest_of(carol.get(archive_url(wide_share)))

    assert rest == reverse("shares:file", args=[wide_share.token, 6])
    assert carol.get(rest).status_code == 200


@pytest.mark.parametrize("headers", [{}, BROWSER], ids=["program", "browser"])
def test_where_nothing_is_left_that_is_said_and_nothing_offered(headers, share, carol):
    lose(share, 1, 2)

    answer = carol.get(archive_url(share), headers=headers)

    assert answer.status_code == 503
    assert "There is nothing else to download." in answer.content.decode()
    assert "Download the Rest" not in answer.content.decode()
    assert "Link" not in answer


def test_an_archive_of_what_is_never_passed_on_says_so(make_share, make_asset, carol):
    share = make_share([make_asset(), make_asset()], terms=Terms())
    CleanCopy.objects.update(verdict="withheld", state="done", version=CleanCopy.WORK_VERSION)

    answer = carol.get(archive_url(share))

    assert answer.status_code == 404
    assert answer.content == (
        b"None of these files could be cleaned of personal data, so they are not passed along.\n"
    )


# What the manifest says


def manifest_of(share: Share, client: Client) -> str:
    with zipfile.ZipFile(BytesIO(client.get(archive_url(share)).getvalue())) as archive:
        return archive.read("MANIFEST.txt").decode()


def test_the_manifest_says_what_is_in_the_archive_and_when_it_was_taken(share, originals, carol):
    sums = [hashlib.sha256(data).hexdigest() for data in originals]

    lines = manifest_of(share, carol).splitlines()

    assert lines[0] == f"# 2 files, {sum(map(len, originals))} bytes"
    assert lines[2:] == [
        f"# {len(originals[0])} bytes, 2019-12-31 23:59:58",
        f"{sums[0]}  IMG_1.jpg",
        f"# {len(originals[1])} bytes, 2024-02-29 00:00:00",
        f"{sums[1]}  img_1 (2).JPG",
    ]


def test_where_dates_are_hidden_the_manifest_says_none(make_share, make_asset, carol):
    terms = Terms(Level(Privacy.CLEAN, hides_dates=True))
    share = make_share([make_asset(taken=DATES[0]), make_asset(taken=DATES[1])], terms=terms)
    work.run(CleanCopy, make_clean_copy, expected=MediaError, clock=timezone.now)

    text = manifest_of(share, carol)

    assert re.fullmatch(
        r"# 2 files, \d+ bytes\n# To check them: .*\n(# \d+ bytes\n[0-9a-f]{64}  Photo 00[12].jpg\n){2}",
        text,
    )
    assert f"{share.created_at.year}-" not in text


def test_a_file_that_is_called_as_the_manifest_is_gets_a_number(make_share, make_asset, carol):
    assets = [make_asset(), make_asset(name="manifest.TXT.jpg")]
    share = make_share(assets)
    Blob.objects.filter(pk=assets[0].blob_id).update(content_type="text/plain")
    type(assets[0]).objects.filter(pk=assets[0].pk).update(name="manifest.TXT")

    files = unpacked(carol.get(archive_url(share)))

    assert list(files) == ["manifest (2).TXT", "manifest.TXT.jpg"]


def test_ten_thousand_items_are_planned_with_their_manifest(make_share, alice):
    share = make_share(many_assets(alice, 10_000))

    planned = planned_archive(share)

    assert len(planned.plan.entries) == 10_001
    assert planned.manifest.count(b"\n") == 20_002
    assert planned.manifest.startswith(b"# 10000 files, 10000000 bytes\n")
    with pytest.raises(FilesMissingError) as caught:
        planned.insist_on_files()
    assert len(caught.value.names) == 10_000
    assert caught.value.rest == []


def test_a_link_that_is_stopped_between_two_ranges_gives_no_more(share, carol):
    first = carol.get(archive_url(share), headers={"Range": "bytes=0-99"})
    stop_share(share, now=timezone.now())

    second = carol.get(
        archive_url(share), headers={"Range": "bytes=100-199", "If-Range": first["ETag"]}
    )

    assert first.status_code == 206
    assert second.status_code == 410
    assert second["Cache-Control"] == "no-store"
    assert "ETag" not in second


def test_an_archive_takes_the_same_few_queries_whatever_its_size(make_share, alice, carol):
    numbers = []
    for count in (2, 300):
        put_files(assets := many_assets(alice, count))
        share = make_share(assets)
        with CaptureQueriesContext(connection) as queries:
            carol.head(archive_url(share))
        numbers.append(len(queries))

    assert numbers[0] == numbers[1] <= 4


def test_a_link_is_downloaded_so_often_by_one_client_and_not_by_others(make_share, carol):
    share, other = make_share(), make_share()
    here, there = {"REMOTE_ADDR": "203.0.113.7"}, {"REMOTE_ADDR": "203.0.113.8"}
    url = archive_url(share)
    for _ in range(60):
        assert carol.get(url, **here).status_code == 200

    refused = carol.get(url, **here)

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert b"too often" in refused.content
    assert "ETag" not in refused
    assert carol.get(url, **there).status_code == 200
    assert carol.get(archive_url(other), **here).status_code == 200
    assert carol.head(url, **here).status_code == 200
    resumed = carol.get(url, headers={"Range": "bytes=100-"}, **here)
    assert resumed.status_code == 206, "what has begun can be continued"
