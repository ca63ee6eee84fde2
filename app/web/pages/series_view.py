"""What the page of a series shows: the range, the moment of belief, and lines that give the same elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from app.kit.language import gettext
from app.market.areas import label
from app.market.series import DataItem
from app.market.time import Interval, Resolution, iso, iso_exact, local_day, midnight
from app.timeseries.queries import StoredSeries, statement_of
from app.web.pages.rendering import item_name

TABLE_ROWS = 200
"""Of a longer range the page has the newest values as a table; the downloads have all."""
DAYS_SHOWN = {Resolution.P1D: 370, Resolution.P7D: 3 * 370, Resolution.P1M: 6 * 370, Resolution.P1Y: 25 * 370}
DAYS_SHOWN_AT_FIRST = 7


def first_range(series: StoredSeries, zone: ZoneInfo, now: datetime) -> Interval:
    """The last days that have values, those of tomorrow too; longer where units are."""
    last = series.latest.delivery_start if series.latest else now
    resolution = series.latest.resolution if series.latest else Resolution.PT60M
    end = midnight(local_day(last, zone) + timedelta(days=1), zone)
    days = DAYS_SHOWN.get(resolution, DAYS_SHOWN_AT_FIRST)
    return Interval(midnight(local_day(end, zone) - timedelta(days=days), zone), end)


def newest_part(interval: Interval, resolution: Resolution, zone: ZoneInfo) -> Interval:
    """The end of the interval that fits into the table, from the beginning of a day or of a month on."""
    start = interval.end - TABLE_ROWS * resolution.nominal
    if start <= interval.start:
        return interval
    day = local_day(start, zone)
    begin = midnight(day.replace(day=1) if resolution.is_calendar else day, zone)
    return Interval(max(begin, interval.start), interval.end)


MOST_BESIDE = 7
"""A chart of more lines than eight tells nothing."""
_LOAD = (DataItem.LOAD_ACTUAL, DataItem.LOAD_FORECAST_DAY_AHEAD)
_WIND_SOLAR = (
    DataItem.GENERATION_ACTUAL,
    DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
    DataItem.WIND_SOLAR_FORECAST_INTRADAY,
    DataItem.WIND_SOLAR_FORECAST_CURRENT,
)
_BORDER = (DataItem.FLOW_PHYSICAL, DataItem.EXCHANGE_SCHEDULED, DataItem.TRANSFER_CAPACITY_DAY_AHEAD)
COUNTERPARTS: Mapping[DataItem, tuple[DataItem, ...]] = {
    item: tuple(other for other in group if other is not item)
    for group in (_LOAD, _WIND_SOLAR, _BORDER)
    for item in group
}
"""What an item is compared with: what happened with what was forecast."""


def counterparts(series: StoredSeries, stored: Sequence[StoredSeries]) -> list[StoredSeries]:
    """Of the series of the same place those that say the same of it by another item, the likeliest of each item first."""
    key = series.key
    others = [one for one in stored if one.key.area == key.area and one.key.psr_type == key.psr_type]
    found = [
        [one for one in others if one.key.item == item.value and one.series_id != series.series_id]
        for item in COUNTERPARTS.get(DataItem(key.item), ())
    ]
    return [one for of_item in found for one in sorted(of_item, key=lambda one: not_alike(series, one))[:2]]


def not_alike(series: StoredSeries, other: StoredSeries) -> tuple[int, int]:
    """How little the other's key is like that of the series."""
    names = ("psr_type", "direction", "business_type", "contract", "sequence", "category", "unit")
    return sum(getattr(series.key, name) != getattr(other.key, name) for name in names), other.series_id


