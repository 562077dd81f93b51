"""Links that people pass on: what is in them, until when they are open, and whom they reached."""

from shares.models.copies import COPY_FAILED, COPY_READY, COPY_WITHHELD, CleanCopy
from shares.models.items import IS_VIDEO, ShareItem, ShareItemQuerySet, first_items
from shares.models.receipts import Keep, Receipt, ReceiptQuerySet, in_library_of
from shares.models.shares import Share, ShareQuerySet

__all__ = [
    "COPY_FAILED",
    "COPY_READY",
    "COPY_WITHHELD",
    "IS_VIDEO",
    "CleanCopy",
    "Keep",
    "Receipt",
    "ReceiptQuerySet",
    "Share",
    "ShareItem",
    "ShareItemQuerySet",
    "ShareQuerySet",
    "first_items",
    "in_library_of",
]
