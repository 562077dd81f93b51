"""How long it takes to clean a picture, beside storing it and beside ExifTool, in one run."""

import io
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pillow_heif
from django.utils import timezone
from PIL import Image

from library.blobs.parts import Part, working_folder
from library.blobs.storage import keep
from library.decoding import CLEANING_SECONDS, limits, sandbox
from library.processing.metadata.values import Level, Verdict
from tests.landscapes import landscape

ROUNDS = 15

Row = tuple[str, str, str, str]

pillow_heif.register_heif_opener()


def rows() -> list[Row]:
    """Return a row for a 12 MP JPEG and one for a HEIC of the same picture."""
    return [_row(name, suffix) for name, suffix in (("JPEG", ".jpg"), ("HEIC", ".heic"))]


def _row(name: str, suffix: str) -> Row:
    picture = _as_grainy_as_a_phones(Image.open(io.BytesIO(landscape(11, long_edge_px=4000))))
    with tempfile.TemporaryDirectory() as folder, _exiftool() as strip:
        sources = _sources(picture, Path(folder), suffix)
        cleaned, stored, stripped, decoded = [], [], [], []
        for n, source in enumerate(sources):
            taken = (_seconds(_store, source), _seconds(_clean, source), strip(source))
            if n:  # the first one warms everything up
                stored.append(taken[0])
                cleaned.append(taken[1])
                stripped.append(taken[2])
                decoded.append(_seconds(lambda path: Image.open(path).load(), source))
        size = sources[0].stat().st_size
    ours, peer = statistics.median(cleaned), statistics.median(stored)
    other = statistics.median(stripped) if None not in stripped else None
    return (
        f"Cleaning a 12 MP {name} of {size / 1e6:.1f} MB: clean, proof, durable blob",
        f"{ours * 1000:.0f} ms",
        f"storing the same file as a blob: {peer * 1000:.0f} ms; "
        + (f"exiftool -all=, kept running: {other * 1000:.0f} ms; " if other else "no exiftool; ")
        + f"one decode: {statistics.median(decoded) * 1000:.0f} ms",
        f"{ours / peer:.2f}x",
    )


def _as_grainy_as_a_phones(picture: Image.Image) -> Image.Image:
    """Add grain, so that the file is as large as a phone's: a painted sky is coded in nearly nothing."""
    grain = Image.effect_noise(picture.size, 40).convert("RGB")
    return Image.blend(picture.convert("RGB"), grain, 0.15)


def _sources(picture: Image.Image, folder: Path, suffix: str) -> list[Path]:
    """Write files that differ in the date, which stays, so that no two copies are the same blob."""
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    first = io.BytesIO()
    if suffix == ".heic":
        pillow_heif.from_pillow(picture).save(first, quality=80, exif=exif.tobytes())
    else:
        picture.save(first, "JPEG", quality=92, exif=exif)
    paths = [folder / f"{number}{suffix}" for number in range(ROUNDS + 1)]
    for number, path in enumerate(paths):
        date = f"2024:01:01 00:00:{number:02}".encode()
        path.write_bytes(first.getvalue().replace(b"2024:01:01 00:00:00", date))
    return paths


def _store(source: Path) -> None:
    part = Part.create()
    with source.open("rb") as file:
        while piece := file.read(1 << 18):
            part.write(piece)
    keep(part, content_type="image/jpeg", now=timezone.now())
    part.discard()


def _clean(source: Path) -> None:
    with working_folder() as folder:
        made, written = sandbox.clean(
            source, folder, Level(), limits=limits, wall_seconds=CLEANING_SECONDS
        )
        assert made.verdict == Verdict.CLEANED, made
        keep(Part.of(written), content_type=made.content_type, now=timezone.now())


def _seconds(act: Callable[[Path], object], source: Path) -> float:
    started = time.perf_counter()
    act(source)
    return time.perf_counter() - started


@contextmanager
def _exiftool() -> Iterator[Callable[[Path], float | None]]:
    """Give a function that has one running ExifTool strip a file, and says how long it took; or None."""
    if not shutil.which("exiftool"):
        yield lambda _source: None
        return
    process = subprocess.Popen(
        ["exiftool", "-stay_open", "True", "-@", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told, answers = process.stdin, process.stdout

    def strip(source: Path) -> float:
        started = time.perf_counter()
        told.write(f"-all=\n-o\n{source}.stripped\n{source}\n-execute\n")
        told.flush()
        while answers.readline().strip() != "{ready}":
            pass
        return time.perf_counter() - started

    yield strip
    told.write("-stay_open\nFalse\n")
    told.flush()
    process.wait(timeout=60)
