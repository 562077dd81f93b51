"""The shares application."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.db.models.functions import Coalesce, Now
from django.db.models.signals import pre_delete

from library import bells

if TYPE_CHECKING:
    from library.models import User


class SharesConfig(AppConfig):
    """Links out, the feed in."""

    name = "shares"
    verbose_name = "Shares"

    def ready(self) -> None:
        """Say which bell wakes a worker for which rows, and hear of accounts that are about to be deleted."""
        bells.register(self.get_model("CleanCopy"), task="shares.tasks.clean_copies_task")
        bells.register(self.get_model("Archive"), task="shares.tasks.archives_task")
        pre_delete.connect(self._end_shares, sender="library.User")

    def _end_shares(self, instance: "User", **_: object) -> None:
        """Have it said of a sender's links that they have ended, in the transaction that deletes them.

        Until that is over nobody adds from them.
        """
        tombstone = self.get_model("Tombstone")
        rows = instance.shares.order_by("pk").select_for_update(no_key=True)
        ends = rows.annotate(end=Coalesce("stopped_at", "ended_at", Now()))
        tombstone._default_manager.bulk_create(
            (
                tombstone(token=token, ended_at=end)
                for token, end in ends.values_list("token", "end")
            ),
            ignore_conflicts=True,
        )