@dataclass(frozen=True, slots=True)
class SeriesView:
    """What the address of the page says, worked out."""

    series: StoredSeries
    interval: Interval
    as_of: datetime | None = None
    resolution: Resolution | None = None
    beside: tuple[StoredSeries, ...] = ()
    """Drawn on the same axis of time."""

    @property
    def shown(self) -> tuple[StoredSeries, ...]:
        return (self.series, *self.beside)

    def query(self, **more: str) -> str:
        """The parameters of the API that give just this."""
        keys = [one.key for one in self.shown]
        chosen: list[tuple[str, str]] = [
            ("item", ",".join(dict.fromkeys(key.item for key in keys))),
            ("area", ",".join(dict.fromkeys(label(key.area) for key in keys))),
            *(("series", str(one.series_id)) for one in self.shown),
            ("from", iso(self.interval.start)),
            ("to", iso(self.interval.end)),
        ]
        if self.as_of is not None:
            chosen.append(("as_of", iso_exact(self.as_of)))
        if self.resolution is not None:
            chosen.append(("resolution", self.resolution.code))
        return urlencode([*chosen, *more.items()], safe=":,>")

    def of(self, series: StoredSeries) -> SeriesView:
        """The same of one of the series alone."""
        return replace(self, series=series, beside=())

    @property
    def unit(self) -> str:
        return unit_of(self.series)


def unit_of(series: StoredSeries) -> str:
    """As people write it: MAW is the platform's megawatt."""
    key = series.key
    unit = {"MAW": "MW", "MWH": "MWh"}.get(key.unit, key.unit)
    return f"{key.currency}/{unit}" if key.currency else unit


def name_of(series: StoredSeries) -> str:
    """What a line of a chart is called."""
    key = series.key
    rest = "" if key.distinguishing_name == "-" else f" {key.distinguishing_name}"
    return f"{item_name(key.item)}, {label(key.area)}{rest}"


def chart_lines(view: SeriesView, address: str) -> list[dict[str, str]]:
    """Of each series the name, the unit, and where its values are; as of a moment the present ones of the first, too."""
    fields = "delivery_start,resolution,value,filled"
    found = [
        {
            "name": name_of(one),
            "unit": unit_of(one),
            "values": f"{address}?{view.of(one).query(format='csv', fields=fields)}",
        }
        for one in view.shown
    ]
    if view.as_of is not None:
        present = replace(view.of(view.series), as_of=None)
        found.append(
            {
                "name": gettext("%(name)s now", name=name_of(view.series)),
                "unit": view.unit,
                "values": f"{address}?{present.query(format='csv', fields=fields)}",
            }
        )
    return found


@dataclass(frozen=True, slots=True)
class CopyLines:
    """Lines to copy, and the tool that they are for."""

    name: str
    text: str


def lines_of(view: SeriesView, address: str, *, keyed: bool) -> list[CopyLines]:
    """What gives the same values elsewhere; `address` is where the service is reached."""
    base = f"{address}/api/v1/observations"
    fields = "delivery_start,resolution,value" if not view.beside else "delivery_start,resolution,value,item,area"
    csv = f"{base}?{view.query(format='csv', fields=fields)}"
    parquet = f"{base}?{view.query(format='parquet')}"
    header = ' -H "Authorization: Bearer $GRIDKEEPER_KEY"' if keyed else ""
    found = [
        CopyLines("curl", f"curl{header} \\\n  '{csv}'"),
        CopyLines("pandas", _pandas(csv, keyed=keyed)),
        CopyLines("polars", _polars(parquet, keyed=keyed)),
        CopyLines(
            "DuckDB",
            f"curl{header} -o values.parquet \\\n  '{parquet}'\nduckdb -c \"from 'values.parquet'\"",
        ),
    ]
    if view.resolution is not None:
        return found
    numbers = [one.series_id for one in view.shown]
    return [*found, CopyLines("SQL", statement_of(numbers, view.interval, view.as_of))]


def _pandas(csv: str, *, keyed: bool) -> str:
    options = ', storage_options={"Authorization": "Bearer " + os.environ["GRIDKEEPER_KEY"]}' if keyed else ""
    imports = "import os\nimport pandas as pd" if keyed else "import pandas as pd"
    return f'{imports}\n\nvalues = pd.read_csv(\n    "{csv}",\n    index_col="delivery_start", parse_dates=True{options},\n)'


def _polars(parquet: str, *, keyed: bool) -> str:
    if not keyed:
        return f'import polars as pl\n\nvalues = pl.read_parquet(\n    "{parquet}"\n)'
    return (
        "import os\nfrom urllib.request import Request, urlopen\nimport polars as pl\n\n"
        'key = {"Authorization": "Bearer " + os.environ["GRIDKEEPER_KEY"]}\n'
        f'values = pl.read_parquet(urlopen(Request(\n    "{parquet}", headers=key\n)).read())'
    )
