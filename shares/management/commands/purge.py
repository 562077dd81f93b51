"""Delete what is left of links that have ended, as beat does every hour."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from shares.purging import purge


class Command(BaseCommand):
    """Purge ended links, or say what a purge would delete."""

    help = (
        "Delete stopped links, links that ended 30 days ago, and the archives and clean copies that no "
        "open link needs. Stored bytes go with `gc`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether it is only to be said."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        """Purge once, and say what was done."""
        purged = purge(now=timezone.now(), is_dry_run=dry_run)
        self.stdout.write(
            f"{'Would delete' if dry_run else 'Deleted'}: links {purged.links:,}, archives "
            f"{purged.archives:,}, clean copies {purged.copies:,}, tombstones {purged.tombstones:,}."
        )
