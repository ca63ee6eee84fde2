"""What is to be given out of the store, and the values in the form that was asked for, series by series."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval
from app.timeseries.reads import ObservationBatch, Published
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.shape import Auction, Resampling, Shaped, choose_auction, join, resample


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Items with their places (canonical area) and the interval of each.

    `as_of` and `published` as in `TimeSeriesRepository.read`. `continues` names, by item and zone, the areas whose
    history its values are part of. `ids` are the numbers of the only series that are wanted; without any, all.
    """

    wanted: Mapping[DataItem, Mapping[str, Interval]]
    as_of: datetime | None = None
    published: Published | None = None
    auction: Auction = Auction.PREFERRED
    resampling: Resampling | None = None
    continues: Mapping[tuple[DataItem, str], tuple[str, ...]] = field(default_factory=dict)
    ids: frozenset[int] = frozenset()


async def read_shaped(repository: TimeSeriesRepository, query: SeriesQuery) -> AsyncGenerator[Shaped]:
    """The values ordered by series, then time; what has to be seen whole is held for one item at most."""
    for item in sorted(query.wanted):
        priced = item is DataItem.PRICE_DAY_AHEAD and query.auction is not Auction.ALL
        batches = repository.read(
            items=[item], areas=query.wanted[item], as_of=query.as_of, published=query.published, ids=query.ids
        )
        held: list[ObservationBatch] = []
        async with aclosing(batches):
            async for batch in batches:
                if priced or query.resampling:
                    if held and held[-1].key != batch.key and not priced:
                        yield _resampled(held, query)
                        held = []
                    held.append(batch)
                else:
                    yield Shaped(batch)
        if priced:
            whole = [join(list(group)) for _, group in groupby(held, key=lambda batch: batch.key)]
            for batch in choose_auction(whole, query.auction, place_zone):
                yield _resampled([batch], query) if query.resampling else Shaped(batch)
        elif held:
            yield _resampled(held, query)


def _resampled(held: list[ObservationBatch], query: SeriesQuery) -> Shaped:
    batch = join(held)
    assert query.resampling is not None  # noqa: S101  only then is anything held
    return resample(batch, query.resampling, place_zone(batch.key.area))


def place_zone(area: str) -> ZoneInfo:
    return find_place(area).zone


def shown_under(key: SeriesKey, query: SeriesQuery) -> list[SeriesKey]:
    """The columns of a wide table in which a series stands: those of the areas whose history it is part of.

    Zones that followed each other differ in their domains; of auctions one was chosen for each instant.
    """
    item = DataItem(key.item)
    chosen = item is DataItem.PRICE_DAY_AHEAD and query.auction is not Auction.ALL
    column = replace(key, in_area="", out_area="", sequence="" if chosen else key.sequence)
    return [replace(column, area=area) for area in query.continues.get((item, key.area), (key.area,))]
