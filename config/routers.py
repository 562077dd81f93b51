"""Which database holds what."""

from typing import Any


class CacheRouter:
    """Keep Django's cache table, and nothing else, in the `cache` database."""

    def db_for_read(self, model: type[Any], **_hints: object) -> str | None:
        """Send the cache's reads to its own file."""
        return "cache" if model._meta.app_label == "django_cache" else None

    def db_for_write(self, model: type[Any], **_hints: object) -> str | None:
        """Send the cache's writes to its own file."""
        return self.db_for_read(model)

    def allow_migrate(self, db: str, app_label: str, **_hints: object) -> bool:
        """Make the cache table there only, and everything else only elsewhere."""
        return (db == "cache") == (app_label == "django_cache")
