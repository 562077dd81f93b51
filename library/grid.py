"""One page of a library's grid: its days, and the place behind which the next page begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from library.keyset import Place
from library.models import Asset, AssetQuerySet
from library.tiles import Tile, tile_of

PAGE_ASSETS = 120


@dataclass(frozen=True, slots=True)
class Day:
    """The tiles of one day, in the order of the grid."""

    on: date
    tiles: tuple[Tile, ...]

    @property
    def id(self) -> str:
        """Return the id of the day's grid, to which later pages add."""
        return f"day-{self.on:%Y%m%d}"


@dataclass(frozen=True, slots=True)
class GridPage:
    """A region of the library, on its own or as what follows the page before."""

    continued: Day | None  # goes on with the day that ended the page before
    days: tuple[Day, ...]
    next: str | None  # None on the last page


def grid_page(assets: AssetQuerySet, after: Place | None, *, is_fragment: bool) -> GridPage:
    """Cut a page out of somebody's assets, newest first; a fragment joins the page that ended there."""
    ordered = assets.newest_first()
    if after is not None:
        ordered = ordered.after(after.moment, after.pk)
    found = list(ordered[: PAGE_ASSETS + 1])
    last = found[PAGE_ASSETS - 1] if len(found) > PAGE_ASSETS else None
    days = days_of(found[:PAGE_ASSETS])
    joins = bool(is_fragment and after and days and days[0].on == after.moment.date())
    return GridPage(
        continued=days[0] if joins else None,
        days=days[1:] if joins else days,
        next=str(Place(last.taken_at, last.pk)) if last else None,
    )


def days_of(assets: Iterable[Asset]) -> tuple[Day, ...]:
    """Group assets, which come in the order of the grid, by the day of their capture."""
    groups = groupby(assets, key=lambda asset: asset.taken_at.date())
    return tuple(Day(on, tuple(map(tile_of, group))) for on, group in groups)
