"""The secret in a link."""

import re
import secrets
from collections.abc import Collection
from itertools import islice

TOKEN_BYTES = 24  # 192 random bits
MOST_LINKS_READ = 20
_PATH = re.compile(r"/s/([\w-]{1,64})", re.ASCII)
_ADDRESS = re.compile(r"https?://[^\s/]", re.IGNORECASE)


def new_token() -> str:
    """Return a fresh token: 32 URL-safe characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def masked(token: str) -> str:
    """Return what may be shown or logged of a token."""
    return f"{token[:4]}…"


def tokens_in(text: str, *, hosts: Collection[str]) -> list[str]:
    """Return the tokens of links to these hosts ("photos.example.org:8000") in a text, each once.

    Any text will do. The first twenty links of whatever site are looked at; a scheme may be missing.
    """
    names = "|".join(re.escape(host) for host in hosts)
    ends_in_host = re.compile(rf"(?<![\w.-])(?:{names})\Z", re.IGNORECASE)
    longest = max(map(len, hosts)) + 1
    found = {}
    for path in islice(_PATH.finditer(text), MOST_LINKS_READ):
        before = text[max(0, path.start() - longest) : path.start()]
        if ends_in_host.search(before):
            found[path[1]] = True
    return list(found)


def names_a_site(text: str) -> bool:
    """Tell whether a text holds any web address."""
    return bool(_ADDRESS.search(text))
