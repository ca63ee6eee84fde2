"""The data items of the synthetic system: which series each has, and their values.

A data item is one row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.entsoe.market_document import Identity
from app.market.areas import Area, Border, Place
from app.market.series import DataItem
from app.sandbox.noise import fraction, key_of, smooth, steps, uniform
from app.sandbox.profiles import capacities, peak_load
from app.sandbox.series import EVERY_TYPE, WIND_AND_SOLAR, auctions, forecast_plants, plants, units
from app.sandbox.values import (
    DAY,
    HOUR,
    YEAR,
    SyntheticValues,
    Times,
    ValueRequest,
    border_ends,
    border_sign,
    exchange,
    generation,
    imbalance,
    load,
    load_forecast,
    price,
    transfer_limit,
)

FLOW_NOISE = 0.004
"""Of the size of an interconnection: without it a flow that bends slowly looks like a straight line."""


@dataclass(frozen=True, slots=True)
class SyntheticItem:
    """The series that an item has for an area, in the order of the document, and the value of each unit of one of them.

    A value is NaN where the series has none (the other direction of an imbalance).
    """

    series: Callable[[Area], tuple[Identity, ...]]
    values: Callable[[ValueRequest], SyntheticValues]


def identities(item: DataItem, place: Place) -> tuple[Identity, ...]:
    """The series that an item has for an area or a border, in the order of the document."""
    return SYNTHETIC[item].series(place.in_area if isinstance(place, Border) else place)


def values(wanted: ValueRequest) -> SyntheticValues:
    """The value of each unit of the grid; NaN where the series has none."""
    return SYNTHETIC[wanted.item].values(wanted)


def _always(*found: Identity) -> Callable[[Area], tuple[Identity, ...]]:
    return lambda _: found


def _load_actual(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(load(wanted.seed, wanted.area, wanted.starts, wanted.zone))


def _load_forecast(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(load_forecast(wanted.seed, wanted.area, wanted.starts, wanted.zone))


def _load_extreme(wanted: ValueRequest) -> SyntheticValues:
    """The least (A60) or greatest (A61) hour of each day or week."""
    bounds = wanted.grid.bounds
    hours = np.arange(bounds[0], bounds[-1], HOUR, dtype=np.int64)
    hourly = load_forecast(wanted.seed, wanted.area, hours, wanted.zone)
    extreme = np.minimum if wanted.identity.business_type == "A60" else np.maximum
    return wanted.rounded(extreme.reduceat(hourly, (wanted.starts - bounds[0]) // HOUR))


def _years_since_2020(wanted: ValueRequest) -> Times:
    return ((wanted.starts + 30 * DAY) / DAY / YEAR).astype(np.int64) - 50


def _margin(wanted: ValueRequest) -> SyntheticValues:
    share = 0.05 + 0.1 * uniform(key_of(wanted.seed, "margin", wanted.area.eic), _years_since_2020(wanted))
    return wanted.rounded(peak_load(wanted.area) * share, 0)


def _installed(wanted: ValueRequest) -> SyntheticValues:
    """Whole MW, 0 for types that the area does not have; wind and sun grow fast."""
    psr = wanted.identity.psr_type
    growth = 1 + (0.04 if psr in WIND_AND_SOLAR else 0.003) * _years_since_2020(wanted)
    return wanted.rounded(capacities(wanted.area).get(psr, 0.0) * np.maximum(growth, 0.3), 0)


def _reservoir(wanted: ValueRequest) -> SyntheticValues:
    season = 0.6 + 0.25 * np.sin(2 * np.pi * (wanted.starts / DAY / YEAR - 0.5))
    wobble = 0.05 * smooth(key_of(wanted.seed, "reservoir", wanted.area.eic), wanted.starts, 60 * DAY)
    return wanted.rounded(peak_load(wanted.area) * 400 * (season + wobble), 2)


def _generation(wanted: ValueRequest) -> SyntheticValues:
    return wanted.rounded(generation(wanted))


def _unit_generation(wanted: ValueRequest) -> SyntheticValues:
    """A part of the type's output; a unit stands still on some days, a wind farm or solar park never."""
    unit = wanted.identity
    days = uniform(key_of(wanted.seed, "outage", unit.unit_eic), wanted.starts // DAY)
    stopped = (days < 0.15) & (unit.psr_type not in WIND_AND_SOLAR)
    part = 0.08 + 0.2 * fraction("unit", unit.unit_eic)
    return wanted.rounded(np.where(stopped, 0.0, part * generation(wanted)), 1)


def _generation_forecast(wanted: ValueRequest) -> SyntheticValues:
    types = [replace(wanted, identity=Identity("A01", psr)) for psr in capacities(wanted.area)]
    total = np.sum([generation(one) for one in types], axis=0)
    key = key_of(wanted.seed, "generation forecast", wanted.area.eic)
    return wanted.rounded(total * (1 + 0.03 * smooth(key, wanted.starts, 4 * HOUR)))


def _wind_solar_forecast(renewed: int) -> Callable[[ValueRequest], SyntheticValues]:
    """A forecast made once (0), or renewed every so many seconds until delivery, each time nearer to the truth."""

    def forecast(wanted: ValueRequest) -> SyntheticValues:
        ahead = np.full(len(wanted.starts), 36 * HOUR, dtype=np.int64)
        if renewed:
            ahead = wanted.starts - np.minimum(wanted.starts, wanted.now) // renewed * renewed
        key = key_of(wanted.seed, "wind and solar forecast", wanted.identity.psr_type, wanted.area.eic)
        error = 0.18 * smooth(key, wanted.starts, 7 * HOUR) * np.minimum(1.0, 0.1 + ahead / (36 * HOUR))
        return wanted.rounded(generation(wanted) * (1 + error))

    return forecast


def _price(wanted: ValueRequest) -> SyntheticValues:
    auction = (wanted.area.eic, wanted.identity.contract, wanted.identity.sequence)
    spread = 1.5 if wanted.identity.sequence == "1" else 9.0
    noise = spread * (2 * uniform(key_of(wanted.seed, "auction", *auction), wanted.starts) - 1)
    return wanted.rounded(price(wanted.seed, wanted.area, wanted.starts, wanted.zone) + noise, 2)


def _flow(wanted: ValueRequest) -> SyntheticValues:
    """What meters show: the exchange with a small noise, below the limit of the interconnection."""
    border, limit = wanted.border, transfer_limit(wanted.border)
    noise = FLOW_NOISE * limit * (2 * uniform(key_of(wanted.seed, "meter", *border_ends(border)), wanted.starts) - 1)
    metered = exchange(wanted.seed, border, wanted.starts) + border_sign(border) * noise
    return wanted.rounded(np.clip(metered, 0.0, limit))


def _schedule(wanted: ValueRequest) -> SyntheticValues:
    """Day-ahead schedules (A01), and the total (A05), to which intraday trade adds."""
    border = wanted.border
    planned = exchange(wanted.seed, border, wanted.starts // HOUR * HOUR)
    if wanted.identity.contract == "A05":
        intraday = smooth(key_of(wanted.seed, "intraday", *border_ends(border)), wanted.starts, 3 * HOUR)
        planned = planned + border_sign(border) * 0.15 * transfer_limit(border) * intraday
    return wanted.rounded(np.maximum(0.0, planned), 0)


def _transfer_capacity(wanted: ValueRequest) -> SyntheticValues:
    level = 0.7 + 0.3 * steps(key_of(wanted.seed, "capacity", wanted.border.eic), wanted.starts, 8 * HOUR)
    return wanted.rounded(transfer_limit(wanted.border) * level, 0)


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


_EXTREMES = _always(Identity("A60"), Identity("A61"))

SYNTHETIC: Mapping[DataItem, SyntheticItem] = {
    DataItem.LOAD_ACTUAL: SyntheticItem(_always(Identity("A04")), _load_actual),
    DataItem.LOAD_FORECAST_DAY_AHEAD: SyntheticItem(_always(Identity("A04")), _load_forecast),
    DataItem.LOAD_FORECAST_WEEK_AHEAD: SyntheticItem(_EXTREMES, _load_extreme),
    DataItem.LOAD_FORECAST_MONTH_AHEAD: SyntheticItem(_EXTREMES, _load_extreme),
    DataItem.LOAD_FORECAST_YEAR_AHEAD: SyntheticItem(_EXTREMES, _load_extreme),
    DataItem.FORECAST_MARGIN: SyntheticItem(_always(Identity("A91")), _margin),
    DataItem.PRICE_DAY_AHEAD: SyntheticItem(auctions, _price),
    DataItem.GENERATION_ACTUAL: SyntheticItem(plants, _generation),
    DataItem.GENERATION_PER_UNIT: SyntheticItem(units, _unit_generation),
    DataItem.GENERATION_FORECAST_DAY_AHEAD: SyntheticItem(_always(Identity("A01")), _generation_forecast),
    DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD: SyntheticItem(forecast_plants, _wind_solar_forecast(0)),
    DataItem.WIND_SOLAR_FORECAST_INTRADAY: SyntheticItem(forecast_plants, _wind_solar_forecast(8 * HOUR)),
    DataItem.WIND_SOLAR_FORECAST_CURRENT: SyntheticItem(forecast_plants, _wind_solar_forecast(3 * HOUR)),
    DataItem.INSTALLED_CAPACITY: SyntheticItem(_always(*(Identity("A37", psr) for psr in EVERY_TYPE)), _installed),
    DataItem.RESERVOIR_FILLING: SyntheticItem(_always(Identity("A01")), _reservoir),
    DataItem.FLOW_PHYSICAL: SyntheticItem(_always(Identity("A66")), _flow),
    DataItem.EXCHANGE_SCHEDULED: SyntheticItem(
        _always(Identity("A06", contract="A01"), Identity("A06", contract="A05")), _schedule
    ),
    DataItem.TRANSFER_CAPACITY_DAY_AHEAD: SyntheticItem(_always(Identity("A27", contract="A01")), _transfer_capacity),
    DataItem.IMBALANCE_PRICE: SyntheticItem(
        _always(Identity("A19", category="A04"), Identity("A19", category="A05")), _imbalance_price
    ),
    DataItem.IMBALANCE_VOLUME: SyntheticItem(
        _always(Identity("A19", flow_direction="A01"), Identity("A19", flow_direction="A02")), _imbalance_volume
    ),
}
