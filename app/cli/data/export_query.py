"""What the options of `gridkeeper export` ask of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.cli.output import say
from app.cli.selection import selected
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.market.areas import Place, find_place
from app.market.calendar import deadlines
from app.market.moments import parse_moment
from app.market.series import DataItem, SeriesKey
from app.market.text import counted
from app.market.time import MARKET_ZONE, Interval, Resolution
from app.settings import Settings
from app.timeseries.query import SeriesQuery
from app.timeseries.shape import Aggregation, Auction, Resampling, history_of
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    wanted: dict[DataItem, dict[str, Interval]] = {}
    continues: dict[tuple[DataItem, str], tuple[str, ...]] = {}
    for request in selection.requests:
        of_item = wanted.setdefault(request.item, {})
        kinds = CATALOG.area_kinds(request.item)
        whole: list[tuple[Place, Interval]] = [(request.place, request.interval)]
        if continuous:
            whole = [*history_of(request.place, request.interval, kinds)]
        for place, interval in whole:
            asked = of_item.get(place.eic, interval)
            of_item[place.eic] = Interval(min(asked.start, interval.start), max(asked.end, interval.end))
            shown = continues.get((request.item, place.eic), ())
            continues[request.item, place.eic] = tuple(dict.fromkeys((*shown, request.place.eic)))
    for warning in selection.warnings if not continuous else ():
        say(f"note: {warning}; --continuous joins them")
    zones = {request.place.zone for request in selection.requests}
    zone = zones.pop() if len(zones) == 1 else MARKET_ZONE
    return SeriesQuery(
        wanted,
        as_of=_known_at(as_of, zone, now) if as_of else None,
        published=_published if assume_published else None,
        auction=Auction(auction),
        resampling=_resampling(resolution, aggregate),
        continues=continues,
    )


def _known_at(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """An instant with its offset, however late, or a moment as --from takes it."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return instant.astimezone(UTC)
    return parse_moment(text, zone, now, name="--as-of")


def output_zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(f"--tz {name!r} is no time zone: write it as Europe/Berlin or UTC") from None


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


def _published(key: SeriesKey, resolution: Resolution, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    rule = CATALOG.publication(DataItem(key.item))
    return deadlines(rule, starts, resolution, find_place(key.area).zone)
