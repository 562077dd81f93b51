"""Stored bytes, and the pictures that are made from them once, whoever owns them."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from library.processing.values import RenditionKind
from library.work import Work, WorkState


class BlobKey(models.ForeignKey["Blob", "Blob"]):
    """A reference to stored bytes that says whether it keeps them.

    role "hold": the bytes live while this row does. role "source": the row was made from the bytes
    and goes with them.
    """

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        self.role = role
        kwargs |= {"to": "library.Blob", "on_delete": models.PROTECT}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        """Write the role into migrations."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["to"], kwargs["on_delete"]
        return name, path, list(args), {**kwargs, "role": self.role}


class OneToOneBlobKey(BlobKey, models.OneToOneField["Blob", "Blob"]):
    """A reference that no other row of its model has."""


class Blob(models.Model):
    """Bytes that never change; every stored file is one. Its key never holds a user's text."""

    key = models.CharField(max_length=80, unique=True)
    sha256 = models.CharField(max_length=64)
    crc32 = models.PositiveBigIntegerField()
    size_bytes = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    condemned_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sha256"],
                condition=Q(condemned_at=None),
                name="%(app_label)s_%(class)s_one_living_row_per_content",
            )
        ]
        indexes: ClassVar = [
            # what waits to be deleted
            models.Index(
                fields=["condemned_at"],
                condition=Q(condemned_at__isnull=False),
                name="%(app_label)s_%(class)s_condemned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.content_type}, {self.size_bytes} bytes"


class Rendition(models.Model):
    """A picture made from a blob for a purpose; carries no metadata."""

    source = BlobKey(role="source", related_name="renditions")
    kind = models.CharField(
        max_length=10, choices=[(kind.value, kind.value) for kind in RenditionKind]
    )
    blob = BlobKey(role="hold", related_name="+")
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "kind"], name="%(app_label)s_%(class)s_one_of_a_kind"
            ),
            models.CheckConstraint(
                condition=~Q(source=models.F("blob")),
                name="%(app_label)s_%(class)s_never_the_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of blob {self.source_id}"


class Stills(Work):
    """The pictures of a blob, and the facts in its file: made once, whoever owns it.

    The work is `thumbnail` with `preview` or `poster`; they are Rendition rows.
    """

    WORK_VERSION: ClassVar[int] = 2

    source = OneToOneBlobKey(role="source", related_name="stills")
    placeholder = models.CharField(max_length=7, default="")  # average colour, #rrggbb
    reveals = models.JSONField(null=True)  # kinds of what the file tells; null until it was read
    prepared_at = models.DateTimeField(null=True)

    class Meta(Work.Meta):
        abstract = False
        verbose_name_plural = "stills"

    def __str__(self) -> str:
        return f"stills of blob {self.source_id}"

    @property
    def is_prepared(self) -> bool:
        """Tell whether there is a picture to show; newer work may be running all the same."""
        return self.prepared_at is not None

    @property
    def has_failed(self) -> bool:
        """Tell whether preparing was given up and nothing can be shown."""
        return self.prepared_at is None and self.state == WorkState.FAILED

    @property
    def is_waiting(self) -> bool:
        """Tell whether a picture may still come."""
        return not (self.is_prepared or self.has_failed)
