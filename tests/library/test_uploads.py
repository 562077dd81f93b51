"""From the upload form into the library: what is taken, what is refused and why, and nothing half-done."""

import errno
import io
import json
import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.conf import settings as site_settings
from django.core.files.uploadhandler import StopFutureHandlers
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from library.blobs import storage
from library.blobs.space import free_bytes
from library.blobs.storage import LocalBlobStore, store
from library.ingest import accept_upload, clean_name
from library.models import Asset, Blob
from library.uploads.handler import PartUploadHandler
from tests.conftest import part_of, picture, signed_in

URL = "/library/upload/"
MULTIPART = "multipart/form-data; boundary=limit"
JSON = {"Accept": "application/json"}
ACCEPTED = "Photos can be JPEG, PNG, WebP, GIF, HEIC or AVIF; videos MP4 or MOV."
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def field(name: str, value: str) -> bytes:
    return f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, data: bytes, *, of: str = "files", more: str = "") -> bytes:
    head = f'--limit\r\nContent-Disposition: form-data; name="{of}"; filename="{name}"\r\n'
    return f"{head}Content-Type: text/plain\r\n{more}\r\n".encode() + data + b"\r\n"


def upload(client: Client, *parts: bytes, end: bytes = b"--limit--\r\n", **options: object):
    """Send a form as a browser does, byte by byte as written here."""
    return client.post(URL, b"".join(parts) + end, MULTIPART, **({"headers": JSON} | options))


def results(response) -> list[tuple[str, str, str]]:
    return [(one["name"], one["state"], one["message"]) for one in response.json()["files"]]


def stored() -> tuple[list[Path], int, int]:
    """Return everything that an upload could leave behind."""
    folders = site_settings.INCOMING_DIR, site_settings.BLOBS_DIR
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return files, Blob.objects.count(), Asset.objects.count()


