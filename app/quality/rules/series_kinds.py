"""What a stored series is to the detectors: its kind, and whether it may be negative."""

from __future__ import annotations

from dataclasses import dataclass

from app.market.areas import by_eic
from app.market.series import DataItem, SeriesKey
from app.quality.models import SeriesKind

STORAGE = frozenset({"B10", "B25"})
"""Pumped storage and batteries: what they take in may be written as negative output."""
_OF_TYPE = {
    "B14": SeriesKind.NUCLEAR,
    "B12": SeriesKind.RESERVOIR,
    "B16": SeriesKind.SOLAR,
    "B18": SeriesKind.WIND,
    "B19": SeriesKind.WIND,
}
_BY_TYPE = frozenset(
    {
        DataItem.GENERATION_ACTUAL,
        DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
        DataItem.WIND_SOLAR_FORECAST_INTRADAY,
        DataItem.WIND_SOLAR_FORECAST_CURRENT,
    }
)
_KINDS = {
    DataItem.LOAD_ACTUAL: SeriesKind.LOAD,
    DataItem.LOAD_FORECAST_DAY_AHEAD: SeriesKind.LOAD,
    DataItem.PRICE_DAY_AHEAD: SeriesKind.PRICE,
    DataItem.GENERATION_FORECAST_DAY_AHEAD: SeriesKind.GENERATION,
    DataItem.FLOW_PHYSICAL: SeriesKind.FLOW,
    DataItem.EXCHANGE_SCHEDULED: SeriesKind.FLOW,
    DataItem.IMBALANCE_PRICE: SeriesKind.IMBALANCE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A stored series as far as rules care; `area` is an EIC, or two of them as `OUT>IN`."""

    item: DataItem
    area: str
    psr_type: str = ""
    direction: str = ""

    @classmethod
    def of(cls, key: SeriesKey) -> Subject:
        return cls(DataItem(key.item), key.area, key.psr_type, key.direction)

    @property
    def kind(self) -> SeriesKind | None:
        """The kind for the detectors; None for what they know nothing about (capacities, imbalance volumes, single units).

        What stores take in and give back follows the price of the hour, not a clock: to the detectors it is a flow.
        """
        if self.item in _BY_TYPE and (self.psr_type in STORAGE or self.direction == "consumption"):
            return SeriesKind.FLOW
        if self.item in _BY_TYPE:
            return _OF_TYPE.get(self.psr_type, SeriesKind.GENERATION)
        return _KINDS.get(self.item)

    @property
    def country(self) -> str:
        """The first part of the area's code, such as DE of DE_LU; "" for a border or an unknown area."""
        area = by_eic(self.area)
        return area.code.partition("_")[0] if area else ""
