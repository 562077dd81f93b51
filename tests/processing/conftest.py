"""A warm sandbox, and pictures to put into it."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from library.processing.sandbox.client import Sandbox
from tests.patience import wait_until
from tests.processing.corpus import ROOT


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(ROOT)
    yield box
    box.close()


@pytest.fixture
def own_sandbox() -> Iterator[Callable[..., Sandbox]]:
    made: list[Sandbox] = []

    def make(**options: int) -> Sandbox:
        made.append(Sandbox(ROOT, **options))
        return made[-1]

    yield make
    for box in made:
        box.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.new("RGB", (30, 20), "red").save(path)
    return path


class Pipe:
    """A file that gives nothing: whoever reads it has to wait until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing: int | None = None
        os.mkfifo(path)

    def wait_for_reader(self) -> None:
        """Wait until somebody reads: a decoding child that does has its limits by then."""
        wait_until(self._has_reader)

    def _has_reader(self) -> bool:
        with suppress(OSError):  # nobody has opened it yet
            self._writing = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        return self._writing is not None

    def close(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None


@pytest.fixture
def pipe(tmp_path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe.png")
    yield pipe
    pipe.close()


@pytest.fixture(scope="module")
def slow_photo(tmp_path_factory) -> Path:
    """A picture that takes about a second to render."""
    path = tmp_path_factory.mktemp("slow") / "slow.png"
    Image.effect_noise((4000, 4000), 90).convert("RGB").save(path, compress_level=1)
    return path
