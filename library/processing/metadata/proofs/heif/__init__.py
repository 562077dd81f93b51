"""A cleaned HEIC, HEIF or AVIF file, byte by byte: only these boxes, each as long as its fields say.

ISO/IEC 14496-12, 14496-15 and 23008-12, the AV1 image format, and tone maps by ISO 21496-1.
"""

from collections.abc import Iterator

from library.processing.metadata.proofs.heif.coded import read_body
from library.processing.metadata.proofs.heif.items import Meta
from library.processing.metadata.proofs.heif.tracks import read_movie
from library.processing.metadata.proofs.heif.walk import Walk
from library.processing.metadata.values import Piece, UnexplainedError

BRANDS = frozenset(
    b"mif1 mif2 heic heix heim heis avif miaf tmap 1pic MA1A MA1B MiHA MiHB MiHE MiPr MiAB MiAn "
    b"msf1 hevc hevx hevm hevs avis avio iso3 iso4 iso5 iso6 iso7 iso8 iso9 isom mp41 mp42".split()
)


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield all of a file, without a gap.

    Raises:
        UnexplainedError: a byte is there for no reason that a decoder has.
    """
    walk = Walk(data)
    with walk.box(b"ftyp"):
        brands = [walk.take(4), b"mif1"]
        walk.zeros(4)
        brands += [walk.take(4) for _ in range(walk.left // 4)]
    if not BRANDS.issuperset(brands):
        raise UnexplainedError("an unknown brand")
    bodies = []
    if walk.next_kind() == b"meta":
        bodies += Meta(walk).bodies
    if walk.next_kind() == b"moov":
        bodies += read_movie(walk)
    with walk.box(b"mdat"):
        for body in sorted(bodies):
            if body.start != walk.at:
                raise UnexplainedError(f"bytes at {walk.at} that are nobody's, or two's")
            read_body(walk, body)
    if walk.left:
        raise UnexplainedError(f"bytes at {walk.at} behind the media data")
    yield from walk.pieces
