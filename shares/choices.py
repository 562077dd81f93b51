"""What the sender of a link can choose, and what each choice would let recipients see: for the sheet."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from library.models import Asset
from shares.models import Share
from shares.terms import Terms
from shares.wording import spoken_reveals


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a sheet, as they stand, and what the files carry."""

    privacy: str
    hides_dates: bool
    shows_sender: bool
    sender_name: str
    reveals: str  # "3 carry a location, 2 a caption"; empty where nothing is known to be carried
    unread: int  # photos that are not read yet, so that what they carry is not known
    videos: int


def choices_for_assets(assets: Iterable[Asset], terms: Terms, *, sender_name: str) -> Choices:
    """Describe what a selection of prepared or waiting assets would let out."""
    found = [(asset.is_video, asset.stills.reveals) for asset in assets]
    return _choices(found, terms, sender_name)


def choices_for_share(share: Share) -> Choices:
    """Describe what a link lets out, and could, in one query."""
    rows = share.items.shown().values_list("source__content_type", "source__stills__reveals")
    found = [(content_type.startswith("video/"), reveals) for content_type, reveals in rows]
    return _choices(found, share.terms, share.sender.display_name)


def _choices(
    found: Collection[tuple[bool, Collection[str] | None]], terms: Terms, sender_name: str
) -> Choices:
    photos = [reveals for is_video, reveals in found if not is_video]
    counts = Counter(kind for reveals in photos if reveals for kind in set(reveals))
    return Choices(
        privacy=terms.level.privacy,
        hides_dates=terms.level.hides_dates,
        shows_sender=terms.shows_sender,
        sender_name=sender_name,
        reveals=spoken_reveals(counts),
        unread=sum(reveals is None for reveals in photos),
        videos=sum(is_video for is_video, _ in found),
    )
