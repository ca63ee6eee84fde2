"""What the map of zones shows of each: a figure, its step on a scale, and words. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean

from app.market.text import counted
from app.market.time import MARKET_ZONE, from_local
from app.monitoring.models import Lateness
from app.monitoring.zones.queries import ZoneGaps, ZoneScore, ZoneValue

WEEKS = 4
"""Of so many weeks the same hour is the norm of a load."""


class ZoneMeasure(StrEnum):
    """What the map is coloured by."""

    PRICE = "price"
    LOAD = "load"
    FRESHNESS = "freshness"
    QUALITY = "quality"
    GAPS = "gaps"


@dataclass(frozen=True, slots=True)
class ZoneScale:
    """The steps of a colour scale, by the figures at which the next one begins; `about` names figure and unit."""

    about: str
    bounds: tuple[float, ...]
    labels: tuple[str, ...]
    diverging: bool = False
    timed: bool = False
    """Whether another moment shows other figures."""

    def step(self, value: float) -> int:
        return bisect_right(self.bounds, value)


SCALES: Mapping[ZoneMeasure, ZoneScale] = {
    ZoneMeasure.PRICE: ZoneScale(
        "Day-ahead price per MWh, in the currency of the zone",
        (0, 30, 60, 90, 120, 180),
        ("below 0", "0 to 30", "30 to 60", "60 to 90", "90 to 120", "120 to 180", "180 and more"),
        timed=True,
    ),
    ZoneMeasure.LOAD: ZoneScale(
        f"Load in percent of its mean at this hour and day of the last {WEEKS} weeks",
        (85, 93, 98, 102, 107, 115),
        ("below 85 %", "85 to 93 %", "93 to 98 %", "98 to 102 %", "102 to 107 %", "107 to 115 %", "115 % and more"),
        diverging=True,
        timed=True,
    ),
    ZoneMeasure.FRESHNESS: ZoneScale(
        "How late the latest item of the zone is",
        (0.001, 15, 60, 180, 720, 1440),
        ("on time", "up to 15 min", "up to 1 h", "up to 3 h", "up to 12 h", "up to 1 d", "more than 1 d"),
    ),
    ZoneMeasure.QUALITY: ZoneScale(
        "Mean score of the zone's series on the last scored day, of 100",
        (-99.5, -98, -95, -90, -80, -60),
        ("99.5 and more", "98 to 99.5", "95 to 98", "90 to 95", "80 to 90", "60 to 80", "below 60"),
    ),
    ZoneMeasure.GAPS: ZoneScale(
        "Values missing from the zone's series",
        (1, 5, 25, 97, 673, 2977),
        ("none", "1 to 4", "5 to 24", "25 to 96", "97 to 672", "673 to 2976", "2977 and more"),
    ),
}
"""Of each measure the low end is calm; scores count backwards for that."""


@dataclass(frozen=True, slots=True)
class ZoneFigure:
    """A zone at a glance; `step` is None where nothing is known."""

    text: str
    step: int | None
    words: str


NOTHING_KNOWN = ZoneFigure("\N{EN DASH}", None, "nothing is known")


def moments_of_norm(at: datetime) -> list[datetime]:
    """The same local hour of the same day of the weeks before."""
    local = at.astimezone(MARKET_ZONE).replace(tzinfo=None)
    return [from_local(local - timedelta(weeks=week), MARKET_ZONE) for week in range(1, WEEKS + 1)]


def price_figures(values: Iterable[ZoneValue]) -> dict[str, ZoneFigure]:
    scale = SCALES[ZoneMeasure.PRICE]
    return {
        one.area: ZoneFigure(f"{one.value:.2f}", scale.step(one.value), f"{one.value:.2f} {one.currency}/MWh")
        for one in values
    }


def load_figures(values: Sequence[ZoneValue], at: datetime) -> dict[str, ZoneFigure]:
    scale = SCALES[ZoneMeasure.LOAD]
    before: dict[str, list[float]] = {}
    for one in values:
        if one.at != at:
            before.setdefault(one.area, []).append(one.value)
    return {one.area: _load_figure(one.value, before.get(one.area, []), scale) for one in values if one.at == at}


def _load_figure(value: float, before: Sequence[float], scale: ZoneScale) -> ZoneFigure:
    norm = fmean(before) if before else 0.0
    if norm <= 0:
        return ZoneFigure(f"{value / 1000:.1f} GW", None, f"{value:.0f} MW, without weeks before to compare it with")
    share = 100 * value / norm
    words = f"{value:.0f} MW, {share:.0f} % of the {norm:.0f} MW of {counted(len(before), 'week')} before"
    return ZoneFigure(f"{share:.0f} %", scale.step(share), words)


def freshness_figures(lateness: Iterable[Lateness], eic_of: Mapping[str, str]) -> dict[str, ZoneFigure]:
    """By the item that is most behind; borders count for neither of their zones. `eic_of` knows areas by their codes."""
    scale = SCALES[ZoneMeasure.FRESHNESS]
    worst: dict[str, Lateness] = {}
    for one in lateness:
        eic = eic_of.get(one.area)
        if eic and (eic not in worst or one.late > worst[eic].late):
            worst[eic] = one
    return {eic: _freshness_figure(one, scale) for eic, one in worst.items()}


def _freshness_figure(one: Lateness, scale: ZoneScale) -> ZoneFigure:
    minutes = one.late.total_seconds() / 60
    if not minutes:
        return ZoneFigure("on time", 0, "nothing is late")
    text = (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.0f} h"
        if minutes < 2880
        else f"{minutes / 1440:.0f} d"
    )
    return ZoneFigure(text, scale.step(minutes), f"{one.item} is late by {text}")


def quality_figures(scores: Iterable[ZoneScore]) -> dict[str, ZoneFigure]:
    scale = SCALES[ZoneMeasure.QUALITY]
    return {
        one.area: ZoneFigure(
            f"{one.mean:.1f}", scale.step(-one.mean), f"mean score {one.mean:.1f} of {one.series} series"
        )
        for one in scores
    }


def gap_figures(gaps: Mapping[str, ZoneGaps], collected: Iterable[str]) -> dict[str, ZoneFigure]:
    """Zones of which something is collected and nothing is missing have none."""
    scale = SCALES[ZoneMeasure.GAPS]
    found = {eic: ZoneFigure("0", 0, "nothing is missing") for eic in collected}
    for eic, one in gaps.items():
        words = f"{counted(one.missing, 'value')} missing in {counted(one.gaps, 'gap')}"
        found[eic] = ZoneFigure(str(one.missing), scale.step(one.missing), words)
    return found
