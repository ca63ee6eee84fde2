"""How surely the collection's anomalies are seen, and how often for nothing: python -m tests.benchmarks.bench_anomalies.

Ten weeks of hourly sums of 60 simulated series (the same seed each time), with faults of 6 to 24 hours in some of them:
answers three times as slow, half of the values, one run in ten failing. A fault is found by a judgement from its begin to six
hours after its end; further judgements within a day of each other are one false alarm. The usual judge of such figures, a
rolling z-score of 24 hours, looks at the same hours at the best of its thresholds that raises at most one a series-week.
The second part scores CSV-like metrics in steps of 15 and 60 minutes as `gridkeeper detect --kind metric` does.
One line of JSON for each figure; nothing here is fitted to what is measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import bottleneck as bn
import numpy as np

from app.monitoring.anomalies.hours import DAY, JUDGES, WEEK, Hourly, HourTable, Metric
from app.monitoring.anomalies.score import surprise
from app.timeseries.rolling import Flags, Values

SEED = 4711
SERIES, WEEKS = 60, 10
HOURS = WEEKS * WEEK
WARM = 3 * WEEK
AFTER = 6
METRIC_STRIKING = 1.25

Spans = list[list[tuple[int, int]]]
"""Of each series the faults, as first hour and the hour after the last."""


def usual(random: np.random.Generator) -> Hourly:
    """A third of the series has new values each hour, a third with a delay that varies, a third once a day."""
    shape = (SERIES, HOURS)
    runs = np.full(shape, 2.0)
    failed = random.binomial(2, 0.004, shape).astype(float)
    hour = np.arange(HOURS) % DAY
    typical = random.lognormal(-1, 0.5, (SERIES, 1)) * (1 + 0.3 * np.sin(2 * np.pi * hour / DAY))
    seconds = typical * random.lognormal(0, 0.3, shape) * np.where(random.random(shape) < 0.005, 5.0, 1.0)
    new = np.full(shape, 4.0)
    new[1::3] = _delayed(random, np.full((len(new[1::3]), HOURS), 12.0))
    new[2::3] = np.where(hour == 11, 96.0, 0.0)
    new[2::3] += random.binomial(3, 0.02, new[2::3].shape)
    return Hourly(runs, failed, runs.copy(), runs * seconds, new)


def _delayed(random: np.random.Generator, new: HourTable) -> HourTable:
    """Some values come an hour or two later than others of their kind."""
    late = random.binomial(new.astype(int), 0.2).astype(float)
    moved = new - late
    moved[:, 2:] += late[:, :-2]
    return np.asarray(moved, np.float64)


def fault_spans(random: np.random.Generator) -> Spans:
    spans: Spans = []
    for _ in range(SERIES):
        begins = WARM + random.integers(0, WEEK) + np.arange(0, HOURS - WARM - 2 * WEEK, 2 * WEEK)
        spans.append([(int(begin), int(begin + random.integers(6, 25))) for begin in begins])
    return spans


def with_fault(hourly: Hourly, metric: Metric, spans: Spans, random: np.random.Generator) -> Hourly:
    seconds, new, failed = (column.copy() for column in (hourly.response_seconds, hourly.new, hourly.failed))
    for series, faults in enumerate(spans):
        for begin, end in faults:
            if metric is Metric.LATENCY:
                seconds[series, begin:end] *= 3
            elif metric is Metric.VOLUME:
                new[series, begin:end] = np.floor(new[series, begin:end] / 2)
            else:
                failed[series, begin:end] = random.binomial(2, 0.10, end - begin)
    return Hourly(hourly.runs, failed, hourly.requests, seconds, new)


def recall_and_false_alarms(alarms: Flags, spans: Spans, per_day: int = DAY) -> tuple[float, float]:
    """The share of faults found, and the false alarms a series-week."""
    found = total = false = 0
    watched = 0.0
    for series, faults in enumerate(spans):
        alarmed = alarms[series].copy()
        excused = np.zeros(len(alarmed), bool)
        for begin, end in faults:
            found += bool(alarmed[begin : end + AFTER].any())
            total += 1
            # What stays in the sums of a day after the end of a fault still speaks of it.
            excused[begin : end + per_day] = True
        alarmed[excused] = False
        places = np.flatnonzero(alarmed)
        false += len(places) and 1 + int((np.diff(places) > per_day).sum())
        watched += (~excused).sum() / (7 * per_day)
    return found / total, false / watched


def rolling_z(values: HourTable, threshold: float, sign: float) -> Flags:
    mean, deviation = bn.move_mean(values, DAY, axis=1), bn.move_std(values, DAY, axis=1)
    off = np.full(values.shape, np.nan)
    off[:, 1:] = sign * (values[:, 1:] - mean[:, :-1]) / (deviation[:, :-1] + 1e-9)
    alarms: Flags = off > threshold
    return alarms


def reference(values: HourTable, spans: Spans, sign: float) -> tuple[float, float]:
    tried = [
        recall_and_false_alarms(_warm(rolling_z(values, at, sign)), spans) for at in (2, 2.5, 3, 3.5, 4, 5, 6, 8, 10)
    ]
    return max((one for one in tried if one[1] <= 1), default=min(tried, key=lambda one: one[1]))


def _warm(alarms: Flags) -> Flags:
    alarms = alarms.copy()
    alarms[:, :WARM] = False
    return alarms


def looked_at(hourly: Hourly, metric: Metric) -> tuple[HourTable, float]:
    if metric is Metric.LATENCY:
        return hourly.response_seconds / hourly.requests, 1.0
    return (hourly.new, -1.0) if metric is Metric.VOLUME else (hourly.failed / hourly.runs, 1.0)


def judge_faults() -> None:
    for metric in Metric:
        random = np.random.default_rng([SEED, list(Metric).index(metric)])
        spans = fault_spans(random)
        if metric is Metric.FAILURES:
            # Two runs an hour: a fault of six hours has one failure. Failures are told of days.
            spans = [[(begin, begin + DAY) for begin, _ in faults] for faults in spans]
        sound = usual(random)
        hourly = with_fault(sound, metric, spans, random)
        if metric is Metric.VOLUME:
            # Half of nothing is nothing: a fault counts where it took values away.
            spans = [
                [(begin, end) for begin, end in faults if (hourly.new[series] < sound.new[series])[begin:end].any()]
                for series, faults in enumerate(spans)
            ]
        begun = time.process_time()
        alarms = _warm(JUDGES[metric](hourly).score >= 1)
        seconds = time.process_time() - begun
        recall, false = recall_and_false_alarms(alarms, spans)
        values, sign = looked_at(hourly, metric)
        usual_recall, usual_false = reference(values, spans, sign)
        tell(
            f"anomaly_{metric}", recall=recall, false_alarms_per_series_week=false, target="recall >= 0.9 at <= 1",
            rolling_z_recall=usual_recall, rolling_z_false_alarms=usual_false,
            ratio=recall / max(usual_recall, 1e-9), cpu_ms_per_series=1000 * seconds / SERIES,
        )  # fmt: skip


def metric_of(kind: Metric, per_day: int, random: np.random.Generator) -> Values:
    count = 35 * per_day
    wave = 1 + 0.4 * np.sin(2 * np.pi * np.arange(count) / per_day)
    if kind is Metric.LATENCY:
        return np.array(0.4 * wave * random.lognormal(0, 0.3, count) * np.where(random.random(count) < 0.005, 5.0, 1.0))
    if kind is Metric.VOLUME:
        return random.poisson(200 * wave).astype(float)
    runs = 20
    return np.array(random.binomial(runs, 0.005, count) / runs)


def spoilt(values: Values, kind: Metric, begin: int, end: int, random: np.random.Generator) -> Values:
    values = values.copy()
    if kind is Metric.FAILURES:
        values[begin:end] = random.binomial(20, 0.10, end - begin) / 20
    else:
        values[begin:end] *= 3 if kind is Metric.LATENCY else 0.5
    return values


def score_metrics() -> None:
    for kind in Metric:
        for step in (15, 60):
            per_day = 1440 // step
            random = np.random.default_rng([SEED, step, list(Metric).index(kind)])
            alarms, spans = [], []
            begun = time.process_time()
            for _ in range(8):
                faults = [
                    (begin, begin + int(random.integers(per_day // 8, per_day)))
                    for begin in (np.array([15, 20, 25, 30]) * per_day + random.integers(0, per_day, 4)).tolist()
                ]
                values = metric_of(kind, per_day, random)
                for begin, end in faults:
                    values = spoilt(values, kind, begin, end, random)
                alarmed = surprise(values, per_day) >= METRIC_STRIKING
                alarmed[: 14 * per_day] = False
                alarms.append(alarmed)
                spans.append(faults)
            seconds = time.process_time() - begun
            recall, false = recall_and_false_alarms(np.array(alarms), spans, per_day)
            tell(
                f"detect_metric_{kind}_{step}min", recall=recall, false_alarms_per_series_week=false,
                threshold=METRIC_STRIKING, cpu_us_per_value=1e6 * seconds / (8 * 35 * per_day),
            )  # fmt: skip


def tell(figure: str, **found: float | str) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}
    sys.stdout.write(json.dumps({"figure": figure, **rounded}) + "\n")


PARTS: tuple[Callable[[], None], ...] = (judge_faults, score_metrics)

if __name__ == "__main__":
    for part in PARTS:
        part()
