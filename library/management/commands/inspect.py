"""Say what the site reads from a file, as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from library.decoding import limits, sandbox
from library.processing.errors import MediaError


class Command(BaseCommand):
    """Print a file's facts, or why it is refused."""

    help = "Print what the site reads from a photo or video, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """Probe the file in the sandbox, as an upload would."""
        try:
            facts = sandbox.probe(file.resolve(), limits=limits)
        except (MediaError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        finally:
            sandbox.close()
        self.stdout.write(json.dumps(facts.to_json(), indent=2, ensure_ascii=False))
