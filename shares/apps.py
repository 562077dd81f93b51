"""The shares application."""

from django.apps import AppConfig


class SharesConfig(AppConfig):
    """Links out."""

    name = "shares"
    verbose_name = "Shares"
