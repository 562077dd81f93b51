"""Staff's view of the people here. Nobody's photos are shown to staff."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from library.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who has an account; taking away `active` closes it and all links that it made.

    Deleting it ends its links for good. What others keep of them stays, and says that it is from a
    deleted account.
    """

    list_display = ("email", "display_name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "display_name")
    ordering = ("-date_joined",)
    fields = ("email", "display_name", "is_active", "is_staff", "date_joined", "last_login")
    readonly_fields = ("email", "date_joined", "last_login")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Leave making accounts to sign-up, which confirms addresses."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody delete the account that they are using."""
        return obj != request.user and super().has_delete_permission(request, obj)

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count what goes with accounts, and name nothing of it: nobody's photos are shown to staff."""
        _named, counts, refused, protected = super().get_deleted_objects(objs, request)
        return [user.email for user in objs], counts, refused, protected
