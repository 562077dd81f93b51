"""A ZIP archive as an address space.

Size and CRC-32 of every file are known beforehand, so the list of entries alone settles names,
offsets, total length and ETag, and any byte range can be made without reading the rest.
"""

from shares.zips.layout import (
    Entry,
    EntryChangedError,
    Plan,
    ReadEntry,
    plan_archive,
)
from shares.zips.manifest import MANIFEST_NAME, Listed, manifest_of
from shares.zips.names import safe_member_name, unique_member_names

__all__ = [
    "MANIFEST_NAME",
    "Entry",
    "EntryChangedError",
    "Listed",
    "Plan",
    "ReadEntry",
    "manifest_of",
    "plan_archive",
    "safe_member_name",
    "unique_member_names",
]
