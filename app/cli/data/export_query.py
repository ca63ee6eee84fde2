"""What the options of `gridkeeper export` ask of the store."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.output import say
from app.cli.selection import selected
from app.clock import SystemClock
from app.collection.series_query import series_query, zone_of_all
from app.errors import ConfigurationError
from app.market.moments import parse_known_at
from app.market.text import counted
from app.market.time import Resolution
from app.settings import Settings
from app.timeseries.query import SeriesQuery
from app.timeseries.shape import Aggregation, Auction, Resampling
from app.wiring.catalog import CATALOG


def export_query(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    as_of: str | None,
    assume_published: bool,
    resolution: str | None,
    aggregate: str | None,
    auction: str,
    continuous: bool,
) -> SeriesQuery:
    """What the options ask of the store; ConfigurationError naming the option that is wrong."""
    now = SystemClock().now()
    selection = selected(settings, areas, items, start, end, now)
    for warning in selection.warnings if not continuous else ():
        say(f"note: {warning}; --continuous joins them")
    zone = zone_of_all(selection.requests)
    return series_query(
        selection.requests,
        CATALOG,
        as_of=parse_known_at(as_of, zone, now, name="--as-of") if as_of else None,
        assume_published=assume_published,
        auction=Auction(auction),
        resampling=_resampling(resolution, aggregate),
        continuous=continuous,
    )


def _resampling(length: str | None, aggregate: str | None) -> Resampling | None:
    if length is None:
        if aggregate is not None:
            raise ConfigurationError("--aggregate needs --resolution: it says what becomes of shorter units")
        return None
    try:
        resolution = Resolution.parse(length.strip().upper())
    except ValueError as error:
        raise ConfigurationError(f"--resolution: {error}") from None
    return Resampling(resolution, Aggregation(aggregate or Aggregation.MEAN))


def nothing_found(query: SeriesQuery, later: int) -> str:
    if query.as_of is None or not later:
        return "no stored value matches; `gridkeeper collect` with the same options asks the source"
    known = "were learned after that instant" if later > 1 else "was learned after that instant"
    said = f"nothing of this range was known then: {counted(later, 'value')} stored, which {known}"
    if query.published is None:
        return f"{said}; --assume-published counts a first value as known from its legal deadline on"
    return f"{said} and had to be published later"
