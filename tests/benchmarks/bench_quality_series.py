"""Faults of the fault harness in every real series: python -m tests.benchmarks.bench_quality_series [SET ...] [--seeds 31,32].

Sets: `tune` and `heldout` are the harness's own; `more_tune` and `more_once` are the two parts of `series_more`: limits
were chosen with the first, the second is looked at after a change is done, never while one is made. `companions` compares
each series beside its companions with the same alone, and puts faults into companions only. Needs pandas and pyarrow,
which the program does not, and the reference data beside the repository. Prints JSON lines.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.quality.assessment.row_windows import judge_unclear_rows
from app.quality.models import SeriesKind
from app.timeseries.rolling import Flags, Values
from tests.benchmarks.bench_quality import tell
from tests.support.quality_series import f1

DATA = Path(__file__).parents[3] / "shared" / "quality"
SEEDS = (31, 32, 33)
MORE_TUNE = {
    "bg_gr_flow": "flow",
    "ch_reservoir_2023": "reservoir",
    "ee_wind_2024": "wind",
    "es_price_2024": "price",
    "fi_load_2019": "load",
    "fi_nuclear_2019": "nuclear",
    "pt_solar_2023": "solar",
}
MORE_ONCE = {
    "ee_load_2024": "load",
    "hr_imbalance_2023": "imbalance",
    "nl_load_2023_15min": "load",
    "no2_price_15min": "price",
    "pt_gas_2023": "generation",
    "se_wind_2023": "wind",
}
KINDS = {"gen": "generation"}
DAYS = 420
WARM_DAYS = 56
Case = tuple[Any, Values]
"""The harness's own description of a series, and its values."""
Counts = tuple[int, int, int, int]


def load_harness() -> Any:
    spec = importlib.util.spec_from_file_location("quality_harness", DATA / "harness.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{DATA} is not there: the reference data lies beside the repository")
    harness = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = harness
    spec.loader.exec_module(harness)
    return harness


def more(harness: Any, kinds: dict[str, str]) -> dict[str, Case]:
    found = {}
    for name, kind in kinds.items():
        table = harness.pd.read_csv(DATA / "data" / "series_more" / f"{name}.csv", parse_dates=[0]).set_index(
            "timestamp"
        )
        table = table[~table.index.duplicated()]
        step = table.index.to_series().diff().mode()[0]
        columns = {column: harness._reg(table[column].astype(float), step) for column in table.columns}
        found[name] = (columns.pop("value"), kind, columns)
    packed: dict[str, Case] = harness._pack(found, DAYS)
    return packed


def cases_of(harness: Any, name: str) -> dict[str, Case]:
    if name in {"more_tune", "more_once"}:
        return more(harness, MORE_TUNE if name == "more_tune" else MORE_ONCE)
    known = harness.energy_series()
    return {series: case for series, case in known.items() if (series in harness.TUNE) == (name == "tune")}


def flags_of(context: Any, values: Values, peers: dict[str, Values]) -> Flags:
    """As `gridkeeper quality detect` judges a file without offsets."""
    stamps = context.index.to_numpy().astype("datetime64[s]").astype(np.int64)
    kind = SeriesKind(KINDS.get(context.kind, context.kind))
    return judge_unclear_rows(kind, stamps, values, peers)[0].flags


def scored(harness: Any, case: Case, seeds: Iterable[int], *, alone: bool = False) -> dict[tuple[str, int], Counts]:
    """By fault and seed: events found, events, alarms that touch one, alarms; of the series without faults under seed 0."""
    context, values = case
    peers = {} if alone else context.peers
    found = {}
    faults = [("clean", 0), *((fault, seed) for fault in harness.FAULTS for seed in seeds)]
    for fault, seed in faults:
        spoiled = (values, []) if fault == "clean" else harness.inject(context, values, fault, seed)
        if spoiled is not None:
            flags = flags_of(context, spoiled[0].copy(), peers)
            found[fault, seed] = harness.prf(flags, spoiled[1], context.day, WARM_DAYS * context.day)[:4]
    return found


