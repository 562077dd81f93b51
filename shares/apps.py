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
        """Have links held before the account that made them is deleted, wherever that is done."""
        from shares.publishing import hold_shares_of  # noqa: PLC0415 - models exist only from here on

        def hold(instance: "User", **_: object) -> None:
            hold_shares_of(instance)

        pre_delete.connect(hold, sender="library.User", weak=False, dispatch_uid="hold shares")
