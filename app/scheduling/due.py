"""What to ask for now: from stored data and the publication calendar, never from when it was asked last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from app.collection.models import CollectionRequest, Work
from app.collection.selection import Selection, select
from app.errors import ConfigurationError
from app.market.areas import Place
from app.market.calendar import AfterDelivery, DayOfMonthBeforeYear, DaysBefore, DaysBeforeMonth, FridayBefore
from app.market.series import DataItem
from app.market.time import Interval, local_day, midnight
from app.sources.catalog import Catalog

if TYPE_CHECKING:
    from app.collection.gaps.windows import Gap

HOUR = timedelta(hours=1)
FRESH_HOURS = 2
"""Values come as a rule before their deadline: the last hours are asked for in every cycle."""
# Days from today on for which values may be published at all.
_DAYS_AHEAD = {DaysBefore: 2, FridayBefore: 10, DaysBeforeMonth: 40, DayOfMonthBeforeYear: 380}


class Analysis(Protocol):
    """Tells every gap with its reason."""

    async def analyse(self, requests: Sequence[CollectionRequest], now: datetime) -> list[Gap]: ...


@dataclass(frozen=True, slots=True)
class ItemSelection:
    """Items for areas, as the plan names them."""

    areas: tuple[str, ...]
    items: tuple[str, ...]

    def select(self, days: int, now: datetime, catalog: Catalog) -> Selection:
        """Requests from so many days back to the last value that may be published by now."""
        found: list[CollectionRequest] = []
        skipped: list[str] = []
        for name in self.items:
            span = partial(considered, DataItem(name), days=days, now=now, catalog=catalog)
            try:
                one = select(self.areas, [name], span, catalog.places)
            except ConfigurationError as error:
                skipped += str(error).splitlines()
                continue
            found += one.requests
            skipped += one.skipped
        return Selection(tuple(found), tuple(dict.fromkeys(skipped)))


class Due(Protocol):
    """Tells what to ask for."""

    async def due(self, wanted: ItemSelection, now: datetime, *, again: bool = False) -> Selection:
        """`again`: this repeats a run that failed, so that what is missing through us does not wait."""
        ...


class Again(Protocol):
    """Tells what is stored and to be asked for again."""

    async def again(self, requests: Sequence[CollectionRequest], now: datetime) -> Sequence[CollectionRequest]: ...


class GapDue:
    """Asks for what the gap analysis finds missing in the recent days, and for what is about to appear or to change.

    What is asked for again by its age joins a question that is asked anyway: it costs no request then.
    """

    def __init__(self, analysis: Analysis, again: Again, catalog: Catalog, *, recent_days: int) -> None:
        self._analysis = analysis
        self._again = again
        self._catalog = catalog
        self._days = recent_days

    async def due(self, wanted: ItemSelection, now: datetime, *, again: bool = False) -> Selection:
        from app.collection.gaps.windows import windows_due

        selection = wanted.select(self._days, now, self._catalog)
        gaps = await self._analysis.analyse(selection.requests, now)
        missing = list(windows_due(gaps, now=now, again=again).requests)
        missing += [one for gap in gaps if (one := expected(gap, now))]
        fresh = [found for one in selection.requests if (found := fresh_request(one, now, self._catalog))]
        asked = [*missing, *fresh]
        pairs = {(one.item, one.place.eic) for one in asked}
        beside = [one for one in selection.requests if (one.item, one.place.eic) in pairs]
        return Selection(merge_requests([*asked, *await self._again.again(beside, now)]), selection.skipped)


def considered(item: DataItem, place: Place, days: int, now: datetime, *, catalog: Catalog) -> Interval:
    """The time in which values of the item may be missing: from so many days back to the last that may be public."""
    today = local_day(now, place.zone)
    ahead = _DAYS_AHEAD.get(type(catalog.publication(item)))
    end = next_hour(now) if ahead is None else midnight(today + timedelta(days=ahead), place.zone)
    return Interval(midnight(today - timedelta(days=days), place.zone), end)


def fresh_request(request: CollectionRequest, now: datetime, catalog: Catalog) -> CollectionRequest | None:
    """What a cycle asks for whatever is stored: the last hours of what is measured, today and on of daily forecasts."""
    rule = catalog.publication(request.item)
    if request.item is DataItem.PRICE_DAY_AHEAD:
        return None
    if isinstance(rule, AfterDelivery):
        start = next_hour(now) - (FRESH_HOURS + 1) * HOUR if rule.delay <= HOUR else None
    elif isinstance(rule, DaysBefore):
        start = midnight(local_day(now, request.place.zone), request.place.zone)
    else:
        start = None
    if start is None or start >= request.interval.end:
        return None
    return CollectionRequest(request.item, request.place, Interval(start, request.interval.end))


def expected(gap: Gap, now: datetime) -> CollectionRequest | None:
    """Day-ahead prices of today and tomorrow, where one is not there: they appear before their deadline.

    Both days in one question: what is there may have been published anew.
    """
    if gap.item is not DataItem.PRICE_DAY_AHEAD or gap.reason not in {"not_due", "late"}:
        return None
    zone = gap.place.zone
    today = local_day(now, zone)
    days = Interval(midnight(today, zone), midnight(today + timedelta(days=2), zone))
    return CollectionRequest(gap.item, gap.place, days) if gap.interval.intersection(days) else None


def merge_requests(requests: Iterable[CollectionRequest]) -> tuple[CollectionRequest, ...]:
    """Windows of an item and place that overlap or lie within a day of each other are one, newest first."""
    found: list[CollectionRequest] = []
    for one in sorted(requests, key=lambda one: (one.item, one.place.eic, one.interval)):
        last = found[-1] if found else None
        same = last is not None and (last.item, last.place.eic) == (one.item, one.place.eic)
        if last is not None and same and one.interval.start <= last.interval.end + timedelta(days=1):
            window = Interval(last.interval.start, max(last.interval.end, one.interval.end))
            found[-1] = CollectionRequest(one.item, one.place, window)
        else:
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.interval.end, reverse=True))


def fairly(
    work: Sequence[Work], asked: Mapping[tuple[str, str], datetime], limit: int
) -> tuple[list[Work], list[Work]]:
    """What a run may ask for and what it leaves; items and places that were asked for longest ago come first."""
    never = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(work, key=lambda one: asked.get((one.item.value, one.place.eic), never))
    return ordered[:limit], ordered[limit:]


def next_hour(instant: datetime) -> datetime:
    """The end of the hour that the instant lies in."""
    return instant.replace(minute=0, second=0, microsecond=0) + HOUR