class Body(io.RawIOBase):
    """A request's body that comes from a function, and remembers how much was taken."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._read(size)
        self.read_bytes += len(data)
        return data


def untouchable(_size: int) -> bytes:
    raise AssertionError("the body was read")


def post_stream(client: Client, body: Body, length: int, path: str = URL, **more: object):
    environment = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "CONTENT_TYPE": MULTIPART}
    return client.request(**environment, CONTENT_LENGTH=str(length), **{"wsgi.input": body, **more})


@pytest.fixture
def refused(as_alice):
    """Upload a bad file between two good ones; return its message when all else is as it should be."""

    def send(data: bytes, name: str = "bad.jpg") -> str:
        good = file("one.jpg", picture()), file("two.png", picture(kind="PNG"))
        parts, blobs, assets = stored()

        response = upload(as_alice, good[0], file(name, data), good[1])

        assert response.status_code == 200
        one, bad, two = results(response)
        assert [one[:2], bad[1], two[:2]] == [("one.jpg", "added"), "refused", ("two.png", "added")]
        parts_now, blobs_now, assets_now = stored()
        assert (len(parts_now), blobs_now, assets_now) == (len(parts) + 2, blobs + 2, assets + 2)
        return bad[2]

    return send


# What is taken


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_picture_is_known_by_its_content_whatever_it_is_called(as_alice, alice, kind):
    data = picture(kind=kind)

    response = upload(as_alice, file("notes.txt", data))

    asset = alice.assets.get()
    assert results(response) == [("notes.txt", "added", "Added to your library.")]
    assert response.json()["files"][0]["url"] == asset.get_absolute_url()
    assert (asset.blob.content_type, asset.kind) == (f"image/{kind.lower()}", "photo")
    assert (asset.width_px, asset.height_px, asset.stills.state) == (64, 48, "due")
    assert b"".join(store.read(asset.blob.key, 0, asset.blob.size_bytes)) == data


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("heic/outdoor.heic", "image/heic"),
        ("video/sample_rotate_and_reflect.mp4", "video/mp4"),
        ("live/train.mov", "video/quicktime"),
        ("odd/this-is-a-jpeg.png", "image/jpeg"),
    ],
)
def test_real_files_are_taken_for_what_they_are(as_alice, alice, corpus, name, content_type):
    response = upload(as_alice, file("x", (corpus / name).read_bytes()))

    asset = alice.assets.get()
    assert results(response) == [("x", "added", "Added to your library.")]
    assert asset.blob.content_type == content_type
    assert asset.kind == content_type.split("/")[0].replace("image", "photo")


def test_a_browser_without_scripts_gets_a_page_that_names_every_file(as_alice):
    good, bad = file("sun.jpg", picture()), file("bad.jpg", b"")

    response = upload(as_alice, good, bad, headers={"Accept": "text/html"})

    page = response.content.decode()
    assert (response.status_code, response["Content-Type"][:9]) == (200, "text/html")
    assert all(words in page for words in ("sun.jpg", "Added to your library.", "bad.jpg"))
    assert "This file is empty." in page
    assert response["Cache-Control"] == "private, no-store"


def test_the_page_offers_the_form(as_alice):
    response = as_alice.get(URL)

    assert response.status_code == 200
    assert b'enctype="multipart/form-data"' in response.content
    assert b"No file was chosen" not in response.content


def test_only_pages_and_forms_are_answered(as_alice, db):
    assert as_alice.put(URL, b"x").status_code == 405
    assert as_alice.delete(URL).status_code == 405


# The same file again


def test_the_same_file_twice_in_one_form_is_one_asset_and_says_so(as_alice, alice):
    data = picture()

    response = upload(as_alice, file("a.jpg", data), file("b.jpg", data))

    first, second = response.json()["files"]
    assert (first["state"], second["state"]) == ("added", "known")
    assert second["message"] == "Already in your library."
    assert first["url"] == second["url"] == alice.assets.get().get_absolute_url()


def test_the_same_file_in_two_requests_is_one_asset_and_leaves_nothing_behind(as_alice, alice):
    data = picture()
    upload(as_alice, file("a.jpg", data))
    before = stored()

    response = upload(as_alice, file("b.jpg", data))

    assert results(response) == [("b.jpg", "known", "Already in your library.")]
    assert alice.assets.get().name == "a.jpg"
    assert stored() == before


def test_nobody_learns_that_another_member_has_the_same_file(as_alice, as_bob, bob):
    data = picture()
    upload(as_alice, file("a.jpg", data))

    response = upload(as_bob, file("a.jpg", data))

    assert results(response) == [("a.jpg", "added", "Added to your library.")]
    assert bob.assets.get().stills.state == "due"
    assert (Blob.objects.count(), Asset.objects.count()) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_at_once_is_one_asset(alice):
    data, accepted, start = picture(), [], threading.Barrier(2)

    def send() -> None:
        try:
            start.wait()
            accepted.append(accept_upload(alice, part_of(data), name="a.jpg", now=timezone.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.is_new for one in accepted) == [False, True]
    assert alice.assets.get() == accepted[0].asset == accepted[1].asset


def test_a_file_whose_blob_is_just_being_removed_is_kept_anew(alice, bob):
    data = picture()
    old = accept_upload(bob, part_of(data), name="a.jpg", now=timezone.now()).asset.blob

    def condemn_it_first(execute, sql, params, many, context):
        if sql.startswith("SAVEPOINT") and not condemned:
            condemned.append(Blob.objects.filter(pk=old.pk).update(condemned_at=timezone.now()))
        return execute(sql, params, many, context)

    condemned: list[int] = []
    with connection.execute_wrapper(condemn_it_first):
        accepted = accept_upload(alice, part_of(data), name="a.jpg", now=timezone.now())

    assert condemned == [1]
    assert accepted.asset.blob != old
    assert accepted.asset.blob.condemned_at is None


def test_a_worker_is_rung_once_for_a_new_file_and_not_for_a_known_one(
    alice, django_capture_on_commit_callbacks
):
    data, bells = picture(), []

    for _ in range(2):
        with django_capture_on_commit_callbacks() as callbacks:
            accept_upload(alice, part_of(data), name="a.jpg", now=timezone.now())
        bells.append(len(callbacks))

    assert bells == [1, 0]


# What is refused, while the rest goes through


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "This file is empty."),
        (b"Dear diary, today", f"This is a text, not a picture. {ACCEPTED}"),
        (SVG, "SVG drawings can contain programs, so they are not accepted."),
        (b'<?xml version="1.0"?>\n' + SVG, "SVG drawings can contain programs"),
        (b"<!doctype html><script>alert(1)</script>", "This is a text, not a picture."),
        (b"%PDF-1.7 ...", "This is a PDF document."),
        (b"PK\3\4" + bytes(99), "This is a ZIP archive. Unpack it"),
        (b"\xff\xd8\xff", "This picture is damaged"),
        (b"\x89PNG\r\n\x1a\n", "This picture is damaged"),
        (picture(200, 200)[:900], "This file is cut short: its end is missing."),
        (bytes(3000), "This is not a photo or video that we know."),
    ],
)
def test_a_file_that_is_no_picture_is_refused_with_a_reason(refused, data, message):
    assert message in refused(data)


def test_a_picture_with_too_many_pixels_is_refused(refused, corpus):
    message = refused((corpus / "hostile/16384x16384.png").read_bytes(), "flat.png")

    assert message == "This picture has 268 megapixels; at most 100 can be shown."


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["heic/outdoor.heic", "live/train.mov", "odd/md5-1.gif"])
def test_a_file_that_was_cut_short_is_refused(refused, corpus, name, share):
    whole = (corpus / name).read_bytes()

    message = refused(whole[: int(len(whole) * share)], "cut.heic")

    assert "Copy it again from the camera or phone." in message


@pytest.mark.parametrize(
    "name",
    [
        "truncated.heic",
        "corrupted.heic",
        "empty.heic",
        "200MP.heic",
        "17000x17000.avif",
        "libtiff_segfault.tif",
        "oom_large_box.heic",
        "poc-min.jpg",
        "image_invalid.jpg",
    ],
)
def test_files_made_to_do_harm_get_an_answer(as_alice, corpus, name):
    response = upload(as_alice, file(name, (corpus / "hostile" / name).read_bytes()))

    ((shown, state, message),) = results(response)
    assert (response.status_code, shown, message[-1]) == (200, name, ".")
    assert Asset.objects.count() == (state == "added")


def test_a_file_over_the_limit_is_refused_while_others_go_through(refused, settings):
    settings.UPLOAD_MAX_BYTES = 10_000

    message = refused(picture() + bytes(10_000))

    assert message == "This file is larger than 10 kB, the most that is taken here."


def test_a_file_of_exactly_the_limit_is_taken(as_alice, settings):
    data = picture()
    settings.UPLOAD_MAX_BYTES = len(data)

    assert results(upload(as_alice, file("a.jpg", data)))[0][1] == "added"


def test_a_form_whose_declared_length_is_too_long_is_answered_unread(as_alice, settings):
    settings.UPLOAD_MAX_BYTES = 1_000_000
    body, before = Body(untouchable), stored()

    response = post_stream(as_alice, body, 2_100_000, HTTP_ACCEPT="application/json")

    ((_, state, message),) = results(response)
    assert (response.status_code, state) == (413, "refused")
    assert message.startswith("That is more than 1.0 MB at once. Nothing was stored")
    assert (body.read_bytes, stored()) == (0, before)


@pytest.mark.parametrize("parts", [(), (field("x", "y"),), (file("", b""),)])
def test_a_form_without_a_file_says_so(as_alice, parts):
    response = upload(as_alice, *parts, headers={"Accept": "text/html"})

    assert response.status_code == 400
    assert b"No file was chosen." in response.content


def test_a_file_in_another_field_is_not_kept(as_alice):
    before = stored()

    response = upload(as_alice, file("a.jpg", picture(), of="avatar"))

    assert (response.status_code, stored()) == (400, before)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--limit\r\n", b"--limit--", b"\0" * 5000])
def test_a_body_that_is_no_form_is_answered(as_alice, body):
    before = stored()

    response = as_alice.post(URL, body, MULTIPART)

    assert (response.status_code, stored()) == (400, before)


# Names


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 300 + ".jpg", "x" * 251 + ".jpg"),
        ("../../../etc/passwd.jpg", "passwd.jpg"),
        ("..\\\\..\\\\boot.jpg", "boot.jpg"),
        ("/etc/shadow", "shadow"),
        ("....//a.jpg", "a.jpg"),
        ("C:\\\\fakepath\\\\sun.jpg", "sun.jpg"),
        ("photo\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "photogpj.exe"),
        ("a\tb\0c\x1b[31m\x7fd.jpg", "abc[31md.jpg"),
        ("&#46;&#46;/&#46;&#46;/up.jpg", "up.jpg"),
        ("<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
        ("Früh, 早 🌅.jpg", "Früh, 早 🌅.jpg"),
        ("  spaces .jpg  ", "spaces .jpg"),
        (".htaccess", ".htaccess"),
        ("CON", "CON"),
    ],
)
def test_a_name_is_kept_as_text_only(as_alice, alice, sent, kept):
    data = picture()

    response = upload(as_alice, file(sent, data))

    assert results(response) == [(kept, "added", "Added to your library.")]
    asset = alice.assets.get()
    assert asset.name == kept
    assert asset.blob.key.startswith(asset.blob.sha256)
    assert len(asset.blob.key) == 64 + 1 + 8


@pytest.mark.parametrize("sent", ["a%0d%0aSet-Cookie%3A x=1.jpg", "%e2%80%ae%00gpj.jpg"])
def test_a_name_in_the_extended_form_is_cleaned_too(as_alice, alice, sent):
    head = f"--limit\r\nContent-Disposition: form-data; name=files; filename*=UTF-8''{sent}\r\n\r\n"

    response = upload(as_alice, head.encode() + picture() + b"\r\n")

    name = alice.assets.get().name
    assert results(response)[0][:2] == (name, "added")
    assert name.isprintable()


@pytest.mark.parametrize("sent", ["..", ".", "../", "\\x01", "%"])
def test_a_name_that_is_none_breaks_nothing_and_the_rest_goes_through(as_alice, alice, sent):
    response = upload(as_alice, file(sent, b"no picture"), file("a.jpg", picture()))

    assert response.status_code == 200
    assert results(response)[-1][:2] == ("a.jpg", "added")
    assert alice.assets.get().name == "a.jpg"


def test_a_name_is_shown_as_text_on_the_page(as_alice):
    response = upload(as_alice, file("<b>x</b>.jpg", b""), headers={"Accept": "text/html"})

    assert b"&lt;b&gt;x" not in response.content  # the part before the last slash is gone
    assert b"b&gt;.jpg" in response.content
    assert b"<b>x" not in response.content


@given(st.text())
def test_any_name_becomes_one_short_printable_line_without_folders(name):
    cleaned = clean_name(name)

    assert 1 <= len(cleaned) <= 255
    assert cleaned == cleaned.strip() or len(name) > 255
    assert not set(cleaned) & set("/\\\0\r\n\t\x7f\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}")
    cleaned.encode()
    assert clean_name(cleaned) in {cleaned, cleaned.strip()}


# Who may upload


@pytest.mark.parametrize("headers", [{}, {"HTTP_ACCEPT": "application/json"}])
def test_a_stranger_is_sent_to_the_log_in_before_a_byte_is_read(carol, db, headers):
    body, before = Body(untouchable), stored()

    response = post_stream(carol, body, 500_000_000, **headers)

    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={URL}")
    assert (body.read_bytes, stored()) == (0, before)


def test_a_member_whose_account_was_suspended_is_a_stranger(as_alice, alice):
    alice.is_active = False
    alice.save()
    body = Body(untouchable)

    assert post_stream(as_alice, body, 500).status_code == 302
    assert Asset.objects.count() == 0


@pytest.mark.django_db(databases=["default", "cache"])
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/admin/login/"]
)
def test_files_in_other_forms_are_never_stored(carol, path, monkeypatch):
    before, body = stored(), file("a.jpg", picture() * 100) + b"--limit--\r\n"
    made = []
    monkeypatch.setattr("library.blobs.parts.mkstemp", lambda *_args, **_more: made.append(1))

    response = carol.post(path, body, MULTIPART)

    assert response.status_code in {200, 302}
    assert (stored(), made) == (before, [])
    assert response.wsgi_request.FILES == {}


def test_files_in_a_members_other_forms_are_never_stored(as_alice, make_asset):
    asset = make_asset()
    before = stored()

    for path in ("/links/", "/links/new/", f"{asset.get_absolute_url()}retry/"):
        response = as_alice.post(path, file("a.jpg", picture()) + b"--limit--", MULTIPART)
        assert response.wsgi_request.FILES == {}

    assert stored() == before


@pytest.mark.parametrize("enclosed", [(), (field("csrfmiddlewaretoken", "x" * 64),)])
def test_another_site_cannot_upload_in_a_members_name(alice, enclosed):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(alice).cookies
    before = stored()

    response = upload(client, *enclosed, file("a.jpg", picture()))

    assert (response.status_code, stored()) == (403, before)


@pytest.mark.parametrize("in_form", [True, False])
def test_the_sites_own_form_passes_with_its_token(alice, in_form):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(alice).cookies
    page = client.get(URL).content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    parts = [field("csrfmiddlewaretoken", token)] if in_form else []
    headers = JSON | ({} if in_form else {"X-CSRFToken": token})

    response = upload(client, *parts, file("a.jpg", picture()), headers=headers)

    assert results(response)[0][1] == "added"


# Uploads that break off


def test_a_file_that_breaks_off_is_dropped_and_the_whole_ones_before_it_stay(as_alice, alice):
    broken = file("half.jpg", picture() * 500)[:-9000]
    parts, blobs, assets = stored()

    upload(as_alice, file("whole.jpg", picture()), broken, end=b"")

    now = stored()
    assert (len(now[0]), *now[1:]) == (len(parts) + 1, blobs + 1, assets + 1)
    assert alice.assets.get().name == "whole.jpg"


def test_a_connection_that_breaks_in_a_file_leaves_no_part(alice):
    start = file("half.jpg", picture() * 5000)
    source = io.BytesIO(start)
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(alice).cookies
    client.get(URL)
    before, body = stored(), Body(lambda size: source.read(size) or broken())

    def broken() -> bytes:
        raise ConnectionResetError("the sender went away")

    response = post_stream(client, body, 2 * len(start))

    assert response.status_code == 403  # nobody is there to read it
    assert body.read_bytes == len(start)
    assert stored() == before


def test_a_file_whose_encoding_makes_no_sense_leaves_no_part(as_alice):
    before = stored()
    spoilt = file("a.jpg", b"A", more="Content-Transfer-Encoding: base64\r\n")

    response = upload(as_alice, file("b.jpg", picture()), spoilt)

    assert response.status_code == 400
    assert stored() == before


def test_a_form_with_too_many_files_leaves_no_part(as_alice, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    before = stored()

    response = upload(as_alice, *[file(f"{n}.jpg", picture()) for n in range(3)])

    assert (response.status_code, stored()) == (400, before)


def test_a_full_disk_is_said_and_leaves_no_part():
    handler = PartUploadHandler(RequestFactory().post(URL), max_bytes=1 << 30)
    before = set(site_settings.INCOMING_DIR.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, limits[1]))
    try:
        with pytest.raises(StopFutureHandlers):
            handler.new_file("files", "a.jpg", "image/jpeg", None)
        for n in range(6):
            handler.receive_data_chunk(bytes(1 << 20), n << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    received = handler.file_complete(6 << 20)

    assert received.problem == "no_space"
    assert set(site_settings.INCOMING_DIR.iterdir()) == before


def test_a_disk_that_fills_up_while_storing_is_said_and_the_rest_goes_through(
    as_alice, alice, monkeypatch
):
    class FullStore(LocalBlobStore):
        def adopt(self, part: Path, key: str) -> None:
            if part.stat().st_size > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().adopt(part, key)

    monkeypatch.setattr(storage, "store", FullStore(site_settings.BLOBS_DIR))
    files = file("one.jpg", picture()), file("big.jpg", picture() + bytes(100_000))
    parts = set(site_settings.INCOMING_DIR.iterdir())

    response = upload(as_alice, *files, file("two.jpg", picture()))

    assert response.status_code == 507
    assert [one[1] for one in results(response)] == ["added", "refused", "added"]
    assert results(response)[1][2].startswith("There is no room left on this server")
    assert (alice.assets.count(), set(site_settings.INCOMING_DIR.iterdir())) == (2, parts)


def test_an_upload_that_finds_no_room_is_refused_before_its_body_is_read(as_alice, settings):
    settings.FREE_SPACE_FLOOR_BYTES = free_bytes() // 2
    settings.UPLOAD_MAX_BYTES = 1 << 62
    body = Body(untouchable)

    response = post_stream(as_alice, body, free_bytes() * 3 // 4, HTTP_ACCEPT="application/json")
    assert (response.status_code, body.read_bytes) == (507, 0)
    ((name, state, message),) = results(response)
    assert (name, state) == ("This upload", "refused")
    assert message == (
        "There is no room left on this server at the moment, so this was not stored. "
        "What is in your library is safe. Try again later, or tell whoever looks after the site."
    )


def test_a_small_upload_is_taken_while_there_is_room_for_it(as_alice, settings):
    settings.FREE_SPACE_FLOOR_BYTES = free_bytes() // 2

    assert upload(as_alice, file("a.jpg", picture())).status_code == 200


def test_the_page_says_that_there_is_no_room(as_alice, settings):
    settings.FREE_SPACE_FLOOR_BYTES = 1 << 62

    response = upload(as_alice, file("a.jpg", picture()), headers={"Accept": "text/html"})

    assert response.status_code == 507
    assert b"There is no room left on this server at the moment" in response.content


def test_a_file_for_which_room_runs_out_amid_its_bytes_is_dropped(settings):
    handler = PartUploadHandler(RequestFactory().post(URL), max_bytes=1 << 30)
    before = set(site_settings.INCOMING_DIR.iterdir())
    with pytest.raises(StopFutureHandlers):
        handler.new_file("files", "a.jpg", "image/jpeg", None)

    handler.receive_data_chunk(bytes(1 << 20), 0)
    settings.FREE_SPACE_FLOOR_BYTES = 1 << 62
    handler.receive_data_chunk(bytes(1 << 20), 1 << 20)

    assert handler.file_complete(2 << 20).problem == "no_space"
    assert set(site_settings.INCOMING_DIR.iterdir()) == before


# Large files


def test_a_large_file_passes_in_constant_memory(as_alice, alice):
    process, grown = psutil.Process(), [0]
    head = file("huge.jpg", picture())[:-2]
    tail, filler_bytes, piece = b"\r\n--limit--\r\n", 300 << 20, bytes(1 << 20)
    left = [head, *[piece] * (filler_bytes // len(piece)), tail]
    base: list[int] = []

    def read(size: int) -> bytes:
        memory = process.memory_info().rss
        base.append(memory) if not base else grown.append(memory - base[0])
        if not left:
            return b""
        data, rest = left[0][:size], left[0][size:]
        left[:1] = [rest] if rest else []
        return data

    length = len(head) + filler_bytes + len(tail)
    response = post_stream(as_alice, Body(read), length, HTTP_ACCEPT="application/json")

    after = process.memory_info().rss - base[0]
    assert results(response) == [("huge.jpg", "added", "Added to your library.")]
    blob = alice.assets.get().blob
    assert filler_bytes < blob.size_bytes < length
    store.delete(blob.key)
    assert len(grown) > 1000
    assert max(*grown, after) < 32 << 20


def test_the_answer_is_plain_json_for_the_pages_script(as_alice):
    response = upload(as_alice, file("a.jpg", b"text"))

    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-store"
    message = f"This is a text, not a picture. {ACCEPTED}"
    expected = {"name": "a.jpg", "state": "refused", "message": message, "url": ""}
    assert json.loads(response.content) == {"files": [expected]}


def test_incoming_files_are_readable_by_the_site_only():
    part = part_of(os.urandom(8))

    assert part.path.stat().st_mode & 0o077 == 0
    part.discard()
