"""Faults that come early, often or last: python -m tests.benchmarks.bench_quality_slow [PART ...] [--seeds 31,32].

`early`: faults of the harness in the first six weeks of every real series, of which only what follows tells a habit.
`fifth`: one fault on every fifth day of ten months, beside the same fault eight times in that time. `factors`: a day or
weeks by a factor in a measurement or in its forecast, and the right values of the measurement that are condemned. Needs
pandas and pyarrow, which the program does not, and the reference data beside the repository. Prints JSON lines.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.timeseries.rolling import Flags, Values
from tests.benchmarks.bench_quality import tell
from tests.benchmarks.bench_quality_cross import pairs
from tests.benchmarks.bench_quality_series import Case, Counts, cases_of, flags_of, load_harness, mean, wanted
from tests.support.quality_series import f1

SETS = ("more_tune", "tune", "heldout", "more_once")
EARLY_DAYS, KNOWN_DAYS = 42, 150
"""Days in which faults begin, and days of the series that are there."""
EVENTS = 4
FIRST_DAY, LAST_DAY = 100, 400
OFTEN = ("spike", "stuck", "scale_4", "zero_run", "linear_fill", "stale_copy")


def early(harness: Any, seeds: Sequence[int]) -> None:
    """F1 of faults in the first weeks, and the false alarms there of a series-year."""
    for name in SETS:
        summed: dict[str, list[Counts]] = defaultdict(list)
        for series, case in cases_of(harness, name).items():
            own = early_counts(harness, case, seeds)
            figures = {fault: f1(*np.sum(counts, axis=0).tolist()) for fault, counts in own.items() if fault != "clean"}
            tell({"figure": f"quality.early.{name}", "series": series, "kind": case[0].kind, "f1": mean(figures)})
            for fault, counts in own.items():
                summed[fault] += counts
        alarms = sum(counts[3] for counts in summed["clean"])
        years = len(summed.pop("clean")) * (EARLY_DAYS + 1) / 365
        faults = {fault: round(f1(*np.sum(counts, axis=0).tolist()), 3) for fault, counts in summed.items()}
        told = {"f1": mean(faults), "false_alarms_a_year": round(alarms / years, 2), **faults}
        tell({"figure": f"quality.early_set.{name}", **told})


def early_counts(harness: Any, case: Case, seeds: Sequence[int]) -> dict[str, list[Counts]]:
    """Events found, events, alarms that touch one, alarms, of each fault and seed."""
    context, values = case
    day = context.day
    size = min(KNOWN_DAYS * day, len(values))
    peers = {name: peer[:size] for name, peer in context.peers.items()}
    part = harness.Ctx(context.name, context.index[:size], context.step_min, context.kind, peers)
    first = harness.Ctx(context.name, context.index, context.step_min, context.kind, peers)
    found: dict[str, list[Counts]] = defaultdict(list)
    for fault in ("clean", *harness.FAULTS):
        for seed in seeds if fault != "clean" else (0,):
            column, events = values[:size].copy(), []
            if fault != "clean":
                spoiled = harness.inject(first, values[: (EARLY_DAYS + 8) * day], fault, seed, EVENTS, 2)
                if spoiled is None:
                    continue
                column[: len(spoiled[0])], events = spoiled
            flags = flags_of(part, column, peers)
            flags[(EARLY_DAYS + 1) * day :] = False
            found[fault].append(harness.prf(flags, events, day, 0)[:4])
    return found


def fifth(harness: Any, seeds: Sequence[int]) -> None:
    """How many faults are found that come on every fifth day, and how many of the same where they are rare."""
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = defaultdict(list)
    for name in SETS:
        for case in cases_of(harness, name).values():
            for fault in OFTEN:
                dense, alarms = recall(harness, case, fault, seeds[0], 5)
                rare, _ = recall(harness, case, fault, seeds[0], 40)
                found[case[0].kind, fault].append((dense, rare, alarms))
    for (kind, fault), figures in found.items():
        dense, rare, alarms = np.mean(figures, axis=0).round(3).tolist()
        tell({"figure": "quality.fifth", "kind": kind, "fault": fault, "often": dense, "rare": rare, "others": alarms})


def recall(harness: Any, case: Case, fault: str, seed: int, every: int) -> tuple[float, int]:
    """The share of faults that are found where one comes every so many days, and alarms beside them."""
    context, values = case
    day, hour = context.day, max(1, context.day // 24)
    last = min(LAST_DAY, len(values) // day - 10)
    spoiled, events = values.copy(), []
    for number, start in enumerate(range(FIRST_DAY, last, every)):
        # One event of the harness a piece: its rules, its sizes, other random numbers.
        piece = harness.Ctx(f"{context.name}|{number}", None, context.step_min, context.kind, context.peers)
        around = values[(start - 3) * day : (start + 13) * day]
        one = harness.inject(piece, around, fault, seed, 1, 3)
        (first, end) = one[1][0]
        shift = 0 if first < 5 * day else (first // day - 3) * day
        begin = (start - 3) * day + first - shift
        size = min(end - first + 1, 12 * hour)
        spoiled[begin : begin + size] = _fault(fault, values, slice(begin, begin + size), day)
        events.append((begin, begin + size - 1))
    flags = flags_of(context, spoiled, context.peers)
    hit, number, right, alarms = harness.prf(flags, events, day, FIRST_DAY * day)[:4]
    return hit / number, alarms - right


def _fault(fault: str, values: Values, place: slice, day: int) -> Values:
    """The fault at its place; what depends on the place is made anew."""
    here, first, size = values[place], place.start, place.stop - place.start
    up = first % 2
    made: dict[str, Callable[[], Values]] = {
        "stuck": lambda: np.full(size, here[0]),
        "zero_run": lambda: np.zeros(size),
        "linear_fill": lambda: np.linspace(here[0], here[-1], size),
        "stale_copy": lambda: values[first - day : first - day + size],
        "scale_4": lambda: here * (4.0 if up else 0.25),
        "spike": lambda: here + (1 if up else -1) * float(np.ptp(np.nanpercentile(values, (5, 95)))),
    }
    return made[fault]()


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor, for how many days, and what it is put into."""

    name: str
    factor: float
    days: int
    of_forecast: bool


