"""Many rows are judged in pieces: with the verdicts of one look, in any order, in little memory."""

from __future__ import annotations

import numpy as np
import pytest

from app.quality.assessment import row_windows
from app.quality.assessment.regular_grid import judge_rows
from app.quality.assessment.row_windows import RowVerdicts, judge_all_rows, judge_unclear_rows
from app.quality.models import DetectionResult, EvidenceRule, SeriesKind
from tests.support.quality_series import forecast_of, inject, load

SERIES, EVENTS = inject(load(420), "zero_run", seed=3)
STAMPS = SERIES.start + SERIES.step * np.arange(len(SERIES.values), dtype=np.int64)
DAY = 24


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of half a year."""
    monkeypatch.setattr(row_windows, "MOST_ROWS", 180 * DAY)
    monkeypatch.setattr(row_windows, "LEAST_NEW_ROWS", 45 * DAY)


def whole() -> DetectionResult:
    return judge_rows(SERIES.kind, STAMPS, SERIES.values, {}, local=False)


@pytest.mark.usefixtures("small")
def test_pieces_give_the_verdicts_of_the_whole() -> None:
    pieces = judge_all_rows(SERIES.kind, STAMPS, SERIES.values, {}, local=False)

    assert np.array_equal(pieces.flags, whole().flags)
    assert all(pieces.rule[first] == EvidenceRule.SIGN for first, _ in EVENTS)


@pytest.mark.usefixtures("small")
def test_the_order_of_rows_does_not_matter() -> None:
    rows = np.random.default_rng(1).permutation(len(STAMPS))
    columns = {"forecast": forecast_of(SERIES)}
    ordered = judge_all_rows(SERIES.kind, STAMPS, SERIES.values, columns, local=False)
    shuffled = judge_all_rows(
        SERIES.kind, STAMPS[rows], SERIES.values[rows], {"forecast": columns["forecast"][rows]}, local=False
    )

    assert np.array_equal(shuffled.flags, ordered.flags[rows])
    assert shuffled.flags.any()


@pytest.mark.usefixtures("small")
def test_every_row_is_judged_once_though_an_hour_comes_twice() -> None:
    again = np.sort(np.concatenate([np.arange(len(STAMPS)), [7_000]]))
    found = judge_all_rows(SERIES.kind, STAMPS[again], SERIES.values[again], {}, local=False)

    assert found.rule[7_001] == EvidenceRule.DUPLICATE
    assert np.array_equal(np.delete(found.flags, 7_001), whole().flags)


@pytest.mark.usefixtures("small")
def test_stamps_whose_habits_follow_no_clock_are_not_taken_for_others() -> None:
    found, changed = judge_unclear_rows(SeriesKind.WIND, STAMPS, SERIES.values, {})

    assert changed is None
    assert len(found.score) == len(STAMPS)


def test_a_score_just_below_an_alarm_stays_below() -> None:
    found = RowVerdicts.nothing(2)
    rules = np.array([EvidenceRule.STEP.value, ""])
    found.keep(slice(0, 2), DetectionResult(np.array([1.0, 1.0 - 1e-12]), rules), slice(0, 2))

    assert found.flags.tolist() == [True, False]
    assert found.rule.tolist() == ["step", ""]
