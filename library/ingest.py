"""Take an uploaded file into somebody's library."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from django.db import IntegrityError, transaction

from library.decoding import limits, sandbox
from library.models import Asset, Blob, User
from library.preparing import facts_of_asset
from library.processing.values import Facts
from library.storage import BlobGoneError, Part, hold, keep
from library.tasks import ring_prepare
from library.work import ring_after_commit

NAME_MAX_CHARACTERS = 255
UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


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
    composed = unicodedata.normalize("NFC", last)
    shown = "".join(c for c in composed if unicodedata.category(c) not in UNSHOWN).strip()
    return "unnamed" if shown in {"", ".", ".."} else shown[-NAME_MAX_CHARACTERS:]


def _add_asset(owner: User, blob: Blob, facts: Facts, *, name: str, now: datetime) -> Accepted:
    with transaction.atomic():
        hold({blob.pk}, now=now)
        try:
            with transaction.atomic():
                asset = owner.assets.create(
                    blob=blob,
                    name=name,
                    added_at=now,
                    due_at=now,
                    **facts_of_asset(facts, added_at=now),
                )
        except IntegrityError:
            return Accepted(owner.assets.get(blob=blob), is_new=False)
        ring_after_commit(ring_prepare)
    return Accepted(asset, is_new=True)
