from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.collection.gaps.classification import NEVER_ASKED, REASONS, classify_gaps, due
from app.collection.gaps.question_schedule import AskPolicy
from app.market.calendar import AfterDelivery
from app.market.time import Interval, Resolution, delivery_day, iso
from app.timeseries.blocks import DayCounts
from app.timeseries.coverage import Granularity, begin_of, buckets, calendar_seconds, expected_seconds
from app.timeseries.grid import (
    DAY,
    FAR,
    SILENT_ALONE,
    SILENT_BESIDE_OTHERS,
    Extent,
    GridGaps,
    Held,
    Units,
    assumed_grid,
    contiguous_runs,
    examine_calendar,
    find_grid_gaps,
    is_calendar,
    life,
    merged_counts,
    short_days,
)

BRUSSELS = ZoneInfo("Europe/Brussels")
T0 = datetime(2024, 3, 1, tzinfo=UTC)
DAY0 = int(T0.timestamp()) // DAY
QUARTER, HOUR = Resolution.PT15M, Resolution.PT60M


def counts(*rows: tuple[int, Resolution, int]) -> DayCounts:
    """Rows of day since T0, resolution, stored."""
    return DayCounts(
        np.zeros(len(rows), np.int32),
        np.array([DAY0 + row[0] for row in rows], np.int64),
        np.array([row[1].id for row in rows], np.int16),
        np.array([row[2] for row in rows], np.int64),
    )


def held(*units: tuple[datetime, Resolution]) -> Held:
    return Held(
        np.array([int(start.timestamp()) for start, _ in units], np.int64),
        np.array([resolution.id for _, resolution in units], np.int16),
    )


def days(first: int, last: int) -> Interval:
    return Interval(T0 + timedelta(days=first), T0 + timedelta(days=last))


def test_only_days_whose_finest_unit_is_incomplete_are_looked_into() -> None:
    rows = counts((0, HOUR, 24), (1, QUARTER, 96), (1, HOUR, 3), (2, QUARTER, 95), (2, HOUR, 24), (3, HOUR, 23))
    assert short_days(rows).tolist() == [False, False, False, True, False, True]


def mixed(*lost: int) -> GridGaps:
    """A day of hours beside quarters, some of which (by number) are missing."""
    quarters = [number for number in range(96) if number not in lost]
    units = [(T0 + timedelta(hours=hour), HOUR) for hour in range(24)]
    units += [(T0 + timedelta(minutes=15 * number), QUARTER) for number in quarters]
    stored = held(*sorted(units, key=lambda unit: (unit[0], unit[1].id)))
    return find_grid_gaps(counts((0, QUARTER, len(quarters)), (0, HOUR, 24)), {DAY0: stored}, days(0, 1))


