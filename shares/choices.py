"""What the sender of a link can choose, and what each choice would let recipients see: for the sheet."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from library.models import Asset
from library.processing.metadata.values import Privacy
from shares.models import Share
from shares.terms import Terms, openness
from shares.wording import spoken_reveals

_LET_OUT = {
    Privacy.CLEAN: "The pictures without location and personal data.",
    Privacy.LOCATION: "Where the pictures were taken.",
    Privacy.EVERYTHING: "The files as they are: places, names, captions, the camera, and file names.",
}


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


@dataclass(frozen=True, slots=True)
class More:
    """What recipients would get and know that they do not now, and the choice that says so."""

    privacy: str
    hides_dates: bool
    shows_sender: bool
    sentences: Sequence[str]


def more_of(wanted: Terms, present: Terms) -> More:
    """Say in sentences what a looser choice would let out."""
    told = []
    if openness(wanted) > openness(present):
        told.append(_LET_OUT[wanted.level.privacy])
    if present.level.hides_dates and not wanted.level.hides_dates:
        told.append("When the pictures were taken.")
    if wanted.shows_sender and not present.shows_sender:
        told.append("Your name.")
    return More(
        privacy=wanted.level.privacy,
        hides_dates=wanted.level.hides_dates,
        shows_sender=wanted.shows_sender,
        sentences=told,
    )


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
