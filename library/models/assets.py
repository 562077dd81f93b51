"""What is in somebody's library."""

from datetime import datetime
from typing import ClassVar, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from library.models.blobs import BlobKey, Stills
from library.processing.values import MediaKind


class AssetQuerySet(models.QuerySet["Asset"]):
    """Chainable questions about assets; start from `user.assets`."""

    def in_library(self) -> Self:
        """Leave out what lies in Recently Deleted."""
        return self.filter(removed_at=None)

    def with_stills(self) -> Self:
        """Have the blob and the state of its pictures at hand."""
        return self.select_related("blob__stills")

    def newest_first(self) -> Self:
        """Order by the moment of capture, as the grid shows them."""
        return self.order_by("-taken_at", "-id")

    def after(self, taken_at: datetime, pk: int) -> Self:
        """Return what follows this place in the order of `newest_first`."""
        return self.filter(Q(taken_at__lt=taken_at) | Q(taken_at=taken_at, id__lt=pk))


class Asset(models.Model):
    """One photo or video in somebody's library. Its pictures are those of its blob (`Stills`)."""

    class TakenFrom(models.TextChoices):
        """Where `taken_at` was read; `upload` until something better is known."""

        EXIF = "exif"
        QUICKTIME = "quicktime"
        CONTAINER = "container"
        UPLOAD = "upload"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assets"
    )
    blob = BlobKey(role="hold", related_name="assets")
    name = models.CharField(max_length=255)  # as it was uploaded, last part only
    kind = models.CharField(max_length=5, choices=[(kind.value, kind.value) for kind in MediaKind])
    width_px = models.PositiveIntegerField()  # as displayed
    height_px = models.PositiveIntegerField()
    duration_ms = models.PositiveBigIntegerField(null=True)
    camera_make = models.CharField(max_length=120, default="")
    camera_model = models.CharField(max_length=120, default="")
    # The camera's wall clock, stored as if it were UTC and never converted.
    taken_at = models.DateTimeField()
    taken_offset_minutes = models.SmallIntegerField(null=True)
    taken_from = models.CharField(max_length=10, choices=TakenFrom.choices)
    added_at = models.DateTimeField()
    # Of what came by a link: since when it is here, and from whom; nobody once that account is gone
    received_at = models.DateTimeField(null=True)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    hides_sender = models.BooleanField(default=False)  # they passed it along without their name
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = AssetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "blob"], name="%(app_label)s_%(class)s_once_per_owner"
            ),
            models.CheckConstraint(
                condition=Q(sender=None) | Q(received_at__isnull=False),
                name="%(app_label)s_%(class)s_sender_of_what_was_received",
            ),
        ]
        indexes: ClassVar = [
            # the library's grid and its keyset pages
            models.Index(
                fields=["owner", "removed_at", "-taken_at", "-id"],
                name="%(app_label)s_%(class)s_grid",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the owner's page of this item."""
        return reverse("library:item", args=[self.uuid])

    @property
    def is_video(self) -> bool:
        """Tell videos from photos."""
        return self.kind == MediaKind.VIDEO

    @property
    def stills(self) -> Stills:
        """Return the work on its pictures; `with_stills` has it at hand."""
        return self.blob.stills

    @property
    def came_from(self) -> str:
        """Return "From Jane" for what came by a link; empty for an own upload."""
        if self.received_at is None:
            return ""
        if self.hides_sender:
            return "From someone"
        return f"From {self.sender.display_name if self.sender else 'a deleted account'}"

    @property
    def camera(self) -> str:
        """Return maker and model in one, without saying the maker twice."""
        if self.camera_model.lower().startswith(self.camera_make.lower()):
            return self.camera_model
        return f"{self.camera_make} {self.camera_model}".strip()