FACTORS = (
    Factor("day_plus_quarter", 1.25, 1, False),
    Factor("day_less_quarter", 0.75, 1, False),
    Factor("two_weeks_0.4", 0.4, 14, False),
    Factor("two_weeks_0.7", 0.7, 14, False),
    Factor("two_weeks_1.6", 1.6, 14, False),
    Factor("forecast_day_plus_quarter", 1.25, 1, True),
    Factor("forecast_two_weeks_0.4", 0.4, 14, True),
    Factor("forecast_two_weeks_1.6", 1.6, 14, True),
)


def with_forecasts(harness: Any) -> Iterator[tuple[str, str, Any, Values]]:
    """Name, kind, context and values of every series with a forecast."""
    for name in SETS:
        for series, (context, values) in cases_of(harness, name).items():
            if "forecast" in context.peers:
                yield series, context.kind, context, values
    for one in pairs():
        index = harness.pd.to_datetime(one.start + one.step * np.arange(len(one.values)), unit="s")
        context = harness.Ctx(f"DE_LU_{one.kind}", index, one.step // 60, one.kind.value, dict(one.peers))
        yield f"DE_LU_{one.kind}", one.kind.value, context, one.values


def factors(harness: Any, seeds: Sequence[int]) -> None:
    """For each factor and kind: events found, the share of their hours, right hours that are condemned."""
    for series, kind, context, values in with_forecasts(harness):
        right = flags_of(context, values.copy(), context.peers)
        for factor in FACTORS:
            found = hours = events = condemned = total = 0
            for place in _places(context, values, factor.days, seeds):
                flags = _spoiled(context, values, factor, place)
                new = flags & ~right
                inside = new[place]
                if factor.of_forecast:
                    condemned += int(new.sum())
                else:
                    events, found = events + 1, found + bool(inside.any())
                    hours, total = hours + int(inside.sum()), total + inside.size
                    condemned += int(new[: place.start].sum() + new[place.stop + context.day :].sum())
            shares = {"events": events, "found": found, "hours": round(hours / max(total, 1), 3)}
            told = {**(shares if not factor.of_forecast else {}), "condemned": condemned // max(1, context.day // 24)}
            tell({"figure": f"quality.factor.{factor.name}", "series": series, "kind": kind, **told})


def _places(context: Any, values: Values, days: int, seeds: Sequence[int]) -> Iterator[slice]:
    day = context.day
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for start in range(70, len(values) // day - days - 8, 40):
            first = (start + int(rng.integers(0, 14))) * day
            if first + days * day < len(values):
                yield slice(first, first + days * day)


def _spoiled(context: Any, values: Values, factor: Factor, place: slice) -> Flags:
    column = (context.peers["forecast"] if factor.of_forecast else values).copy()
    column[place] *= factor.factor
    if factor.of_forecast:
        return flags_of(context, values.copy(), {**context.peers, "forecast": column})
    return flags_of(context, column, context.peers)


PARTS = {"early": early, "fifth": fifth, "factors": factors}

if __name__ == "__main__":
    parts, chosen = wanted(sys.argv[1:])
    loaded = load_harness()
    with np.errstate(all="ignore"):
        for each in parts:
            if each in PARTS:
                PARTS[each](loaded, chosen)
