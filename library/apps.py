"""The library application."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """Photos and videos of each member."""

    name = "library"
    verbose_name = "Library"
