"""The map of zones on the overview: what the address chooses of it, and the figures it shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low

from app.kit.language import gettext, gettext_noop
from app.kit.suggest import did_you_mean
from app.market.moments import EARLIEST, LATEST, as_iso
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, delivery_day, local_day, midnight
from app.market.zone_grid import GridPlace, zone_grid
from app.monitoring.models import Lateness
from app.monitoring.zones.figures import (
    NOTHING_KNOWN,
    SCALES,
    ZoneFigure,
    ZoneMeasure,
    ZoneScale,
    freshness_figures,
    gap_figures,
    load_figures,
    moments_of_norm,
    price_figures,
    quality_figures,
)
from app.monitoring.zones.queries import ZoneReads, ZoneScore

PATHS: Mapping[ZoneMeasure, str] = {
    ZoneMeasure.PRICE: "data?item=price_day_ahead&area=",
    ZoneMeasure.LOAD: "data?item=load_actual&area=",
    ZoneMeasure.FRESHNESS: "data?area=",
    ZoneMeasure.QUALITY: "quality?area=",
    ZoneMeasure.GAPS: "coverage?area=",
}
"""Where a tile leads, before the code of its zone."""
MEASURES: Mapping[ZoneMeasure, str] = {
    ZoneMeasure.PRICE: gettext_noop("price"),
    ZoneMeasure.LOAD: gettext_noop("load"),
    ZoneMeasure.FRESHNESS: gettext_noop("freshness"),
    ZoneMeasure.QUALITY: gettext_noop("quality"),
    ZoneMeasure.GAPS: gettext_noop("gaps"),
}


LATEST_HOUR = 24
"""Counted from midnight, of the day that has 25 hours."""


@dataclass(frozen=True, slots=True)
class MapChoice:
    """Measure, local day and hour of the day as counted from midnight; `now` where the address names no moment."""

    measure: ZoneMeasure
    day: date
    hour: int
    now: bool
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, measure: str, day: str, hour: str, items: Collection[str], now: datetime) -> MapChoice:
        """What the address says; what it says wrongly is a problem, and is as if it were not said."""
        problems = []
        if measure and measure not in list(ZoneMeasure):
            known = gettext("; there are %(known)s.", known=", ".join(ZoneMeasure))
            hint = did_you_mean(measure, list(ZoneMeasure), otherwise=known)
            problems.append(f"{gettext('There is no map by %(name)s', name=repr(measure[:60]))}{hint}")
            measure = ""
        today = local_day(now, MARKET_ZONE)
        chosen = today
        try:
            chosen = date.fromisoformat(as_iso(day)) if day else today
            if not EARLIEST < chosen < LATEST:
                problems.append(
                    gettext("%(day)s lies outside %(first)s to %(last)s", day=chosen, first=EARLIEST, last=LATEST)
                )
                chosen = today
        except ValueError:
            problems.append(gettext("%(text)s is no day; write it as %(today)s", text=repr(day[:60]), today=today))
        counted = int(hour) if hour.isascii() and hour.isdecimal() and len(hour) <= 2 else LATEST_HOUR + 1
        if hour and counted > LATEST_HOUR:
            problems.append(gettext("%(text)s is no hour of a day; write 0 to 23", text=repr(hour[:60])))
            hour = ""
        hours = int(delivery_day(chosen, MARKET_ZONE).duration / timedelta(hours=1))
        since = int((now - midnight(today, MARKET_ZONE)) / timedelta(hours=1))
        return cls(
            ZoneMeasure(measure) if measure else _first_measure(items),
            chosen,
            min(counted, hours - 1) if hour else since,
            not day and not hour,
            tuple(problems),
        )

    @property
    def at(self) -> datetime:
        return midnight(self.day, MARKET_ZONE) + timedelta(hours=self.hour)

    @property
    def last_hour(self) -> int:
        return int(delivery_day(self.day, MARKET_ZONE).duration / timedelta(hours=1)) - 1


def _first_measure(items: Collection[str]) -> ZoneMeasure:
    if DataItem.PRICE_DAY_AHEAD in items:
        return ZoneMeasure.PRICE
    return ZoneMeasure.LOAD if DataItem.LOAD_ACTUAL in items else ZoneMeasure.FRESHNESS


@dataclass(frozen=True, slots=True)
class ZoneTile:
    """A tile of the map."""

    place: GridPlace
    figure: ZoneFigure
    path: str


@dataclass(frozen=True, slots=True)
class ZoneMap:
    """The map as it is shown."""

    choice: MapChoice
    at: datetime
    scale: ZoneScale
    tiles: Sequence[ZoneTile]

    @property
    def known(self) -> int:
        return sum(tile.figure is not NOTHING_KNOWN for tile in self.tiles)


async def zone_map(
    choice: MapChoice, reads: ZoneReads, lateness: Sequence[Lateness], scores: Sequence[ZoneScore], now: datetime
) -> ZoneMap:
    """The figures of all zones: one statement where another table than those of the overview has them."""
    at = _moment(choice, lateness, now)
    figures = await _figures(choice.measure, at, reads, lateness, scores)
    path = PATHS[choice.measure]
    return ZoneMap(
        choice,
        at,
        SCALES[choice.measure],
        [
            ZoneTile(place, figures.get(place.zone.eic, NOTHING_KNOWN), f"{path}{place.zone.code}")
            for place in zone_grid()
        ],
    )


def _moment(choice: MapChoice, lateness: Sequence[Lateness], now: datetime) -> datetime:
    """The moment that is shown; loads are measured, so that of now are the newest that half of the zones have."""
    if not choice.now:
        return choice.at
    newest = [one.newest_start for one in lateness if one.item == DataItem.LOAD_ACTUAL]
    return min(now, median_low(newest)) if choice.measure is ZoneMeasure.LOAD and newest else now


async def _figures(
    measure: ZoneMeasure,
    at: datetime,
    reads: ZoneReads,
    lateness: Sequence[Lateness],
    scores: Sequence[ZoneScore],
) -> Mapping[str, ZoneFigure]:
    eics = [place.zone.eic for place in zone_grid()]
    eic_of = {place.zone.code: place.zone.eic for place in zone_grid()}
    match measure:
        case ZoneMeasure.PRICE:
            return price_figures(await reads.values(DataItem.PRICE_DAY_AHEAD, eics, [at]))
        case ZoneMeasure.LOAD:
            return load_figures(await reads.values(DataItem.LOAD_ACTUAL, eics, [at, *moments_of_norm(at)]), at)
        case ZoneMeasure.FRESHNESS:
            return freshness_figures(lateness, eic_of)
        case ZoneMeasure.QUALITY:
            return quality_figures(scores)
        case ZoneMeasure.GAPS:
            collected = [eic_of[one.area] for one in lateness if one.area in eic_of]
            return gap_figures(await reads.gaps(eics), collected)
