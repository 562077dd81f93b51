"""An archive with a video of 5 GB: read by ranges over HTTP, as a program that resumes would."""

import io
import zipfile
import zlib

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from library.models import Asset, Blob

VIDEO_BYTES = 5 << 30
PIECE = bytes(64 << 20)


class RemoteFile(io.RawIOBase):
    """A file behind an address, read with Range headers only."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url, self.at = client, url, 0
        self.size = int(client.head(url)["Content-Length"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        stop = self.size if size < 0 else min(self.size, self.at + size)
        if self.at >= stop:
            return b""
        headers = {"Range": f"bytes={self.at}-{stop - 1}"}
        response = self.client.get(self.url, headers=headers)
        assert response.status_code == 206
        assert response["Content-Range"] == f"bytes {self.at}-{stop - 1}/{self.size}"
        data = response.getvalue()
        self.at += len(data)
        return data


@pytest.fixture
def share_with_video(make_asset, make_share):
    """Put a sparse file in the place of the first item's bytes, with the CRC of that many zeros."""
    video, photo = make_asset(name="video.jpg"), make_asset(name="photo.jpg")
    crc = 0
    for _ in range(VIDEO_BYTES // len(PIECE)):
        crc = zlib.crc32(PIECE, crc)
    path = settings.BLOBS_DIR / video.blob.key[:2] / video.blob.key
    with path.open("wb") as file:
        file.truncate(VIDEO_BYTES)
    Blob.objects.filter(pk=video.blob_id).update(size_bytes=VIDEO_BYTES, crc32=crc)
    yield make_share(list(Asset.objects.order_by("id"))), photo
    path.unlink()


def test_a_five_gigabyte_entry_and_the_one_behind_it_are_read_by_range(share_with_video, carol):
    share, photo = share_with_video
    remote = RemoteFile(carol, reverse("shares:archive", args=[share.token]))

    with zipfile.ZipFile(remote) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        behind = archive.read("photo.jpg")
        with archive.open("video.jpg") as video:
            start = video.read(1 << 20)

    del sizes["MANIFEST.txt"]
    assert sizes == {"video.jpg": VIDEO_BYTES, "photo.jpg": photo.blob.size_bytes}
    assert zlib.crc32(behind) == photo.blob.crc32
    assert start == bytes(1 << 20)
    assert remote.size > VIDEO_BYTES


def test_a_range_across_the_four_gigabyte_border_is_that_range(share_with_video, carol):
    share, _ = share_with_video
    url = reverse("shares:archive", args=[share.token])
    border = 1 << 32

    response = carol.get(url, headers={"Range": f"bytes={border - 1000}-{border + 999}"})

    assert response.status_code == 206
    assert response.getvalue() == bytes(2000)
