from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.db.timescale_steps import refresh_horizon
from app.settings import RetentionSettings


def test_nothing_is_erased_unless_a_setting_says_so() -> None:
    settings = RetentionSettings()

    assert (settings.observations_days, settings.revisions_days) == (None, None)
    assert refresh_horizon(settings) is None


def test_an_empty_variable_means_that_all_is_kept() -> None:
    assert RetentionSettings.model_validate({"observations_days": ""}).observations_days is None


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ({"observations_days": 500}, r"observations_days must be at least backtest_days \(1096\)"),
        ({"observations_days": 1200, "revisions_days": 1000}, r"revisions_days must be at least backtest_days"),
        ({"observations_days": 1300, "revisions_days": 1200}, "revisions_days must be at least observations_days"),
        ({"revisions_days": 1200}, "revisions_days must be at least observations_days"),
        ({"observations_days": 30, "backtest_days": 10}, "greater than or equal to 90"),
    ],
)
def test_retention_never_erases_what_a_backtest_or_an_aggregate_needs(days: dict[str, int], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RetentionSettings.model_validate(days)


def test_aggregates_stop_following_changes_before_the_values_are_erased() -> None:
    settings = RetentionSettings(observations_days=2000, revisions_days=2000)
    horizon = refresh_horizon(settings)

    assert horizon is not None
    assert horizon.days < 2000
