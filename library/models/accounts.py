"""Who has an account."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models

from library.wording import check_name


class UserManager(BaseUserManager["User"]):
    """Makes accounts that are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make an account; the address is kept in lower case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make an account that may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A member. The e-mail address is the log-in; the display name is what others see."""

    class OpenedLinks(models.TextChoices):
        """Whether a link that this person opens is listed for them."""

        ALWAYS = "always"
        ASK = "ask"
        NEVER = "never"

    username = first_name = last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    display_name = models.CharField(max_length=80, validators=[check_name])
    opened_links = models.CharField(
        max_length=6, choices=OpenedLinks.choices, default=OpenedLinks.ALWAYS
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["display_name"]

    objects = UserManager()  # type: ignore[assignment, misc]

    def __str__(self) -> str:
        return self.display_name

    def get_full_name(self) -> str:
        """Return the display name: there is no other."""
        return self.display_name

    def get_short_name(self) -> str:
        """Return the display name: there is no other."""
        return self.display_name
