"""What a share's level lets out of an item: its bytes, its name, its date.

Pure functions of (item, share): nothing that depends on the level is stored, so a change of level
holds from the next request on. What they make are values of strings and numbers, so that no
template of a share ever holds a row.

Below `everything` a recipient gets the clean copy of a file, which `with_copies` has joined to the item.
Where it was not joined, or is not made yet, there are no bytes: the source itself never stands in for it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from django.db.models import Case, CharField, Value, When
from django.urls import reverse

from library.facts import AssetFacts
from library.models import Blob, Rendition
from library.processing.metadata.values import Verdict
from library.processing.suffixes import own_suffix, with_true_suffix
from library.processing.values import MediaKind
from library.wording import label_of, spoken_moment
from library.work import WorkState
from shares.models import Share, ShareItem
from shares.zips import unique_member_names

SOMEONE = "Someone"


class FileState(StrEnum):
    """Whether a recipient gets an item's file."""

    READY = "ready"
    PREPARING = "preparing"
    WITHHELD = "withheld"  # it can't be cleaned, so at this level it is not passed on
    FAILED = "failed"  # cleaning it went wrong on our side; another try may succeed


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands above the tiles of a share page."""

    token: str
    sender_name: str
    expires_at: datetime
    privacy: str
    hides_dates: bool

    @property
    def page_url(self) -> str:
        """Return the share page's own address."""
        return reverse("shares:page", args=[self.token])


def cover_of(share: Share) -> Cover:
    """Say of a share what anybody with the link may know."""
    return Cover(
        token=share.token,
        sender_name=sender_name_of(share),
        expires_at=share.expires_at,
        privacy=share.privacy,
        hides_dates=share.hides_dates,
    )


def sender_name_of(share: Share) -> str:
    """Return the sender's name, if they want it shown."""
    return share.sender.display_name if share.shows_sender else SOMEONE


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a page, a tile, a file name, an alt text or an archive may say of an item.

    Sizes are as displayed; `placeholder` is "#rrggbb" or empty; `taken` is the camera's own clock.
    """

    position: int
    is_video: bool
    is_prepared: bool
    is_waiting: bool  # a picture may still come
    file_state: FileState
    name: str
    content_type: str  # of the file that a recipient gets
    label: str  # "Photo, 4 May 2025, 14:03"; "Photo 3" where dates are hidden
    taken: str  # "Sunday 4 May 2025, 14:03"; empty where dates are hidden
    width_px: int
    height_px: int
    duration_ms: int | None
    placeholder: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Return the name of the file that a recipient gets, safe on any system."""
        return unique_member_names([with_true_suffix(self.name, self.content_type)])[0]


def shown(item: ShareItem, share: Share) -> Shown:
    """Return what this share lets out of an item, be its asset there or gone."""
    facts = _facts_of(item)
    is_video = facts.kind == MediaKind.VIDEO
    stills = item.source.stills
    file = file_of(item, share)
    content_type = (file or item.source).content_type
    moment = "" if share.hides_dates else f"{facts.taken_at:%A} {spoken_moment(facts.taken_at)}"
    return Shown(
        position=item.position,
        is_video=is_video,
        is_prepared=stills.is_prepared,
        is_waiting=stills.is_waiting,
        file_state=file_state_of(item, share),
        name=facts.name
        if not share.level.hides_something
        else _plain_name(item.position, content_type),
        content_type=content_type,
        label=label_of(facts.taken_at, is_video=is_video)
        if moment
        else _plain_label(item.position, is_video=is_video),
        taken=moment,
        width_px=facts.width_px,
        height_px=facts.height_px,
        duration_ms=facts.duration_ms,
        placeholder=stills.placeholder,
        size_bytes=file.size_bytes if file else 0,
    )


def _facts_of(item: ShareItem) -> AssetFacts:
    return AssetFacts.of(item.asset) if item.asset else AssetFacts.from_json(item.facts or {})


def _plain_name(position: int, content_type: str) -> str:
    """Return "Photo 007.heic": below `everything` a file's own name is not passed on."""
    is_video = content_type.startswith("video/")
    return f"{'Video' if is_video else 'Photo'} {position:03}{own_suffix(content_type)}"


def _plain_label(position: int, *, is_video: bool) -> str:
    return f"{'Video' if is_video else 'Photo'} {position}"


