"""The work of one blob: its pictures for the grid and the screen, and the facts in its file."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from library import bells, work
from library.blobs.parts import Part, working_folder
from library.blobs.storage import hold, keep, store
from library.decoding import limits, sandbox
from library.facts import tell_assets
from library.models import Blob, Rendition, Stills, User
from library.processing.values import Rendered
from library.work import WorkState

DECODING_SECONDS = 60.0
RENDITION_TYPE = "image/webp"


def make_stills(stills: Stills, now: datetime) -> None:
    """Make a blob's renditions, store them durably, and finish the work in one transaction.

    Every asset of the blob learns its facts, whoever owns it. A second run makes the same again; a
    newer version's pictures take the place of older ones.

    Raises:
        MediaError: the file can't be shown; its message says why.
        BlobGoneError, OSError: storage failed; another run may succeed.
    """
    with working_folder() as folder, store.local_copy(stills.source.key) as source:
        rendered = sandbox.render(
            source,
            folder,
            thumbnail_px=settings.THUMBNAIL_LONGEST_EDGE_PX,
            preview_px=settings.PREVIEW_LONGEST_EDGE_PX,
            limits=limits,
            wall_seconds=DECODING_SECONDS,
        )
        pictures = _keep_pictures(stills.source, rendered, folder, now)
    _finish(stills, rendered, pictures, now)


def share_stills(
    source: Blob, copy: Blob, owner: User | None, *, reveals: Collection[str], now: datetime
) -> None:
    """Give a copy of a blob its pictures, inside a transaction: they look the same, so none is made.

    Where the source has none yet, the copy's own become due. `reveals` are the kinds that it can tell.
    """
    theirs: Stills = source.stills
    if not theirs.is_prepared:
        turn = work.next_turn(Stills, owner.pk if owner else None)
        Stills.objects.get_or_create(
            source=copy, defaults={"owner": owner, "due_at": now, "turn": turn}
        )
        bells.ring_after_commit(Stills)
        return
    made = {
        "owner": owner,
        "due_at": now,
        "state": WorkState.DONE,
        "version": theirs.version,
        "placeholder": theirs.placeholder,
        "prepared_at": now,
        "reveals": [kind for kind in theirs.reveals or () if kind in reveals],
    }
    Stills.objects.get_or_create(source=copy, defaults=made)
    pictures = [
        Rendition(
            source=copy,
            kind=picture.kind,
            blob_id=picture.blob_id,
            width_px=picture.width_px,
            height_px=picture.height_px,
        )
        for picture in source.renditions.all()
    ]
    hold({picture.blob_id for picture in pictures}, now=now)
    Rendition.objects.bulk_create(pictures, ignore_conflicts=True)


def _keep_pictures(
    source: Blob, rendered: Rendered, folder: Path, now: datetime
) -> list[Rendition]:
    return [
        Rendition(
            source=source,
            kind=picture.kind,
            blob=keep(Part.of(folder / picture.name), content_type=RENDITION_TYPE, now=now),
            width_px=picture.width_px,
            height_px=picture.height_px,
        )
        for picture in rendered.renditions
    ]


def _finish(stills: Stills, rendered: Rendered, pictures: list[Rendition], now: datetime) -> None:
    with transaction.atomic():
        made = {
            "placeholder": rendered.placeholder,
            "prepared_at": now,
            "reveals": list(rendered.reveals),
        }
        if not work.finish(stills, **made):  # the lease was lost: its holder does the same
            return
        hold({picture.blob_id for picture in pictures}, now=now)
        Rendition.objects.bulk_create(
            pictures,
            update_conflicts=True,
            unique_fields=["source", "kind"],
            update_fields=["blob", "width_px", "height_px"],
        )
        tell_assets(stills.source, rendered.facts)
