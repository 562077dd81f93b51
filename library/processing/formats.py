"""Tells a file's format from its first bytes; names and claimed types are never asked."""

import struct
from pathlib import Path
from typing import BinaryIO

from library.processing.errors import UnsupportedMediaError
from library.processing.values import Format, MediaKind

JPEG = Format("jpeg", "image/jpeg", ".jpg", MediaKind.PHOTO)
PNG = Format("png", "image/png", ".png", MediaKind.PHOTO)
WEBP = Format("webp", "image/webp", ".webp", MediaKind.PHOTO)
GIF = Format("gif", "image/gif", ".gif", MediaKind.PHOTO)
HEIC = Format("heic", "image/heic", ".heic", MediaKind.PHOTO)
AVIF = Format("avif", "image/avif", ".avif", MediaKind.PHOTO)
MP4 = Format("mp4", "video/mp4", ".mp4", MediaKind.VIDEO)
MOV = Format("mov", "video/quicktime", ".mov", MediaKind.VIDEO)

FORMATS = {f.name: f for f in (JPEG, PNG, WEBP, GIF, HEIC, AVIF, MP4, MOV)}

HEAD_BYTES = 4096
MAX_BOXES = 64
ACCEPTED = "Photos can be JPEG, PNG, WebP, GIF, HEIC or AVIF; videos MP4 or MOV."

_HEIC_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 miaf".split())
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_MP4_BRANDS = frozenset(
    (
        *(b"iso%c" % digit for digit in b"m23456789abc"),
        *(b"mp41", b"mp42", b"avc1", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"XAVC", b"dash", b"cmfc"),
    )
)
_OLD_QUICKTIME_BOXES = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))

_TIFF = "This is a TIFF picture or a camera's raw file (such as DNG, NEF or CR2)"
_RAW = "This is a camera's raw file"
# (where, which bytes, what it is): formats that people do try to upload.
_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "This is a PDF document"),
    (0, b"8BPS", "This is a Photoshop document"),
    (0, b"II*\0", _TIFF),
    (0, b"MM\0*", _TIFF),
    (0, b"II+\0", _TIFF),
    (0, b"MM\0+", _TIFF),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"IIRO", _RAW),
    (0, b"IIU\0", _RAW),
    (0, b"FOVb", _RAW),
    (0, b"\xff\x0a", "This is a JPEG XL picture"),
    (4, b"JXL \r\n", "This is a JPEG XL picture"),
    (4, b"jP  \r\n", "This is a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "This is a JPEG 2000 picture"),
    (0, b"BM", "This is a BMP picture"),
    (0, b"\0\0\1\0", "This is an icon"),
    (0, b"\x1a\x45\xdf\xa3", "WebM and Matroska videos cannot be kept yet"),
    (8, b"AVI ", "AVI videos cannot be kept yet"),
    (8, b"WAVE", "This is a sound file"),
    (0, b"ID3", "This is a sound file"),
    (0, b"OggS", "Ogg files cannot be kept yet"),
    (0, b"FLV", "Flash videos cannot be kept"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media videos cannot be kept yet"),
    (0, b"\0\0\1\xba", "MPEG videos cannot be kept yet"),
    (0, b"\0\0\1\xb3", "MPEG videos cannot be kept yet"),
    (0, b"PK\3\4", "This is a ZIP archive. Unpack it and upload the pictures in it"),
    (0, b"Rar!", "This is a RAR archive. Unpack it and upload the pictures in it"),
    (0, b"7z\xbc\xaf", "This is a 7-Zip archive. Unpack it and upload the pictures in it"),
    (0, b"\x1f\x8b", "This is a compressed archive. Unpack it and upload the pictures in it"),
    (0, b"MZ", "This is a program"),
    (0, b"\x7fELF", "This is a program"),
)


def identify(path: Path) -> Format:
    """Tell the format of a file from its first bytes (for old QuickTime, its box headers).

    Raises:
        UnsupportedMediaError: it is none that we accept; the sentence says what it is.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise UnsupportedMediaError("This file is empty.")
        found = _picture(head) or _branded(head)
        if found is None and head[4:8] in _OLD_QUICKTIME_BOXES and _has_movie_box(file):
            found = MOV
    if found is None:
        raise UnsupportedMediaError(_refusal(head))
    return found


def _picture(head: bytes) -> Format | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return GIF
    return None


def _branded(head: bytes) -> Format | None:
    """Tell an ISO base media file by its brands: the major one first, then the others in turn."""
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    others = [head[at : at + 4] for at in range(16, size - 3, 4)]
    if head[8:12] == b"crx ":
        return None
    for brand in (head[8:12], *others):
        if brand in (b"mif1", b"msf1", b"miaf") and not _AVIF_BRANDS.isdisjoint(others):
            return AVIF
        for brands, found in (
            (_AVIF_BRANDS, AVIF),
            (_HEIC_BRANDS, HEIC),
            ((b"qt  ",), MOV),
            (_MP4_BRANDS, MP4),
        ):
            if brand in brands:
                return found
    return None


def _has_movie_box(file: BinaryIO) -> bool:
    """Follow the top-level boxes of a file without brands, reading only their headers."""
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return False
        size, kind = struct.unpack_from(">I4s", header)
        if kind == b"moov":
            return True
        if size == 1 and len(header) == 16:
            (size,) = struct.unpack_from(">Q", header, 8)
        if size < 8 or not kind.isalnum() or size > 1 << 62:
            return False
        at += size
    return False


def _refusal(head: bytes) -> str:
    for at, magic, words in _REFUSED:
        if head[at : at + len(magic)] == magic:
            return f"{words}. {ACCEPTED}"
    if head[4:8] == b"ftyp":
        return f"{_brand_words(head[8:12])}. {ACCEPTED}"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in head.lower():
        return (
            "SVG drawings can contain programs, so they are not accepted. Export it as PNG or JPEG."
        )
    if start.startswith((b"#extm3u", b"ffconcat", b"<?xml", b"<mpd")):
        return f"This is a list of other files, not a video. {ACCEPTED}"
    if b"\0" not in head and sum(byte < 9 for byte in head) == 0:
        return f"This is a text, not a picture. {ACCEPTED}"
    return f"This is not a photo or video that we know. {ACCEPTED}"


def _brand_words(brand: bytes) -> str:
    if brand == b"crx ":
        return "This is a camera's raw file (CR3)"
    if brand[:2] == b"3g":
        return "3GP videos cannot be kept yet"
    if brand in (b"M4A ", b"M4B "):
        return "This is a sound file"
    return "This kind of video is not known"
