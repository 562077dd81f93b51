"""Small pictures with words planted in them, and how the tests look for those again."""

import io
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageCms, ImageSequence, PngImagePlugin

from library.processing import decoders  # with it, Pillow opens HEIC too
from library.processing.containers.window import FileWindow
from library.processing.errors import DamagedMediaError
from library.processing.metadata.cleaning import clean
from library.processing.metadata.proving import PIECES
from library.processing.metadata.values import (
    Block,
    Cleaning,
    Level,
    Piece,
    Privacy,
    UncleanableError,
)
from library.processing.values import PixelLimits
from tests.processing.corpus import ABSENT, manifest

SECRET = "Alice Example"  # as long as the name of Pillow's own profile
ALLOWED = (UncleanableError, DamagedMediaError, struct.error, IndexError, ValueError)
SIZE = (37, 23)
LEVELS = {
    "clean": Level(),
    "without dates": Level(hides_dates=True),
    "location": Level(Privacy.LOCATION),
    "location without dates": Level(Privacy.LOCATION, hides_dates=True),
}
PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "heic": "HEIF",
    "avif": "AVIF",
}
assert decoders.open_photo


def corpus(ending: str, *folders: str) -> list[object]:
    """Return the names of the corpus' files of a kind, or one that is skipped."""
    names = [row["path"] for row in manifest()]
    found = [name for name in names if name.endswith(ending) and name.startswith(folders)]
    return found or [pytest.param("", marks=pytest.mark.skip(ABSENT))]


def noise(mode: str = "RGB", size: tuple[int, int] = SIZE, seed: int = 1) -> Image.Image:
    chance = random.Random(seed)
    return Image.frombytes("RGBA", size, chance.randbytes(4 * size[0] * size[1])).convert(mode)


def smooth(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Return colours that run into each other: they show more of a wrong profile than noise does."""
    ramps = [Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90, 180)]
    return Image.merge("RGB", ramps).convert(mode)


def saved(form: str, picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def profile() -> bytes:
    """Return a profile that nobody knows: somebody's name is its own, and it tells when it was made."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return content.replace("sRGB built-in".encode("utf-16-be"), SECRET.encode("utf-16-be"))


PROFILE = profile()


def exif(*, orientation: int = 6) -> bytes:
    """Return an EXIF block, prefix included, that tells who, when and where."""
    block = Image.Exif()
    block[0x0112], block[0x013B] = orientation, SECRET
    block.get_ifd(0x8769)[0x9003] = "2024:05:04 13:05:00"
    block.get_ifd(0x8769)[0x9011] = "+02:00"
    block.get_ifd(0x8769)[0x9291] = "417"
    block.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + SECRET.encode("utf-16-le")
    block.get_ifd(0x8769)[0x927C] = b"Maker\0" + SECRET.encode()
    block.get_ifd(0x8825).update(
        {1: "N", 2: (48.0, 12.0, 30.56), 3: "E", 4: (16.0, 22.0, 19.49), 27: SECRET.encode()}
    )
    return block.tobytes()


def xmp(text: str = SECRET) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:creator>{text}</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def rewritten(family: ModuleType, folder: Path, data: bytes, level: Level | None = None) -> bytes:
    """Return what a family's cleaner alone makes of a file."""
    (folder / "source").write_bytes(data)
    out = io.BytesIO()
    with FileWindow(folder / "source") as window:
        family.clean(window, out, level or Level())
    return out.getvalue()


def listed(family: ModuleType, folder: Path, data: bytes) -> list[Block]:
    """Return what a family finds beside the picture."""
    (folder / "source").write_bytes(data)
    with FileWindow(folder / "source") as window:
        return list(family.blocks(window))


def passed_on(folder: Path, data: bytes, level: Level | None = None) -> tuple[Cleaning, bytes]:
    """Return what the product makes of a file; no bytes where it is withheld."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    made = clean(source, target, level or Level(), PixelLimits())
    assert target.exists() == bool(made.content_type)
    return made, target.read_bytes() if made.content_type else b""


def explained(
    pieces: Callable[[bytes], Iterator[Piece]], clean: bytes, source: bytes
) -> list[Piece]:
    """Check that pieces cover a clean file, and that coded ones stand in its source, in order."""
    found, at, place = list(pieces(clean)), 0, 0
    for piece in found:
        assert piece.start == at < piece.stop
        at = piece.stop
        if piece.kind == "coded":
            place = source.index(clean[piece.start : piece.stop], place)
    assert at == len(clean)
    return found


def beside_picture(form: str, data: bytes) -> bytes:
    """Return all of a clean file that is not coded picture, with what is packed in it unpacked."""
    found = [piece for piece in PIECES[form](data) if piece.kind != "coded"]
    return b"\n".join([data[piece.start : piece.stop] + piece.content for piece in found])


def in_all_codings(text: str) -> set[bytes]:
    return {text.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")}


def tells(data: bytes, more: Iterable[Piece] = ()) -> bool:
    everything = data + b"".join(piece.content for piece in more)
    return any(coded in everything for coded in in_all_codings(SECRET))


def in_srgb(data: bytes) -> bytes:
    """Return the pixels as the file's own profile shows them."""
    with Image.open(io.BytesIO(data)) as picture:
        source = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, target, outputMode="RGB").tobytes()


