"""Take an uploaded file into somebody's library."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from django.db import IntegrityError, transaction

from library import bells, work
from library.blobs.parts import Part
from library.blobs.storage import BlobGoneError, hold, keep
from library.decoding import limits, sandbox
from library.facts import asset_fields
from library.models import Asset, Blob, Stills, User
from library.processing.values import Facts
from library.wording import visible

NAME_MAX_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a file: its asset, and whether it had been there before."""

    asset: Asset
    is_new: bool


def accept_upload(owner: User, part: Part, *, name: str, now: datetime) -> Accepted:
    """Store a file and make it an asset; the same bytes a second time are the same asset.

    Durable when it returns. Call it outside a transaction.

    Raises:
        MediaError: the file is not one we take; its message says why, in the owner's words.
    """
    facts = sandbox.probe(part.path, limits=limits)
    while True:
        blob = keep(part, content_type=facts.content_type, now=now)
        try:
            accepted = _add_asset(owner, blob, facts, name=clean_name(name), now=now)
        except BlobGoneError:
            continue
        part.discard()
        return accepted


def clean_name(name: str) -> str:
    """Return the last part of a file's name without control and direction characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = visible(last)
    return "unnamed" if shown in {"", ".", ".."} else shown[-NAME_MAX_CHARACTERS:]


def _add_asset(owner: User, blob: Blob, facts: Facts, *, name: str, now: datetime) -> Accepted:
    with transaction.atomic():
        hold({blob.pk}, now=now)
        if _want_stills(owner, blob, now=now):
            bells.ring_after_commit(Stills)
        try:
            with transaction.atomic():
                asset = owner.assets.create(
                    blob=blob, name=name, added_at=now, **asset_fields(facts, undated=now)
                )
        except IntegrityError:
            return Accepted(owner.assets.get(blob=blob), is_new=False)
    return Accepted(asset, is_new=True)


def _want_stills(owner: User, blob: Blob, *, now: datetime) -> bool:
    """Make a blob's pictures due, once for all its owners; True when there is something to do.

    What had failed is tried again: its file may have been lost, and is here now.
    """
    stills, is_new = Stills.objects.get_or_create(
        source=blob,
        defaults={"owner": owner, "due_at": now, "turn": work.next_turn(Stills, owner.pk)},
    )
    return is_new or bool(work.retry(Stills.objects.filter(pk=stills.pk), now=now))
