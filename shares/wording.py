"""Counts and ends in words, as titles and as parts of a sentence."""

from collections.abc import Mapping, Sequence
from datetime import timedelta


def automatic_title(photos: int, videos: int) -> str:
    """Return "3 Photos, 1 Video": what a share is called while nobody has named it."""
    return ", ".join(_counted(photos, "Photo") + _counted(videos, "Video")) or "Nothing yet"


def spoken_counts(photos: int, videos: int) -> str:
    """Return "3 photos and 1 video" for the middle of a sentence."""
    return " and ".join(_counted(photos, "photo") + _counted(videos, "video")) or "nothing"


def spoken_stop(stopped: int) -> str:
    """Return what Stop Sharing has done."""
    if stopped > 1:
        return f"{stopped:,} links stopped. Nobody can open them any more."
    return "Stopped. Nobody can open it any more."


def spoken_addition(
    added: int, known: int, waiting: int, withheld: int, failed: int, gone: int
) -> str:
    """Return what became of items that somebody wanted to add: "9 added. 3 are still being prepared."."""
    if known and not (added or waiting or withheld or failed or gone):
        return (
            "This is in your library already."
            if known == 1
            else f"All {known:,} are in your library already."
        )
    sentences = [
        f"{added:,} added." if added else "Nothing was added.",
        _some(known, "was in your library already", "were in your library already"),
        _some(waiting, "is still being prepared", "are still being prepared"),
        _some(
            withheld,
            "can't be cleaned, so it is not passed on",
            "can't be cleaned, so they are not passed on",
        ),
        f"{failed:,} could not be cleaned because something went wrong here." if failed else "",
        _some(gone, "is no longer in this link", "are no longer in this link"),
    ]
    return " ".join(filter(None, sentences))


_LAST_WEEK = timedelta(days=7)
_UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def spoken_end(left: timedelta) -> str:
    """Return "Ends in 3 days" for the last week of a link; empty before that, and once it has ended.

    It is rounded down: nobody is promised more time than there is.
    """
    if not timedelta(0) < left <= _LAST_WEEK:
        return ""
    for word, unit in _UNITS:
        if number := left // unit:
            return f"Ends in {_counted(number, word)[0]}"
    return "Ends in less than a minute"


NAMES_TOLD = 3


def spoken_missing(names: Sequence[str]) -> str:
    """Return "A, B, C and 4 more can't be read at the moment.": three names at most."""
    told, more = list(names[:NAMES_TOLD]), len(names) - NAMES_TOLD
    last = f"{more:,} more" if more > 0 else told.pop()
    listed = f"{', '.join(told)} and {last}" if told else last
    return f"{listed} can't be read at the moment."


# Kinds of what a file tells beside its picture, in the order of how much they give away. What nearly every
# file carries, such as its camera, is not counted
_CARRIED = {
    "location": "a location",
    "person": "a name",
    "serial": "a serial number",
    "caption": "a caption",
}


def spoken_reveals(counts: Mapping[str, int]) -> str:
    """Return how many files carry what: "3 carry a location, 2 a serial number, 4 a caption"."""
    told = [(counts[kind], words) for kind, words in _CARRIED.items() if counts.get(kind)]
    sentence = ", ".join(f"{number:,} {words}" for number, words in told)
    number, _, rest = sentence.partition(" ")
    verb = "carries" if number == "1" else "carry"
    return f"{number} {verb} {rest}" if sentence else ""


def _some(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}." if number else ""


def _counted(number: int, word: str) -> list[str]:
    return [f"{number:,} {word}{'' if number == 1 else 's'}"] if number else []
