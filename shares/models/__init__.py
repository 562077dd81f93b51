"""Links that people pass on: what is in them, and until when they are open."""

from shares.models.items import IS_VIDEO, ShareItem, ShareItemQuerySet
from shares.models.shares import Share, ShareQuerySet

__all__ = ["IS_VIDEO", "Share", "ShareItem", "ShareItemQuerySet", "ShareQuerySet"]
