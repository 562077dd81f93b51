"""The library application."""

from django.apps import AppConfig

from library import bells


class LibraryConfig(AppConfig):
    """Photos and videos of each member."""

    name = "library"
    verbose_name = "Library"

    def ready(self) -> None:
        """Say which bell wakes a worker for which rows."""
        bells.register(self.get_model("Stills"), task="library.tasks.stills_task")
