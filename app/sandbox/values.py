"""The synthetic system: load, weather, generation, prices and flows at any instant.

Everything is a function of the seed, the series and the instant; only a forecast that is renewed during the day also
depends on the present.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.entsoe.market_document import Identity
from app.market.areas import Area, Border, Place
from app.market.series import DataItem
from app.market.time import Resolution
from app.sandbox.noise import fraction, key_of, smooth, steps, uniform
from app.sandbox.profiles import capacities, country, decimals, local_seconds, peak_load, sun
from app.sandbox.series import STORAGE, WIND_AND_SOLAR

Times = NDArray[np.int64]
SyntheticValues = NDArray[np.float64]

HOUR = 3600
DAY = 86_400
YEAR = 365.2425
_HOURS = (0, 3, 5, 7, 9, 12, 14, 17, 19, 21, 23, 24)
_DEMAND = (0.25, 0.05, 0.1, 0.6, 0.85, 0.9, 0.8, 0.85, 1.0, 0.75, 0.4, 0.25)
_WEEK = np.array([1.0, 1.0, 1.0, 1.0, 0.99, 0.88, 0.83])


@dataclass(frozen=True, slots=True)
class Grid:
    """Consecutive units of time: the start of each and the end of the last, in seconds since 1970."""

    resolution: Resolution
    zone: ZoneInfo
    bounds: Times

    @property
    def starts(self) -> Times:
        return self.bounds[:-1]


@dataclass(frozen=True, slots=True)
class ValueRequest:
    """One series on one grid, as seen at `now` (seconds since 1970)."""

    seed: int
    item: DataItem
    place: Place
    identity: Identity
    grid: Grid
    now: int

    @property
    def area(self) -> Area:
        return self.place.in_area if isinstance(self.place, Border) else self.place

    @property
    def border(self) -> Border:
        if not isinstance(self.place, Border):
            raise TypeError(f"{self.item} needs a border, not the area {self.place.code}")
        return self.place

    @property
    def starts(self) -> Times:
        return self.grid.starts

    @property
    def zone(self) -> ZoneInfo:
        return self.grid.zone

    def rounded(self, numbers: SyntheticValues, digits: int | None = None) -> SyntheticValues:
        """As many decimals as the area publishes unless told; never a negative zero."""
        return np.round(numbers, decimals(self.area) if digits is None else digits) + 0.0


def _day_and_week(starts: Times, zone: ZoneInfo) -> tuple[SyntheticValues, SyntheticValues]:
    local = local_seconds(starts, zone)
    shape = np.interp(local % DAY / HOUR, _HOURS, _DEMAND)
    return np.asarray(shape, dtype=np.float64), _WEEK[(local // DAY + 3) % 7]


def demand(starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The daily and weekly shape of demand, about 0 to 1."""
    day, week = _day_and_week(starts, zone)
    return day * week


