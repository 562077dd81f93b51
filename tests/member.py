"""Somebody who uses a site over plain HTTP, without a browser."""

import json
import re
import urllib.request
from http.cookiejar import CookieJar
from typing import Self

from tests.conftest import PASSWORD, picture
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.site import Site

MAKE = """
from allauth.account.models import EmailAddress
from library.models import User
user = User.objects.create_user({email!r}, {password!r}, display_name={name!r})
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
COUNT_PREPARED = """
SELECT count(*) FROM library_asset
JOIN library_stills ON library_stills.source_id = library_asset.blob_id
JOIN library_user ON library_user.id = library_asset.owner_id
WHERE library_user.email = ? AND library_stills.prepared_at IS NOT NULL
"""


class Member:
    """Somebody with an account, who is signed in."""

    def __init__(self, site: Site, email: str) -> None:
        self.site = site
        self.email = email
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    @classmethod
    def of(cls, site: Site, email: str, name: str) -> Self:
        site.manage("shell", "-c", MAKE.format(email=email, password=PASSWORD, name=name))
        member = cls(site, email)
        fields = [("login", "", email.encode()), ("password", "", PASSWORD.encode())]
        member.post("/accounts/login/", fields)
        assert "sessionid" in {cookie.name for cookie in member.cookies}
        return member

    def post(self, path: str, fields: list[tuple[str, str, bytes]]) -> tuple[int, bytes]:
        """Send a form, (name, file name, value) each; return status and body."""
        with self.opener.open(self.site.url + path, timeout=PATIENCE_SECONDS) as page:
            secret = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())[1]
        body = multipart([("csrfmiddlewaretoken", "", secret), *fields])
        request = urllib.request.Request(
            self.site.url + path,
            body,
            {
                "Content-Type": "multipart/form-data; boundary=edge",
                "Accept": "application/json" if "upload" in path else "text/html",
            },
        )
        with self.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()

    def upload(self, number: int, data: bytes | None = None) -> None:
        file = ("files", f"IMG_{number:04}.jpg", data or picture())
        status, body = self.post("/library/upload/", [file])
        assert 200 <= status < 300
        assert [file["state"] for file in json.loads(body)["files"]] == ["added"]

    def wait_until_prepared(self, count: int) -> None:
        """Wait until workers have prepared so many of the member's assets."""
        wait_until(lambda: self._count_prepared() >= count, told=lambda: self.site.log)
        assert self._count_prepared() == count

    def _count_prepared(self) -> int:
        ((count,),) = self.site.rows(COUNT_PREPARED, self.email)
        return int(count)


def multipart(fields: list[tuple[str, str, bytes]]) -> bytes:
    parts = []
    for name, filename, value in fields:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + value + b"\r\n")
    return b"".join(parts) + b"--edge--\r\n"
