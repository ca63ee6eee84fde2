"""Validity: bounds with their dates, signs, the dark, capacity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.quality.detectors.validity import above_capacity, negative, outside_price_bounds, solar_at_night, violations
from app.quality.models import EvidenceRule, Series, SeriesKind
from tests.support.quality_series import START, solar


def prices(at: datetime, *values: float) -> Series:
    return Series(SeriesKind.PRICE, int(at.timestamp()), 3600, np.array(values))


def test_the_bounds_themselves_are_allowed() -> None:
    series = prices(datetime(2025, 1, 1, tzinfo=UTC), -500.0, 4000.0)

    assert not outside_price_bounds(series).any()


def test_prices_beyond_the_bounds_are_flagged() -> None:
    series = prices(datetime(2025, 1, 1, tzinfo=UTC), -500.01, 4000.01, np.nan)

    assert outside_price_bounds(series).tolist() == [True, True, False]


def test_a_bound_counts_from_its_date() -> None:
    series = prices(datetime(2022, 5, 10, 21, tzinfo=UTC), 3500.0, 3500.0)

    assert outside_price_bounds(series).tolist() == [True, False]


def test_only_prices_have_price_bounds() -> None:
    series = replace(prices(datetime(2025, 1, 1, tzinfo=UTC), 50_000.0), kind=SeriesKind.LOAD)

    assert not violations(series)


@pytest.mark.parametrize("kind", [SeriesKind.LOAD, SeriesKind.GENERATION, SeriesKind.WIND, SeriesKind.SOLAR])
def test_what_is_produced_or_consumed_is_not_negative(kind: SeriesKind) -> None:
    values = np.ones(24 * 20)
    values[300] = -1.0

    assert np.flatnonzero(negative(Series(kind, START, 3600, values))).tolist() == [300]


@pytest.mark.parametrize("kind", [SeriesKind.PRICE, SeriesKind.FLOW])
def test_prices_and_flows_may_be_negative(kind: SeriesKind) -> None:
    assert not negative(Series(kind, START, 3600, -np.ones(24 * 20))).any()


def test_storage_is_negative_by_habit() -> None:
    pumping = np.where(np.arange(24 * 60) % 24 < 6, -100.0, 100.0)

    assert not negative(Series(SeriesKind.GENERATION, START, 3600, pumping))[24 * 7 :].any()


def test_output_in_the_dark_is_flagged() -> None:
    series = solar(120)
    values = series.values.copy()
    midnight = 100 * 24
    values[midnight] = 9_000.0

    assert np.flatnonzero(solar_at_night(replace(series, values=values))).tolist() == [midnight]


def test_lengthening_days_are_not_dark() -> None:
    assert not solar_at_night(solar(365)).any()


def test_production_above_what_is_installed_is_flagged() -> None:
    series = Series(SeriesKind.WIND, START, 3600, np.array([100.0, 104.0, 106.0]), {"capacity": np.full(3, 100.0)})

    assert above_capacity(series).tolist() == [False, False, True]


def test_load_has_no_capacity() -> None:
    series = Series(SeriesKind.LOAD, START, 3600, np.array([200.0]), {"capacity": np.array([100.0])})

    assert EvidenceRule.ABOVE_CAPACITY not in violations(series)


def test_a_flow_that_was_never_negative_is_not_negative_now() -> None:
    values = np.full(24 * 20, 100.0)
    values[400] = -100.0
    assert np.flatnonzero(negative(Series(SeriesKind.FLOW, START, 3600, values))).tolist() == [400]


def test_imbalance_prices_have_bounds_of_their_own() -> None:
    values = np.array([4000.5, -9000.0, 15_001.0, -15_000.0])
    assert outside_price_bounds(Series(SeriesKind.IMBALANCE, START, 3600, values)).tolist() == [
        False,
        False,
        True,
        False,
    ]
