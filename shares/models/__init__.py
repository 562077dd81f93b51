"""Links that people pass on: what is in them, and until when they are open."""

from shares.models.shares import IS_VIDEO, Share, ShareItem, ShareItemQuerySet, ShareQuerySet

__all__ = ["IS_VIDEO", "Share", "ShareItem", "ShareItemQuerySet", "ShareQuerySet"]
