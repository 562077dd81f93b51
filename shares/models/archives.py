"""The ZIP of a whole share, prepared as one stored file."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from library.models import BlobKey
from library.work import Work
from shares.models.shares import Share


class Archive(Work):
    """The prepared archive of a share: used only while its `etag` is that of the plan of this moment.

    Done without a blob means that it is streamed from the plan: it would be too large to be stored twice.
    """

    LONGEST_WAIT: ClassVar[timedelta] = timedelta(hours=1)

    share = models.OneToOneField(Share, on_delete=models.CASCADE, related_name="archive")
    etag = models.CharField(max_length=32, default="")
    blob = BlobKey(role="hold", null=True, related_name="+")  # type: ignore[misc]

    class Meta(Work.Meta):
        abstract = False
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(etag="", blob=None) | (~Q(etag="") & Q(blob__isnull=False)),
                name="%(app_label)s_%(class)s_bytes_of_a_plan",
            ),
        ]

    def __str__(self) -> str:
        return f"archive of share {self.share_id}"
