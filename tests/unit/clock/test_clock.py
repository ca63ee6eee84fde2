"""The clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.clock import FixedClock, SystemClock, until_beat


def test_the_systems_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta()


def test_a_fixed_clock_stands_still_until_it_is_set() -> None:
    clock = FixedClock(datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == clock.now() == datetime(2024, 1, 1, tzinfo=UTC)
    clock.set(datetime(2025, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2025


def test_a_fixed_clock_needs_an_aware_instant() -> None:
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2024, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(("now", "left"), [(100.0, 2.0), (100.5, 1.5), (101.5, 2.5), (101.999, 2.001)])
def test_what_waits_for_the_beat_wakes_at_a_whole_multiple_and_not_twice_for_one(
    monkeypatch: pytest.MonkeyPatch, now: float, left: float
) -> None:
    monkeypatch.setattr("app.clock.time.time", lambda: now)
    assert until_beat(2.0) == pytest.approx(left)
