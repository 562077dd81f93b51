"""What is left of a link that was deleted: that it once was."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models

REMEMBERED_FOR = timedelta(days=90)


class TombstoneQuerySet(models.QuerySet["Tombstone"]):
    """Chainable questions about links that are gone."""

    def remembered_at(self, moment: datetime) -> Self:
        """Keep the links of which is still said, at that moment, that they have ended."""
        return self.filter(ended_at__gt=moment - REMEMBERED_FOR)

    def forgotten_at(self, moment: datetime) -> Self:
        """Keep those of which nothing is said any more."""
        return self.filter(ended_at__lte=moment - REMEMBERED_FOR)


class Tombstone(models.Model):
    """A token that was a link, and when that ended; written in the transaction that deletes the share."""

    token = models.CharField(max_length=64, unique=True)
    ended_at = models.DateTimeField()

    objects = TombstoneQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # what has been remembered for long enough
            models.Index(fields=["ended_at"], name="%(app_label)s_%(class)s_ended"),
        ]

    def __str__(self) -> str:
        return f"tombstone {self.pk}"
