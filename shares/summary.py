"""A share in numbers: what it shows, and how much of that can be had."""

from dataclasses import dataclass

from django.db.models import Count, F, Q, Sum

from library.models import User
from library.processing.metadata.values import Verdict
from library.work import WorkState
from shares.models import COPY_FAILED, COPY_READY, COPY_WITHHELD, IS_VIDEO, Share, in_library_of
from shares.wording import automatic_title, spoken_counts


@dataclass(frozen=True, slots=True)
class Summary:
    """A share in numbers, for its title and facts."""

    photos: int
    videos: int
    settled: int  # their picture is prepared, or given up on, and so is their file
    ready: int  # their file can be had
    withheld: int  # their file can't be cleaned, so it is not passed on
    failed: int  # cleaning their file went wrong on our side
    converted: int  # their file was saved anew at full size
    size_bytes: int  # of the files that can be had
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
    def is_all_ready(self) -> bool:
        """Tell whether every file can be had."""
        return self.ready == self.items

    @property
    def is_all_in_library(self) -> bool:
        """Tell whether the viewer has nothing left to add."""
        return self.in_library == self.items


HAS_PICTURE = Q(source__stills__prepared_at__isnull=False)
HAS_NO_PICTURE = Q(source__stills__state=WorkState.FAILED)
ANY = Q(pk__isnull=False)


def summary_of(share: Share, recipient: User | None = None) -> Summary:
    """Count what a share shows, and how much of it a recipient has, in one query."""
    ready, withheld, failed, stored = ANY, ~ANY, ~ANY, "source"
    if share.level.hides_something:
        ready, withheld, failed = COPY_READY, COPY_WITHHELD, COPY_FAILED
        stored = "copy__blob"
    items = share.items.shown().at_level(share.level)
    counts = items.aggregate(
        photos=Count("pk", filter=~IS_VIDEO),
        videos=Count("pk", filter=IS_VIDEO),
        settled=Count("pk", filter=(HAS_PICTURE | HAS_NO_PICTURE) & (ready | withheld | failed)),
        ready=Count("pk", filter=ready),
        withheld=Count("pk", filter=withheld),
        failed=Count("pk", filter=failed),
        converted=Count("pk", filter=Q(copy__verdict=Verdict.CONVERTED)),
        size_bytes=Sum(f"{stored}__size_bytes", default=0),
        **({"in_library": Count("pk", filter=in_library_of(recipient))} if recipient else {}),
    )
    return Summary(**counts)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why some of a share's files are not passed on, in a sentence, and how many."""

    reason: str
    items: int


def withheld_of(share: Share) -> list[Withheld]:
    """Return why files of a share are not passed on, the most frequent reason first."""
    if not share.level.hides_something:
        return []
    rows = (
        share.items.shown()
        .at_level(share.level)
        .filter(COPY_WITHHELD)
        .order_by()
        .values_list(F("copy__reason"))
        .annotate(items=Count("pk"))
    )
    return [Withheld(*row) for row in sorted(rows, key=lambda row: (-row[1], row[0]))]
