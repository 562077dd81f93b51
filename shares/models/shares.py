"""Links, and until when they are open."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from library.processing.metadata.values import Level, Privacy
from shares.models.items import ShareItem, with_first_items
from shares.terms import Terms
from shares.tokens import masked, new_token

# From a link's end by itself; then it is gone, with what is in it
RENEWABLE_FOR = timedelta(days=30)


class ShareQuerySet(models.QuerySet["Share"]):
    """Chainable questions about shares; start from `user.shares` for what somebody made."""

    def open_at(self, moment: datetime) -> Self:
        """Keep the shares that can be opened then; the rule of `Share.is_open_at` in SQL."""
        return self.filter(
            stopped_at=None, ended_at=None, expires_at__gt=moment, sender__is_active=True
        )

    def newest_first(self) -> Self:
        """Order by the moment of making."""
        return self.order_by("-created_at", "-id")

    def with_content(self) -> Self:
        """Add `shows_something`: whether a recipient would see any item."""
        shown = ShareItem.objects.shown().filter(share=OuterRef("pk"))
        return self.annotate(shows_something=Exists(shown))

    def showing(self) -> Self:
        """Keep the shares in which a recipient would see anything."""
        return self.with_content().filter(shows_something=True)

    def with_first_items(self) -> Self:
        """Add the ids of the first three items that are shown."""
        return with_first_items(self, of="pk")


class Share(models.Model):
    """A snapshot of which items somebody passes along, under one link."""

    class Privacy(models.TextChoices):
        """What recipients get beside the pictures; `everything` is the files as they are."""

        CLEAN = "clean"
        LOCATION = "location"
        EVERYTHING = "everything"

    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares"
    )
    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    privacy = models.CharField(max_length=10, choices=Privacy.choices, default=Privacy.CLEAN)
    hides_dates = models.BooleanField(default=False)
    shows_sender = models.BooleanField(default=True)
    next_position = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(
        null=True
    )  # stamped once expiry was noticed: a clock set back revives nothing
    stopped_at = models.DateTimeField(null=True)
    # When the sender was told of the coming end, or there was no need to
    reminded_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)  # moves whenever something allowed no longer is

    objects = ShareQuerySet.as_manager()
    if TYPE_CHECKING:  # what with_content() adds
        shows_something: bool
    receipt: Any = None  # the Receipt of the member who looks at it; the gate reads it for pages

    class Meta:
        indexes: ClassVar = [
            # the sender's list of links
            models.Index(
                fields=["sender", "-created_at", "-id"], name="%(app_label)s_%(class)s_mine"
            ),
            # end_expired(): what has run out and is not stamped yet
            models.Index(
                fields=["expires_at"],
                condition=Q(ended_at=None),
                name="%(app_label)s_%(class)s_expiry",
            ),
            # purge(): what ended by itself, and what was stopped
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False),
                name="%(app_label)s_%(class)s_ended",
            ),
            models.Index(
                fields=["stopped_at"],
                condition=Q(stopped_at__isnull=False),
                name="%(app_label)s_%(class)s_stopped",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")),
                name="%(app_label)s_%(class)s_expires_after_it_was_made",
            ),
            models.CheckConstraint(
                condition=~Q(privacy="everything", hides_dates=True),
                name="%(app_label)s_%(class)s_everything_hides_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"Share {masked(self.token)}"

    def get_absolute_url(self) -> str:
        """Return the address that people pass on."""
        return reverse("shares:page", args=[self.token])

    @property
    def public_url(self) -> str:
        """Return the whole link, from the configured origin."""
        return settings.PUBLIC_BASE_URL + self.get_absolute_url()

    @property
    def level(self) -> Level:
        """Return how much of its files is passed on."""
        return Level(Privacy(self.privacy), hides_dates=self.hides_dates)

    @property
    def terms(self) -> Terms:
        """Return what its recipients may have and know."""
        return Terms(self.level, shows_sender=self.shows_sender)

    def is_open_at(self, moment: datetime) -> bool:
        """Tell whether the link works then; the rule of `ShareQuerySet.open_at` in Python."""
        return (
            self.stopped_at is None
            and self.ended_at is None
            and moment < self.expires_at
            and self.sender.is_active
        )

    @property
    def ran_out_at(self) -> datetime:
        """Return when a link that nobody stops ends, or has ended, by itself."""
        return self.ended_at or self.expires_at

    @property
    def renewable_until(self) -> datetime:
        """Return from when on the end of a link that nobody stops can't be moved any more."""
        return self.ran_out_at + RENEWABLE_FOR

    def is_renewable_at(self, moment: datetime) -> bool:
        """Tell whether its end can be moved then: it wasn't stopped, and has not ended too long before."""
        return self.stopped_at is None and moment < self.renewable_until
