"""The same judge for files and for the service: the same values give the same findings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.cli.quality.detect import detect_files
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Resolution
from app.quality.assessment.alignment import AlignedSeries
from app.quality.assessment.series_assessment import assess_series
from app.quality.detectors.related_series import Role
from app.quality.models import Series
from app.quality.rules.series_kinds import Subject
from app.timeseries.rolling import Values
from tests.support.quality_series import forecast_of, load, price, solar, wind

DE = find_place("DE_LU")
DAYS = 110
HOUR = 24 * 80
"""Where faults begin: nine days before the clocks change."""
Found = dict[int, str]
"""Which rule speaks against the value at each stamp."""


@dataclass(frozen=True, slots=True)
class Case:
    series: Series
    subject: Subject
    companions: Mapping[Role, Mapping[str, Values]] = field(default_factory=dict)


def with_faults(series: Series, *, negative: bool = True) -> Series:
    """A spike, values that rest, a line, a copy of the day before, a thousandth, a day at half, and one below zero."""
    values = series.values.copy()
    values[HOUR + 11] *= 3
    values[HOUR + 34 : HOUR + 43] = values[HOUR + 34]
    values[HOUR + 80 : HOUR + 90] = np.linspace(values[HOUR + 80], 1.3 * values[HOUR + 89], 10)
    values[HOUR + 130 : HOUR + 148] = values[HOUR + 106 : HOUR + 124]
    values[HOUR + 205 : HOUR + 209] /= 1000
    values[HOUR + 250 : HOUR + 290] *= 0.5
    if negative:
        values[HOUR + 320] = -values[HOUR + 320]
    values[HOUR + 345 : HOUR + 349] = np.nan
    return Series(series.kind, series.start, series.step, values)


def loads() -> Case:
    sound = load(DAYS)
    company = {Role.FORECAST: {"load_forecast_day_ahead DE_LU": forecast_of(sound)}}
    return Case(with_faults(sound), Subject(DataItem.LOAD_ACTUAL, DE.eic), company)


def prices() -> Case:
    series = with_faults(price(DAYS))
    series.values[HOUR + 400 : HOUR + 402] = [4000.5, -600.0]
    return Case(series, Subject(DataItem.PRICE_DAY_AHEAD, DE.eic))


def winds() -> Case:
    sound = wind(DAYS)
    company = {
        Role.FORECAST: {"wind_solar_forecast_day_ahead DE_LU B19": forecast_of(sound, error=0.05)},
        Role.CAPACITY: {"installed_capacity DE_LU B19": np.full(len(sound.values), 1.02 * np.max(sound.values))},
    }
    series = with_faults(sound)
    series.values[HOUR + 420] = 1.2 * np.max(sound.values)
    return Case(series, Subject(DataItem.GENERATION_ACTUAL, DE.eic, "B19", "generation"), company)


def suns() -> Case:
    return Case(
        with_faults(solar(DAYS), negative=False), Subject(DataItem.GENERATION_ACTUAL, DE.eic, "B16", "generation")
    )


def flows() -> Case:
    there = wind(DAYS, seed=12).values - 15_000
    back = np.fmax(-there, 0.0)
    values = np.fmax(there, 0.0)
    values[HOUR + 11 : HOUR + 15] = -500.0
    flowing = np.flatnonzero((values > 2000) & (np.arange(len(values)) > HOUR + 40))
    back[flowing[:6]] = values[flowing[:6]]
    subject = Subject(DataItem.FLOW_PHYSICAL, f"{find_place('FR').eic}>{DE.eic}")
    series = Series(subject.kind or wind(1).kind, wind(1).start, 3600, values)
    return Case(series, subject, {Role.OPPOSITE: {"flow_physical DE_LU>FR": back}})


def in_a_file(case: Case, folder: Path) -> Found:
    """What `quality detect` says about a file with the values and a column for each companion."""
    series = case.series
    columns = {f"{role} {name}": values for role, names in case.companions.items() for name, values in names.items()}
    path = folder / "series.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "value", *columns])
        for place, value in enumerate(series.values.tolist()):
            cells = [value, *(float(column[place]) for column in columns.values())]
            stamp = datetime.fromtimestamp(series.start + place * series.step, UTC)
            rows.writerow([f"{stamp:%Y-%m-%dT%H:%M:%SZ}", *("" if np.isnan(cell) else repr(cell) for cell in cells)])
    out, err = io.StringIO(), io.StringIO()
    assert detect_files([path], series.kind, (), None, out, err) == 0
    told = list(csv.DictReader(io.StringIO(out.getvalue())))
    return {place: row["rule"] for place, row in enumerate(told) if row["flag"] == "1" and row["rule"] != "missing"}


def in_the_service(case: Case) -> Found:
    """What a scan says about the same values."""
    series = case.series
    starts = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    nothing = np.zeros(len(starts), np.bool_)
    recorded = (starts + series.step) * 1_000_000
    grid = AlignedSeries(
        Resolution.PT60M, starts, starts + series.step, series.values, nothing, recorded, starts + series.step
    )
    found = assess_series(case.subject, grid, case.companions, DE.zone)
    rules = {int(place): str(found.rules[place]) for place in np.flatnonzero(found.implausible)}
    return rules | {int(place): rule.value for rule, flags in found.broken.items() for place in np.flatnonzero(flags)}


@pytest.mark.parametrize("make", [loads, prices, winds, suns, flows])
def test_a_file_and_a_scan_find_the_same(make: Callable[[], Case], tmp_path: Path) -> None:
    found = in_a_file(make(), tmp_path)

    assert len(set(found.values())) >= 2
    assert in_the_service(make()) == found
