"""The shares application."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.db.models.signals import pre_delete

if TYPE_CHECKING:
    from library.models import User


class SharesConfig(AppConfig):
    """Links out, the feed in."""

    name = "shares"
    verbose_name = "Shares"

    def ready(self) -> None:
        """Hear of accounts that are about to be deleted, wherever that is done."""
        pre_delete.connect(self._hold_shares, sender="library.User")

    def _hold_shares(self, instance: "User", **_: object) -> None:
        """Let nobody add from a sender's links before the running transaction, which ends them, is over."""
        list(instance.shares.order_by("pk").select_for_update(no_key=True).values_list("pk"))
