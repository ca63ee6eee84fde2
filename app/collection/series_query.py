"""What of the store is asked for by items, places and ranges, with the history of zones that followed each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app.collection.models import CollectionRequest
from app.market.areas import Place, find_place
from app.market.calendar import deadlines
from app.market.series import DataItem, SeriesKey
from app.market.time import MARKET_ZONE, Interval, Resolution
from app.sources.catalog import Catalog
from app.timeseries.query import SeriesQuery
from app.timeseries.reads import Published
from app.timeseries.shape import Auction, Resampling, history_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def series_query(
    requests: Sequence[CollectionRequest],
    catalog: Catalog,
    *,
    as_of: datetime | None = None,
    assume_published: bool = False,
    auction: Auction = Auction.PREFERRED,
    resampling: Resampling | None = None,
    continuous: bool = False,
) -> SeriesQuery:
    """The query; `continuous` adds the zones that a place continues, `assume_published` their legal deadlines."""
    wanted: dict[DataItem, dict[str, Interval]] = {}
    continues: dict[tuple[DataItem, str], tuple[str, ...]] = {}
    for request in requests:
        of_item = wanted.setdefault(request.item, {})
        whole: list[tuple[Place, Interval]] = [(request.place, request.interval)]
        if continuous:
            whole = [*history_of(request.place, request.interval, catalog.area_kinds(request.item))]
        for place, interval in whole:
            asked = of_item.get(place.eic, interval)
            of_item[place.eic] = Interval(min(asked.start, interval.start), max(asked.end, interval.end))
            shown = continues.get((request.item, place.eic), ())
            continues[request.item, place.eic] = tuple(dict.fromkeys((*shown, request.place.eic)))
    published = published_by(catalog) if assume_published else None
    return SeriesQuery(wanted, as_of, published, auction, resampling, continues)


def zone_of_all(requests: Sequence[CollectionRequest]) -> ZoneInfo:
    """The zone of the places where they share one, else that of the market."""
    zones = {request.place.zone for request in requests}
    return zones.pop() if len(zones) == 1 else MARKET_ZONE


def published_by(catalog: Catalog) -> Published:
    """When values have to be published at the latest, by the rules of the catalogue."""

    def published(key: SeriesKey, resolution: Resolution, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        rule = catalog.publication(DataItem(key.item))
        return deadlines(rule, starts, resolution, find_place(key.area).zone)

    return published
