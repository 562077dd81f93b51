"""Make a file's pictures, as the worker does, into a folder."""

import json
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from library.decoding import limits, sandbox
from library.processing.errors import MediaError
from library.stills import DECODING_SECONDS


class Command(BaseCommand):
    """Write `thumbnail.webp` and `preview.webp`, or `poster.webp` for a video."""

    help = (
        "Write a photo's thumbnail and preview, or a video's thumbnail and poster, into a folder."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a file and a folder, which is made when it is not there."""
        parser.add_argument("file", type=Path)
        parser.add_argument("folder", type=Path)

    def handle(self, *_args: Any, file: Path, folder: Path, **_options: Any) -> None:
        """Render the file in the sandbox, as the worker would."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with TemporaryDirectory(dir=folder) as own:  # the decoder reaches this, not the folder
                rendered = sandbox.render(
                    file.resolve(),
                    Path(own),
                    thumbnail_px=settings.THUMBNAIL_LONGEST_EDGE_PX,
                    preview_px=settings.PREVIEW_LONGEST_EDGE_PX,
                    limits=limits,
                    wall_seconds=DECODING_SECONDS,
                )
                for picture in rendered.renditions:
                    Path(own, picture.name).replace(folder / picture.name)
        except (MediaError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        finally:
            sandbox.close()
        self.stdout.write(json.dumps(rendered.to_json(), indent=2, ensure_ascii=False))
