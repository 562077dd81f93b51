"""Somebody who takes every answer of a site, and counts them."""

import json
import os
import re
import urllib.error
import urllib.request
from collections import Counter

from tests.conftest import PASSWORD, picture
from tests.member import Member, multipart
from tests.patience import PATIENCE_SECONDS

MIB = 1 << 20
SECRET = re.compile(rb'name="csrfmiddlewaretoken" value="(\w+)"')


class Person(Member):
    """Somebody who counts what the site answers, and takes every answer."""

    answers: Counter[int]

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Ask as a browser does, unless the headers say otherwise; return status and body."""
        headers = {"Accept": "text/html"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        request = urllib.request.Request(self.site.url + path, body, headers)
        try:
            with self.opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        self.answers[status] += 1
        return status, body

    def send(self, path: str, *fields: tuple[str, str, bytes], **headers: str) -> tuple[int, bytes]:
        """Send a form with the secret of the upload page, which anybody signed in may see."""
        page = self.ask("/library/upload/" if self.cookies_of("sessionid") else path)[1]
        form = multipart([("csrfmiddlewaretoken", "", SECRET.search(page)[1]), *fields])
        return self.ask(path, form, Content_Type="multipart/form-data; boundary=edge", **headers)

    def cookies_of(self, name: str) -> list[str]:
        return [cookie.value for cookie in self.cookies if cookie.name == name]

    def upload_of(self, megabytes: int) -> tuple[int, dict[str, str]]:
        data = picture() + os.urandom(megabytes * MIB)
        file = ("files", "IMG_0001.jpg", data)
        status, said = self.send("/library/upload/", file, Accept="application/json")
        return status, json.loads(said)["files"][0]

    def link_to(self, uuid: str) -> dict[str, str]:
        fields = [("asset", "", uuid.encode()), ("privacy", "", b"everything")]
        status, said = self.send("/links/", *fields, Accept="application/json")
        assert status == 201
        made: dict[str, str] = json.loads(said)
        return made | {"path": made["url"].removeprefix(self.site.url)}

    def log_in(self, email: str) -> int:
        fields = [("login", "", email.encode()), ("password", "", PASSWORD.encode())]
        self.cookies.clear()
        return self.send("/accounts/login/", *fields)[0]
