"""How much a walk reads."""

import pytest

from library.processing.containers.window import FileWindow


@pytest.fixture
def fetched(monkeypatch) -> list[int]:
    """Note the bytes of every piece that is fetched from a file."""
    sizes: list[int] = []
    fetch = FileWindow._fetch
    monkeypatch.setattr(
        FileWindow,
        "_fetch",
        lambda self, start, size: sizes.append(size) or fetch(self, start, size),
    )
    return sizes
