"""Any metric: what comes out of the usual scores high, and a score never depends on what comes later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.monitoring.anomalies.score import ECHO, surprise
from app.timeseries.rolling import Values

PER_DAY = 24


def metric(days: int = 30, seed: int = 1) -> Values:
    """A wave a day with noise."""
    count = days * PER_DAY
    wave = 100 + 30 * np.sin(2 * np.pi * np.arange(count) / PER_DAY)
    noisy: Values = wave + np.random.default_rng(seed).normal(0, 3, count)
    return noisy


@pytest.mark.parametrize("factor", [5.0, -1.0, 0.0])
def test_an_outlier_has_the_highest_score(factor: float) -> None:
    values = metric()
    values[500] *= factor
    scores = surprise(values, PER_DAY)
    assert scores[7 * PER_DAY :].argmax() + 7 * PER_DAY == 500
    assert scores[500] > 2


def test_a_shift_without_a_single_extreme_value_is_seen_within_hours() -> None:
    values = metric()
    values[480:504] = 0.5 * values[480:504] + 20
    scores = surprise(values, PER_DAY)
    usual = np.quantile(scores[10 * PER_DAY : 480], 0.99)
    assert scores[480:486].max() > usual


def test_what_follows_a_striking_value_weighs_less_than_it() -> None:
    values = metric()
    values[500] *= 5
    values[503] *= 5
    scores = surprise(values, PER_DAY)
    assert scores[503] <= ECHO * scores[500]


def test_a_constant_metric_surprises_nobody() -> None:
    assert surprise(np.full(500, 7.0), PER_DAY).max() == 0


def test_the_first_change_of_a_constant_metric_does() -> None:
    values = np.full(500, 7.0)
    values[400:] = 8.0
    scores = surprise(values, PER_DAY)
    assert scores.argmax() == 400
    assert scores[:400].max() == 0


def test_an_unknown_value_counts_as_the_one_before() -> None:
    known, unknown = metric(), metric()
    known[300] = known[299]
    unknown[300] = np.nan
    assert surprise(unknown, PER_DAY).tolist() == surprise(known, PER_DAY).tolist()


def test_nothing_but_unknown_values_surprises_nobody() -> None:
    assert surprise(np.full(50, np.nan), PER_DAY).tolist() == [0.0] * 50


def test_the_past_that_is_remembered_ends() -> None:
    """What was extreme once is usual where it goes on for longer than anybody remembers."""
    values = np.tile([1.0, 2.0], 3_500)
    values[0:200:7] = 50.0
    assert np.isfinite(surprise(values, 48)).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_few_values_get_a_score_each(count: int) -> None:
    scores = surprise(np.arange(count, dtype=float), PER_DAY)
    assert len(scores) == count
    assert np.isfinite(scores).all()


@settings(max_examples=60)
@given(
    values=arrays(np.float64, st.integers(1, 120), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    per_day=st.integers(1, 12),
    data=st.data(),
)
def test_a_score_depends_on_nothing_that_comes_later(values: Values, per_day: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values)))
    scores = surprise(values, per_day)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    np.testing.assert_allclose(surprise(values[:cut], per_day), scores[:cut], rtol=1e-6, atol=1e-6)
