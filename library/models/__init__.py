"""A person's photos and videos: accounts, stored bytes, what was made from them, and the library."""

from library.models.accounts import (
    Asset,
    AssetQuerySet,
    Blob,
    BlobKey,
    OneToOneBlobKey,
    Rendition,
    Stills,
    User,
    UserManager,
)

__all__ = [
    "Asset",
    "AssetQuerySet",
    "Blob",
    "BlobKey",
    "OneToOneBlobKey",
    "Rendition",
    "Stills",
    "User",
    "UserManager",
]
