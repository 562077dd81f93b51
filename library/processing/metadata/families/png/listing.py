"""What a PNG tells beside and behind its picture, chunk by chunk."""

import re
import zlib
from collections.abc import Iterator
from itertools import islice

from library.processing.containers import png
from library.processing.containers.values import MAX_EXIF_BYTES
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.png.chunks import KEPT, content_of
from library.processing.metadata.icc import MAX_PROFILE_BYTES
from library.processing.metadata.values import Block

MAX_BLOCK_BYTES = 1 << 20
MAX_BLOCKS = 200
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = re.compile(rb"\s{0,4}[\w -]{1,40}\n {0,20}\d{1,10}\n([0-9A-Fa-f\s]*)")
_RAW_KINDS = {"exif": "exif", "app1": "exif", "iptc": "iptc", "8bim": "iptc", "xmp": "xmp"}
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"


def xmp_of(data: FileWindow) -> bytes:
    """Return its first XMP packet; empty without one."""
    texts = (part for part in png.parts(data) if part.kind in _TEXTS)
    told = (_text(part.kind, content_of(data, part, MAX_BLOCK_BYTES)) for part in texts)
    return next((block.content for block in told if block.kind == "xmp"), b"")


def blocks(data: FileWindow) -> Iterator[Block]:
    """Yield what the file tells beside and behind its picture: at most `MAX_BLOCKS`."""
    return islice(_blocks(data), MAX_BLOCKS)


def _blocks(data: FileWindow) -> Iterator[Block]:
    end, has_profile = 0, False
    for part in png.parts(data):
        end = part.end
        if part.kind in _TEXTS:
            yield _text(part.kind, content_of(data, part, MAX_BLOCK_BYTES))
        elif part.kind == b"iCCP" and not has_profile:
            has_profile = True
            keyword, _, rest = content_of(data, part, MAX_PROFILE_BYTES).partition(b"\0")
            yield Block("icc", _name(keyword), _inflated_text(rest[1:], MAX_PROFILE_BYTES))
        elif part.kind == b"eXIf":
            content = content_of(data, part, MAX_EXIF_BYTES)
            yield Block("exif", "eXIf", content.removeprefix(b"Exif\0\0"))
        elif part.kind and part.kind not in KEPT:
            kind = "text" if part.kind == b"tIME" else "other"
            yield Block(kind, _name(part.kind), content_of(data, part, MAX_BLOCK_BYTES))
    if end < len(data):
        name = f"{len(data) - end:,} bytes behind the picture"
        yield Block("other", name, data[end : end + MAX_BLOCK_BYTES])


def _name(keyword: bytes) -> str:
    return keyword[:79].decode("latin-1")


def _inflated_text(packed: bytes, most: int) -> bytes:
    """Inflate as far as it goes; nothing where it is broken."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


def _text(kind: bytes, content: bytes) -> Block:
    """Read a tEXt, zTXt or iTXt: what cameras' programs pack into one is unpacked."""
    keyword, _, text = content.partition(b"\0")
    name, is_packed = _name(keyword), kind == b"zTXt"
    if kind == b"iTXt":
        is_packed = text[:1] == b"\1"
        text = [*text[2:].split(b"\0", 2), b"", b""][2]
    elif is_packed:
        text = text[1:]
    if is_packed:
        text = _inflated_text(text, MAX_BLOCK_BYTES)
    if name == _XMP_KEYWORD:
        return Block("xmp", name, text)
    return _raw_profile(name, text) or Block("text", name, text)


def _raw_profile(name: str, text: bytes) -> Block | None:
    """Read one of ImageMagick's profiles: a name, a length, and the block in hexadecimal."""
    kind = _RAW_KINDS.get(name.lower().removeprefix("raw profile type "))
    match = _RAW_PROFILE.match(text)
    if not name.lower().startswith("raw profile type ") or kind is None or match is None:
        return None
    digits = b"".join(match[1].split())
    content = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    if content.startswith(_XMP_PREFIX):
        return Block("xmp", name, content.removeprefix(_XMP_PREFIX))
    if content.startswith(b"8BIM\x04\x04\0\0"):  # Photoshop's resource of bare records
        content = content[12 : 12 + int.from_bytes(content[8:12], "big")]
    return Block(kind, name, content.removeprefix(b"Exif\0\0"))
