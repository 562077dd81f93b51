"""ExifTool, which knows more places in files than we do: what it reads, and what it may find."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from library.processing.metadata.values import Level

NEEDS_EXIFTOOL = pytest.mark.skipif(
    not shutil.which("exiftool") and "CI" not in os.environ, reason="no exiftool here"
)

READ = ("-ee3", "-a", "-u", "-U", "-G1", "-j", "-c", "%.5f", "--System:All", "-charset", "utf8")

# What may be told of a clean file, by ExifTool's groups; of EXIF tag by tag
STRUCTURE = frozenset(
    (
        *("ExifTool", "File", "Composite", "JFIF", "Adobe", "PNG", "RIFF", "GIF", "QuickTime"),
        *("ICC_Profile", "ICC-header", "ICC-chrm", "ICC-cicp", "ICC-view", "ICC-meas"),
        *("MPF0", "MPImage1", "MPImage2", "Track1", "Track2", "PNG-pHYs", "Meta"),
        *("XMP-x", "XMP-hdrgm", "XMP-Container", "XMP-apdi", "XMP-HDRGainMap"),
    )
)
EXIF_TAGS = frozenset(
    ("Orientation", "ExifVersion", "ColorSpace", "InteropIndex", "HDRHeadroom", "HDRGain")
)
DATE_TAGS = frozenset(("DateTimeOriginal", "OffsetTimeOriginal", "SubSecTimeOriginal"))
WHERE_TAGS = frozenset(
    ("GPSVersionID", "GPSLatitudeRef", "GPSLatitude", "GPSLongitudeRef", "GPSLongitude")
)
NEVER = "0000:00:00 00:00:00"
EXIF_GROUPS = frozenset(("IFD0", "ExifIFD", "InteropIFD", "GPS", "Apple"))


def exiftool(*words: str, ok: tuple[int, ...] = (0, 1)) -> bytes:
    done = subprocess.run(["exiftool", *words], capture_output=True, timeout=600)
    assert done.returncode in ok, done.stderr.decode(errors="replace")[-500:]
    return done.stdout


def told(*paths: Path) -> list[dict[str, object]]:
    """Return what ExifTool reads of files, by group and name."""
    return json.loads(exiftool(*READ, *map(str, paths)))


def unasked(found: dict[str, object], level: Level) -> list[str]:
    """Return what a clean file tells and should not, by ExifTool's names."""
    tags = EXIF_TAGS | (DATE_TAGS if level.keeps_dates else set())
    tags |= WHERE_TAGS if level.keeps_location else set()
    return [
        f"{group}:{name}"
        for group, _, name in (tag.partition(":") for tag in found if ":" in tag)
        if not (name in tags if group in EXIF_GROUPS else group in STRUCTURE)
        or (group.startswith("Track") and "Date" in name and found[f"{group}:{name}"] != NEVER)
    ]
