"""Say what the site reads from a file, and what the file would reveal, as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from library.decoding import limits, sandbox
from library.processing.errors import MediaError


class Command(BaseCommand):
    """Print a file's facts and all that it tells beside its picture, or why it is refused."""

    help = (
        "Print what the site reads from a photo or video, and what whoever gets a photo could read "
        "in it, as JSON."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """Probe and read the file in the sandbox, as the worker would."""
        try:
            facts = sandbox.probe(file.resolve(), limits=limits)
            reveals = sandbox.read(file.resolve())
        except (MediaError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        finally:
            sandbox.close()
        told = {**facts.to_json(), "reveals": reveals}
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
