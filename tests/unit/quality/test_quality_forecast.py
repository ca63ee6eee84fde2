"""The one-step forecast: made in pieces, so that a year of seconds fits into memory."""

from __future__ import annotations

import numpy as np
import pytest

from app.quality.detectors import forecast as module
from app.quality.detectors.forecast import forecast
from app.timeseries.rolling import BLOCK, before, median_before
from tests.support.quality_series import forecast_of, load


def test_pieces_give_the_same_forecast_and_every_nth_row_about_as_good_a_one(monkeypatch: pytest.MonkeyPatch) -> None:
    series = load(120)
    announced = [forecast_of(series)]
    whole = forecast(series.values, series.values, series.per_day, announced)
    monkeypatch.setattr(module, "MOST_ROWS", 60 * series.per_day)
    cut = forecast(series.values, series.values, series.per_day, announced)
    monkeypatch.setattr(module, "MOST_ROWS", 14 * series.per_day + 5)
    thinned = forecast(series.values, series.values, series.per_day, announced)

    np.testing.assert_array_equal(whole, cut)
    assert np.array_equal(np.isnan(whole), np.isnan(thinned))
    errors, rougher = (np.nanmedian(np.abs(each - series.values)) for each in (whole, thinned))
    assert rougher < 1.2 * errors


def test_medians_of_earlier_values_do_not_depend_on_blocks() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=2 * BLOCK + 10)
    values[5 * np.arange(1000) + BLOCK] = np.nan
    counts = [1, 7, BLOCK - 1, BLOCK + 3, 3 * BLOCK]

    stacked = np.array([before(values, count) for count in counts])
    np.testing.assert_array_equal(median_before(values, counts)[1:], np.nanmedian(stacked[:, 1:], axis=0))
    assert np.isnan(median_before(values[:1], counts)).all()