@pytest.mark.parametrize("lost", [(0,), (41,), (41, 42), (3, 4), (95,), (40, 50, 60, 61)])
def test_a_missing_quarter_beside_hourly_values_is_a_gap(lost: tuple[int, ...]) -> None:
    found = mixed(*lost)
    assert ((found.missing.starts - DAY0 * DAY) // 900).tolist() == list(lost)
    assert [change.resolution for change in found.changes] == [QUARTER]


def test_hours_without_any_quarter_are_hourly_again() -> None:
    found = mixed(*range(40, 96))
    assert len(found.missing) == 0
    assert [change.resolution for change in found.changes] == [QUARTER, HOUR]


def test_days_without_counts_are_missing_whole_without_a_look() -> None:
    found = find_grid_gaps(counts((0, HOUR, 24), (2, HOUR, 24)), {}, days(0, 3))
    assert found.missing.starts.tolist() == [(DAY0 + 1) * DAY + hour * 3600 for hour in range(24)]


def test_without_any_value_nothing_is_expected() -> None:
    assert len(find_grid_gaps(counts(), {}, days(0, 3)).missing) == 0


def test_a_day_that_changed_while_it_was_read_counts_as_empty() -> None:
    found = find_grid_gaps(counts((0, HOUR, 24), (1, HOUR, 3)), {}, days(0, 2))
    assert len(found.missing) == 24


def test_the_hours_before_the_first_value_take_its_resolution() -> None:
    first = held(*((T0 + timedelta(hours=hour), HOUR) for hour in range(10, 24)))
    found = find_grid_gaps(
        counts((0, HOUR, 14)), {DAY0: first}, Interval(T0 - timedelta(hours=1), T0 + timedelta(days=1))
    )
    assert len(found.missing) == 11
    assert [iso(datetime.fromtimestamp(change.start, UTC)) for change in found.changes] == ["2024-02-29T23:00:00Z"]


def test_series_that_complete_each_other_are_full_where_one_is() -> None:
    both = DayCounts(
        np.array([1, 1, 2, 2], np.int32),
        np.array([DAY0, DAY0 + 1, DAY0, DAY0 + 2], np.int64),
        np.full(4, HOUR.id, np.int16),
        np.array([24, 12, 6, 3], np.int64),
    )
    merged = merged_counts(both)
    assert (merged.days - DAY0).tolist() == [0, 1, 2]
    assert merged.stored.tolist() == [24, 12, 3]
    assert len(merged_counts(counts()).days) == 0


def test_calendar_units_are_recognised() -> None:
    assert is_calendar(counts((0, Resolution.P1D, 1)))
    assert not is_calendar(counts((0, HOUR, 24)))


def test_a_calendar_unit_inside_a_longer_one_is_left_out() -> None:
    monday = datetime(2024, 3, 3, 23, tzinfo=UTC)
    units = held((monday, Resolution.P1D), (monday, Resolution.P7D), (monday + timedelta(days=2), Resolution.P1D))
    found = examine_calendar(units, Interval(monday, monday + timedelta(days=8)), BRUSSELS)
    assert [change.resolution for change in found.changes] == [Resolution.P7D]
    assert found.missing.starts.tolist() == [int((monday + timedelta(days=7)).timestamp())]


def test_no_calendar_units_no_grid() -> None:
    found = examine_calendar(held(), days(0, 9), BRUSSELS)
    assert (len(found.missing), found.changes) == (0, ())


def test_of_calendar_units_only_those_that_meet_the_interval_count() -> None:
    monday = datetime(2024, 3, 3, 23, tzinfo=UTC)
    days_of = [monday + timedelta(days=number) for number in range(6)]
    units = held((days_of[0], Resolution.P1D), (days_of[5], Resolution.P1D))
    found = examine_calendar(units, Interval(days_of[2] + timedelta(hours=1), days_of[4]), BRUSSELS)
    assert found.missing.starts.tolist() == [int(day.timestamp()) for day in days_of[2:4]]


def test_weeks_that_shift_leave_no_gap_between_them() -> None:
    monday = datetime(2024, 3, 3, 23, tzinfo=UTC)
    units = held((monday, Resolution.P7D), (monday + timedelta(days=10), Resolution.P7D))
    assert len(examine_calendar(units, Interval(monday, monday + timedelta(days=12)), BRUSSELS).missing) == 0


def extent(first: datetime, end: datetime, resolution: Resolution = HOUR) -> Extent:
    return Extent(first, end, resolution)


def test_a_series_lives_from_the_local_day_of_its_first_value() -> None:
    assert life(extent(T0 + timedelta(hours=5), T0 + timedelta(hours=9)), [], BRUSSELS, T0) == Interval(
        T0 - timedelta(hours=1), FAR
    )


@pytest.mark.parametrize(
    ("silent", "others", "ended"),
    [
        (SILENT_BESIDE_OTHERS + timedelta(days=1), True, True),
        (SILENT_BESIDE_OTHERS - timedelta(days=1), True, False),
        (SILENT_BESIDE_OTHERS + timedelta(days=1), False, False),
        (SILENT_ALONE + timedelta(days=1), False, True),
    ],
)
def test_a_series_ends_when_it_is_silent_for_long(silent: timedelta, *, others: bool, ended: bool) -> None:
    end = T0 + timedelta(days=1)
    siblings = [extent(T0, end + SILENT_BESIDE_OTHERS)] if others else []
    assert life(extent(T0, end), siblings, BRUSSELS, end + silent).end == (end if ended else FAR)


def test_a_yearly_series_ends_only_after_three_silent_years() -> None:
    yearly = extent(T0, T0, Resolution.P1Y)
    assert life(yearly, [], BRUSSELS, T0 + timedelta(days=1000)).end == FAR
    assert life(yearly, [], BRUSSELS, T0 + timedelta(days=1100)) == Interval(T0, T0)


@pytest.mark.parametrize(
    ("resolution", "first"),
    [
        (QUARTER, "2024-03-06T10:15:00Z"),
        (HOUR, "2024-03-06T10:00:00Z"),
        (Resolution.P1D, "2024-03-05T23:00:00Z"),
        (Resolution.P7D, "2024-03-03T23:00:00Z"),
        (Resolution.P1M, "2024-02-29T23:00:00Z"),
        (Resolution.P3M, "2023-12-31T23:00:00Z"),
        (Resolution.P1Y, "2023-12-31T23:00:00Z"),
    ],
)
def test_an_assumed_grid_begins_with_the_unit_that_holds_the_start(resolution: Resolution, first: str) -> None:
    start = datetime(2024, 3, 6, 10, 20, tzinfo=UTC)
    units = assumed_grid(Interval(start, start + timedelta(minutes=1)), resolution, BRUSSELS)
    assert iso(datetime.fromtimestamp(int(units.starts[0]), UTC)) == first
    assert units.ends.tolist() == [int(resolution.step(datetime.fromisoformat(first), 1, BRUSSELS).timestamp())]


def test_nothing_has_no_stretches() -> None:
    empty = find_grid_gaps(counts(), {}, days(0, 1)).missing
    assert list(contiguous_runs(empty, np.empty(0))) == []


def hourly(number: int) -> Units:
    starts = int(T0.timestamp()) + 3600 * np.arange(number, dtype=np.int64)
    return Units(starts, starts + 3600, np.full(number, HOUR.id, np.int16))


def test_without_a_rule_a_habit_tells_and_without_both_the_end_of_the_unit() -> None:
    units = hourly(2)
    assert due(None, units, BRUSSELS, 7200).tolist() == (units.starts + 7200).tolist()
    assert due(None, units, BRUSSELS, None).tolist() == units.ends.tolist()
    rule = AfterDelivery(timedelta(hours=1), "test")
    assert due(rule, units, BRUSSELS, 7200).tolist() == (units.ends + 3600).tolist()


def test_nobody_asked_so_it_is_ours() -> None:
    units = hourly(2)
    verdict = classify_gaps(units, units.ends, NEVER_ASKED, int(units.ends[0]), AskPolicy())
    assert [REASONS[number].value for number in verdict.reasons] == ["ours", "not_due"]


def test_the_edges_of_an_interval_are_portions_of_their_own() -> None:
    interval = Interval(datetime(2024, 1, 10, 23, tzinfo=UTC), datetime(2024, 3, 5, 12, tzinfo=UTC))
    portions = buckets(interval, Granularity.MONTH)
    assert [str(bound) for bound in portions.bounds] == [
        "2024-01-10", "2024-01-11", "2024-02-01", "2024-03-01", "2024-03-05", "2024-03-06",
    ]  # fmt: skip
    assert (expected_seconds(interval, portions) / 3600).tolist() == [1, 21 * 24, 29 * 24, 4 * 24, 12]
    assert expected_seconds(None, portions).tolist() == [0] * 5
    assert begin_of(date(2024, 1, 11), Granularity.MONTH) == date(2024, 1, 1)
    assert begin_of(date(2024, 1, 11), Granularity.DAY) == date(2024, 1, 11)


def test_calendar_units_cover_the_days_they_mean() -> None:
    day = delivery_day(date(2024, 3, 31), BRUSSELS)
    portions = buckets(Interval(day.start - timedelta(hours=1), day.end), Granularity.DAY)
    covered = calendar_seconds(held((day.start, Resolution.P1D)), portions, BRUSSELS)
    assert (covered / 3600).tolist() == [1, 22]
