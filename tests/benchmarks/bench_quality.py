"""How well faults are found and what it costs: python -m tests.benchmarks.bench_quality.

Seeded faults in synthetic series and, where reference data lies beside the repository, in real hours of load, wind and
price; two usual detectors judge the same values in the same run, each with the better of its thresholds. Prints one
JSON line for each figure. The limits of our detector are constants: nothing here is fitted to what is measured.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import bottleneck as bn
import numpy as np

from app.quality.detectors.detect import detect
from app.quality.models import Series, SeriesKind
from app.timeseries.rolling import Flags, Values, before
from tests.support.quality_series import (
    FAULTS,
    START,
    WARM_DAYS,
    f1,
    forecast_of,
    inject,
    load,
    pieces,
    price,
    score,
    solar,
    wind,
)

REAL = Path(__file__).parents[3] / "shared" / "quality" / "data" / "series_raw"
COLUMNS = (
    ("opsd_de_tso_2019_60min.csv", "DE_load_actual_entsoe_transparency", SeriesKind.LOAD),
    ("opsd_de_tso_2019_60min.csv", "DE_transnetbw_load_actual_entsoe_transparency", SeriesKind.LOAD),
    ("opsd_de_tso_2019_60min.csv", "DE_solar_generation_actual", SeriesKind.SOLAR),
    ("opsd_de_wind_2017_2019_60min.csv", "DE_wind_generation_actual", SeriesKind.WIND),
    ("epf_price_DE.csv", "Real price", SeriesKind.PRICE),
    ("epf_price_NP.csv", "Real price", SeriesKind.PRICE),
)
DAYS = 365
SEED = 21
BEST_OF = 5
QUARTER = 900


def ours(series: Series) -> Flags:
    return detect(series).flags


def rolling_z(series: Series, threshold: float) -> Flags:
    """More than so many deviations from the mean of the last 24 hours."""
    day = series.per_day
    mean, deviation = bn.move_mean(series.values, day), bn.move_std(series.values, day)
    distance: Values = np.abs(series.values - before(mean, 1)) / (before(deviation, 1) + 1e-9)
    flags: Flags = distance > threshold
    return flags


def rolling_iqr(series: Series, fences: float) -> Flags:
    """Beyond so many interquartile ranges of the last seven days."""
    week = 7 * series.per_day
    windows = np.lib.stride_tricks.sliding_window_view(series.values[:-1], week)
    low, high = np.percentile(windows, (25, 75), axis=1)
    flags = np.zeros(len(series.values), dtype=bool)
    now = series.values[week:]
    flags[week:] = (now < low - fences * (high - low)) | (now > high + fences * (high - low))
    return flags


DETECTORS: dict[str, tuple[Callable[[Series], Flags], ...]] = {
    "gridkeeper": (ours,),
    "rolling_z_24h": tuple(partial(rolling_z, threshold=at) for at in (3.0, 4.0, 6.0)),
    "iqr_7d": tuple(partial(rolling_iqr, fences=at) for at in (1.5, 3.0)),
}


def tell(figure: dict[str, str | float]) -> None:
    sys.stdout.write(json.dumps(figure) + "\n")


def synthetic() -> list[Series]:
    return [make(DAYS) for make in (load, price, wind, solar)]


def real() -> Iterator[Series]:
    for file, column, kind in COLUMNS:
        path = REAL / file
        if path.exists():
            with path.open(encoding="utf-8-sig", newline="") as lines:
                rows = [row[column] for row in csv.DictReader(lines, skipinitialspace=True)][: DAYS * 24]
            values = np.array([float(cell) if cell else np.nan for cell in rows])
            yield Series(kind, START, 3600, values[~np.isnan(values)])


def accuracy(name: str, series: list[Series]) -> None:
    """F1 of each fault, their mean and the false alarms of a series-year, for every detector."""
    for detector, variants in DETECTORS.items():
        best = max((judged(variant, series) for variant in variants), key=lambda found: found["mean_f1"])
        tell({"figure": f"quality.{name}", "detector": detector, "series": len(series), **best})


def judged(flags_of: Callable[[Series], Flags], series: list[Series]) -> dict[str, float]:
    figures = {}
    for fault in FAULTS:
        spoiled = [inject(each, fault, SEED) for each in series]
        scores = [score(flags_of(each), events, each.per_day) for each, events in spoiled]
        figures[fault] = round(f1(*np.sum(scores, axis=0).tolist()), 3)
    alarms = sum(len(pieces(flags_of(each), each.per_day)) for each in series)
    years = sum(len(each.values) / each.per_day - WARM_DAYS for each in series) / 365
    return {
        "mean_f1": round(float(np.mean(list(figures.values()))), 3),
        "false_alarms_a_year": round(alarms / years, 1),
        **figures,
    }


def with_forecast() -> None:
    """What a forecast adds, on faults that a series alone hides."""
    for fault in ("level_shift", "time_shift_1h"):
        found = {}
        for peers in (False, True):
            clean = [load(DAYS), wind(DAYS), solar(DAYS)]
            scores = []
            for each in clean:
                spoiled, events = inject(each, fault, SEED)
                known = {"forecast": forecast_of(each, error=0.02)} if peers else {}
                helped = Series(each.kind, each.start, each.step, spoiled.values, known)
                scores.append(score(ours(helped), events, each.per_day))
            found["with" if peers else "without"] = round(f1(*np.sum(scores, axis=0).tolist()), 3)
        tell({"figure": f"quality.forecast.{fault}", **found})


def cost() -> None:
    """CPU seconds for a year of quarter hours, beside the usual detectors."""
    series = load(DAYS, QUARTER)
    for detector, variants in DETECTORS.items():
        best = min(seconds(variants[0], series) for _ in range(BEST_OF))
        tell({"figure": "quality.cpu_seconds_pt15m_year", "detector": detector, "seconds": round(best, 3)})


def seconds(flags_of: Callable[[Series], Flags], series: Series) -> float:
    begun = time.process_time()
    flags_of(series)
    return time.process_time() - begun


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        accuracy("synthetic", synthetic())
        if found := list(real()):
            accuracy("real", found)
        with_forecast()
        cost()
