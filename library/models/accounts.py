"""A person's photos and videos: accounts, stored bytes, what was made from them, and the library."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import Q
from django.urls import reverse

from library.wording import check_name
from library.work import Work, WorkState


class UserManager(DjangoUserManager["User"]):
    """Makes accounts that are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":  # type: ignore[override]
        """Make an account; the address is kept in lower case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":  # type: ignore[override]
        """Make an account that may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A member. The e-mail address is the log-in; the display name is what others see."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    display_name = models.CharField(max_length=80, validators=[check_name])

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["display_name"]

    objects = UserManager()  # type: ignore[misc]

    def __str__(self) -> str:
        return self.display_name

    def get_full_name(self) -> str:
        """Return the display name: there is no other."""
        return self.display_name

    def get_short_name(self) -> str:
        """Return the display name: there is no other."""
        return self.display_name


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

    def __str__(self) -> str:
        return f"{self.content_type}, {self.size_bytes} bytes"


class Rendition(models.Model):
    """A picture made from a blob for a purpose; carries no metadata."""

    class Kind(models.TextChoices):
        """`thumbnail` for grids, `preview` for a whole screen, `poster` for a film at rest."""

        THUMBNAIL = "thumbnail"
        PREVIEW = "preview"
        POSTER = "poster"

    source = BlobKey(role="source", related_name="renditions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
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

    WORK_VERSION: ClassVar[int] = 1

    source = OneToOneBlobKey(role="source", related_name="stills")
    placeholder = models.CharField(max_length=7, default="")  # average colour, #rrggbb
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

    class Kind(models.TextChoices):
        """What it is to a person."""

        PHOTO = "photo"
        VIDEO = "video"

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
    kind = models.CharField(max_length=5, choices=Kind.choices)
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
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = AssetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "blob"], name="%(app_label)s_%(class)s_once_per_owner"
            )
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
        """Tell films from stills."""
        return self.kind == self.Kind.VIDEO

    @property
    def stills(self) -> Stills:
        """Return the work on its pictures; `with_stills` has it at hand."""
        return self.blob.stills

    @property
    def camera(self) -> str:
        """Return maker and model in one, without saying the maker twice."""
        if self.camera_model.lower().startswith(self.camera_make.lower()):
            return self.camera_model
        return f"{self.camera_make} {self.camera_model}".strip()
