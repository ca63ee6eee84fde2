"""What other series add: python -m tests.benchmarks.bench_quality_cross.

Seeded faults in pairs of measurements and forecasts, in zones beside another zone, and in series whose parts, balance
or neighbours are known: real ones where reference data lies beside the repository, else synthetic ones. Two usual
detectors judge the same values in the same run, each with the better of its thresholds. Prints JSON lines. The limits
of our detectors are constants: nothing here is fitted to what is measured.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from app.quality.detectors.consistency import RelatedValues, testimonies
from app.quality.detectors.detect import detect
from app.quality.detectors.related_series import Role
from app.quality.models import Series, SeriesKind
from app.timeseries.rolling import Flags, Values
from tests.benchmarks.bench_quality import DETECTORS, REAL, tell
from tests.support.quality_series import (
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

PAIRS = Path(__file__).parents[3] / "shared" / "entsoe" / "series"
DAYS = 420
SEEDS = (21, 22)
FLAGS = Callable[[Series], Flags]
KINDS = {"load": SeriesKind.LOAD, "wind": SeriesKind.WIND, "solar": SeriesKind.SOLAR}
AREAS = ("50hertz", "amprion", "tennet", "transnetbw")
SHIFTS = ("level_shift", "time_shift_1h")


def _filled(values: Values) -> Values:
    places, known = np.arange(len(values)), ~np.isnan(values)
    return np.interp(places, places[known], values[known])


def _hours(file: Path, first: int | None = None) -> tuple[int, Values]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    known = {int(datetime.fromisoformat(stamp).timestamp()): float(cell) for stamp, cell in rows if cell}
    start = min(known) if first is None else first
    return start, _filled(np.array([known.get(start + 3600 * hour, np.nan) for hour in range(DAYS * 24)]))


def pairs() -> list[Series]:
    """Measurements with their forecast as a peer."""
    if not PAIRS.is_dir():
        return [replace(each, peers={"forecast": forecast_of(each)}) for each in (load(DAYS), wind(DAYS), solar(DAYS))]
    found = []
    for name, kind in KINDS.items():
        start, values = _hours(PAIRS / f"DE_LU_{name}_2024-06_2026-05.csv")
        _, announced = _hours(PAIRS / f"DE_LU_{name}_forecast_2024-06_2026-05.csv", start)
        found.append(Series(kind, start, 3600, values, {"forecast": announced}))
    return found


def _columns(file: str, *names: str) -> list[Values]:
    with (REAL / file).open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines, skipinitialspace=True))[: DAYS * 24]
    return [_filled(np.array([float(row[name]) if row[name] else np.nan for row in rows])) for name in names]


def control_areas() -> tuple[Series, dict[str, Values]]:
    """A country's load, and that of the areas that make it up."""
    if not REAL.is_dir():
        whole = load(DAYS)
        return whole, {name: whole.values * share for name, share in zip(AREAS, (0.2, 0.4, 0.3, 0.1), strict=True)}
    names = [f"DE_{area}_load_actual_entsoe_transparency" for area in AREAS]
    whole_load, *parts = _columns("opsd_de_tso_2019_60min.csv", "DE_load_actual_entsoe_transparency", *names)
    return Series(SeriesKind.LOAD, START, 3600, whole_load), dict(zip(AREAS, parts, strict=True))


def zones() -> list[Series]:
    """Zones with another zone of the same kind as a peer."""
    _, areas = control_areas()
    couples = (("amprion", "tennet"), ("50hertz", "transnetbw"))
    found = [Series(SeriesKind.LOAD, START, 3600, areas[one], {"zone": areas[other]}) for one, other in couples]
    if not REAL.is_dir():
        return [*found, replace(price(DAYS), peers={"zone": price(DAYS, seed=12).values})]
    for one, other in (("FR", "BE"), ("BE", "FR"), ("NP", "PJM")):
        (values,), (zone,) = (_columns(f"epf_price_{name}.csv", _column(name)) for name in (one, other))
        found.append(Series(SeriesKind.PRICE, START, 3600, values, {"zone": zone}))
    return found


def _column(zone: str) -> str:
    """Every file of prices names its second column itself."""
    with (REAL / f"epf_price_{zone}.csv").open(encoding="utf-8-sig") as lines:
        return next(csv.reader(lines, skipinitialspace=True))[1]


def neighbourhood() -> tuple[Series, dict[str, Values]]:
    """A price and what its neighbours pay."""
    own, rng = price(DAYS), np.random.default_rng(4)
    return own, {name: own.values + rng.normal(0, 5, len(own.values)) for name in ("FR", "NL", "AT")}


def judged(flags_of: FLAGS, series: Iterable[Series], faults: Iterable[str]) -> dict[str, float]:
    """F1 of each fault over all series and seeds, and the false alarms of a series-year."""
    clean = list(series)
    found = {}
    for fault in faults:
        spoiled = [inject(each, fault, seed) for each in clean for seed in SEEDS]
        scores = [score(flags_of(each), events, each.per_day) for each, events in spoiled]
        found[fault] = round(f1(*np.sum(scores, axis=0).tolist()), 3)
    alarms = sum(len(pieces(flags_of(each), each.per_day)) for each in clean)
    years = sum(len(each.values) / each.per_day - WARM_DAYS for each in clean) / 365
    return {**found, "false_alarms_a_year": round(alarms / years, 2)}


def with_peers(series: Series) -> Flags:
    return detect(series).flags


def without_peers(series: Series) -> Flags:
    return detect(replace(series, peers={})).flags


def heard(company: RelatedValues) -> FLAGS:
    """What only the company of a series says."""

    def flags_of(series: Series) -> Flags:
        said = testimonies(series, series.values, company)
        flags: Flags = np.logical_or.reduce([one.flags for one in said])
        return flags

    return flags_of


def compare(figure: str, ours: Mapping[str, FLAGS], series: list[Series], faults: tuple[str, ...]) -> None:
    for name, flags_of in ours.items():
        tell({"figure": figure, "detector": name, "series": len(series), **judged(flags_of, series, faults)})
    for name, variants in DETECTORS.items():
        if name != "gridkeeper":
            results = [judged(variant, series, faults) for variant in variants]
            best = max(results, key=lambda found: sum(found[fault] for fault in faults))
            tell({"figure": figure, "detector": name, "series": len(series), **best})


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        detectors = {"gridkeeper": with_peers, "gridkeeper_without_peers": without_peers}
        compare("quality.forecast_pairs", detectors, pairs(), SHIFTS)
        compare("quality.peer_zones", detectors, zones(), ("swapped_zone",))
        whole, parts = control_areas()
        compare(
            "quality.sum_of_areas", {"gridkeeper": heard({Role.PART: parts})}, [whole], (*SHIFTS, "scale_4", "noise")
        )
        own, near = neighbourhood()
        compare(
            "quality.neighbour_prices", {"gridkeeper": heard({Role.NEIGHBOUR: near})}, [own], ("level_shift", "spike")
        )
