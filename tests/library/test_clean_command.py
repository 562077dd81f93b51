"""`manage.py clean` and `manage.py inspect`: what recipients get of a file, and what it would reveal."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.shares.planted import MARKER, date_in, place_in, planted


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "source.jpg"
    path.write_bytes(planted())
    return path


def report_of(*arguments: object) -> dict[str, object]:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("options", "has_place", "has_date"),
    [
        ([], False, True),
        (["--privacy", "clean", "--hide-dates"], False, False),
        (["--privacy", "location"], True, True),
    ],
)
def test_it_writes_what_recipients_get(options, has_place, has_date, source, tmp_path):
    out = tmp_path / "out.jpg"

    report = report_of("clean", source, out, *options)

    assert report["verdict"] == "cleaned"
    assert report["content_type"] == "image/jpeg"
    data = out.read_bytes()
    assert MARKER.encode() not in data
    assert (bool(place_in(data)), bool(date_in(data))) == (has_place, has_date)


def test_everything_is_the_file_as_it_is(source, tmp_path):
    out = tmp_path / "out.jpg"

    report = report_of("clean", source, out, "--privacy", "everything")

    assert report["verdict"] == "identical"
    assert out.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe1\xff\xff", b"", b"no picture at all"], ids=repr)
def test_what_is_withheld_exits_with_3_and_writes_nothing(data, tmp_path, capsys):
    source, out = tmp_path / "source", tmp_path / "out"
    source.write_bytes(data)

    with pytest.raises(SystemExit) as ended:
        call_command("clean", str(source), str(out))

    assert ended.value.code == 3
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "withheld"
    assert report["reason"]
    assert not out.exists()


def test_what_can_not_be_is_said(source, tmp_path):
    out = tmp_path / "out.jpg"
    with pytest.raises(CommandError, match="hides no dates"):
        call_command("clean", str(source), str(out), "--privacy", "everything", "--hide-dates")
    with pytest.raises(CommandError, match="No such file"):
        call_command("clean", str(tmp_path / "nowhere"), str(out))


def test_inspect_lists_what_a_file_would_reveal(source):
    reveals = report_of("inspect", source)["reveals"]

    assert {fact["kind"] for fact in reveals} >= {"location", "person", "serial", "caption", "date"}
    assert {"kind": "person", "name": "IFD0 Artist"}.items() <= next(
        fact for fact in reveals if fact["kind"] == "person"
    ).items()
    assert any(fact["kind"] == "hidden" and "behind" in fact["name"] for fact in reveals)
