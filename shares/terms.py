"""What the sender of a link lets its recipients have and know: a value, from the sheet to the row."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from library.processing.metadata.values import Level, Privacy

UNKNOWN_LEVEL = "This choice of what they will see can't be read. Reload the page and choose again."
NOTHING_HIDDEN = "A link with all photo data can't hide dates. Choose one or the other."


class TermsRefusedError(ValueError):
    """Not what the sheet can send; the message says why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The level of the files, and whether the sender is named."""

    level: Level = field(default_factory=Level)
    shows_sender: bool = True

    def is_tighter_than(self, other: "Terms") -> bool:
        """Tell whether something that the other allows would be allowed no more."""
        return (
            openness(self) < openness(other)
            or (self.level.hides_dates and not other.level.hides_dates)
            or (other.shows_sender and not self.shows_sender)
        )

    def is_looser_than(self, other: "Terms") -> bool:
        """Tell whether something would be allowed that the other does not allow."""
        return other.is_tighter_than(self)


def openness(terms: Terms) -> int:
    """Return how much a level lets out, as a number to compare."""
    return list(Privacy).index(terms.level.privacy)


def terms_of(form: Mapping[str, str]) -> Terms:
    """Read what the sheet sends; what is not sent is the tightest level, and no name.

    Raises:
        TermsRefusedError: there is no such level, or it contradicts itself.
    """
    try:
        privacy = Privacy(form.get("privacy") or Privacy.CLEAN)
    except ValueError as error:
        raise TermsRefusedError(UNKNOWN_LEVEL) from error
    hides_dates = "hides_dates" in form
    if hides_dates and privacy == Privacy.EVERYTHING:
        raise TermsRefusedError(NOTHING_HIDDEN)
    return Terms(Level(privacy, hides_dates=hides_dates), shows_sender="shows_sender" in form)
