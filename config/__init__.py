"""How the site is put together: settings, addresses, processes. Nobody imports this package."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
