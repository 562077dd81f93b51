"""Real and hostile camera files, where they are to be had: CORPUS_DIR names their folder."""

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "corpus"))
ABSENT = f"no corpus of camera files in {FOLDER} (set CORPUS_DIR)"


def corpus_file(name: str) -> Path:
    if not (FOLDER / name).is_file():
        pytest.skip(ABSENT)
    return FOLDER / name


def manifest() -> list[dict[str, str]]:
    if not (FOLDER / "MANIFEST.tsv").is_file():
        return []
    with (FOLDER / "MANIFEST.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
