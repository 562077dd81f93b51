"""Words that people give: names of theirs and of their files, as others may safely be shown them."""

import unicodedata

from django.core.exceptions import ValidationError

# Control, format and private characters, and line ends: they break lines or turn the text around
UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}  # of Persian words and of emoji


def visible(text: str) -> str:
    """Return composed text without characters that nobody sees and that change how others look."""
    shown = "".join(c for c in text if c in JOINERS or unicodedata.category(c) not in UNSHOWN)
    return unicodedata.normalize("NFC", shown).strip()


def one_line(text: str) -> str:
    """Return text as one line: each run of space, line ends included, is one space."""
    return " ".join(visible(" ".join(text.split())).split())


def check_name(name: str) -> None:
    """Refuse a name that is not one clean line, or that could pass for a link in a mail.

    Raises:
        ValidationError: what is wrong, as a sentence.
    """
    if "://" in unicodedata.normalize("NFKC", name):
        raise ValidationError("A name can't hold a web address.")
    if not visible(name).strip("".join(JOINERS)) or name != one_line(name):
        raise ValidationError("A name is one line of letters that can be seen.")
