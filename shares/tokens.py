"""The secret in a link."""

import secrets

TOKEN_BYTES = 24  # 192 random bits


def new_token() -> str:
    """Return a fresh token: 32 URL-safe characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def masked(token: str) -> str:
    """Return what may be shown or logged of a token."""
    return f"{token[:4]}…"