def file_of(item: ShareItem, share: Share) -> Blob | None:
    """Return the bytes that a recipient gets; None while there are none, or where there never will be."""
    if not share.level.hides_something:
        return item.source
    return item.copy.blob if item.copy else None


def file_state_of(item: ShareItem, share: Share) -> FileState:
    """Say why there are bytes of an item, or none."""
    if file_of(item, share) is not None:
        return FileState.READY
    if item.copy and item.copy.is_withheld:
        return FileState.WITHHELD
    if item.copy and item.copy.has_failed:
        return FileState.FAILED
    return FileState.PREPARING


class SharedFile(NamedTuple):
    """What an archive needs of an item: a name, a date, and where the bytes are."""

    position: int
    name: str
    moment: datetime  # where dates are hidden that of the share, which says nothing
    is_video: bool
    key: str
    size_bytes: int
    crc32: int
    sha256: str


class FilesOf(NamedTuple):
    """The files of a share that can be had, in order, and what else was asked for."""

    files: list[SharedFile]
    is_waiting: bool  # more are being prepared
    is_all: bool  # no item that is shown was left out
    is_withheld: bool  # items were chosen, and none of them is ever passed on


_OF_FILE = ("content_type", "key", "size_bytes", "crc32", "sha256")
NOTHING = Value(None, output_field=CharField())
Row: TypeAlias = tuple[Any, ...]  # (position, verdict, state, name, taken at, facts, *_OF_FILE)


def files_of(share: Share, positions: set[int] | None) -> FilesOf:
    """Return the files of these positions, or of all: one query, no model instances."""
    level = share.level
    stored = "copy__blob" if level.hides_something else "source"
    decided = ("copy__verdict", "copy__state") if level.hides_something else (NOTHING, NOTHING)
    rows = list(
        share.items.shown()
        .at_level(level)
        .order_by("position")
        .values_list(
            "position",
            *decided,
            "asset__name",
            "asset__taken_at",
            # reading them costs, so only where they are needed
            Case(When(asset=None, then="facts")),
            *(f"{stored}__{name}" for name in _OF_FILE),
        )
    )
    wanted = [row for row in rows if positions is None or row[0] in positions]
    without = [row for row in wanted if row[-1] is None]
    given_up = [row for row in without if _is_given_up(row[1], row[2])]
    file = partial(
        _file,
        has_own_name=not level.hides_something,
        moment=share.created_at if level.hides_dates else None,
    )
    return FilesOf(
        files=[file(row) for row in wanted if row[-1] is not None],
        is_waiting=len(given_up) < len(without),
        is_all=len(wanted) == len(rows),
        is_withheld=bool(wanted) and len(given_up) == len(wanted),
    )


def _file(row: Row, *, has_own_name: bool, moment: datetime | None) -> SharedFile:
    position, _, _, name, taken_at, kept, content_type, *stored = row
    if kept is not None:
        facts = AssetFacts.from_json(kept)
        name, taken_at = facts.name, facts.taken_at
    return SharedFile(
        position,
        with_true_suffix(name, content_type)
        if has_own_name
        else _plain_name(position, content_type),
        moment or taken_at,
        content_type.startswith("video/"),
        *stored,
    )


def _is_given_up(verdict: str | None, state: str | None) -> bool:
    return verdict == Verdict.WITHHELD or state == WorkState.FAILED


class PassedOn(NamedTuple):
    """What an item becomes in a recipient's library: bytes that are stored already, and facts."""

    blob_id: int
    facts: AssetFacts


def passed_on(item: ShareItem, share: Share, *, now: datetime) -> PassedOn | None:
    """Return what a recipient who adds an item now gets; None where its file can't be had."""
    file = file_of(item, share)
    if file is None:
        return None
    facts = _facts_of(item)
    if share.level.hides_something:
        name = _plain_name(item.position, file.content_type)
        facts = replace(facts, name=name, camera_make="", camera_model="")
    if share.hides_dates:
        facts = replace(facts, taken_at=now, taken_offset_minutes=None, taken_from="upload")
    return PassedOn(file.pk, facts)


def rendition_of(item: ShareItem, kind: str) -> Blob | None:
    """Return a rendition's bytes, or None while there is none. Pictures carry nothing but themselves."""
    found = (
        Rendition.objects.select_related("blob").filter(source=item.source_id, kind=kind).first()
    )
    return found.blob if found else None
