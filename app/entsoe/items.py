"""The data items of the ENTSO-E Transparency Platform: how each is asked for, its limits and its deadline.

A data item is one row here, one in `sandbox/items.py` and one member of `DataItem`. Parameters and limits follow the
platform's published request collection; articles are those of Regulation (EU) 543/2013 and, from 17 on, Regulation (EU)
2017/2195 art. 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from types import MappingProxyType

from app.errors import ConfigurationError
from app.market.areas import Area, AreaKind, Border, Place, areas, borders_of
from app.market.calendar import (
    AfterDelivery,
    DayOfMonthBeforeYear,
    DaysBefore,
    DaysBeforeMonth,
    FridayBefore,
    PublicationRule,
    WorkingDayAfterWeek,
)
from app.market.series import DataItem
from app.market.time import Interval, Resolution, split_interval

SOURCE = "entsoe"

PHYSICAL = frozenset({AreaKind.COUNTRY, AreaKind.BIDDING_ZONE, AreaKind.CONTROL_AREA})
ZONES = frozenset({AreaKind.BIDDING_ZONE})
BALANCING = frozenset({AreaKind.CONTROL_AREA, AreaKind.MARKET_BALANCE_AREA})
SETTLED = BALANCING | {AreaKind.IMBALANCE_PRICE_AREA}


@dataclass(frozen=True, slots=True)
class Instead:
    """The one area that answers for others, and the first local day of its values."""

    code: str
    others: frozenset[str]
    since: date | None = None

    def area(self) -> Area:
        """The area with the time in which it has values of the item."""
        found = areas()[self.code]
        return replace(found, since=self.since) if self.since else found

    def stands_for(self, place: Place) -> bool:
        return place.code in self.others or place.code == self.code


# Asked for the zone or for a control area, 17.1.G of Germany says "no matching data" for ever.
_GERMAN_SETTLEMENT = Instead(
    "DE",
    frozenset({"DE_LU", "DE_50HZ", "DE_AMPRION", "DE_AMP_LU", "DE_TENNET", "DE_TRANSNET"}),
    since=date(2022, 6, 22),
)
# Between countries Ukraine's flows are zeros; they are published for its synchronous area.
_UKRAINIAN_BORDERS = Instead("UA_IPS", frozenset({"UA"}))


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """One data item.

    `name`: what the platform calls it in its messages.
    `domains`: the request parameters that carry the area; for a border the parameters of the out and of the in area.
    `months`/`days`: the longest window of one request of ours, never above the platform's limit `limit`.
    `max_series`: the platform's limit of TimeSeries in one answer; `pages`: whether `offset` asks for the rest.
    """

    item: DataItem
    article: str
    name: str
    document_type: str
    process_type: str
    domains: tuple[str, ...]
    kinds: frozenset[AreaKind]
    publication: PublicationRule
    resolutions: tuple[Resolution, ...]
    unit: str
    limit: str = "1 year"
    months: int = 12
    days: int = 0
    max_series: int | None = None
    pages: bool = False
    border: bool = False
    directed: bool = False
    parameters: tuple[tuple[str, str], ...] = ()
    instead: Instead | None = None

    def request_parameters(self, place: Place) -> dict[str, str]:
        """The query of this item for an area or a border, without its period."""
        query = {"documentType": self.document_type}
        if self.process_type:
            query["processType"] = self.process_type
        query.update(self.parameters)
        if isinstance(place, Border):
            out_parameter, in_parameter = self.domains
            query.update({out_parameter: place.out_area.eic, in_parameter: place.in_area.eic})
        else:
            query.update(dict.fromkeys(self.domains, place.eic))
        return query

    def exists_for(self, place: Place) -> bool:
        """Whether the platform has the item for areas of these kinds."""
        if isinstance(place, Border) != self.border:
            return False
        if self.instead and self.instead.stands_for(place):
            return place.code == self.instead.code
        ends = (place.out_area, place.in_area) if isinstance(place, Border) else (place,)
        return all(area.kinds & self.kinds for area in ends)


_MINUTES = (Resolution.PT15M, Resolution.PT30M, Resolution.PT60M)
_HOUR_AFTER = timedelta(hours=1)
_BORDER = ("out_Domain", "in_Domain")
_LOAD = ("outBiddingZone_Domain",)
_IN = ("in_Domain",)

# One row a data item reads as the table it is.
# fmt: off
_SPECS = (
    ItemSpec(
        DataItem.LOAD_ACTUAL, "6.1.A", "ACTUAL_TOTAL_LOAD [6.1.A]", "A65", "A16", _LOAD, PHYSICAL,
        AfterDelivery(_HOUR_AFTER, "Art. 6(2)(a)"), _MINUTES, "MAW",
    ),
    ItemSpec(
        DataItem.LOAD_FORECAST_DAY_AHEAD, "6.1.B", "DAY_AHEAD_TOTAL_LOAD_FORECAST [6.1.B]", "A65", "A01", _LOAD, PHYSICAL,
        DaysBefore(1, time(10, 0), "Art. 6(2)(b): two hours before gate closure"), _MINUTES, "MAW",
    ),
    ItemSpec(
        DataItem.LOAD_FORECAST_WEEK_AHEAD, "6.1.C", "TOTAL_LOAD_FORECAST [6.1.C&D&E]", "A65", "A31", _LOAD, PHYSICAL,
        FridayBefore(time(10, 0), "Art. 6(2)(c): two hours before gate closure"), (Resolution.P1D,), "MAW",
    ),
    ItemSpec(
        DataItem.LOAD_FORECAST_MONTH_AHEAD, "6.1.D", "TOTAL_LOAD_FORECAST [6.1.C&D&E]", "A65", "A32", _LOAD, PHYSICAL,
        DaysBeforeMonth(7, "Art. 6(2)(d)"), (Resolution.P7D,), "MAW",
    ),
    ItemSpec(
        DataItem.LOAD_FORECAST_YEAR_AHEAD, "6.1.E", "TOTAL_LOAD_FORECAST [6.1.C&D&E]", "A65", "A33", _LOAD, PHYSICAL,
        DayOfMonthBeforeYear(15, "Art. 6(2)(e)"), (Resolution.P7D,), "MAW",
    ),
    ItemSpec(
        DataItem.FORECAST_MARGIN, "8.1", "YEAR_AHEAD_FORECAST_MARGIN [8.1]", "A70", "A33", _LOAD, PHYSICAL,
        DayOfMonthBeforeYear(15, "Art. 8(2)"), (Resolution.P1Y,), "MAW",
    ),
    ItemSpec(
        # One TimeSeries a day and auction sequence: two sequences over 45 days stay below the limit of 100.
        # Without the contract type some zones mix intraday auctions (A07) into the answer.
        DataItem.PRICE_DAY_AHEAD, "12.1.D", "ENERGY_PRICES [12.1.D]", "A44", "", ("in_Domain", "out_Domain"), ZONES,
        DaysBefore(1, time(13, 45), "Art. 12(2): an hour after gate closure; in practice 12:55 to 13:45"),
        _MINUTES, "EUR/MWH", months=0, days=45, max_series=100, pages=True, parameters=(("contract_MarketAgreement.type", "A01"),),
    ),
    ItemSpec(
        # A month of sixteen types at a quarter of an hour is 7 MB of XML; a year would be 80 MB.
        DataItem.GENERATION_ACTUAL, "16.1.B&C", "AGGREGATED_GENERATION_PER_TYPE [16.1.B&C]", "A75", "A16", _IN, PHYSICAL,
        AfterDelivery(_HOUR_AFTER, "Art. 16(2)(b) and (c)"), _MINUTES, "MAW", months=1, directed=True,
    ),
    ItemSpec(
        DataItem.GENERATION_PER_UNIT, "16.1.A", "ACTUAL_GENERATION_OUTPUT_PER_UNIT_R3 [16.1.A]", "A73", "A16", _IN, PHYSICAL,
        AfterDelivery(timedelta(days=5), "Art. 16(2)(a)"),
        _MINUTES, "MAW", limit="1 day", months=0, days=1, directed=True,
    ),
    ItemSpec(
        DataItem.GENERATION_FORECAST_DAY_AHEAD, "14.1.C", "DAY_AHEAD_AGGREGATED_GENERATION [14.1.C]", "A71", "A01", _IN, PHYSICAL,
        DaysBefore(1, time(18, 0), "Art. 14(2)(c)"), _MINUTES, "MAW", directed=True,
    ),
    ItemSpec(
        DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, "14.1.D", "WIND_AND_SOLAR_FORECAST [14.1.D]", "A69", "A01", _IN, PHYSICAL,
        DaysBefore(1, time(18, 0), "Art. 14(2)(d)"), _MINUTES, "MAW", months=3,
    ),
    ItemSpec(
        DataItem.WIND_SOLAR_FORECAST_INTRADAY, "14.1.D", "WIND_AND_SOLAR_FORECAST [14.1.D]", "A69", "A40", _IN, PHYSICAL,
        DaysBefore(0, time(8, 0), "Art. 14(2)(d): at least once by 08:00"), _MINUTES, "MAW", months=3,
    ),
    ItemSpec(
        DataItem.WIND_SOLAR_FORECAST_CURRENT, "14.1.D", "WIND_AND_SOLAR_FORECAST [14.1.D]", "A69", "A18", _IN, PHYSICAL,
        DaysBefore(0, time(8, 0), "Art. 14(2)(d): at least once by 08:00"), _MINUTES, "MAW", months=3,
    ),
    ItemSpec(
        DataItem.INSTALLED_CAPACITY, "14.1.A", "INSTALLED_GENERATION_CAPACITY_AGGREGATED [14.1.A]", "A68", "A33", _IN, PHYSICAL,
        DayOfMonthBeforeYear(24, "Art. 14(2)(a): a week before the end of the year"), (Resolution.P1Y,), "MAW",
    ),
    ItemSpec(
        DataItem.RESERVOIR_FILLING, "16.1.D", "WATER_RESERVOIRS_AND_HYDRO_STORAGE_PLANTS [16.1.D]", "A72", "A16", _IN, PHYSICAL,
        WorkingDayAfterWeek(3, "Art. 16(2)(d)"), (Resolution.P7D,), "MWH",
    ),
    ItemSpec(
        DataItem.FLOW_PHYSICAL, "12.1.G", "PHYSICAL_FLOWS [12.1.G]", "A11", "", _BORDER, PHYSICAL,
        AfterDelivery(_HOUR_AFTER, "Art. 12(2)"), _MINUTES, "MAW", border=True,
    ),
    ItemSpec(
        # Answers hold day-ahead (contract A01) and total (A05) schedules side by side.
        DataItem.EXCHANGE_SCHEDULED, "12.1.F", "COMMERCIAL_SCHEDULES [12.1.F]", "A09", "", _BORDER, PHYSICAL,
        DaysBefore(1, time(15, 30), "Art. 12(2): an hour after the last cut-off"),
        _MINUTES, "MAW", months=3, border=True,
    ),
    ItemSpec(
        DataItem.TRANSFER_CAPACITY_DAY_AHEAD, "11.1.A", "FORECASTED_TRANSFER_CAPACITIES [11.1]", "A61", "", _BORDER, PHYSICAL,
        DaysBefore(1, time(11, 0), "Art. 11(2): an hour before spot gate closure"),
        _MINUTES, "MAW", border=True, parameters=(("contract_MarketAgreement.Type", "A01"),),
    ),
    ItemSpec(
        DataItem.IMBALANCE_PRICE, "17.1.G", "IMBALANCE_PRICES_R3 [17.1.G]", "A85", "", ("controlArea_Domain",), SETTLED,
        AfterDelivery(_HOUR_AFTER, "Reg. (EU) 2017/2195 Art. 12(3)"), _MINUTES, "EUR/MWH", months=3,
        instead=_GERMAN_SETTLEMENT,
    ),
    ItemSpec(
        DataItem.IMBALANCE_VOLUME, "17.1.H", "IMBALANCE_VOLUMES_R3 [17.1.H]", "A86", "", ("controlArea_Domain",), BALANCING,
        AfterDelivery(_HOUR_AFTER, "Reg. (EU) 2017/2195 Art. 12(3)"),
        _MINUTES, "MWH", months=1, parameters=(("businessType", "A19"),),
    ),
)
# fmt: on

ITEMS: Mapping[DataItem, ItemSpec] = MappingProxyType({spec.item: spec for spec in _SPECS})


def request_windows(spec: ItemSpec, place: Place, interval: Interval) -> list[Interval]:
    """Pieces that one request may ask for; the time in which the place does not exist is left out."""
    if spec.instead and place.code == spec.instead.code:
        place = spec.instead.area()
    living = place.exists_during(interval)
    return list(split_interval(living, months=spec.months, days=spec.days, zone=place.zone)) if living else []


def _with_answering_ends(place: Place) -> Place:
    if isinstance(place, Border):
        out_area, in_area = _answering(place.out_area), _answering(place.in_area)
        return place if (out_area, in_area) == (place.out_area, place.in_area) else Border(out_area, in_area)
    return _answering(place)


def _answering(area: Area) -> Area:
    return _UKRAINIAN_BORDERS.area() if _UKRAINIAN_BORDERS.stands_for(area) else area


def places_for(spec: ItemSpec, place: Place) -> tuple[Place, ...]:
    """What to ask for when an item is wanted for a place: an area stands for all its borders where the item needs one.

    Where another area answers for it, that one. ConfigurationError where the platform does not have the item for areas
    of this kind.
    """
    if spec.instead and spec.instead.stands_for(place):
        return (spec.instead.area(),)
    if spec.border:
        place = _with_answering_ends(place)
    if spec.border and isinstance(place, Area):
        found = tuple(border for border in borders_of(place) if spec.exists_for(border))
        if found:
            return found
        raise ConfigurationError(
            f"{spec.item} needs a border, and none of {place.code} is known; write one as FR>DE_LU"
        )
    if spec.exists_for(place):
        return (place,)
    if isinstance(place, Border):
        reason = f"is not published per border; ask for {place.in_area.code}"
        if spec.border:
            reason = f"is not published between areas of these kinds ({place.code})"
    else:
        kinds = "/".join(sorted(place.kinds)) or "no market area"
        reason = f"is published for {'/'.join(sorted(spec.kinds))}, and {place.code} is {kinds}"
    raise ConfigurationError(f"{spec.item} {reason}; `gridkeeper items` shows which areas have it")