def frames(form: str, data: bytes) -> list[tuple[object, ...]]:
    """Return every frame of a file: its size, its pixels, and how long it is shown."""
    with Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[form],)) as picture:
        return [
            (frame.size, frame.mode, frame.tobytes(), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(picture)
        ]


def segment(marker: int, content: bytes = b"") -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def resource(number: int, content: bytes) -> bytes:
    """Return one of Photoshop's image resources."""
    pad = bytes(len(content) % 2)
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + pad


def iptc(text: str = SECRET) -> bytes:
    return b"\x1c\2\x50" + struct.pack(">H", len(text)) + text.encode()


def told_of(form: str) -> dict[str, object]:
    """Return what Pillow writes of somebody into a file of a family."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET)
    text.add_text("Comment", SECRET, zip=True)
    text.add_itxt("Title", SECRET, "en", "Titel")
    more: dict[str, dict[str, object]] = {
        "jpeg": {
            "comment": SECRET.encode(),
            "extra": segment(0xED, b"Photoshop 3.0\0" + resource(0x0404, iptc()))
            + segment(0xE7, SECRET.encode("utf-16-le")),
        },
        "png": {"pnginfo": text},
        "gif": {"comment": SECRET.encode()},
    }
    every = {"exif": exif(), "xmp": xmp(), "icc_profile": PROFILE}
    return more.get(form, {}) | ({} if form == "gif" else every)


def in_stereo(mpo: bytes) -> bytes:
    """Return one of Pillow's MPO of two pictures as the views of a stereo picture, by its index."""
    first = mpo.index(b"MPF\0") + 4 + 8 + 2 + 3 * 12 + 4  # behind the index's header and fields
    second = first + 16
    assert mpo[first : first + 4] == struct.pack("<I", 0x030000)
    view = struct.pack("<I", 0x020002)
    return mpo[:first] + view + mpo[first + 4 : second] + view + mpo[second + 4 :]


@cache
def seeds(form: str) -> tuple[bytes, ...]:
    """Return small files of a family with words planted in them: one picture, and several."""
    mode = "P" if form == "gif" else "RGB"
    side = 64 if form in ("heic", "avif") else 24
    one, *others = (noise(mode, (side, side), seed) for seed in (1, 2, 3))
    moves: dict[str, object] = {"save_all": True, "append_images": others}
    name = PILLOW_NAMES[form]
    made = [saved(name, one, **told_of(form)), saved(name, one)]
    if form == "jpeg":
        made.append(saved("MPO", one, save_all=True, append_images=others[:1], exif=exif()))
        made[-1] = in_stereo(made[-1])
        made.append(saved(name, one, progressive=True, restart_marker_rows=1, **told_of(form)))
    elif form == "avif":  # Pillow 13 falls over a turned one that moves
        moves["exif"] = exif(orientation=1)
        made.append(saved(name, one, **(told_of(form) | moves)))
    else:
        made.append(saved(name, one, **moves, **told_of(form)))
    return tuple(data + SECRET.encode() for data in made)
