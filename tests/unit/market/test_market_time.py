"""Intervals, resolutions and delivery days."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.market.time import (
    Interval,
    Resolution,
    delivery_day,
    halve,
    iso,
    iso_microseconds,
    local_day,
    merge_intervals,
    midnight,
    split_interval,
)

BERLIN = ZoneInfo("Europe/Berlin")
SOFIA = ZoneInfo("Europe/Sofia")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-06-15", 24), ("2024-10-27", 25)])
def test_a_delivery_day_has_23_24_or_25_hours(day: str, hours: int) -> None:
    interval = delivery_day(date.fromisoformat(day), BERLIN)
    assert interval.duration == timedelta(hours=hours)
    assert Resolution.PT15M.count(interval, BERLIN) == hours * 4


def test_midnight_of_an_eastern_zone_is_earlier() -> None:
    assert midnight(date(2024, 7, 1), SOFIA) == at("2024-06-30T21:00")
    assert local_day(at("2024-06-30T21:00"), SOFIA) == date(2024, 7, 1)


def test_an_interval_is_half_open_and_in_utc() -> None:
    local = datetime(2024, 1, 1, tzinfo=BERLIN)
    interval = Interval(local, local + timedelta(hours=1))
    assert interval.start == at("2023-12-31T23:00")
    assert interval.start in interval
    assert interval.end not in interval
    assert str(interval) == "2023-12-31T23:00:00Z/2024-01-01T00:00:00Z"


def test_an_interval_refuses_naive_instants_and_a_wrong_order() -> None:
    with pytest.raises(ValueError, match="aware"):
        Interval(datetime(2024, 1, 1), at("2024-01-02"))  # noqa: DTZ001
    with pytest.raises(ValueError, match="before its start"):
        Interval(at("2024-01-02"), at("2024-01-01"))


def test_intersection_and_subtraction() -> None:
    day = Interval(at("2024-01-01"), at("2024-01-02"))
    noon = Interval(at("2024-01-01T11:00"), at("2024-01-01T13:00"))
    assert day.intersection(noon) == noon
    assert day.subtract(noon) == [Interval(day.start, noon.start), Interval(noon.end, day.end)]
    assert noon.subtract(day) == []
    later = Interval(at("2024-01-05"), at("2024-01-06"))
    assert day.intersection(later) is None
    assert day.subtract(later) == [day]
    assert Interval(day.start, day.start).subtract(later) == []
    assert Interval(day.start, day.start).empty


@pytest.mark.parametrize(
    ("text", "resolution"),
    [("PT1H", Resolution.PT60M), ("PT60M", Resolution.PT60M), ("PT15M", Resolution.PT15M), ("PT4S", Resolution.PT4S),
     ("P1W", Resolution.P7D), ("P12M", Resolution.P1Y), ("P1Y", Resolution.P1Y), ("P3M", Resolution.P3M)],
)  # fmt: skip
def test_a_resolution_is_read_in_any_spelling(text: str, resolution: Resolution) -> None:
    assert Resolution.parse(text) is resolution
    assert Resolution.from_id(resolution.id) is resolution
    assert resolution.code == resolution.name


@pytest.mark.parametrize("text", ["", "P", "PT", "PT7M", "hour", "P1M2D"])
def test_an_unknown_resolution_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown resolution"):
        Resolution.parse(text)


def test_days_step_in_local_time_over_a_spring_change() -> None:
    interval = Interval(at("2026-02-16T23:00"), at("2026-03-29T22:00"))
    starts = Resolution.P1D.starts(interval, BERLIN)
    assert len(starts) == 41
    assert starts[-1] == at("2026-03-28T23:00").timestamp()


def test_weeks_months_and_years_keep_local_midnight() -> None:
    weeks = Resolution.P7D.starts(Interval(at("2024-03-24T23:00"), at("2024-04-14T22:00")), BERLIN)
    assert [iso(datetime.fromtimestamp(int(start), UTC)) for start in weeks] == [
        "2024-03-24T23:00:00Z", "2024-03-31T22:00:00Z", "2024-04-07T22:00:00Z",
    ]  # fmt: skip
    assert Resolution.P1M.step(at("2024-01-30T23:00"), 1, BERLIN) == at("2024-02-28T23:00")
    assert Resolution.P3M.step(at("2024-01-31T23:00"), 1, BERLIN) == at("2024-04-30T22:00")
    assert Resolution.P1Y.step(at("2022-12-31T23:00"), 1, BERLIN) == at("2023-12-31T23:00")
    assert Resolution.P1Y.is_calendar
    assert not Resolution.PT60M.is_calendar


def test_a_grid_below_a_day_counts_begun_units() -> None:
    interval = Interval(at("2024-01-01"), at("2024-01-01T00:50"))
    assert Resolution.PT15M.starts(interval, BERLIN).tolist() == [1704067200 + 900 * index for index in range(4)]


def test_splitting_by_months_gives_local_months() -> None:
    year = Interval(midnight(date(2024, 1, 1), BERLIN), midnight(date(2025, 1, 1), BERLIN))
    months = list(split_interval(year, months=1, zone=BERLIN))
    assert len(months) == 12
    assert months[3].start == midnight(date(2024, 4, 1), BERLIN)
    assert months[-1].end == year.end
    assert all(before.end == after.start for before, after in itertools.pairwise(months))


def test_splitting_by_days_keeps_short_and_long_days_whole() -> None:
    days = list(
        split_interval(
            Interval(midnight(date(2024, 10, 26), BERLIN), midnight(date(2024, 10, 29), BERLIN)), days=1, zone=BERLIN
        )
    )
    assert [day.duration for day in days] == [timedelta(hours=24), timedelta(hours=25), timedelta(hours=24)]


def test_splitting_an_empty_interval_gives_nothing() -> None:
    assert list(split_interval(Interval(at("2024-01-01"), at("2024-01-01")), days=1, zone=BERLIN)) == []


def test_halving_cuts_at_midnight_then_at_the_hour_then_stops() -> None:
    week = Interval(midnight(date(2024, 1, 1), BERLIN), midnight(date(2024, 1, 8), BERLIN))
    halves = halve(week, BERLIN)
    assert halves is not None
    assert halves[0].end == halves[1].start == midnight(date(2024, 1, 4), BERLIN)
    day = halve(delivery_day(date(2024, 1, 1), BERLIN), BERLIN)
    assert day is not None
    assert day[0].end == at("2024-01-01T11:00")
    assert halve(Interval(at("2024-01-01T00:00"), at("2024-01-01T01:00")), BERLIN) is None


def test_instants_are_written_in_utc() -> None:
    local = datetime(2024, 1, 1, 1, 2, 3, 456, tzinfo=BERLIN)
    assert iso(local) == "2024-01-01T00:02:03Z"
    assert iso_microseconds(local) == "2024-01-01T00:02:03.000456Z"


def test_intervals_are_merged_where_they_overlap_touch_or_lie_close_enough() -> None:
    def hours(start: int, end: int) -> Interval:
        return Interval(datetime(2024, 3, 1, start, tzinfo=UTC), datetime(2024, 3, 1, end, tzinfo=UTC))

    given = [hours(8, 9), hours(0, 4), hours(1, 2), hours(4, 5), hours(6, 7)]
    assert merge_intervals(given) == [hours(0, 5), hours(6, 7), hours(8, 9)]
    assert merge_intervals(given, apart=timedelta(hours=1)) == [hours(0, 9)]
    assert merge_intervals([]) == []
