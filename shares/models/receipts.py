"""What reached whom, and what they kept of it."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from library.models import Asset
from shares.models.copies import CleanCopy
from shares.models.items import ShareItem, with_first_items
from shares.models.shares import Share

if TYPE_CHECKING:
    from library.models import User


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    """Chainable questions about receipts; start from `user.receipts`."""

    def listed_at(self, moment: datetime) -> Self:
        """Keep what stands in the feed then: neither undone nor declined, and open, which is asked anew."""
        is_open = Exists(Share.objects.open_at(moment).showing().filter(pk=OuterRef("share")))
        return self.filter(is_open, state__in=Receipt.LISTED)

    def unopened(self) -> Self:
        """Keep what the badge counts."""
        return self.filter(state=Receipt.State.NEW)

    def newest_first(self) -> Self:
        """Order by the moment of arrival."""
        return self.order_by("-received_at", "-id")

    def after(self, received_at: datetime, pk: int) -> Self:
        """Return what follows this place in the order of `newest_first`."""
        return self.filter(Q(received_at__lt=received_at) | Q(received_at=received_at, id__lt=pk))

    def with_first_items(self) -> Self:
        """Add the ids of the first three items that the share shows."""
        return with_first_items(self, of="share")


class Receipt(models.Model):
    """One share that reached one person: it stands in their feed, unless they undid or declined it."""

    class State(models.TextChoices):
        """`undone`: taken out of the feed again; opening the link does not list it anew."""

        NEW = "new"
        SEEN = "seen"
        UNDONE = "undone"
        DECLINED = "declined"

    class CameBy(models.TextChoices):
        """How it came: the link was opened while signed in, or pasted."""

        OPENED = "opened"
        PASTED = "pasted"

    LISTED: ClassVar = (State.NEW, State.SEEN)

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="receipts")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="receipts"
    )
    state = models.CharField(max_length=8, choices=State.choices)
    came_by = models.CharField(max_length=6, choices=CameBy.choices)
    received_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # since when it is in this state

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["share", "recipient"], name="%(app_label)s_%(class)s_once"
            )
        ]
        indexes: ClassVar = [
            # somebody's feed and its keyset pages
            models.Index(
                fields=["recipient", "-received_at", "-id"], name="%(app_label)s_%(class)s_feed"
            ),
            # the badge, asked for with every page
            models.Index(
                fields=["recipient"],
                condition=Q(state="new"),
                name="%(app_label)s_%(class)s_unopened",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} receipt {self.pk}"


class Keep(models.Model):
    """An item that somebody took into their library, and which asset it became there.

    It says so after the link's level, and with it the bytes, have changed.
    """

    item = models.ForeignKey(ShareItem, null=True, on_delete=models.SET_NULL, related_name="keeps")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="keeps"
    )
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="keeps")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recipient", "item"], name="%(app_label)s_%(class)s_once"
            )
        ]

    def __str__(self) -> str:
        return f"keep {self.pk}"


def in_library_of(recipient: "User") -> Q:
    """Return the condition of an item that this person's library holds it or a clean copy, from wherever."""
    own = Asset.objects.filter(owner=recipient, removed_at=None, blob=OuterRef("source"))
    kept = Keep.objects.filter(recipient=recipient, asset__removed_at=None, item=OuterRef("pk"))
    copies = CleanCopy.objects.filter(
        source=OuterRef("source"), blob__assets__owner=recipient, blob__assets__removed_at=None
    )
    return Q(Exists(own) | Exists(kept) | Exists(copies))
