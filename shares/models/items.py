"""What is in a link."""

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Count, FilteredRelation, OuterRef, Q, Subquery

from library.models import Asset, BlobKey
from shares.models.copies import CleanCopy

if TYPE_CHECKING:
    from library.processing.metadata.values import Level

IS_VIDEO = Q(source__content_type__startswith="video/")  # of an item, be its asset there or not
FIRST_ITEMS = 3
Rows = TypeVar("Rows", bound=models.QuerySet)  # type: ignore[type-arg]


class ShareItemQuerySet(models.QuerySet["ShareItem"]):
    """Chainable questions about the items of shares."""

    def shown(self) -> Self:
        """Keep what recipients see: what is in its owner's library, and what is kept without."""
        in_library = Q(asset__isnull=False, asset__removed_at=None)
        return self.filter(in_library | Q(kept=True), removed_at=None)

    def in_order(self) -> Self:
        """Order by position, with all that a tile needs; a download needs `with_copies` too."""
        return self.select_related("asset", "source__stills").order_by("position")

    def at_level(self, level: "Level") -> Self:
        """Join each item's clean copy of this level, as `copy`, to ask for it or read from it.

        One that is not made yet, or by code that let something through, is none.
        """
        of_level = Q(
            source__clean_copies__privacy=level.privacy,
            source__clean_copies__hides_dates=level.hides_dates,
            source__clean_copies__version__gte=CleanCopy.PROVED_SINCE,
        )
        return self.annotate(copy=FilteredRelation("source__clean_copies", condition=of_level))

    def with_copies(self, level: "Level") -> Self:
        """Have each item's clean copy of this level at hand: what recipients get of it."""
        return self.at_level(level).select_related("asset", "source__stills", "copy__blob")

    def counted_by_share(self) -> models.QuerySet["ShareItem", tuple[int, int, int]]:
        """Return (share, photos, videos) of each share that has any of these items."""
        return (
            self.order_by()
            .values_list("share")
            .annotate(
                photos=Count("pk", filter=~IS_VIDEO),
                videos=Count("pk", filter=IS_VIDEO),
            )
        )


class ShareItem(models.Model):
    """One asset's place in a share. Positions are never moved or used again."""

    share = models.ForeignKey("shares.Share", on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    asset = models.ForeignKey(
        Asset, null=True, on_delete=models.SET_NULL, related_name="share_items"
    )
    source = BlobKey(role="hold", related_name="+")
    facts = models.JSONField(null=True)  # AssetFacts, for when the asset is gone
    kept = models.BooleanField(default=False)  # stays in the link when the asset is deleted
    removed_at = models.DateTimeField(null=True)

    copy: "CleanCopy | None" = None  # what `with_copies` joins; without it there is none

    objects = ShareItemQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kept=False) | Q(facts__isnull=False),
                name="%(app_label)s_%(class)s_kept_with_facts",
            ),
            models.UniqueConstraint(
                fields=["share", "position"], name="%(app_label)s_%(class)s_one_per_position"
            ),
            models.UniqueConstraint(
                fields=["share", "asset"],
                condition=Q(removed_at=None),
                name="%(app_label)s_%(class)s_asset_once",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.position}"


def with_first_items(rows: Rows, *, of: str) -> Rows:
    """Add the ids of the first three shown items of the share that this field names, None where fewer.

    They are `item_0` to `item_2`; `first_items` reads them.
    """
    shown = ShareItem.objects.shown().filter(share=OuterRef(of)).order_by("position")
    ids = {f"item_{n}": Subquery(shown.values("pk")[n : n + 1]) for n in range(FIRST_ITEMS)}
    return rows.annotate(**ids)


def first_items(row: models.Model) -> list[int]:
    """Return the ids that `with_first_items` has added to a row."""
    ids = [getattr(row, f"item_{n}") for n in range(FIRST_ITEMS)]
    return [pk for pk in ids if pk is not None]
