"""Counts in words, as titles and as parts of a sentence."""


def automatic_title(photos: int, videos: int) -> str:
    """Return "3 Photos, 1 Video": what a share is called while nobody has named it."""
    return ", ".join(_counted(photos, "Photo") + _counted(videos, "Video")) or "Nothing yet"


def spoken_counts(photos: int, videos: int) -> str:
    """Return "3 photos and 1 video" for the middle of a sentence."""
    return " and ".join(_counted(photos, "photo") + _counted(videos, "video")) or "nothing"


def _counted(number: int, word: str) -> list[str]:
    return [f"{number:,} {word}{'' if number == 1 else 's'}"] if number else []
