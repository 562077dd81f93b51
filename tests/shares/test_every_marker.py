"""A word of its own in every place that ExifTool can write, in each format: no way out of a link tells it."""

import pytest

from library.models import Asset
from tests.processing.metadata.exiftool import NEEDS_EXIFTOOL
from tests.processing.metadata.test_markers import HOW_MANY, MARKER, markers, seed
from tests.rows import AS_THEY_ARE
from tests.shares.planted import CLEAN, OUTLETS, PLACED, UNDATED, clean_all

pytestmark = [
    pytest.mark.tool("exiftool"),
    NEEDS_EXIFTOOL,
    # Pillow warns of what is broken in EXIF
    pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning", "ignore:Tag data larger"),
]


@pytest.fixture(params=HOW_MANY)
def marked(request, make_asset) -> Asset:
    """An upload full of markers, its own name among them."""
    data = seed(request.param).read_bytes()
    assert len(markers(data)) > 1000
    return make_asset(data=data, name=f"{MARKER.format(9999)}.{request.param}")


def test_no_way_out_tells_a_marker_below_everything(marked, make_share, bob):
    levels = {"everything": AS_THEY_ARE, "clean": CLEAN, "undated": UNDATED, "placed": PLACED}
    found = {}
    for level, terms in levels.items():
        share = make_share([marked], terms=terms)
        clean_all()
        for name, outlet in OUTLETS.items():
            bob.assets.all().delete()
            body = b"\n".join(outlet(share, bob))
            found[level, name] = len(markers(body))
            assert len(body) > 1000 or name not in ("file", "archive", "add")

    told = {name for name, number in found.items() if number}
    files = {("everything", name) for name in ("file", "archive", "add")}
    assert files <= told
    assert min(found[name] for name in files) > 1000
    assert {level for level, _ in told} == {"everything"}
