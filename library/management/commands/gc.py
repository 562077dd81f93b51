"""Delete stored bytes that nothing holds any more, as beat does every hour."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from library.blobs.collecting import collect_garbage
from library.wording import bytes_in_words


class Command(BaseCommand):
    """Collect garbage once, or say what would be collected."""

    help = (
        "Condemn the stored files that nothing holds, delete those condemned for a day, and files that "
        "the database does not know."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether it is only to be said."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        """Collect once, and say what was done."""
        done = collect_garbage(now=timezone.now(), is_dry_run=dry_run)
        self.stdout.write(
            f"{'Would delete' if dry_run else 'Deleted'}: files {done.deleted:,}, unknown files "
            f"{done.strays:,}; {bytes_in_words(done.freed_bytes)}.\n"
            f"{'Would condemn' if dry_run else 'Condemned'}: files {done.condemned:,}; "
            f"revived {done.revived:,}."
        )
