"""The site's own application: static files and commands."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Holds config/static and config/management."""

    name = "config"
    label = "site"
    verbose_name = "Passalong"
