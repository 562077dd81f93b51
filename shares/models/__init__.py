"""Links that people pass on: what is in them, until when they are open, and whom they reached."""

from shares.models.archives import Archive
from shares.models.copies import COPY_FAILED, COPY_READY, COPY_WITHHELD, CleanCopy
from shares.models.items import IS_VIDEO, ShareItem, ShareItemQuerySet, first_items
from shares.models.receipts import Keep, Receipt, ReceiptQuerySet, in_library_of
from shares.models.shares import RENEWABLE_FOR, Share, ShareQuerySet
from shares.models.tombstones import REMEMBERED_FOR, Tombstone

__all__ = [
    "COPY_FAILED",
    "COPY_READY",
    "COPY_WITHHELD",
    "IS_VIDEO",
    "REMEMBERED_FOR",
    "RENEWABLE_FOR",
    "Archive",
    "CleanCopy",
    "Keep",
    "Receipt",
    "ReceiptQuerySet",
    "Share",
    "ShareItem",
    "ShareItemQuerySet",
    "ShareQuerySet",
    "Tombstone",
    "first_items",
    "in_library_of",
]
