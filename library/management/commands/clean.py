"""Write what recipients get of a file at a level, as the worker does."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from library.decoding import CLEANING_SECONDS, limits, sandbox
from library.processing.errors import MediaError
from library.processing.metadata.values import Cleaning, Level, Privacy, Verdict

WITHHELD = 3


class Command(BaseCommand):
    """Clean a file; exit 0 when the result is proved, 3 when nothing can be passed on."""

    help = (
        "Write what recipients get of a photo at a level, and print the verdict as JSON. "
        "Exits 0 when the result is proved, 3 when the file is withheld: then nothing is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a file, where the result goes, and the level."""
        parser.add_argument("file", type=Path)
        parser.add_argument("out", type=Path)
        parser.add_argument("--privacy", choices=[*map(str, Privacy)], default=str(Privacy.CLEAN))
        parser.add_argument("--hide-dates", action="store_true")

    def handle(
        self,
        *_args: Any,
        file: Path,
        out: Path,
        privacy: str,
        hide_dates: bool,
        **_options: Any,
    ) -> None:
        """Clean the file in the sandbox, as the worker would."""
        level = Level(Privacy(privacy), hides_dates=hide_dates)
        try:
            made = self._clean(file, out, level)
        except OSError as error:
            raise CommandError(str(error)) from error
        finally:
            sandbox.close()
        report = {"privacy": privacy, "hides_dates": hide_dates, **made.to_json()}
        self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
        if made.verdict == Verdict.WITHHELD:
            sys.exit(WITHHELD)

    def _clean(self, file: Path, out: Path, level: Level) -> Cleaning:
        if level.privacy == Privacy.EVERYTHING:
            if level.hides_dates:
                raise CommandError("The file as it is hides no dates: choose another level.")
            copyfile(file, out)
            return Cleaning(Verdict.IDENTICAL, "")
        with TemporaryDirectory(dir=out.resolve().parent) as folder:
            try:
                made, written = sandbox.clean(
                    file.resolve(),
                    Path(folder),
                    level,
                    limits=limits,
                    wall_seconds=CLEANING_SECONDS,
                )
            except MediaError as error:
                return Cleaning(Verdict.WITHHELD, reason=str(error))
            if made.verdict != Verdict.WITHHELD:
                written.replace(out)
        return made