def load(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The load in MW: daily, weekly and yearly shape, weather and noise."""
    key = key_of(seed, "load", area.eic)
    season = 1 + 0.12 * np.cos(2 * np.pi * (starts / DAY / YEAR - 0.04))
    weather = 1 + 0.03 * smooth(key, starts, 18 * HOUR) + 0.006 * uniform(key + 1, starts)
    day, week = _day_and_week(starts, zone)
    return peak_load(area) / 1.16 * (0.5 + 0.5 * day) * week * season * weather


def load_forecast(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    error = 0.02 * smooth(key_of(seed, "load forecast", area.eic), starts, 5 * HOUR)
    return load(seed, area, starts, zone) * (1 + error)


def wind(seed: int, area: Area, psr: str, starts: Times) -> SyntheticValues:
    """The wind's share of capacity: weather fronts of days with gusts of hours."""
    key = key_of(seed, "wind", psr, area.eic)
    fronts = smooth(key_of(seed, "wind", country(area)), starts, 40 * HOUR) + 0.5 * smooth(key, starts, 9 * HOUR)
    level = fronts + 0.12 * smooth(key + 1, starts, HOUR) + (0.35 if psr == "B18" else -0.2)
    return np.asarray(0.95 / (1 + np.exp(-2.6 * level)), dtype=np.float64)


def solar(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The sun's share of capacity, 0 at night."""
    key = key_of(seed, "solar", area.eic)
    clouds = 0.62 + 0.3 * smooth(key, starts, 20 * HOUR) + 0.08 * smooth(key + 1, starts, 2 * HOUR)
    return np.asarray(sun(starts, zone) ** 1.2 * clouds, dtype=np.float64)


def storage(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The share of the pumped storage: positive while it generates, negative while it pumps, 0 in between."""
    key = key_of(seed, "storage", area.eic)
    signal = 1.1 * (demand(starts, zone) - 0.55) - 0.6 * sun(starts, zone) + 0.3 * smooth(key, starts, 5 * HOUR)
    return np.where(np.abs(signal) < 0.12, 0.0, np.clip(signal, -0.9, 0.9))


_LEVELS = {
    "B06": (0.05, 0.1, 3 * HOUR),
    "B09": (0.7, 0.1, 12 * HOUR),
    "B14": (0.85, 0.12, 3 * HOUR),
    "B15": (0.5, 0.04, 900),
    "B17": (0.6, 0.15, 2 * HOUR),
    "B20": (0.3, 0.04, 900),
}
"""Types that keep a level: its base and spread as shares, and for how many seconds; A03 leaves levels out."""


def _share(seed: int, area: Area, psr: str, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The output of a production type as a share of its capacity."""
    key = key_of(seed, "generation", psr, area.eic)
    if psr == "B16":
        return solar(seed, area, starts, zone)
    if psr in WIND_AND_SOLAR:
        return wind(seed, area, psr, starts)
    if psr in _LEVELS:
        base, spread, hold = _LEVELS[psr]
        return base + spread * steps(key, starts, hold)
    if psr in {"B01", "B11", "B12"}:
        level = 0.45 + 0.25 * smooth(key, starts, 9 * DAY) + 0.1 * smooth(key + 1, starts, 3 * HOUR)
        return level + 0.02 * uniform(key, starts)
    following = 0.25 + 0.5 * demand(starts, zone) - 0.2 * sun(starts, zone)
    return np.clip(following + 0.2 * smooth(key, starts, 30 * HOUR) + 0.02 * uniform(key, starts), 0.02, 0.98)


def generation(wanted: ValueRequest) -> SyntheticValues:
    """The output (or the pumping) of the production type in MW, not rounded."""
    psr, common = wanted.identity.psr_type, (wanted.starts, wanted.zone)
    capacity = capacities(wanted.area)[psr]
    if psr == STORAGE:
        share = storage(wanted.seed, wanted.area, *common)
        return capacity * np.maximum(0.0, -share if wanted.identity.consumption else share)
    return capacity * np.maximum(0.0, _share(wanted.seed, wanted.area, psr, *common))


def price(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The spot price: demand and weather of the continent, with a solar valley that goes below zero."""
    common = 25 * smooth(key_of(seed, "price"), starts, 5 * DAY)
    own = 12 * smooth(key_of(seed, "price", area.eic), starts, 8 * HOUR)
    windy = 40 * (wind(seed, area, "B19", starts) - 0.4)
    valley = 150 * solar(seed, area, starts, zone)
    return 85 + 70 * (demand(starts, zone) - 0.6) + common + own - windy - valley


def border_ends(border: Border) -> tuple[str, str]:
    """Both ends in an order that does not depend on the direction."""
    first, second = sorted((border.out_area.eic, border.in_area.eic))
    return first, second


def border_sign(border: Border) -> float:
    return 1.0 if border.out_area.eic == border_ends(border)[0] else -1.0


def transfer_limit(border: Border) -> float:
    """The size of an interconnection in MW, the same in both directions."""
    return 400.0 + 2600.0 * fraction("limit", *border_ends(border))


def exchange(seed: int, border: Border, starts: Times) -> SyntheticValues:
    """The energy over a border in MW, positive in the border's direction; both directions mirror each other."""
    key = key_of(seed, "border", *border_ends(border))
    bias = fraction("bias", *border_ends(border)) - 0.5
    signal = bias + 0.6 * smooth(key, starts, 18 * HOUR) + 0.3 * smooth(key + 1, starts, 4 * HOUR)
    return border_sign(border) * transfer_limit(border) * np.clip(signal, -1, 1)


def imbalance(seed: int, area: Area, starts: Times) -> SyntheticValues:
    """The system's imbalance as a share of its usual size: positive is a surplus."""
    key = key_of(seed, "imbalance", area.eic)
    return 0.7 * smooth(key, starts, 4 * HOUR) + 0.3 * (2 * uniform(key, starts) - 1)
