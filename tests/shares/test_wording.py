"""Counts in words."""

import pytest

from shares.wording import automatic_title, spoken_counts


@pytest.mark.parametrize(
    ("photos", "videos", "title"),
    [
        (1, 0, "1 Photo"),
        (2, 0, "2 Photos"),
        (0, 1, "1 Video"),
        (0, 11, "11 Videos"),
        (3, 1, "3 Photos, 1 Video"),
        (1, 2, "1 Photo, 2 Videos"),
        (10_000, 1_234, "10,000 Photos, 1,234 Videos"),
        (0, 0, "Nothing yet"),
    ],
)
def test_an_unnamed_link_is_called_by_what_is_in_it(photos, videos, title):
    assert automatic_title(photos, videos) == title


@pytest.mark.parametrize(
    ("photos", "videos", "words"),
    [
        (1, 0, "1 photo"),
        (0, 2, "2 videos"),
        (3, 1, "3 photos and 1 video"),
        (1_000, 0, "1,000 photos"),
        (0, 0, "nothing"),
    ],
)
def test_counts_can_stand_in_a_sentence(photos, videos, words):
    assert spoken_counts(photos, videos) == words
