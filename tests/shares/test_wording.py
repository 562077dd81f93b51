"""Counts and ends in words."""

from datetime import timedelta

import pytest

from shares.wording import automatic_title, spoken_counts, spoken_end


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


TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=30), ""),
        (timedelta(days=7) + TICK, ""),
        (timedelta(days=7), "Ends in 7 days"),
        (timedelta(days=7) - TICK, "Ends in 6 days"),
        (timedelta(days=2), "Ends in 2 days"),
        (timedelta(days=2) - TICK, "Ends in 1 day"),
        (timedelta(days=1) - TICK, "Ends in 23 hours"),
        (timedelta(hours=2) - TICK, "Ends in 1 hour"),
        (timedelta(hours=1) - TICK, "Ends in 59 minutes"),
        (timedelta(minutes=1), "Ends in 1 minute"),
        (timedelta(minutes=1) - TICK, "Ends in less than a minute"),
        (TICK, "Ends in less than a minute"),
        (timedelta(0), ""),
        (-TICK, ""),
        (timedelta(days=-3), ""),
    ],
)
def test_an_end_is_said_in_its_last_week_and_never_promises_more_than_there_is(left, words):
    assert spoken_end(left) == words
