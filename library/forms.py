"""Forms of the library. Nothing here may import allauth's forms: they import this module."""

from django import forms
from django.http import HttpRequest

from library.models import User


class SignupForm(forms.Form):
    """What sign-up asks beside address and password."""

    display_name = forms.CharField(
        label="Your name",
        max_length=80,
        help_text="People to whom you pass something along will see it.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    field_order = ("display_name", "email", "password1")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Do nothing more: the adapter saved the name with the account."""
