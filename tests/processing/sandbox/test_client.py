"""The sandbox: right answers, whatever is in the file."""

import json
import os
from pathlib import Path

import pytest

from library.processing.errors import (
    DamagedMediaError,
    MediaError,
    ProcessingFailedError,
    TooLargeError,
    UnsupportedMediaError,
    error_from_code,
)
from library.processing.sandbox import pool
from library.processing.sandbox.client import Sandbox
from library.processing.values import Facts, PixelLimits, Rendered
from tests.processing.corpus import ABSENT, corpus_file, manifest

LIMITS = PixelLimits()
NOT_TAKEN = (
    ".tif",
    ".tiff",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".webm",
    ".jp2",
    ".jxl",
    ".svg",
    ".bmp",
)


def render(box: Sandbox, path: Path, folder: Path, wall_seconds: float = 60) -> Rendered:
    return box.render(
        path, folder, thumbnail_px=64, preview_px=2016, limits=LIMITS, wall_seconds=wall_seconds
    )


@pytest.mark.parametrize(
    "row",
    manifest() or [pytest.param(None, marks=pytest.mark.skip(ABSENT))],
    ids=lambda row: row["path"] if row else "corpus",
)
def test_every_file_ends_as_the_corpus_says(row, sandbox, tmp_path):
    path = corpus_file(row["path"])
    servers = sandbox.pids

    try:
        rendered = render(sandbox, path, tmp_path)
    except MediaError as error:
        outcome, caught = "REJECT", error
    else:
        outcome, caught = "ACCEPT", None
        assert sandbox.probe(path, limits=LIMITS) == rendered.facts

    assert not isinstance(caught, ProcessingFailedError)
    if path.suffix.lower() in NOT_TAKEN:
        assert isinstance(caught, UnsupportedMediaError)
    elif row["expected"] != "PAIR/EITHER":
        assert outcome == row["expected"], caught
    assert sandbox.pids == servers or not servers


def test_a_photo_is_probed_and_rendered(sandbox, photo, tmp_path):
    rendered = render(sandbox, photo, tmp_path)

    assert rendered.facts == sandbox.probe(photo, limits=LIMITS)
    assert rendered.facts.content_type == "image/png"
    assert {file.name for file in rendered.renditions} == {"thumbnail.webp", "preview.webp"}
    assert {path.name for path in tmp_path.iterdir()} == {"thumbnail.webp", "preview.webp"}


def test_errors_come_through_with_kind_and_sentence(sandbox, photo, tmp_path):
    (tmp_path / "text").write_text("hello")

    with pytest.raises(UnsupportedMediaError, match="a text"):
        sandbox.probe(tmp_path / "text", limits=LIMITS)
    with pytest.raises(TooLargeError, match="megapixels"):
        sandbox.probe(photo, limits=PixelLimits(jpeg=1, other=599))
    with pytest.raises(FileNotFoundError):
        sandbox.probe(tmp_path / "nothing", limits=LIMITS)


def test_odd_names_arrive_whole(sandbox, photo, tmp_path):
    for name in ("fin de journée.jpg", 'a"b\\c\n.png', os.fsdecode(b"bytes\xff.png")):
        (tmp_path / name).write_bytes(photo.read_bytes())

        assert sandbox.probe(tmp_path / name, limits=LIMITS).width_px == 30


def test_values_survive_the_way_through_json():
    facts = Facts("jpeg", "image/jpeg", "photo", 3, 2, camera_make="Ä")

    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


@pytest.mark.parametrize(
    "wrong",
    [
        {"width_px": 0},
        {"height_px": 1.5},
        {"frames": 1 << 40},
        {"duration_ms": -1},
        {"taken_at": "yesterday"},
        {"taken_at": "2024-01-01T00:00:00+00:00"},
        {"taken_from": "hearsay"},
        {"camera_make": "x" * 121},
        {"camera_model": ["x"]},
        {"camera_model": "x\0y"},
        {"camera_make": "\ud800"},
        {"has_sound": "no"},
        {"more": 1},
    ],
)
def test_facts_that_no_file_has_are_refused(wrong):
    facts = Facts("jpeg", "image/jpeg", "photo", 3, 2)

    with pytest.raises((ValueError, TypeError)):
        Facts.from_json({**facts.to_json(), **wrong})


@pytest.mark.parametrize(
    "wrong", [{"content_type": "text/html"}, {"format": "html"}, {"format": []}, {"kind": "video"}]
)
def test_an_answer_cannot_invent_a_content_type(wrong, own_sandbox, photo, monkeypatch):
    box = own_sandbox()
    facts = box.probe(photo, limits=LIMITS).to_json()
    monkeypatch.setattr(box, "_call", lambda *_: facts | wrong)

    with pytest.raises(ProcessingFailedError, match="wrong answer"):
        box.probe(photo, limits=LIMITS)


def test_an_answer_cannot_put_words_into_a_style(sandbox, photo, tmp_path):
    answer = render(sandbox, photo, tmp_path).to_json()

    with pytest.raises(ValueError, match="url"):
        Rendered.from_json({**answer, "placeholder": "url(//evil)"})


@pytest.mark.parametrize("name", ["../../etc/passwd", "preview.webp", "/thumbnail.webp"])
def test_an_answer_cannot_name_other_files(name, sandbox, photo, tmp_path):
    answer = render(sandbox, photo, tmp_path).to_json()
    answer["renditions"][0]["name"] = name

    with pytest.raises(ValueError, match="thumbnail"):
        Rendered.from_json(answer)


def test_a_link_in_the_place_of_a_picture_is_refused(own_sandbox, photo, tmp_path, monkeypatch):
    box = own_sandbox()
    answer = render(box, photo, tmp_path).to_json()
    (tmp_path / "thumbnail.webp").unlink()
    (tmp_path / "thumbnail.webp").symlink_to("/etc/hostname")
    monkeypatch.setattr(box, "_call", lambda *_: answer)

    with pytest.raises(ProcessingFailedError, match="wrong answer"):
        render(box, photo, tmp_path)


@pytest.mark.parametrize(
    "said",
    ["[]", "{}", "not json", '{"m":' + "[" * 60_000, '{"result": 7}', '{"result": {"kind": 1}}'],
)
def test_nonsense_from_a_child_is_a_failure(said, own_sandbox, photo, monkeypatch):
    line = json.dumps({"said": said}).encode() + b"\n"
    monkeypatch.setattr(pool, "_read_line", lambda *_: line)

    with pytest.raises(ProcessingFailedError, match="wrong answer"):
        own_sandbox().probe(photo, limits=LIMITS)


def test_unknown_error_codes_become_failures():
    assert type(error_from_code("damaged", "x")) is DamagedMediaError
    assert type(error_from_code("invented", "x")) is ProcessingFailedError
