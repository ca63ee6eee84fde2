"""The synthetic values: the value of any series of any item at any instant.

Everything is a function of the seed, the series and the instant; only a forecast that is renewed during the day also
depends on the present.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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

_HOUR = 3600
_DAY = 86_400
_YEAR = 365.2425
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


def values(wanted: ValueRequest) -> SyntheticValues:
    """The value of each unit of the grid; NaN where the series has none (the other direction of an imbalance)."""
    return _VALUES[wanted.item](wanted)


def _day_and_week(starts: Times, zone: ZoneInfo) -> tuple[SyntheticValues, SyntheticValues]:
    local = local_seconds(starts, zone)
    shape = np.interp(local % _DAY / _HOUR, _HOURS, _DEMAND)
    return np.asarray(shape, dtype=np.float64), _WEEK[(local // _DAY + 3) % 7]


def demand(starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The daily and weekly shape of demand, about 0 to 1."""
    day, week = _day_and_week(starts, zone)
    return day * week


def load(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The load in MW: daily, weekly and yearly shape, weather and noise."""
    key = key_of(seed, "load", area.eic)
    season = 1 + 0.12 * np.cos(2 * np.pi * (starts / _DAY / _YEAR - 0.04))
    weather = 1 + 0.03 * smooth(key, starts, 18 * _HOUR) + 0.006 * uniform(key + 1, starts)
    day, week = _day_and_week(starts, zone)
    return peak_load(area) / 1.16 * (0.5 + 0.5 * day) * week * season * weather


def load_forecast(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    error = 0.02 * smooth(key_of(seed, "load forecast", area.eic), starts, 5 * _HOUR)
    return load(seed, area, starts, zone) * (1 + error)


def _load_actual(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(load(wanted.seed, wanted.area, wanted.starts, wanted.zone))


def _load_forecast(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(load_forecast(wanted.seed, wanted.area, wanted.starts, wanted.zone))


def _load_extreme(wanted: ValueRequest) -> SyntheticValues:
    """The least (A60) or greatest (A61) hour of each day or week."""
    bounds = wanted.grid.bounds
    hours = np.arange(bounds[0], bounds[-1], _HOUR, dtype=np.int64)
    hourly = load_forecast(wanted.seed, wanted.area, hours, wanted.zone)
    extreme = np.minimum if wanted.identity.business_type == "A60" else np.maximum
    return wanted.rounded(extreme.reduceat(hourly, (wanted.starts - bounds[0]) // _HOUR))


def _years_since_2020(wanted: ValueRequest) -> Times:
    return ((wanted.starts + 30 * _DAY) / _DAY / _YEAR).astype(np.int64) - 50


def _margin(wanted: ValueRequest) -> SyntheticValues:
    share = 0.05 + 0.1 * uniform(key_of(wanted.seed, "margin", wanted.area.eic), _years_since_2020(wanted))
    return wanted.rounded(peak_load(wanted.area) * share, 0)


def _installed(wanted: ValueRequest) -> SyntheticValues:
    """Whole MW, 0 for types that the area does not have; wind and sun grow fast."""
    psr = wanted.identity.psr_type
    growth = 1 + (0.04 if psr in WIND_AND_SOLAR else 0.003) * _years_since_2020(wanted)
    return wanted.rounded(capacities(wanted.area).get(psr, 0.0) * np.maximum(growth, 0.3), 0)


def _reservoir(wanted: ValueRequest) -> SyntheticValues:
    season = 0.6 + 0.25 * np.sin(2 * np.pi * (wanted.starts / _DAY / _YEAR - 0.5))
    wobble = 0.05 * smooth(key_of(wanted.seed, "reservoir", wanted.area.eic), wanted.starts, 60 * _DAY)
    return wanted.rounded(peak_load(wanted.area) * 400 * (season + wobble), 2)


def wind(seed: int, area: Area, psr: str, starts: Times) -> SyntheticValues:
    """The wind's share of capacity: weather fronts of days with gusts of hours."""
    key = key_of(seed, "wind", psr, area.eic)
    fronts = smooth(key_of(seed, "wind", country(area)), starts, 40 * _HOUR) + 0.5 * smooth(key, starts, 9 * _HOUR)
    level = fronts + 0.12 * smooth(key + 1, starts, _HOUR) + (0.35 if psr == "B18" else -0.2)
    return np.asarray(0.95 / (1 + np.exp(-2.6 * level)), dtype=np.float64)


def solar(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The sun's share of capacity, 0 at night."""
    key = key_of(seed, "solar", area.eic)
    clouds = 0.62 + 0.3 * smooth(key, starts, 20 * _HOUR) + 0.08 * smooth(key + 1, starts, 2 * _HOUR)
    return np.asarray(sun(starts, zone) ** 1.2 * clouds, dtype=np.float64)


def storage(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The share of the pumped storage: positive while it generates, negative while it pumps, 0 in between."""
    key = key_of(seed, "storage", area.eic)
    signal = 1.1 * (demand(starts, zone) - 0.55) - 0.6 * sun(starts, zone) + 0.3 * smooth(key, starts, 5 * _HOUR)
    return np.where(np.abs(signal) < 0.12, 0.0, np.clip(signal, -0.9, 0.9))


_LEVELS = {
    "B06": (0.05, 0.1, 3 * _HOUR),
    "B09": (0.7, 0.1, 12 * _HOUR),
    "B14": (0.85, 0.12, 3 * _HOUR),
    "B15": (0.5, 0.04, 900),
    "B17": (0.6, 0.15, 2 * _HOUR),
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
        level = 0.45 + 0.25 * smooth(key, starts, 9 * _DAY) + 0.1 * smooth(key + 1, starts, 3 * _HOUR)
        return level + 0.02 * uniform(key, starts)
    following = 0.25 + 0.5 * demand(starts, zone) - 0.2 * sun(starts, zone)
    return np.clip(following + 0.2 * smooth(key, starts, 30 * _HOUR) + 0.02 * uniform(key, starts), 0.02, 0.98)


def generation(wanted: ValueRequest) -> SyntheticValues:
    """The output (or the pumping) of the production type in MW, not rounded."""
    psr, common = wanted.identity.psr_type, (wanted.starts, wanted.zone)
    capacity = capacities(wanted.area)[psr]
    if psr == STORAGE:
        share = storage(wanted.seed, wanted.area, *common)
        return capacity * np.maximum(0.0, -share if wanted.identity.consumption else share)
    return capacity * np.maximum(0.0, _share(wanted.seed, wanted.area, psr, *common))


def _generation(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(generation(wanted))


def _unit_generation(wanted: ValueRequest) -> SyntheticValues:
    """A part of the type's output; a unit stands still on some days, a wind farm or solar park never."""
    unit = wanted.identity
    days = uniform(key_of(wanted.seed, "outage", unit.unit_eic), wanted.starts // _DAY)
    stopped = (days < 0.15) & (unit.psr_type not in WIND_AND_SOLAR)
    part = 0.08 + 0.2 * fraction("unit", unit.unit_eic)
    return wanted.rounded(np.where(stopped, 0.0, part * generation(wanted)), 1)


def _generation_forecast(wanted: ValueRequest) -> SyntheticValues:
    types = [replace(wanted, identity=Identity("A01", psr)) for psr in capacities(wanted.area)]
    total = np.sum([generation(one) for one in types], axis=0)
    key = key_of(wanted.seed, "generation forecast", wanted.area.eic)
    return wanted.rounded(total * (1 + 0.03 * smooth(key, wanted.starts, 4 * _HOUR)))


def _wind_solar_forecast(renewed: int) -> Callable[[ValueRequest], SyntheticValues]:
    """A forecast made once (0), or renewed every so many seconds until delivery, each time nearer to the truth."""

    def forecast(wanted: ValueRequest) -> SyntheticValues:
        ahead = np.full(len(wanted.starts), 36 * _HOUR, dtype=np.int64)
        if renewed:
            ahead = wanted.starts - np.minimum(wanted.starts, wanted.now) // renewed * renewed
        key = key_of(wanted.seed, "wind and solar forecast", wanted.identity.psr_type, wanted.area.eic)
        error = 0.18 * smooth(key, wanted.starts, 7 * _HOUR) * np.minimum(1.0, 0.1 + ahead / (36 * _HOUR))
        return wanted.rounded(generation(wanted) * (1 + error))

    return forecast


def price(seed: int, area: Area, starts: Times, zone: ZoneInfo) -> SyntheticValues:
    """The spot price: demand and weather of the continent, with a solar valley that goes below zero."""
    common = 25 * smooth(key_of(seed, "price"), starts, 5 * _DAY)
    own = 12 * smooth(key_of(seed, "price", area.eic), starts, 8 * _HOUR)
    windy = 40 * (wind(seed, area, "B19", starts) - 0.4)
    valley = 150 * solar(seed, area, starts, zone)
    return 85 + 70 * (demand(starts, zone) - 0.6) + common + own - windy - valley


def _price(wanted: ValueRequest) -> SyntheticValues:
    auction = (wanted.area.eic, wanted.identity.contract, wanted.identity.sequence)
    spread = 1.5 if wanted.identity.sequence == "1" else 9.0
    noise = spread * (2 * uniform(key_of(wanted.seed, "auction", *auction), wanted.starts) - 1)
    return wanted.rounded(price(wanted.seed, wanted.area, wanted.starts, wanted.zone) + noise, 2)


def _ends(border: Border) -> tuple[str, str]:
    """Both ends in an order that does not depend on the direction."""
    first, second = sorted((border.out_area.eic, border.in_area.eic))
    return first, second


def _sign(border: Border) -> float:
    return 1.0 if border.out_area.eic == _ends(border)[0] else -1.0


FLOW_NOISE = 0.004
"""Of the size of an interconnection: without it a flow that bends slowly looks like a straight line."""


def transfer_limit(border: Border) -> float:
    """The size of an interconnection in MW, the same in both directions."""
    return 400.0 + 2600.0 * fraction("limit", *_ends(border))


def exchange(seed: int, border: Border, starts: Times) -> SyntheticValues:
    """The energy over a border in MW, positive in the border's direction; both directions mirror each other."""
    key = key_of(seed, "border", *_ends(border))
    bias = fraction("bias", *_ends(border)) - 0.5
    signal = bias + 0.6 * smooth(key, starts, 18 * _HOUR) + 0.3 * smooth(key + 1, starts, 4 * _HOUR)
    return _sign(border) * transfer_limit(border) * np.clip(signal, -1, 1)


def _flow(wanted: ValueRequest) -> SyntheticValues:
    """What meters show: the exchange with a small noise, below the limit of the interconnection."""
    border, limit = wanted.border, transfer_limit(wanted.border)
    noise = FLOW_NOISE * limit * (2 * uniform(key_of(wanted.seed, "meter", *_ends(border)), wanted.starts) - 1)
    metered = exchange(wanted.seed, border, wanted.starts) + _sign(border) * noise
    return wanted.rounded(np.clip(metered, 0.0, limit))


def _schedule(wanted: ValueRequest) -> SyntheticValues:
    """Day-ahead schedules (A01), and the total (A05), to which intraday trade adds."""
    border = wanted.border
    planned = exchange(wanted.seed, border, wanted.starts // _HOUR * _HOUR)
    if wanted.identity.contract == "A05":
        intraday = smooth(key_of(wanted.seed, "intraday", *_ends(border)), wanted.starts, 3 * _HOUR)
        planned = planned + _sign(border) * 0.15 * transfer_limit(border) * intraday
    return wanted.rounded(np.maximum(0.0, planned), 0)


def _transfer_capacity(wanted: ValueRequest) -> SyntheticValues:
    level = 0.7 + 0.3 * steps(key_of(wanted.seed, "capacity", wanted.border.eic), wanted.starts, 8 * _HOUR)
    return wanted.rounded(transfer_limit(wanted.border) * level, 0)


def imbalance(seed: int, area: Area, starts: Times) -> SyntheticValues:
    """The system's imbalance as a share of its usual size: positive is a surplus."""
    key = key_of(seed, "imbalance", area.eic)
    return 0.7 * smooth(key, starts, 4 * _HOUR) + 0.3 * (2 * uniform(key, starts) - 1)


def _imbalance_price(wanted: ValueRequest) -> SyntheticValues:
    """One price for both categories but in every twentieth period."""
    common = (wanted.seed, wanted.area, wanted.starts)
    settled = price(*common, wanted.zone) - 90 * imbalance(*common)
    if wanted.identity.category == "A05":
        dual = uniform(key_of(wanted.seed, "dual", wanted.area.eic), wanted.starts) < 0.05
        settled = settled + np.where(dual, 15.0, 0.0)
    return wanted.rounded(settled, 2)


def _imbalance_volume(wanted: ValueRequest) -> SyntheticValues:
    """A period is either a surplus (A01) or a deficit (A02); its volume is written without a sign."""
    size = 0.012 * peak_load(wanted.area)
    volume = wanted.rounded(size * imbalance(wanted.seed, wanted.area, wanted.starts), 2)
    mine = volume >= 0 if wanted.identity.flow_direction == "A01" else volume < 0
    return np.where(mine, np.abs(volume), np.nan)


_VALUES: dict[DataItem, Callable[[ValueRequest], SyntheticValues]] = {
    DataItem.LOAD_ACTUAL: _load_actual,
    DataItem.LOAD_FORECAST_DAY_AHEAD: _load_forecast,
    DataItem.LOAD_FORECAST_WEEK_AHEAD: _load_extreme,
    DataItem.LOAD_FORECAST_MONTH_AHEAD: _load_extreme,
    DataItem.LOAD_FORECAST_YEAR_AHEAD: _load_extreme,
    DataItem.FORECAST_MARGIN: _margin,
    DataItem.PRICE_DAY_AHEAD: _price,
    DataItem.GENERATION_ACTUAL: _generation,
    DataItem.GENERATION_PER_UNIT: _unit_generation,
    DataItem.GENERATION_FORECAST_DAY_AHEAD: _generation_forecast,
    DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD: _wind_solar_forecast(0),
    DataItem.WIND_SOLAR_FORECAST_INTRADAY: _wind_solar_forecast(8 * _HOUR),
    DataItem.WIND_SOLAR_FORECAST_CURRENT: _wind_solar_forecast(3 * _HOUR),
    DataItem.INSTALLED_CAPACITY: _installed,
    DataItem.RESERVOIR_FILLING: _reservoir,
    DataItem.FLOW_PHYSICAL: _flow,
    DataItem.EXCHANGE_SCHEDULED: _schedule,
    DataItem.TRANSFER_CAPACITY_DAY_AHEAD: _transfer_capacity,
    DataItem.IMBALANCE_PRICE: _imbalance_price,
    DataItem.IMBALANCE_VOLUME: _imbalance_volume,
}
