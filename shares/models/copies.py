"""What recipients get of a file below `everything`: made once for a source and a level."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from library.models import BlobKey
from library.processing.metadata.values import Level, Privacy, Verdict
from library.work import Work, WorkState

_WITHOUT_BYTES = ["", Verdict.WITHHELD.value]


class CleanCopy(Work):
    """The clean copy of a source at one level, whichever links ask for it.

    Until it is made nothing of the source's bytes is passed on. `found` is what the cleaner met, for
    the log and staff; `reason` is a sentence for the owner.
    """

    WORK_VERSION: ClassVar[int] = 4
    # What older code made counts as not made: something got through
    PROVED_SINCE: ClassVar[int] = 4

    source = BlobKey(role="source", related_name="clean_copies")
    privacy = models.CharField(max_length=10)
    hides_dates = models.BooleanField()
    blob = BlobKey(role="hold", null=True, related_name="made_by_cleaning")  # type: ignore[misc]
    verdict = models.CharField(
        max_length=10, default="", choices=[(verdict.value, verdict.value) for verdict in Verdict]
    )
    reason = models.CharField(max_length=300, default="")
    found = models.CharField(max_length=200, default="")

    class Meta(Work.Meta):
        abstract = False
        verbose_name_plural = "clean copies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "privacy", "hides_dates"],
                name="%(app_label)s_%(class)s_once_a_level",
            ),
            models.CheckConstraint(
                condition=~Q(privacy=Privacy.EVERYTHING.value),
                name="%(app_label)s_%(class)s_below_everything",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=_WITHOUT_BYTES, blob=None)
                | (~Q(verdict__in=_WITHOUT_BYTES) & Q(blob__isnull=False)),
                name="%(app_label)s_%(class)s_bytes_only_if_proved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.privacy} copy of blob {self.source_id}"

    @property
    def level(self) -> Level:
        """Return the level that it is made for."""
        return Level(Privacy(self.privacy), hides_dates=self.hides_dates)

    @property
    def is_withheld(self) -> bool:
        """Tell whether it was decided that nothing is passed on."""
        return self.verdict == Verdict.WITHHELD

    @property
    def has_failed(self) -> bool:
        """Tell whether making it was given up, through no fault of the file that we know of."""
        return self.state == WorkState.FAILED and not self.verdict


# Of an item that `with_copies` has joined; one of them is true as soon as there is nothing to wait for
COPY_READY = Q(copy__blob__isnull=False)
COPY_WITHHELD = Q(copy__verdict=Verdict.WITHHELD)
COPY_FAILED = Q(copy__state=WorkState.FAILED, copy__verdict="")
