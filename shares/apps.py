"""The shares application."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
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
        pre_delete.connect(self._hold_shares, sender="library.User")

    def _hold_shares(self, instance: "User", **_: object) -> None:
        """Let nobody add from a sender's links before the running transaction, which ends them, is over."""
        list(instance.shares.order_by("pk").select_for_update(no_key=True).values_list("pk"))
