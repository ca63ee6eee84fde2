"""What the page of a series shows: the range, the moment of belief, and lines that give the same elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from app.market.areas import label
from app.market.time import Interval, Resolution, iso, iso_exact, local_day, midnight
from app.timeseries.queries import StoredSeries, statement_of

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


@dataclass(frozen=True, slots=True)
class SeriesView:
    """What the address of the page says, worked out."""

    series: StoredSeries
    interval: Interval
    as_of: datetime | None = None
    resolution: Resolution | None = None

    def query(self, **more: str) -> str:
        """The parameters of the API that give just this."""
        key = self.series.key
        chosen = {
            "item": key.item,
            "area": label(key.area),
            "series": str(self.series.series_id),
            "from": iso(self.interval.start),
            "to": iso(self.interval.end),
        }
        if self.as_of is not None:
            chosen["as_of"] = iso_exact(self.as_of)
        if self.resolution is not None:
            chosen["resolution"] = self.resolution.code
        return urlencode(chosen | more, safe=":,>")

    @property
    def unit(self) -> str:
        """As people write it: MAW is the platform's megawatt."""
        key = self.series.key
        unit = {"MAW": "MW", "MWH": "MWh"}.get(key.unit, key.unit)
        return f"{key.currency}/{unit}" if key.currency else unit


@dataclass(frozen=True, slots=True)
class CopyLines:
    """Lines to copy, and the tool that they are for."""

    name: str
    text: str


def lines_of(view: SeriesView, address: str, *, keyed: bool) -> list[CopyLines]:
    """What gives the same values elsewhere; `address` is where the service is reached."""
    base = f"{address}/api/v1/observations"
    csv = f"{base}?{view.query(format='csv', fields='delivery_start,resolution,value')}"
    parquet = f"{base}?{view.query(format='parquet')}"
    header = ' -H "Authorization: Bearer $GRIDKEEPER_KEY"' if keyed else ""
    options = ', storage_options={"Authorization": "Bearer " + os.environ["GRIDKEEPER_KEY"]}' if keyed else ""
    imports = "import os\nimport pandas as pd" if keyed else "import pandas as pd"
    found = [
        CopyLines("curl", f"curl{header} \\\n  '{csv}'"),
        CopyLines(
            "pandas",
            f'{imports}\n\nvalues = pd.read_csv(\n    "{csv}",\n    index_col="delivery_start", parse_dates=True{options},\n)',
        ),
        CopyLines(
            "DuckDB",
            f"curl{header} -o values.parquet \\\n  '{parquet}'\nduckdb -c \"from 'values.parquet'\"",
        ),
    ]
    return (
        found
        if view.resolution is not None
        else [*found, CopyLines("SQL", statement_of(view.series.series_id, view.interval, view.as_of))]
    )
