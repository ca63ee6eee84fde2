"""The series of an area that depend on its plants and auctions, in the platform's codes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from app.entsoe.market_document import Identity
from app.market.areas import Area, eic_check_character
from app.sandbox.noise import key_of
from app.sandbox.profiles import capacities

STORAGE = "B10"
WIND_AND_SOLAR: Mapping[str, str] = {"B16": "A94", "B18": "A93", "B19": "A93"}
"""Production types that are forecast, and the business type of their forecast."""

EVERY_TYPE = tuple(f"B{number:02}" for number in range(1, 21))
_TWO_SEQUENCES = {"AT", "DE_LU"}
_INTRADAY_AUCTIONS = {"ES", "PT"}
_LARGE = 1500.0
"""A type with more MW than this has several units."""


def plants(area: Area) -> tuple[Identity, ...]:
    """The production types of an area; what stores take in is a series of its own."""
    found = _types_of(area)
    stores = [Identity("A01", psr, consumption=True) for psr in found if psr == STORAGE]
    return (*(Identity("A01", psr) for psr in found), *stores)


def forecast_plants(area: Area) -> tuple[Identity, ...]:
    """The production types whose output is forecast."""
    return tuple(Identity(WIND_AND_SOLAR[psr], psr) for psr in _types_of(area) if psr in WIND_AND_SOLAR)


def _types_of(area: Area) -> list[str]:
    return [psr for psr in EVERY_TYPE if psr in capacities(area)]


def auctions(area: Area) -> tuple[Identity, ...]:
    """The auctions of the day-ahead price, with those of the day where they come in the same answer."""
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
