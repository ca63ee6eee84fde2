from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.errors import ConfigurationError
from app.quality.scoring import (
    DEFAULT_WEIGHTS,
    DayScore,
    Score,
    ScoreCounts,
    score,
    score_of_sum,
    summed,
    weighted_mean,
)
from app.settings import load_settings

DAY = ScoreCounts(
    expected=96, stored=90, ours=1, missing_at_source=2, late=1, not_due=2, timed=90, on_time=81, checked=90,
    violating=9, examined=80, flagged=20,
)  # fmt: skip


def test_each_dimension_is_the_share_of_what_is_good() -> None:
    found = score(DAY)
    assert found.completeness == pytest.approx(100 * 90 / 94)
    assert (found.timeliness, found.validity, found.accuracy) == (90.0, 90.0, 75.0)


def test_the_overall_score_is_the_mean_by_weights() -> None:
    expected = (40 * 100 * 90 / 94 + 20 * 90 + 20 * 90 + 20 * 75) / 100
    assert score(DAY).overall == pytest.approx(expected)
    assert score(DAY, (0, 0, 0, 5)).overall == 75.0


def test_what_is_not_due_does_not_weigh_and_every_other_reason_does() -> None:
    assert score(ScoreCounts(expected=24, stored=6, not_due=18)).completeness == 100.0
    for reason in ("ours", "missing_at_source", "late"):
        assert score(ScoreCounts(expected=24, stored=18, **{reason: 6})).completeness == 75.0


def test_a_dimension_that_examined_nothing_is_absent_and_the_others_weigh_alone() -> None:
    found = score(ScoreCounts(expected=24, stored=12, ours=12, checked=12))
    assert found.dimensions == (50.0, None, 100.0, None)
    assert found.overall == pytest.approx((40 * 50 + 20 * 100) / 60)


def test_nothing_examined_is_no_score_at_all() -> None:
    assert score(ScoreCounts(expected=24, not_due=24)) == Score(None, None, None, None, None)
    assert ScoreCounts(expected=24, not_due=24).empty
    assert not DAY.empty


def test_parts_that_weigh_nothing_give_no_mean() -> None:
    assert weighted_mean([80.0, None], [0, 20]) is None


def test_a_day_carries_its_score() -> None:
    day = DayScore(date(2024, 3, 1), datetime(2024, 2, 29, 23, tzinfo=UTC), DAY, DEFAULT_WEIGHTS)
    assert day.score == score(DAY)
    assert day.score.dimensions == (day.score.completeness, 90.0, 90.0, 75.0)


def test_weights_are_settings_and_one_of_them_must_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_QUALITY__TIMELINESS_WEIGHT", "5")
    assert load_settings().quality.weights == (40.0, 5.0, 20.0, 20.0)
    for name in ("COMPLETENESS", "TIMELINESS", "VALIDITY", "ACCURACY"):
        monkeypatch.setenv(f"GRIDKEEPER_QUALITY__{name}_WEIGHT", "0")
    with pytest.raises(ConfigurationError, match="GRIDKEEPER_QUALITY: at least one"):
        load_settings()


@pytest.mark.parametrize(("timed", "timeliness"), [(47, None), (48, 100.0), (94, 100.0)])
def test_timeliness_needs_most_values_of_the_day(timed: int, timeliness: float | None) -> None:
    found = score(ScoreCounts(expected=96, stored=94, not_due=2, timed=timed, on_time=timed, checked=94))
    assert found.timeliness == timeliness
    assert found.overall == 100.0


def test_few_timed_values_of_a_series_that_nothing_is_expected_of_say_nothing_either() -> None:
    assert score(ScoreCounts(timed=3, on_time=3, checked=96)).timeliness is None
    assert score(ScoreCounts(timed=96, on_time=48, checked=96)).timeliness == 50.0


def test_timeliness_of_several_days_is_that_of_the_watched_ones() -> None:
    watched = ScoreCounts(expected=96, stored=96, timed=90, on_time=45, checked=96)
    backfilled = ScoreCounts(expected=96, stored=96, timed=6, on_time=6, checked=96)
    total = summed([one.scored for one in (watched, *9 * [backfilled])])

    assert (total.expected, total.timed, total.on_time) == (960, 90, 45)
    assert score_of_sum(total).timeliness == 50.0
    assert score_of_sum(summed([backfilled.scored])).timeliness is None
