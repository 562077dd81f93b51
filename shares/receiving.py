"""What a recipient does with a link: list it, open it, decline it, and keep what it passes along.

Nothing of a link gets into anybody's library but by `add`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum, auto

from django.db import transaction

from library.blobs.storage import hold
from library.models import Asset, User
from shares.disclosure import FileState, PassedOn, file_state_of, passed_on
from shares.models import Keep, Receipt, Share
from shares.wording import spoken_addition

State = Receipt.State


class Opening(Enum):
    """What became of a link that somebody has opened."""

    LISTED = auto()  # now, for the first time
    ASK = auto()  # they want to be asked first
    KNOWN = auto()  # it stands as it stood, and counts as seen


class NotOpenError(LookupError):
    """The share has ended since the request came in."""


def open_received(share: Share, recipient: User, *, now: datetime) -> Opening:
    """Note that somebody sees a share page: list it if they like that; a new one is seen."""
    if share.sender_id == recipient.pk:
        return Opening.KNOWN
    known = share.receipts.filter(recipient=recipient)
    if known.unopened().update(state=State.SEEN, changed_at=now) or known.exists():
        return Opening.KNOWN
    match recipient.opened_links:
        case User.OpenedLinks.ALWAYS:
            fresh = _fresh(State.SEEN, Receipt.CameBy.OPENED, now=now)
            _, is_new = share.receipts.get_or_create(recipient=recipient, defaults=fresh)
            return Opening.LISTED if is_new else Opening.KNOWN
        case User.OpenedLinks.ASK:
            return Opening.ASK
        case _:
            return Opening.KNOWN


def list_share(share: Share, recipient: User, *, now: datetime) -> None:
    """Put a share into somebody's feed because they say so, also after they undid or declined it."""
    if share.sender_id != recipient.pk:
        _list(share, recipient, State.SEEN, Receipt.CameBy.OPENED, now=now)


def list_as_new(share: Share, recipient: User, *, now: datetime) -> bool:
    """Put a share into somebody's feed for them to open; False, and nothing, when it is listed already."""
    if has_received(share, recipient):
        return False
    _list(share, recipient, State.NEW, Receipt.CameBy.PASTED, now=now)
    return True


def unlist_share(share: Share, recipient: User, *, now: datetime) -> bool:
    """Take a share out of somebody's feed again; opening its link does not bring it back."""
    return _move(share, recipient, Receipt.LISTED, State.UNDONE, now=now)


def decline_share(share: Share, recipient: User, *, now: datetime) -> bool:
    """Give a share up, for this person alone; what they keep of it stays. False when they never had it."""
    is_declined = share.receipts.filter(recipient=recipient, state=State.DECLINED)
    return _move(share, recipient, Receipt.LISTED, State.DECLINED, now=now) or is_declined.exists()


def has_received(share: Share, recipient: User) -> bool:
    """Tell whether a share stands in somebody's feed."""
    return share.receipts.filter(recipient=recipient, state__in=Receipt.LISTED).exists()


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the items that somebody wanted to add."""

    added: int
    known: int  # had been in the library before
    waiting: int  # still being prepared, so not added
    withheld: int  # can't be cleaned, so they are not passed on
    failed: int  # cleaning their file went wrong on our side
    gone: int  # no longer in the link

    def __str__(self) -> str:
        return spoken_addition(
            self.added, self.known, self.waiting, self.withheld, self.failed, self.gone
        )


@transaction.atomic
def add(share: Share, recipient: User, positions: set[int] | None, *, now: datetime) -> Added:
    """Put these items of a share, or all, into somebody's library: rows only, no file is touched.

    A second time changes nothing. What is still being prepared is left out; what lies in Recently
    Deleted comes back.

    Raises:
        NotOpenError: the share was stopped, or has expired, before its row was locked.
    """
    locked = Share.objects.select_related("sender").select_for_update(of=("self",), no_key=True)
    found = locked.filter(pk=share.pk).first()
    if found is None or not found.is_open_at(now):
        raise NotOpenError
    wanted = found.items.shown().with_copies(found.level).order_by("position")
    items = list(wanted if positions is None else wanted.filter(position__in=positions))
    files = {
        item.pk: file
        for item in items
        if not item.source.stills.is_waiting and (file := passed_on(item, found, now=now))
    }
    sender = found.sender if found.shows_sender else None
    before, assets = _take_in(files.values(), sender, recipient, now=now)
    Keep.objects.bulk_create(
        (
            Keep(item_id=pk, recipient=recipient, asset_id=assets[file.blob_id])
            for pk, file in files.items()
        ),
        ignore_conflicts=True,
    )
    open_received(found, recipient, now=now)
    known = sum(file.blob_id in before for file in files.values())
    states = Counter(file_state_of(item, found) for item in items)
    withheld, failed = states[FileState.WITHHELD], states[FileState.FAILED]
    return Added(
        added=len(files) - known,
        known=known,
        waiting=len(items) - len(files) - withheld - failed,
        withheld=withheld,
        failed=failed,
        gone=len(positions) - len(items) if positions else 0,
    )


def _take_in(
    files: Iterable[PassedOn], sender: User | None, recipient: User, *, now: datetime
) -> tuple[set[int], dict[int, int]]:
    """Make assets of files; return which blobs were in the library, and the assets of all by blob."""
    facts = {file.blob_id: file.facts for file in files}
    hold(set(facts), now=now)
    mine = recipient.assets.filter(blob__in=facts)
    before = set(mine.in_library().values_list("blob", flat=True))
    mine.exclude(removed_at=None).update(removed_at=None)
    Asset.objects.bulk_create(
        (
            Asset(
                owner=recipient,
                blob_id=blob,
                sender=sender,
                hides_sender=sender is None,
                received_at=now,
                added_at=now,
                **asdict(facts[blob]),
            )
            for blob in facts
            if blob not in before
        ),
        ignore_conflicts=True,
    )
    return before, dict(mine.values_list("blob", "pk"))


def _list(
    share: Share, recipient: User, state: State, came_by: Receipt.CameBy, *, now: datetime
) -> None:
    """List a share anew, unless it is listed: then one that is seen now is seen, and that is all."""
    fresh = _fresh(state, came_by, now=now)
    receipt, is_new = share.receipts.get_or_create(recipient=recipient, defaults=fresh)
    if is_new:
        return
    known = Receipt.objects.filter(pk=receipt.pk)
    if not known.exclude(state__in=Receipt.LISTED).update(**fresh) and state == State.SEEN:
        known.unopened().update(state=state, changed_at=now)


def _fresh(state: State, came_by: Receipt.CameBy, *, now: datetime) -> dict[str, object]:
    return {"state": state, "came_by": came_by, "received_at": now, "changed_at": now}


def _move(
    share: Share, recipient: User, states: Iterable[State], to: State, *, now: datetime
) -> bool:
    there = share.receipts.filter(recipient=recipient, state__in=states)
    return bool(there.update(state=to, changed_at=now))
