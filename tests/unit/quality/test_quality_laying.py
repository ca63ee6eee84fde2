from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from app.market.time import Interval, Resolution
from app.quality.assessment.alignment import NOTHING, StoredValues, align, aligned, informed, off_grid
from app.quality.timeliness import NEVER
from app.timeseries.grid import ResolutionChange

BERLIN = ZoneInfo("Europe/Berlin")
T0 = datetime(2024, 3, 1, tzinfo=UTC)
SECOND = int(T0.timestamp())
HOUR = 3600


def observed(values: dict[float, float], resolution: Resolution = Resolution.PT60M) -> StoredValues:
    """Values by hour since T0, learned an hour later."""
    starts = np.array([SECOND + int(hour * HOUR) for hour in values], np.int64)
    learned = (starts + HOUR) * 1_000_000
    size = len(starts)
    ids = np.full(size, resolution.id, np.int16)
    return StoredValues(starts, ids, np.array([*values.values()], float), np.zeros(size, np.bool_), learned, learned)


def joined(one: StoredValues, other: StoredValues) -> StoredValues:
    return StoredValues(
        np.concatenate([one.starts, other.starts]),
        np.concatenate([one.resolutions, other.resolutions]),
        np.concatenate([one.values, other.values]),
        np.concatenate([one.filled, other.filled]),
        np.concatenate([one.recorded, other.recorded]),
        np.concatenate([one.learned, other.learned]),
    )


def hours(first: float, last: float) -> Interval:
    return Interval(T0 + timedelta(hours=first), T0 + timedelta(hours=last))


def change(hour: float, resolution: Resolution) -> ResolutionChange:
    return ResolutionChange(SECOND + int(hour * HOUR), resolution)


def test_units_without_a_value_are_unknown() -> None:
    [laid] = align(observed({0: 1.0, 2: 3.0}), [change(0, Resolution.PT60M)], hours(0, 4), BERLIN)
    np.testing.assert_array_equal(laid.values, [1.0, np.nan, 3.0, np.nan])
    assert ((laid.learned - SECOND)[[0, 2]] // HOUR).tolist() == [1, 3]
    assert laid.learned[[1, 3]].tolist() == [NEVER, NEVER]
    assert (laid.ends - laid.starts).tolist() == [HOUR] * 4


def test_a_zone_that_changes_its_resolution_has_a_piece_for_each() -> None:
    both = joined(observed({0: 1.0, 1: 2.0}), observed({2 + n / 4: float(n) for n in range(4)}, Resolution.PT15M))
    before, after = align(both, [change(-9, Resolution.PT60M), change(2, Resolution.PT15M)], hours(0, 3), BERLIN)
    assert (before.step, before.values.tolist()) == (3600, [1.0, 2.0])
    assert (after.step, after.values.tolist()) == (900, [0.0, 1.0, 2.0, 3.0])


def test_a_value_beside_the_present_resolution_is_left_out() -> None:
    [laid] = align(observed({0: 1.0}, Resolution.PT15M), [change(0, Resolution.PT60M)], hours(0, 2), BERLIN)
    assert np.isnan(laid.values).all()


def test_a_change_behind_the_interval_makes_no_piece() -> None:
    changes = [change(0, Resolution.PT60M), change(9, Resolution.PT15M)]
    assert [one.resolution for one in align(NOTHING, changes, hours(0, 4), BERLIN)] == [Resolution.PT60M]
    assert align(NOTHING, [], hours(0, 4), BERLIN) == []


def test_days_step_in_local_time_and_meet_the_interval() -> None:
    first = datetime(2024, 3, 30, 23, tzinfo=UTC)
    [laid] = align(
        NOTHING,
        [ResolutionChange(int(first.timestamp()), Resolution.P1D)],
        Interval(first + timedelta(hours=5), first + timedelta(days=2)),
        BERLIN,
    )
    assert ((laid.ends - laid.starts) // HOUR).tolist() == [23, 24, 24]


def test_stamps_between_units_are_off_the_grid() -> None:
    found = off_grid(observed({0: 1.0, 1.5: 2.0, 3: 1.0}))
    assert ((found - SECOND) / HOUR).tolist() == [1.5]
    assert not len(off_grid(observed({0.3: 1.0}, Resolution.P1D)))


def test_a_longer_unit_holds_and_shorter_ones_are_averaged() -> None:
    quarters = SECOND + 900 * np.arange(6, dtype=np.int64)
    held = aligned(observed({0: 8.0}), quarters, 900)
    np.testing.assert_array_equal(held, [8.0, 8.0, 8.0, 8.0, np.nan, np.nan])
    fine = observed({n / 4: float(n) for n in range(4)} | {9.0: 5.0}, Resolution.PT15M)
    np.testing.assert_array_equal(aligned(fine, SECOND + HOUR * np.arange(2, dtype=np.int64), HOUR), [1.5, np.nan])


def test_the_finer_of_two_resolutions_speaks_where_it_is_known() -> None:
    both = joined(observed({0: 8.0}), observed({0.25: 1.0}, Resolution.PT15M))
    quarters = SECOND + 900 * np.arange(4, dtype=np.int64)
    assert aligned(both, quarters, 900).tolist() == [8.0, 1.0, 8.0, 8.0]


def test_a_yearly_capacity_holds_until_the_next_table_comes() -> None:
    stamps = SECOND + 86_400 * np.array([0, 365, 390, 500], np.int64)
    held = aligned(observed({0: 7.0}, Resolution.P1Y), stamps, HOUR)
    np.testing.assert_array_equal(held, [7.0, 7.0, 7.0, np.nan])
    assert np.isnan(aligned(NOTHING, stamps, HOUR)).all()


def test_values_are_informed_once_enough_days_before_have_one() -> None:
    values = {24.0 * day + hour: 1.0 for day in range(5) for hour in range(24) if day != 1}
    [laid] = align(observed(values), [change(0, Resolution.PT60M)], hours(0, 24 * 5), BERLIN)
    assert informed(laid, 3).reshape(5, 24).all(axis=1).tolist() == [False, False, False, False, True]
    [weeks] = align(
        observed({24.0 * day: 1.0 for day in range(60)}), [change(0, Resolution.PT60M)], hours(0, 24 * 60), BERLIN
    )
    assert informed(weeks, 28).reshape(60, 24)[:, 0].all(), "the first weeks by those after them"
    assert not informed(weeks, 29).reshape(60, 24)[27:29, 0].any()
    [empty] = align(NOTHING, [change(0, Resolution.PT60M)], hours(0, 2), BERLIN)
    assert not informed(empty, 0).any()
