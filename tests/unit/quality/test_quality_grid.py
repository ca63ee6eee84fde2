"""Rows on grids: order, duplicates, off-grid stamps, repeated hours and changes of resolution."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.quality.assessment.regular_grid import grid_runs, judge_rows, repeated_hour
from app.quality.models import DAY, DetectionResult, EvidenceRule, SeriesKind
from app.timeseries.rolling import Values
from tests.support.quality_series import START, load

HOUR, QUARTER = 3600, 900
BERLIN = ZoneInfo("Europe/Berlin")


def judge(stamps: NDArray[np.int64], values: Values, *, local: bool = False) -> DetectionResult:
    return judge_rows(SeriesKind.LOAD, stamps, values, {}, local=local)


def hours(days: int) -> NDArray[np.int64]:
    return START + HOUR * np.arange(24 * days, dtype=np.int64)


def autumn(step: int) -> NDArray[np.int64]:
    """Local stamps of the days around a change to winter time, as a naive file writes them."""
    first = datetime(2024, 10, 25, tzinfo=BERLIN)
    instants = [int(first.timestamp()) + step * count for count in range(5 * DAY // step)]
    moments = [datetime.fromtimestamp(instant, BERLIN) for instant in instants]
    return np.array([int(m.timestamp() + (m.utcoffset() or timedelta()).total_seconds()) for m in moments])


def test_shuffled_rows_get_the_verdict_of_their_stamp() -> None:
    series = load(90)
    values = series.values.copy()
    values[2000] *= 3
    order = np.random.default_rng(1).permutation(len(values))

    verdict = judge(hours(90)[order], values[order])

    assert verdict.flags[np.flatnonzero(order == 2000)].all()
    assert np.array_equal(verdict.score, judge(hours(90), values).score[order])


def test_the_first_of_equal_stamps_counts_and_the_others_are_duplicates() -> None:
    stamps = np.concatenate([hours(10), hours(10)[5:8]])
    verdict = judge(stamps, np.concatenate([load(10).values, [1.0, 2.0, 3.0]]))

    assert verdict.rule[-3:].tolist() == [EvidenceRule.DUPLICATE] * 3
    assert not verdict.flags[:-3].any()


def test_a_stamp_between_the_grid_is_off_it() -> None:
    stamps = np.concatenate([hours(10), [START + 5 * HOUR + 420]])
    verdict = judge(stamps, np.concatenate([load(10).values, [50_000.0]]))

    assert np.flatnonzero(verdict.flags).tolist() == [240]
    assert verdict.rule[240] == EvidenceRule.OFF_GRID


def test_the_repeated_hour_of_local_clocks_is_no_duplicate() -> None:
    for step in (HOUR, QUARTER):
        stamps = autumn(step)
        verdict = judge(stamps, load(6, step).values[: len(stamps)], local=True)

        assert repeated_hour(stamps).sum() == HOUR // step
        assert not verdict.flags.any()


def test_stamps_with_an_offset_repeat_no_hour() -> None:
    stamps = autumn(QUARTER)

    assert (judge(stamps, load(6, QUARTER).values[: len(stamps)]).rule == EvidenceRule.DUPLICATE).sum() == 4


def test_a_duplicate_on_a_weekday_is_no_repeated_hour() -> None:
    stamps = np.array([START, START + HOUR, START + HOUR, START + 2 * HOUR])

    assert not repeated_hour(stamps).any()


def test_a_change_of_resolution_starts_a_grid_of_its_own() -> None:
    quarters = hours(30)[-1] + HOUR + QUARTER * np.arange(96 * 30, dtype=np.int64)
    stamps = np.concatenate([hours(30), quarters])

    found = list(grid_runs(stamps, np.arange(len(stamps))))

    assert [stretch.step for stretch in found] == [HOUR, QUARTER]
    assert sum(len(stretch.rows) for stretch in found) == len(stamps)


def test_holes_do_not_change_the_resolution() -> None:
    kept = np.random.default_rng(2).random(24 * 60) > 0.2

    found = list(grid_runs(hours(60)[kept], np.arange(kept.sum())))

    assert [stretch.step for stretch in found] == [HOUR]


def test_calendar_days_lie_one_after_the_other() -> None:
    days = np.array([int(datetime(2024, 1, 1, tzinfo=BERLIN).timestamp())] * 300) + DAY * np.arange(300)
    days[90:] -= HOUR

    verdict = judge(days, 100 + np.sin(np.arange(300.0)))

    assert not verdict.flags.any()


def test_scattered_stamps_make_no_giant_grid() -> None:
    stamps = np.array([0, 1, 2, 10**10], dtype=np.int64)

    assert [stretch.size for stretch in grid_runs(stamps, np.arange(4))] == [4]


def test_no_rows_have_no_verdicts() -> None:
    assert not len(judge(np.array([], dtype=np.int64), np.array([])).score)


def test_one_row_is_judged() -> None:
    assert judge(np.array([START]), np.array([1.0])).score.tolist() == [0.0]
