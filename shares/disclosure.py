"""What a share's level lets out of an item: its bytes, its name, its date.

Pure functions of (item, share): nothing that depends on the level is stored, so a change of level
holds from the next request on. What they make are values of strings and numbers, so that no
template of a share ever holds a row. Today there is one level, `everything`: the files as they are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Aggregate, Case, Count, Q, Sum, When
from django.urls import reverse

from library.facts import AssetFacts
from library.models import Blob, Rendition, User
from library.processing.suffixes import with_true_suffix
from library.processing.values import MediaKind
from library.wording import label_of, spoken_moment
from library.work import WorkState
from shares.models import IS_VIDEO, Share, ShareItem, in_library_of
from shares.wording import automatic_title, spoken_counts
from shares.zips import unique_member_names


@dataclass(frozen=True, slots=True)
class Summary:
    """A share in numbers, for its title and facts."""

    photos: int
    videos: int
    settled: int  # prepared, or given up on
    size_bytes: int
    in_library: int = 0  # of the viewer, where that is a recipient

    @property
    def items(self) -> int:
        """Return how many items are shown."""
        return self.photos + self.videos

    @property
    def title(self) -> str:
        """Return what the share is called."""
        return automatic_title(self.photos, self.videos)

    @property
    def spoken(self) -> str:
        """Return "3 photos and 1 video"."""
        return spoken_counts(self.photos, self.videos)

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is being prepared any more."""
        return self.settled == self.items

    @property
    def is_all_in_library(self) -> bool:
        """Tell whether the viewer has nothing left to add."""
        return self.in_library == self.items


PREPARED = Q(source__stills__prepared_at__isnull=False)
FAILED = Q(source__stills__state=WorkState.FAILED)
SUMMARY = {
    "photos": Count("pk", filter=~IS_VIDEO),
    "videos": Count("pk", filter=IS_VIDEO),
    "settled": Count("pk", filter=PREPARED | FAILED),
    "size_bytes": Sum("source__size_bytes", default=0),
}


def summary_of(share: Share, recipient: User | None = None) -> Summary:
    """Count what a share shows, and how much of it a recipient has, in one query."""
    counts: dict[str, Aggregate] = dict(SUMMARY)
    if recipient:
        counts["in_library"] = Count("pk", filter=in_library_of(recipient))
    return Summary(**share.items.shown().aggregate(**counts))


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands above the tiles of a share page."""

    token: str
    sender_name: str
    expires_at: datetime

    @property
    def page_url(self) -> str:
        """Return the share page's own address."""
        return reverse("shares:page", args=[self.token])


def cover_of(share: Share) -> Cover:
    """Say of a share what anybody with the link may know."""
    return Cover(share.token, share.sender.display_name, share.expires_at)


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a page, a tile, a file name, an alt text or an archive may say of an item.

    Sizes are as displayed; `placeholder` is "#rrggbb" or empty; `taken` is the camera's own clock.
    """

    position: int
    is_video: bool
    is_prepared: bool
    is_waiting: bool  # a picture may still come
    name: str
    content_type: str  # of the file that a recipient gets
    label: str  # "Photo, 4 May 2025, 14:03"
    taken: str  # "Sunday 4 May 2025, 14:03"
    width_px: int
    height_px: int
    duration_ms: int | None
    placeholder: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Return the name of the file that a recipient gets, safe on any system."""
        return unique_member_names([with_true_suffix(self.name, self.content_type)])[0]


def shown(item: ShareItem, share: Share) -> Shown:  # noqa: ARG001 - the level decides, once there are several
    """Return what this share lets out of an item, be its asset there or gone."""
    facts = _facts_of(item)
    is_video = facts.kind == MediaKind.VIDEO
    stills = item.source.stills
    return Shown(
        position=item.position,
        is_video=is_video,
        is_prepared=stills.is_prepared,
        is_waiting=stills.is_waiting,
        name=facts.name,
        content_type=item.source.content_type,
        label=label_of(facts.taken_at, is_video=is_video),
        taken=f"{facts.taken_at:%A} {spoken_moment(facts.taken_at)}",
        width_px=facts.width_px,
        height_px=facts.height_px,
        duration_ms=facts.duration_ms,
        placeholder=stills.placeholder,
        size_bytes=item.source.size_bytes,
    )


def _facts_of(item: ShareItem) -> AssetFacts:
    return AssetFacts.of(item.asset) if item.asset else AssetFacts.from_json(item.facts or {})


class SharedFile(NamedTuple):
    """What an archive needs of an item: a name as the sender has it, a date, and where the bytes are."""

    name: str
    taken_at: datetime
    is_video: bool
    key: str
    size_bytes: int
    crc32: int


FILE_COLUMNS = (
    "position",
    "asset__name",
    "asset__taken_at",
    Case(When(asset=None, then="facts")),  # reading them costs, so only where they are needed
    "source__content_type",
    "source__key",
    "source__size_bytes",
    "source__crc32",
)


def files_of(share: Share, positions: set[int] | None) -> list[SharedFile]:
    """Return the files of these positions, or of all, in order: one query, no model instances."""
    rows = share.items.shown().order_by("position").values_list(*FILE_COLUMNS)
    return [_file(*row) for position, *row in rows if positions is None or position in positions]


def _file(
    name: str | None,
    taken_at: datetime | None,
    kept: dict[str, Any] | None,
    content_type: str,
    *stored: *tuple[str, int, int],
) -> SharedFile:
    if kept is not None:
        facts = AssetFacts.from_json(kept)
        name, taken_at = facts.name, facts.taken_at
    assert name is not None  # noqa: S101 - an item that is shown has an asset or kept facts
    assert taken_at is not None  # noqa: S101
    is_video = content_type.startswith("video/")
    return SharedFile(with_true_suffix(name, content_type), taken_at, is_video, *stored)


class PassedOn(NamedTuple):
    """What an item becomes in a recipient's library: bytes that are stored already, and facts."""

    blob_id: int
    facts: AssetFacts


def passed_on(item: ShareItem, share: Share) -> PassedOn:  # noqa: ARG001 - the level decides, once there are several
    """Return what a recipient who adds an item gets, be the sender's asset there or gone."""
    return PassedOn(file_of(item).pk, _facts_of(item))


def file_of(item: ShareItem) -> Blob:
    """Return the bytes that a recipient gets."""
    return item.source


def rendition_of(item: ShareItem, kind: str) -> Blob | None:
    """Return a rendition's bytes, or None while there is none."""
    found = (
        Rendition.objects.select_related("blob").filter(source=item.source_id, kind=kind).first()
    )
    return found.blob if found else None
