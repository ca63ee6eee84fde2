"""Synthetic series with the habits of real ones, seeded faults in them, and the score of flags against the faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from app.quality.models import DAY, Series, SeriesKind
from app.timeseries.rolling import Flags, Values

START = 1_704_067_200  # 2024-01-01T00:00Z, a Monday
WARM_DAYS = 56
EVENTS = 8

Event = tuple[int, int]


def load(days: int, step: int = 3600, seed: int = 1) -> Series:
    """Two daily peaks, quieter weekends, weather that wanders."""
    hours, weekday, rng = _clock(days, step, seed)
    shape = 8000 * np.sin(2 * np.pi * (hours - 8) / 24) + 2500 * np.sin(4 * np.pi * (hours - 7) / 24)
    values = 50_000 + shape * np.where(weekday < 5, 1.0, 0.7) - np.where(weekday < 5, 0, 5000)
    return Series(
        SeriesKind.LOAD, START, step, values + 1500 * _wander(rng, len(hours), step) + rng.normal(0, 150, len(hours))
    )


def price(days: int, step: int = 3600, seed: int = 2) -> Series:
    """Morning and evening peaks, calm and rough weeks, now and then below zero."""
    hours, weekday, rng = _clock(days, step, seed)
    shape = 25 * np.sin(4 * np.pi * (hours - 4) / 24) - 10 * (weekday >= 5)
    rough = np.exp(0.5 * _wander(rng, len(hours), step))
    values = 70 + shape * rough + 20 * _wander(rng, len(hours), step) + rng.standard_t(4, len(hours)) * 2 * rough
    return Series(SeriesKind.PRICE, START, step, np.round(values, 2))


def wind(days: int, step: int = 3600, seed: int = 3) -> Series:
    """Fronts that pass; no time of day."""
    hours, _, rng = _clock(days, step, seed)
    share = 1 / (1 + np.exp(1 - 1.2 * _wander(rng, len(hours), step)))
    return Series(SeriesKind.WIND, START, step, 40_000 * share + 300 + rng.normal(0, 60, len(hours)))


def solar(days: int, step: int = 3600, seed: int = 4) -> Series:
    """Days that lengthen and shorten, clouds, zero at night."""
    hours, _, rng = _clock(days, step, seed)
    season = np.sin(2 * np.pi * (np.arange(len(hours)) * step / DAY - 80) / 365)
    height = np.cos((hours - 12) / 24 * 2 * np.pi) + 0.5 * season
    clouds = 0.65 + 0.25 * np.tanh(_wander(rng, len(hours), step))
    return Series(SeriesKind.SOLAR, START, step, np.round(30_000 * np.fmax(height, 0) * clouds, 1))


def forecast_of(series: Series, seed: int = 9, error: float = 0.02) -> Values:
    """A forecast whose errors last some hours."""
    rng = np.random.default_rng(seed)
    size = len(series.values)
    return series.values + error * np.abs(series.values) * (_wander(rng, size, series.step) + rng.normal(0, 0.3, size))


def _clock(days: int, step: int, seed: int) -> tuple[Values, Values, np.random.Generator]:
    seconds = np.arange(days * DAY // step) * step
    return seconds % DAY / 3600.0, (seconds // DAY % 7).astype(np.float64), np.random.default_rng(seed)


def _wander(rng: np.random.Generator, size: int, step: int, days: float = 2.0) -> Values:
    """A mean-reverting walk of about unit spread that forgets within some days."""
    keep = np.exp(-step / (days * DAY))
    shocks = rng.normal(0, np.sqrt(1 - keep**2), size)
    walk = np.empty(size)
    level = 0.0
    for index, shock in enumerate(shocks.tolist()):
        level = keep * level + shock
        walk[index] = level
    return walk


@dataclass(frozen=True, slots=True)
class Part:
    """The stretch in which a fault shall be: its values, and where it lies in the series."""

    series: Series
    first: int
    end: int
    rng: np.random.Generator

    @property
    def values(self) -> Values:
        return self.series.values[self.first : self.end]

    @property
    def size(self) -> int:
        return self.end - self.first

    @property
    def range(self) -> float:
        low, high = np.nanpercentile(self.series.values, (5, 95))
        return float(high - low)

    def either(self, one: float, other: float) -> float:
        return one if self.rng.random() < 0.5 else other

    def from_earlier(self, points: int) -> Values:
        return self.series.values[self.first - points : self.end - points]


Fault = Callable[[Part], Values]

FAULTS: dict[str, tuple[Fault, tuple[int, int]]] = {
    "spike": (lambda part: part.values + part.either(-1, 1) * part.rng.uniform(0.5, 1.5) * part.range, (0, 0)),
    "stuck": (lambda part: np.full(part.size, part.values[0]), (6, 24)),
    "level_shift": (lambda part: part.values + part.either(-1, 1) * part.rng.uniform(0.3, 0.6) * part.range, (24, 72)),
    "sign_flip": (lambda part: -part.values, (1, 12)),
    "scale_1000": (lambda part: part.values * part.either(1000, 0.001), (1, 24)),
    "scale_4": (lambda part: part.values * part.either(4, 0.25), (1, 24)),
    "time_shift_1h": (lambda part: part.from_earlier(int(part.either(-1, 1)) * part.series.per_hour), (24, 168)),
    "zero_run": (lambda part: np.zeros(part.size), (1, 12)),
    "noise": (lambda part: part.values + part.rng.normal(0, 0.15 * part.range, part.size), (6, 24)),
    "linear_fill": (lambda part: np.linspace(part.values[0], part.values[-1], part.size), (6, 24)),
    "stale_copy": (lambda part: part.from_earlier(part.series.per_day), (12, 24)),
}
"""Each fault and how many hours it lasts, from and to; a spike lasts one to three values."""

PEER_FAULTS: dict[str, tuple[Fault, tuple[int, int]]] = {
    "swapped_zone": (lambda part: part.series.peers["zone"][part.first : part.end], (6, 24)),
}
"""Faults that need another series."""


def inject(series: Series, fault: str, seed: int, events: int = EVENTS) -> tuple[Series, list[Event]]:
    """The series with the fault in it some times, spread over the time after the warm-up, and where."""
    known = FAULTS | PEER_FAULTS
    rng = np.random.default_rng([seed, len(series.values), list(known).index(fault)])
    spoil, (least, most) = known[fault]
    day, values = series.per_day, series.values.copy()
    warm = WARM_DAYS * day
    room = (len(values) - warm - 8 * day) // events
    where = []
    for number in range(events):
        size = int(rng.integers(least, most + 1)) * series.per_hour if most else int(rng.integers(1, 4))
        first = warm + number * room + int(rng.integers(0, max(1, room - size - 3 * day)))
        if series.kind is SeriesKind.SOLAR:  # at night most of them would change nothing
            first += 9 * series.per_hour - first % day
        part = Part(series, first, first + max(size, 1), rng)
        values[part.first : part.end] = spoil(part)
        where.append((part.first, part.end - 1))
    return replace(series, values=values), where


def pieces(flags: Flags, per_day: int) -> list[Event]:
    """Alarms after the warm-up: flags at most three hours apart, cut into days."""
    index = np.flatnonzero(flags)
    index = index[index >= WARM_DAYS * per_day]
    if not len(index):
        return []
    breaks = np.flatnonzero(np.diff(index) > 3 * max(1, per_day // 24) + 1)
    firsts, lasts = index[np.r_[0, breaks + 1]].tolist(), index[np.r_[breaks, len(index) - 1]].tolist()
    return [
        (start, min(last, start + per_day - 1))
        for first, last in zip(firsts, lasts, strict=True)
        for start in range(first, last + 1, per_day)
    ]


def score(flags: Flags, events: list[Event], per_day: int) -> tuple[int, int, int, int]:
    """Events found (within an hour of their end), events, alarms that touch one (or the day after), alarms."""
    hour = max(1, per_day // 24)
    alarms = pieces(flags, per_day)
    found = sum(any(start <= last + hour and end >= first for start, end in alarms) for first, last in events)
    right = sum(any(start <= last + per_day and end >= first - hour for first, last in events) for start, end in alarms)
    return found, len(events), right, len(alarms)


def f1(found: int, events: int, right: int, alarms: int) -> float:
    recall, precision = found / max(events, 1), right / max(alarms, 1)
    return 2 * recall * precision / max(recall + precision, 1e-9)
