"""A warm sandbox, and pictures to put into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from library.processing.sandbox import Sandbox
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


@pytest.fixture(scope="module")
def slow_photo(tmp_path_factory) -> Path:
    """A picture that takes about a second to render."""
    path = tmp_path_factory.mktemp("slow") / "slow.png"
    Image.effect_noise((4000, 4000), 90).convert("RGB").save(path, compress_level=1)
    return path
