"""What the map of zones shows of each: a figure, its step on a scale, and words. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean

from app.kit.language import gettext, gettext_noop, in_digits, ngettext, pgettext, shown_decimal
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
    """The steps of a colour scale, by the figures at which the next one begins; `about` names figure and unit, in English as the labels are."""

    about: str
    bounds: tuple[float, ...]
    labels: tuple[str, ...]
    diverging: bool = False
    timed: bool = False
    """Whether another moment shows other figures."""

    @property
    def sentence(self) -> str:
        return gettext(self.about)

    @property
    def legend(self) -> list[str]:
        """The labels in the language and the digits of who reads."""
        return [in_digits(gettext(label)) for label in self.labels]

    def step(self, value: float) -> int:
        return bisect_right(self.bounds, value)


SCALES: Mapping[ZoneMeasure, ZoneScale] = {
    ZoneMeasure.PRICE: ZoneScale(
        gettext_noop("Day-ahead price per MWh, in the currency of the zone"),
        (0, 30, 60, 90, 120, 180),
        (
            gettext_noop("below 0"),
            gettext_noop("0 to 30"),
            gettext_noop("30 to 60"),
            gettext_noop("60 to 90"),
            gettext_noop("90 to 120"),
            gettext_noop("120 to 180"),
            gettext_noop("180 and more"),
        ),
        timed=True,
    ),
    ZoneMeasure.LOAD: ZoneScale(
        gettext_noop("Load in percent of its mean at this hour and day of the last four weeks"),
        (85, 93, 98, 102, 107, 115),
        (
            gettext_noop("below 85 %%"),
            gettext_noop("85 to 93 %%"),
            gettext_noop("93 to 98 %%"),
            gettext_noop("98 to 102 %%"),
            gettext_noop("102 to 107 %%"),
            gettext_noop("107 to 115 %%"),
            gettext_noop("115 %% and more"),
        ),
        diverging=True,
        timed=True,
    ),
    ZoneMeasure.FRESHNESS: ZoneScale(
        gettext_noop("How late the latest item of the zone is"),
        (0.001, 15, 60, 180, 720, 1440),
        (
            gettext_noop("on time"),
            gettext_noop("up to 15 min"),
            gettext_noop("up to 1 h"),
            gettext_noop("up to 3 h"),
            gettext_noop("up to 12 h"),
            gettext_noop("up to 1 d"),
            gettext_noop("more than 1 d"),
        ),
    ),
    ZoneMeasure.QUALITY: ZoneScale(
        gettext_noop("Mean score of the zone's series on the last scored day, of 100"),
        (-99.5, -98, -95, -90, -80, -60),
        (
            gettext_noop("99.5 and more"),
            gettext_noop("98 to 99.5"),
            gettext_noop("95 to 98"),
            gettext_noop("90 to 95"),
            gettext_noop("80 to 90"),
            gettext_noop("60 to 80"),
            gettext_noop("below 60"),
        ),
    ),
    ZoneMeasure.GAPS: ZoneScale(
        gettext_noop("Values missing from the zone's series"),
        (1, 5, 25, 97, 673, 2977),
        (
            gettext_noop("none"),
            gettext_noop("1 to 4"),
            gettext_noop("5 to 24"),
            gettext_noop("25 to 96"),
            gettext_noop("97 to 672"),
            gettext_noop("673 to 2976"),
            gettext_noop("2977 and more"),
        ),
    ),
}
"""Of each measure the low end is calm; scores count backwards for that."""


@dataclass(frozen=True, slots=True)
class ZoneFigure:
    """A zone at a glance; `step` is None where nothing is known."""

    text: str
    step: int | None
    words: str


NOTHING_KNOWN = ZoneFigure("\N{EN DASH}", None, gettext_noop("nothing is known"))


def moments_of_norm(at: datetime) -> list[datetime]:
    """The same local hour of the same day of the weeks before."""
    local = at.astimezone(MARKET_ZONE).replace(tzinfo=None)
    return [from_local(local - timedelta(weeks=week), MARKET_ZONE) for week in range(1, WEEKS + 1)]


def price_figures(values: Iterable[ZoneValue]) -> dict[str, ZoneFigure]:
    scale = SCALES[ZoneMeasure.PRICE]
    return {
        one.area: ZoneFigure(
            shown_decimal(one.value, 2),
            scale.step(one.value),
            f"{shown_decimal(one.value, 2)} {one.currency}/MWh",
        )
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
        words = gettext("%(load)s MW, without weeks before to compare it with", load=shown_decimal(value, 0))
        return ZoneFigure(f"{shown_decimal(value / 1000, 1)} GW", None, words)
    share = 100 * value / norm
    words = ngettext(
        "%(load)s MW, %(share)s %% of the %(norm)s MW of %(num)s week before",
        "%(load)s MW, %(share)s %% of the %(norm)s MW of %(num)s weeks before",
        len(before),
        load=shown_decimal(value, 0),
        share=f"{share:.0f}",
        norm=shown_decimal(norm, 0),
    )
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
        return ZoneFigure(gettext("on time"), 0, gettext("nothing is late"))
    text = (
        f"{minutes:.0f} {pgettext('unit of time', 'min')}"
        if minutes < 120
        else f"{minutes / 60:.0f} {pgettext('unit of time', 'h')}"
        if minutes < 2880
        else f"{minutes / 1440:.0f} {pgettext('unit of time', 'd')}"
    )
    words = gettext("%(item)s is late by %(length)s", item=one.item, length=text)
    return ZoneFigure(text, scale.step(minutes), words)


def quality_figures(scores: Iterable[ZoneScore]) -> dict[str, ZoneFigure]:
    scale = SCALES[ZoneMeasure.QUALITY]
    return {one.area: _quality_figure(one, scale) for one in scores}


def _quality_figure(one: ZoneScore, scale: ZoneScale) -> ZoneFigure:
    mean = shown_decimal(one.mean, 1)
    words = ngettext(
        "mean score %(mean)s of %(num)s series", "mean score %(mean)s of %(num)s series", one.series, mean=mean
    )
    return ZoneFigure(mean, scale.step(-one.mean), words)


def gap_figures(gaps: Mapping[str, ZoneGaps], collected: Iterable[str]) -> dict[str, ZoneFigure]:
    """Zones of which something is collected and nothing is missing have none."""
    scale = SCALES[ZoneMeasure.GAPS]
    found = {eic: ZoneFigure("0", 0, gettext("nothing is missing")) for eic in collected}
    for eic, one in gaps.items():
        missing = ngettext("%(num)s value missing", "%(num)s values missing", one.missing)
        words = ngettext("%(missing)s in %(num)s gap", "%(missing)s in %(num)s gaps", one.gaps, missing=missing)
        found[eic] = ZoneFigure(str(one.missing), scale.step(one.missing), words)
    return found
