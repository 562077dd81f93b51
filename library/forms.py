"""Forms of the library. Nothing here may import allauth's forms: they import this module."""

from django import forms
from django.http import HttpRequest

from library.models import User
from library.wording import check_name, one_line


class NameField(forms.CharField):
    """A member's own name: what is pasted with line breaks becomes one line."""

    def __init__(self) -> None:
        super().__init__(
            label="Your name",
            max_length=80,
            validators=[check_name],
            help_text="People to whom you pass something along will see it.",
            widget=forms.TextInput(attrs={"autocomplete": "name"}),
        )

    def to_python(self, value: str | None) -> str:
        """Make one line of it."""
        return one_line(super().to_python(value) or "")


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a member decides about themselves."""

    display_name = NameField()
    opened_links = forms.ChoiceField(
        label="In For You, list the links that I open",
        choices=[
            (User.OpenedLinks.ALWAYS, "Always"),
            (User.OpenedLinks.ASK, "Ask"),
            (User.OpenedLinks.NEVER, "Never"),
        ],
        help_text="Listing adds nothing to your library, and the sender does not hear of it.",
        widget=forms.RadioSelect,
    )

    class Meta:
        model = User
        fields = ("display_name", "opened_links")


class SignupForm(forms.Form):
    """What sign-up asks beside address and password."""

    display_name = NameField()

    field_order = ("display_name", "email", "password1")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Do nothing more: the adapter saved the name with the account."""
