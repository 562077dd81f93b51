"""Rows by the batch: what goes through whole tables needs as much memory for a million rows as for ten."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db import models

T = TypeVar("T")


def batches_of_ids(rows: models.QuerySet[Any], *, size: int) -> Iterator[list[int]]:
    """Yield the ids of rows by so many, in order.

    Each batch is asked for when the one before is done with. A row that is still there then is not
    yielded again.
    """
    last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:size]):
        yield ids
        last = ids[-1]


def in_batches(values: Iterable[T], *, size: int) -> Iterator[list[T]]:
    """Yield values by so many, as lists."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
