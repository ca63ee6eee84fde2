"""Which other series can speak about a series: forecasts, capacities, parts, opposite flows, neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.market.areas import areas, borders_of, by_eic
from app.market.series import DataItem, SeriesKey
from app.quality.rules.series_kinds import Subject


class Role(StrEnum):
    """How another series relates to the one in question."""

    FORECAST = "forecast"
    MEASUREMENT = "measurement"
    CAPACITY = "capacity"
    PART = "part"
    GENERATION = "generation"
    CONSUMPTION = "consumption"
    IMPORT = "import"
    EXPORT = "export"
    OPPOSITE = "opposite"
    NEIGHBOUR = "neighbour"


@dataclass(frozen=True, slots=True)
class RelatedSeries:
    """A series to look for: its item, its canonical area, and, where it is not "", its production type."""

    role: Role
    item: DataItem
    area: str
    psr_type: str = ""
    direction: str = ""

    def fits(self, key: SeriesKey) -> bool:
        """Whether a stored series is the one."""
        return (
            (self.item.value, self.area) == (key.item, key.area)
            and self.psr_type in {"", key.psr_type}
            and (not self.direction or self.direction == (key.direction or "generation"))
        )

    @property
    def name(self) -> str:
        """What evidence calls it, such as `flow_physical FR>DE_LU` or `generation_actual DE_LU B16`."""
        codes = (area.code if (area := by_eic(eic)) else eic for eic in self.area.split(">"))
        return " ".join(filter(None, (self.item.value, ">".join(codes), self.psr_type)))


PARTS: dict[str, tuple[str, ...]] = {
    "DE": ("DE_50HZ", "DE_AMPRION", "DE_TENNET", "DE_TRANSNET"),
    "DE_LU": ("DE_50HZ", "DE_AMP_LU", "DE_TENNET", "DE_TRANSNET"),
    "DK": ("DK_1", "DK_2"),
    "IT": ("IT_NORD", "IT_CNOR", "IT_CSUD", "IT_SUD", "IT_CALA", "IT_SICI", "IT_SARD"),
    "NO": ("NO_1", "NO_2", "NO_3", "NO_4", "NO_5"),
    "SE": ("SE_1", "SE_2", "SE_3", "SE_4"),
}
"""Areas by code, and those that together make them up."""
_ADDITIVE = frozenset({DataItem.LOAD_ACTUAL, DataItem.GENERATION_ACTUAL})
_FORECASTS = {
    DataItem.LOAD_ACTUAL: (DataItem.LOAD_FORECAST_DAY_AHEAD,),
    DataItem.GENERATION_ACTUAL: (
        DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
        DataItem.WIND_SOLAR_FORECAST_INTRADAY,
        DataItem.WIND_SOLAR_FORECAST_CURRENT,
    ),
}
_MEASUREMENTS = {forecast: item for item, forecasts in _FORECASTS.items() for forecast in forecasts}
_DIRECTED = frozenset({DataItem.FLOW_PHYSICAL, DataItem.EXCHANGE_SCHEDULED})
_WEATHER = frozenset({"B16", "B18", "B19"})


def companions(key: SeriesKey) -> tuple[RelatedSeries, ...]:
    """What to look for in the store; most of it will not be there."""
    subject = Subject.of(key)
    if subject.item is DataItem.GENERATION_ACTUAL and subject.direction == "consumption":
        return ()
    return (*_forecasts(subject), *_parts(subject), *_balance(subject), *_opposite(subject), *_neighbours(subject))


def _forecasts(subject: Subject) -> Iterator[RelatedSeries]:
    if subject.item is DataItem.GENERATION_ACTUAL:
        yield RelatedSeries(Role.CAPACITY, DataItem.INSTALLED_CAPACITY, subject.area, subject.psr_type)
        if subject.psr_type not in _WEATHER:
            return
    for item in _FORECASTS.get(subject.item, ()):
        yield RelatedSeries(Role.FORECAST, item, subject.area, subject.psr_type)
    if measured := _MEASUREMENTS.get(subject.item):
        direction = "generation" if measured is DataItem.GENERATION_ACTUAL else ""
        yield RelatedSeries(Role.MEASUREMENT, measured, subject.area, subject.psr_type, direction)


def _parts(subject: Subject) -> Iterator[RelatedSeries]:
    area = by_eic(subject.area)
    if area and subject.item in _ADDITIVE:
        for code in PARTS.get(area.code, ()):
            direction = "generation" if subject.item is DataItem.GENERATION_ACTUAL else ""
            yield RelatedSeries(Role.PART, subject.item, areas()[code].eic, subject.psr_type, direction)


def _balance(subject: Subject) -> Iterator[RelatedSeries]:
    """Load is what is generated and imported less what is exported and stored."""
    area = by_eic(subject.area)
    if area is None or subject.item is not DataItem.LOAD_ACTUAL:
        return
    yield RelatedSeries(Role.GENERATION, DataItem.GENERATION_ACTUAL, subject.area, direction="generation")
    yield RelatedSeries(Role.CONSUMPTION, DataItem.GENERATION_ACTUAL, subject.area, direction="consumption")
    for border in borders_of(area):
        role = Role.EXPORT if border.out_area == area else Role.IMPORT
        yield RelatedSeries(role, DataItem.FLOW_PHYSICAL, border.eic)


def _opposite(subject: Subject) -> Iterator[RelatedSeries]:
    out_area, arrow, in_area = subject.area.partition(">")
    if arrow and subject.item in _DIRECTED:
        yield RelatedSeries(Role.OPPOSITE, subject.item, f"{in_area}>{out_area}")


def _neighbours(subject: Subject) -> Iterator[RelatedSeries]:
    area = by_eic(subject.area)
    if area and subject.item is DataItem.PRICE_DAY_AHEAD:
        for border in borders_of(area):
            if border.out_area == area:
                yield RelatedSeries(Role.NEIGHBOUR, subject.item, border.in_area.eic)
