"""Which series an item has for an area or a border, in the platform's codes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from app.entsoe.market_document import Identity
from app.market.areas import Area, Border, Place, eic_check_character
from app.market.series import DataItem
from app.sandbox.noise import key_of
from app.sandbox.profiles import capacities

STORAGE = "B10"
WIND_AND_SOLAR: Mapping[str, str] = {"B16": "A94", "B18": "A93", "B19": "A93"}
"""Production types that are forecast, and the business type of their forecast."""

_PSR_TYPES = tuple(f"B{number:02}" for number in range(1, 21))
_TWO_SEQUENCES = {"AT", "DE_LU"}
_INTRADAY_AUCTIONS = {"ES", "PT"}
_LARGE = 1500.0
"""A type with more MW than this has several units."""


def identities(item: DataItem, place: Place) -> tuple[Identity, ...]:
    """The series that an item has for an area or a border, in the order of the document."""
    fixed = _FIXED.get(item)
    if fixed is not None:
        return fixed
    area = place.in_area if isinstance(place, Border) else place
    if item is DataItem.PRICE_DAY_AHEAD:
        return _prices(area)
    if item is DataItem.GENERATION_PER_UNIT:
        return units(area)
    plants = [psr for psr in _PSR_TYPES if psr in capacities(area)]
    if item is DataItem.GENERATION_ACTUAL:
        stores = [Identity("A01", psr, consumption=True) for psr in plants if psr == STORAGE]
        return (*(Identity("A01", psr) for psr in plants), *stores)
    return tuple(Identity(WIND_AND_SOLAR[psr], psr) for psr in plants if psr in WIND_AND_SOLAR)


_EXTREMES = (Identity("A60"), Identity("A61"))
_FIXED: Mapping[DataItem, tuple[Identity, ...]] = {
    DataItem.LOAD_ACTUAL: (Identity("A04"),),
    DataItem.LOAD_FORECAST_DAY_AHEAD: (Identity("A04"),),
    DataItem.LOAD_FORECAST_WEEK_AHEAD: _EXTREMES,
    DataItem.LOAD_FORECAST_MONTH_AHEAD: _EXTREMES,
    DataItem.LOAD_FORECAST_YEAR_AHEAD: _EXTREMES,
    DataItem.FORECAST_MARGIN: (Identity("A91"),),
    DataItem.GENERATION_FORECAST_DAY_AHEAD: (Identity("A01"),),
    DataItem.INSTALLED_CAPACITY: tuple(Identity("A37", psr) for psr in _PSR_TYPES),
    DataItem.RESERVOIR_FILLING: (Identity("A01"),),
    DataItem.FLOW_PHYSICAL: (Identity("A66"),),
    DataItem.EXCHANGE_SCHEDULED: (Identity("A06", contract="A01"), Identity("A06", contract="A05")),
    DataItem.TRANSFER_CAPACITY_DAY_AHEAD: (Identity("A27", contract="A01"),),
    DataItem.IMBALANCE_PRICE: (Identity("A19", category="A04"), Identity("A19", category="A05")),
    DataItem.IMBALANCE_VOLUME: (Identity("A19", flow_direction="A01"), Identity("A19", flow_direction="A02")),
}


def _prices(area: Area) -> tuple[Identity, ...]:
    sequences = ("1", "2") if area.code in _TWO_SEQUENCES else ("1",)
    day_ahead = [Identity("A62", contract="A01", sequence=sequence) for sequence in sequences]
    intraday = [Identity("A62", contract="A07", sequence="1")] if area.code in _INTRADAY_AUCTIONS else []
    return (*day_ahead, *intraday)


@lru_cache(maxsize=256)
def units(area: Area) -> tuple[Identity, ...]:
    """The generation units of an area, each with a well-formed EIC of its own; storage units also consume."""
    found = [
        _unit(area, psr, number)
        for psr, capacity in capacities(area).items()
        for number in range(1, 4 if capacity > _LARGE else 2)
    ]
    stores = [
        Identity("A01", STORAGE, consumption=True, unit_eic=unit.unit_eic, unit_name=unit.unit_name)
        for unit in found
        if unit.psr_type == STORAGE
    ]
    return (*found, *stores)


def _unit(area: Area, psr: str, number: int) -> Identity:
    name = f"{area.code.replace('_', ' ')} {psr} unit {number}"
    return Identity("A01", psr, unit_eic=_unit_eic(area, psr, number), unit_name=name)


def _unit_eic(area: Area, psr: str, number: int) -> str:
    """An EIC of a resource (type W); '-' is no check character, so another name is taken then."""
    attempt = 0
    while True:
        body = f"11WGK{psr}{key_of(area.eic, psr, number, attempt) % 16**6:06X}{number}"
        check = eic_check_character(body)
        if check != "-":
            return body + check
        attempt += 1
