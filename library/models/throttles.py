"""How often somebody has tried something lately."""

from typing import ClassVar

from django.db import models


class Throttle(models.Model):
    """Tries of one kind by one key in one stretch of time. The key is a digest: no address is kept."""

    scope = models.CharField(max_length=20)
    key = models.CharField(max_length=64)
    window = models.DateTimeField()  # when the stretch began
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "key", "window"], name="%(app_label)s_%(class)s_once"
            )
        ]
        indexes: ClassVar = [
            # what is over
            models.Index(fields=["window"], name="%(app_label)s_%(class)s_window"),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.scope}"
