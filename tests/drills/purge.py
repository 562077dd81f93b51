"""Very many links that have ended, deleted in one go: statements, memory, and what is left."""

import resource
import time
from datetime import timedelta

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from library.models import User
from shares.models import Share, ShareItem, Tombstone
from shares.purging import purge
from tests.rows import make_assets

ITEMS = 3
AT_ONCE = 5_000


def run(count: int) -> None:
    """Make so many ended links of three items each, one more that was renewed, and purge."""
    call_command("migrate", verbosity=0)
    now = timezone.now()
    make_links(count, now - timedelta(days=62))
    kept = Share.objects.order_by("pk").first()
    Share.objects.filter(pk=kept.pk).update(expires_at=now + timedelta(days=30), ended_at=None)
    statements = 0

    def counted(execute, sql, params, many, context):
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    before, began = resident_bytes(), time.monotonic()
    with connection.execute_wrapper(counted):
        done = purge(now=now)
    seconds, grown = time.monotonic() - began, resident_bytes() - before
    print(
        f"{done.links:,} links: {statements / done.links:.3f} statements a link, {seconds:.1f} s, "
        f"the process grew by at most {grown / 1e6:.0f} MB"
    )
    assert done.links == count - 1
    assert list(Share.objects.values_list("pk", flat=True)) == [kept.pk]
    assert ShareItem.objects.count() == ITEMS
    assert Tombstone.objects.count() == count - 1
    again = purge(now=now)
    print(f"a second run finds {again.links:,}")
    assert again.links == 0


def make_links(count: int, made_at) -> None:
    """Make links as rows, all of the same three items; they expired a month after that moment."""
    sender = User.objects.create_user("drill@example.org", display_name="Drill")
    assets = make_assets([sender], ITEMS)
    ends = made_at + timedelta(days=30)
    shared = {
        "sender": sender,
        "created_at": made_at,
        "expires_at": ends,
        "next_position": ITEMS + 1,
    }
    for start in range(0, count, AT_ONCE):
        shares = Share.objects.bulk_create(
            Share(**shared) for _ in range(min(AT_ONCE, count - start))
        )
        ShareItem.objects.bulk_create(
            ShareItem(share=share, position=position, asset=asset, source_id=asset.blob_id)
            for share in shares
            for position, asset in enumerate(assets, start=1)
        )


def resident_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
