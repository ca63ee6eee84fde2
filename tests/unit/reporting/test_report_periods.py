"""The day and the week that a report is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.reporting.periods import Period, ReportLength, last_complete, period_of


def test_a_day_is_the_market_s_and_a_week_begins_on_monday() -> None:
    assert period_of(ReportLength.DAILY, date(2024, 3, 31)).interval.duration == timedelta(hours=23)
    week = period_of(ReportLength.WEEKLY, date(2024, 3, 31))
    assert (week.first, week.last, week.name) == (date(2024, 3, 25), date(2024, 3, 31), "2024-W13")
    assert week.interval.duration == timedelta(days=7) - timedelta(hours=1)
    assert week.before.interval.end == week.interval.start
    assert period_of(ReportLength.DAILY, date(2024, 3, 31)).name == "2024-03-31"
    assert period_of(ReportLength.WEEKLY, date(2024, 12, 30)).name == "2025-W01"


@pytest.mark.parametrize(
    ("now", "day", "monday"),
    [
        (datetime(2024, 4, 1, 5, tzinfo=UTC), date(2024, 3, 31), date(2024, 3, 25)),
        (datetime(2024, 3, 31, 21, 59, tzinfo=UTC), date(2024, 3, 30), date(2024, 3, 18)),
        (datetime(2024, 3, 31, 22, 0, tzinfo=UTC), date(2024, 3, 31), date(2024, 3, 25)),
    ],
)
def test_what_is_not_over_is_not_reported(now: datetime, day: date, monday: date) -> None:
    assert last_complete(ReportLength.DAILY, now) == Period(ReportLength.DAILY, day)
    assert last_complete(ReportLength.WEEKLY, now) == Period(ReportLength.WEEKLY, monday)