def summary(results: Sequence[dict[tuple[str, int], Counts]], seeds: Iterable[int]) -> dict[str, float]:
    """F1 of each fault over all series and the given seeds."""
    wanted = set(seeds)
    summed: dict[str, list[Counts]] = {}
    for one in results:
        for (fault, seed), counts in one.items():
            if seed in wanted:
                summed.setdefault(fault, []).append(counts)
    return {fault: round(f1(*np.sum(counts, axis=0).tolist()), 3) for fault, counts in summed.items()}


def mean(figures: dict[str, float]) -> float:
    return round(float(np.mean(list(figures.values()))), 3)


def report(harness: Any, name: str, seeds: Sequence[int]) -> None:
    cases = cases_of(harness, name)
    results = {series: scored(harness, case, seeds) for series, case in cases.items()}
    years = {series: (len(values) / context.day - WARM_DAYS) / 365 for series, (context, values) in cases.items()}
    for series, one in results.items():
        alarms = round(one["clean", 0][3] / years[series], 1)
        told = {"f1": mean(summary([one], seeds)), "false_alarms_a_year": alarms}
        tell({"figure": f"quality.series.{name}", "series": series, "kind": cases[series][0].kind, **told})
    everybody = list(results.values())
    spread = [mean(summary(everybody, [seed])) for seed in seeds]
    alarms = round(sum(one["clean", 0][3] for one in everybody) / sum(years.values()), 2)
    faults = summary(everybody, seeds)
    range_of = {"least": min(spread), "greatest": max(spread), "false_alarms_a_year": alarms}
    tell({"figure": f"quality.set.{name}", "series": len(cases), "f1": mean(faults), **range_of, **faults})


def companions(harness: Any, seeds: Sequence[int]) -> None:
    """Whether a companion lowers F1, series by series, and how many faults of companions condemn right values."""
    condemned = total = 0
    for name in ("more_tune", "more_once", "tune", "heldout"):
        for series, case in cases_of(harness, name).items():
            if not case[0].peers:
                continue
            beside, alone = (summary([scored(harness, case, seeds, alone=one)], seeds) for one in (False, True))
            beside.pop("swapped_zone", None)
            alone.pop("swapped_zone", None)
            found, faults = wrong_companion(harness, case, seeds[0])
            condemned, total = condemned + found, total + faults
            told = {"with": mean(beside), "without": mean(alone), "condemned": found, "faults": faults}
            tell({"figure": "quality.companion", "series": series, "peers": ",".join(case[0].peers), **told})
    tell({"figure": "quality.companion_faults", "condemned": condemned, "faults": total})


def wrong_companion(harness: Any, case: Case, seed: int) -> tuple[int, int]:
    """Of faults put into the first companion only, those beside which a right value is flagged, and all."""
    context, values = case
    name = next(iter(context.peers))
    right = flags_of(context, values, context.peers)
    apart = harness.Ctx(f"{context.name}|{name}", context.index, context.step_min, context.kind, {})
    found = total = 0
    for fault in harness.FAULTS:
        if (spoiled := harness.inject(apart, context.peers[name], fault, seed)) is None:
            continue
        flags = flags_of(context, values, {**context.peers, name: spoiled[0]}) & ~right
        total += len(spoiled[1])
        found += sum(bool(flags[first : last + 1 + context.day].any()) for first, last in spoiled[1])
    return found, total


def wanted(arguments: Sequence[str]) -> tuple[list[str], tuple[int, ...]]:
    names = [one for one in arguments if not one.startswith("--seeds") and not one[0].isdigit()]
    given = next(_seeds(arguments), SEEDS)
    return names or ["tune", "heldout", "more_tune", "more_once", "companions"], given


def _seeds(arguments: Sequence[str]) -> Iterator[tuple[int, ...]]:
    yield from (tuple(map(int, one.split(","))) for one in arguments if one[0].isdigit())


if __name__ == "__main__":
    sets, chosen = wanted(sys.argv[1:])
    loaded = load_harness()
    with np.errstate(all="ignore"):
        for each in sets:
            if each == "companions":
                companions(loaded, chosen)
            else:
                report(loaded, each, chosen)
