"""Timeliness: when values appeared at the source, against the legal deadline and against the series' own habit.

A value was public at some moment between the last usable question that lacked it and the run that brought it. Only
where this tells on which side of the deadline that moment lies is the value examined: what was backfilled, or appeared
while nobody asked, says nothing about the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import bottleneck as bn
import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.classification import Asked
from app.quality.models import DAY, HOUR
from app.timeseries.rolling import MAD, Flags, Instants, Values

NEVER = int(np.iinfo(np.int64).max)
"""`learned` of a value that is not known yet."""
GRACE = timedelta(minutes=90)
"""A value that was learned so soon after its deadline counts as on time: between two polls nobody can tell."""
SHORTEST_CALENDAR_UNIT = 23 * HOUR
"""The local day on which clocks go forward."""
HABIT_DAYS, HABIT_MINIMUM = 28, 7
HABIT_QUANTILE = 0.9
HABIT_SPREADS = 4.0
HABIT_FLOOR = timedelta(hours=1)
"""A habit is not known more exactly than the values are asked for."""


class PublicationTiming(IntEnum):
    """On which side of its deadline a value appeared."""

    UNKNOWN = 0
    ON_TIME = 1
    LATE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Publications:
    """Values as columns ordered by start, in seconds since 1970: delivery, first known version, legal deadline."""

    starts: Instants
    ends: Instants
    learned: Instants
    due: Instants

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True, eq=False)
class Punctuality:
    """Per value what is known of its publication (`PublicationTiming`), and the seconds from the end of delivery to the learning; NaN where unknown."""

    timing: NDArray[np.int8]
    lags: Values

    @property
    def on_time(self) -> int:
        return int((self.timing == PublicationTiming.ON_TIME).sum())

    @property
    def late(self) -> int:
        return int((self.timing == PublicationTiming.LATE).sum())

    @property
    def examined(self) -> int:
        return self.on_time + self.late


@dataclass(frozen=True, slots=True)
class Distribution:
    """How far from the deadline the examined values appeared, in seconds; negative is before it."""

    examined: int
    median: float
    q90: float
    q99: float
    greatest: float
    within: tuple[tuple[int, int], ...]
    """Upper bound and number of values no later than it; the rest is later than the last bound."""


BOUNDS = tuple(int(timedelta(hours=hours).total_seconds()) for hours in (0, 1, 2, 6, 24, 72, 168))


def punctuality(values: Publications, asked: Asked, *, grace: timedelta = GRACE) -> Punctuality:
    """Which values were on time; one that is still missing is late once a usable question after its deadline lacked it."""
    tolerance = int(grace.total_seconds())
    lacked_at = last_missing(values, asked)
    known = values.learned != NEVER
    # Differences of NEVER would overflow; an unknown value is on neither side by its learning.
    learned = np.where(known, values.learned, 0)
    timing = np.full(len(values), PublicationTiming.UNKNOWN, np.int8)
    timing[known & (learned <= values.due + tolerance)] = PublicationTiming.ON_TIME
    timing[lacked_at >= values.due] = PublicationTiming.LATE
    lags = np.where(known & (timing != PublicationTiming.UNKNOWN), (learned - values.ends).astype(np.float64), np.nan)
    return Punctuality(timing, lags)


def last_missing(values: Publications, asked: Asked) -> Instants:
    """When the last usable answer that covered a value lacked it; 0 where none did."""
    lacked = np.zeros(len(values), np.int64)
    columns = (asked.begins, asked.ends, asked.finished, asked.usable)
    for begin, end, finished, usable in zip(*(column.tolist() for column in columns), strict=True):
        if usable:
            covered = _covered(values, begin, end)
            lacking = values.learned[covered] > finished
            lacked[covered] = np.where(lacking, np.maximum(lacked[covered], finished), lacked[covered])
    return lacked


def _covered(values: Publications, begin: int, end: int) -> slice:
    """The values whose unit lies wholly in a window; a calendar unit is answered by any window that meets it."""
    if len(values) and values.ends[0] - values.starts[0] >= SHORTEST_CALENDAR_UNIT:
        first, last = np.searchsorted(values.ends, begin, "right"), np.searchsorted(values.starts, end)
    else:
        first, last = np.searchsorted(values.starts, begin), np.searchsorted(values.ends, end, "right")
    return slice(int(first), int(last))


def distribution(values: Publications, found: Punctuality) -> Distribution | None:
    """How late examined values appeared; None where none was examined."""
    delays = (values.learned - values.due)[~np.isnan(found.lags)].astype(np.float64)
    if not len(delays):
        return None
    median, q90, q99 = np.quantile(delays, (0.5, 0.9, 0.99)).tolist()
    within = tuple((bound, int((delays <= bound).sum())) for bound in BOUNDS)
    return Distribution(len(delays), median, q90, q99, float(delays.max()), within)


def beyond_habit(values: Publications, found: Punctuality) -> Flags:
    """Values that appeared later than the days of the four weeks before suggest, whatever the law allows."""
    if not len(values):
        return np.zeros(0, np.bool_)
    days = values.starts // DAY
    limits = _limits(_daily(found.lags, days - days[0]))
    beyond: Flags = found.lags > limits[days - days[0]]
    return beyond


def _daily(lags: Values, days: Instants) -> Values:
    """The lag that nine of ten values of a day keep; NaN for a day without examined values."""
    daily = np.full(int(days[-1]) + 1, np.nan)
    edges = np.flatnonzero(np.diff(days, prepend=-1))
    for first, last in zip(edges, np.append(edges[1:], len(days)), strict=True):
        known = lags[first:last][~np.isnan(lags[first:last])]
        if len(known):
            daily[days[first]] = np.quantile(known, HABIT_QUANTILE)
    return daily


def _limits(daily: Values) -> Values:
    """For each day the longest lag that is usual: the median of the days before and some spreads; NaN while unknown."""
    limits = np.full(len(daily), np.nan)
    for day in range(HABIT_MINIMUM, len(daily)):
        past = daily[max(0, day - HABIT_DAYS) : day]
        if (~np.isnan(past)).sum() >= HABIT_MINIMUM:
            usual = bn.nanmedian(past)
            spread = MAD * bn.nanmedian(np.abs(past - usual))
            limits[day] = usual + max(HABIT_SPREADS * spread, HABIT_FLOOR.total_seconds())
    return limits
