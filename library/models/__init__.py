"""A person's photos and videos: accounts, stored bytes, what was made from them, and the library."""

from library.models.accounts import User, UserManager
from library.models.assets import Asset, AssetQuerySet
from library.models.blobs import Blob, BlobKey, OneToOneBlobKey, Rendition, Stills
from library.models.throttles import Throttle

__all__ = [
    "Asset",
    "AssetQuerySet",
    "Blob",
    "BlobKey",
    "OneToOneBlobKey",
    "Rendition",
    "Stills",
    "Throttle",
    "User",
    "UserManager",
]
