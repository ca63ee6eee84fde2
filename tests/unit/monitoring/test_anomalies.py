"""The collection hour by hour: slow answers, few values and failures are seen, usual days are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.monitoring.anomalies.hours import DAY, HISTORY_DAYS, Hourly, Metric, Unusual, unusual

HOURS = (HISTORY_DAYS + 2) * DAY
EVENT = slice(HOURS - 12, HOURS)
SINCE = HOURS - DAY


def usual(series: int = 1, hours: int = HOURS) -> Hourly:
    """Two runs an hour of half a second, four new values each, one failure in two hundred runs."""
    shape = (series, hours)
    random = np.random.default_rng(3)
    failed = np.zeros(shape)
    failed[:, ::100] = 1
    return Hourly(
        np.full(shape, 2.0),
        failed,
        np.full(shape, 2.0),
        2 * 0.5 * random.lognormal(0, 0.2, shape),
        np.full(shape, 8.0),
    )


def changed(
    name: str, change: Callable[[np.ndarray], object], hours: slice = EVENT, of: Hourly | None = None
) -> Hourly:
    hourly = of or usual()
    column = getattr(hourly, name).copy()
    column[:, hours] = change(column[:, hours])
    return replace(hourly, **{name: column})


def found(hourly: Hourly, metric: Metric) -> list[Unusual]:
    return list(unusual(hourly, SINCE, (metric,)))


def test_usual_hours_are_not_unusual() -> None:
    assert list(unusual(usual(series=3), SINCE)) == []


def test_answers_three_times_as_slow_are_told_with_what_was_expected() -> None:
    told = found(changed("response_seconds", lambda seconds: 3 * seconds), Metric.LATENCY)
    assert {one.hour for one in told} >= set(range(HOURS - 10, HOURS))
    assert told[-1].expected == pytest.approx(0.5, rel=0.1)
    assert told[-1].value == pytest.approx(1.5, rel=0.4)
    assert all(one.score >= 1 for one in told)


def test_one_slow_hour_is_an_outlier_and_no_anomaly() -> None:
    hour = slice(HOURS - 6, HOURS - 5)
    assert found(changed("response_seconds", lambda seconds: 20 * seconds, hour), Metric.LATENCY) == []


def test_quicker_answers_are_welcome() -> None:
    assert found(changed("response_seconds", lambda seconds: seconds / 5), Metric.LATENCY) == []


def test_hours_without_a_request_are_not_judged() -> None:
    slow = changed("response_seconds", lambda seconds: 3 * seconds)
    silent = changed("requests", lambda _: 0, slice(HOURS - 6, HOURS), of=slow)
    assert max(one.hour for one in found(silent, Metric.LATENCY)) < HOURS - 6


def test_half_of_the_values_are_too_few() -> None:
    told = found(changed("new", lambda new: new / 2), Metric.VOLUME)
    assert min(one.hour for one in told) <= HOURS - 12 + 6
    assert (told[-1].value, told[-1].expected) == (24, 48)


def test_values_of_a_backlog_do_not_make_later_days_look_poor() -> None:
    backlog = changed("new", lambda new: new + 5000, slice(HOURS - 60, HOURS - 50))
    assert found(backlog, Metric.VOLUME) == []


def test_values_that_come_once_a_day_are_expected_at_their_time_only() -> None:
    hour = np.arange(HOURS) % DAY
    daily = replace(usual(), new=np.where(hour == 3, 96.0, 0.0)[np.newaxis])
    assert found(daily, Metric.VOLUME) == []
    missing = changed("new", lambda _: 0, slice(SINCE, HOURS), of=daily)
    told = found(missing, Metric.VOLUME)
    assert min(one.hour for one in told) == SINCE + 3


def test_fewer_values_while_nobody_asked_are_no_anomaly_of_the_platform() -> None:
    away = changed("new", lambda _: 0, of=changed("runs", lambda _: 0))
    assert found(away, Metric.VOLUME) == []


def test_a_series_that_is_new_is_not_judged_yet() -> None:
    young = usual()
    for name in ("runs", "failed", "requests", "response_seconds", "new"):
        young = changed(name, lambda _: 0, slice(0, HOURS - 3 * DAY), of=young)
    young = changed("new", lambda _: 0, of=changed("failed", lambda _: 2, of=young))
    assert found(young, Metric.VOLUME) == []
    assert found(young, Metric.FAILURES) == []


def test_failures_beyond_chance_are_told_once_they_happen() -> None:
    hourly = usual()
    failed = np.zeros_like(hourly.failed)
    failed[0, [HOURS - 12, HOURS - 9, HOURS - 5]] = 1
    told = found(replace(hourly, failed=failed), Metric.FAILURES)
    assert [one.hour for one in told] == [HOURS - 9, HOURS - 5]
    assert told[-1].value >= 0.05
    assert told[-1].expected == pytest.approx(0.005)


def test_a_single_failure_is_chance() -> None:
    hourly = usual()
    failed = np.zeros_like(hourly.failed)
    failed[0, HOURS - 4] = 1
    assert found(replace(hourly, failed=failed), Metric.FAILURES) == []


def test_a_platform_that_answers_nothing_is_far_beyond_chance() -> None:
    told = found(changed("failed", lambda _: 2), Metric.FAILURES)
    assert told[-1].value == 0.5  # of the day's runs
    assert told[-1].score > 5


def test_what_always_fails_often_fails_as_usual() -> None:
    hourly = usual()
    failed = np.zeros_like(hourly.failed)
    failed[:, ::5] = 1
    assert found(replace(hourly, failed=failed), Metric.FAILURES) == []


def test_areas_that_fail_once_each_are_unusual_together() -> None:
    hourly = usual(series=6)
    failed = np.zeros_like(hourly.failed)
    failed[:, HOURS - 3] = [1, 1, 1, 1, 1, 0]
    spread = replace(hourly, failed=failed)
    assert found(spread, Metric.FAILURES) == []
    [told] = found(spread.summed([range(6)]), Metric.FAILURES)
    assert (told.series, told.hour) == (0, HOURS - 3)


def test_a_table_shorter_than_a_day_says_nothing() -> None:
    assert list(unusual(usual(hours=4), 0)) == []
