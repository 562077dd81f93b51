"""The library application."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """Registers the library's kinds of work."""

    name = "library"
    verbose_name = "Library"

    def ready(self) -> None:
        """Name what workers do here."""
        from library.models import Asset  # noqa: PLC0415 - models exist only from here on
        from library.tasks import ring_prepare  # noqa: PLC0415
        from library.work import Kind, kinds  # noqa: PLC0415

        kinds.append(Kind(Asset, ring_prepare))
