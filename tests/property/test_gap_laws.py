"""Laws of the grid: gaps and stored units partition it, filling a gap removes exactly it, looking twice changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.collection.gaps.classification import REASONS, Asked, Reason, classify_gaps
from app.collection.gaps.question_schedule import AskPolicy
from app.market.time import Interval, Resolution, midnight
from app.timeseries.blocks import DayCounts
from app.timeseries.grid import (
    DAY,
    GridGaps,
    Held,
    Units,
    contiguous_runs,
    examine_calendar,
    find_grid_gaps,
    short_days,
)

T0 = int(datetime(2024, 3, 29, tzinfo=UTC).timestamp())
BRUSSELS = ZoneInfo("Europe/Brussels")
HOURS = 4 * 24
FIXED = (Resolution.PT15M, Resolution.PT30M, Resolution.PT60M)

Stored = frozenset[tuple[int, Resolution]]


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@st.composite
def stocks(draw: st.DrawFn) -> Stored:
    """Units of one to three resolutions, each from one hour to another, with holes; they may overlap."""
    found: set[tuple[int, Resolution]] = set()
    for _ in range(draw(st.integers(1, 3))):
        resolution = draw(st.sampled_from(FIXED))
        first, last = sorted(draw(st.lists(st.integers(0, HOURS), min_size=2, max_size=2, unique=True)))
        starts = set(range(T0 + first * 3600, T0 + last * 3600, resolution.seconds))
        for begin in draw(st.lists(st.integers(first, last), max_size=3)):
            length = draw(st.sampled_from([900, 1800, 3600, 5400, 6 * 3600, 30 * 3600]))
            starts -= set(range(T0 + begin * 3600, T0 + begin * 3600 + length, 900))
        found |= {(start, resolution) for start in starts}
    return frozenset(found)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    first, last = sorted(draw(st.lists(st.integers(-30, HOURS * 4 + 30), min_size=2, max_size=2, unique=True)))
    return Interval(instant(T0 + first * 900), instant(T0 + last * 900))


def held(stored: Stored) -> Held:
    rows = sorted((start, resolution.id) for start, resolution in stored)
    return Held(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int16))


def look(stored: Stored, interval: Interval) -> GridGaps:
    """The examination as the service does it: by counts, and into the units only of the days that counts cannot judge."""
    units = held(stored)
    days, numbers = np.unique(np.stack([units.starts // DAY, units.resolutions]), axis=1, return_counts=True)
    counts = DayCounts(np.zeros(days.shape[1], np.int32), days[0], days[1].astype(np.int16), numbers)
    last = (int(interval.end.timestamp()) - 1) // DAY
    before = counts.days[counts.days < int(interval.start.timestamp()) // DAY]
    first = int(before.max()) if len(before) else int(interval.start.timestamp()) // DAY
    counts = counts.select((counts.days >= first) & (counts.days <= last))
    looked_into = {
        day: Held(units.starts[units.starts // DAY == day], units.resolutions[units.starts // DAY == day])
        for day in counts.days[short_days(counts)].tolist()
    }
    return find_grid_gaps(counts, looked_into, interval)


def current(examined: GridGaps, second: int) -> Resolution | None:
    before = [change.resolution for change in examined.changes if change.start <= second]
    return before[-1] if before else None


def missing(examined: GridGaps) -> Stored:
    units = examined.missing
    pairs = zip(units.starts.tolist(), units.resolutions.tolist(), strict=True)
    return frozenset((start, Resolution.from_id(number)) for start, number in pairs)


def grid(examined: GridGaps, interval: Interval) -> Stored:
    """Every unit that the resolutions in force make in the interval."""
    found: set[tuple[int, Resolution]] = set()
    first = int(interval.start.timestamp()) // 900 * 900
    for second in range(first, int(interval.end.timestamp()), 900):
        resolution = current(examined, second)
        if resolution and second % resolution.seconds == 0 and second >= interval.start.timestamp():
            found.add((second, resolution))
    return frozenset(found)


laws = settings(max_examples=150, deadline=None)


@laws
@given(stocks(), intervals())
def test_gaps_and_stored_units_partition_the_grid(stored: Stored, interval: Interval) -> None:
    examined = look(stored, interval)
    gaps, wanted = missing(examined), grid(examined, interval)
    assert gaps <= wanted
    assert not gaps & stored
    assert wanted - gaps <= stored


@laws
@given(stocks(), intervals())
def test_time_that_two_units_cover_is_no_gap_where_one_is_complete_and_no_finer_one_has_half(
    stored: Stored, interval: Interval
) -> None:
    gaps = missing(look(stored, interval))
    kinds = {resolution for _, resolution in stored}
    block = max((resolution.seconds for resolution in kinds), default=0)
    for start, missed in gaps:
        begin = start // block * block
        steps = range(begin, begin + block, missed.seconds)
        half = 2 * sum((step, missed) in stored for step in steps) >= len(steps)
        for resolution in kinds if not half else [one for one in kinds if one.seconds <= missed.seconds]:
            steps = range(begin, begin + block, resolution.seconds)
            assert not all((step, resolution) in stored for step in steps)


@laws
@given(stocks(), intervals(), st.data())
def test_filling_a_gap_removes_exactly_it(stored: Stored, interval: Interval, data: st.DataObject) -> None:
    examined = look(stored, interval)
    parts = list(contiguous_runs(examined.missing, np.zeros(len(examined.missing))))
    if not parts:
        return
    part = data.draw(st.sampled_from(parts))
    units = examined.missing
    filled = {
        (start, Resolution.from_id(number))
        for start, number in zip(units.starts[part].tolist(), units.resolutions[part].tolist(), strict=True)
    }
    assert missing(look(stored | filled, interval)) == missing(examined) - filled


@laws
@given(stocks(), intervals())
def test_filling_everything_leaves_nothing(stored: Stored, interval: Interval) -> None:
    gaps = missing(look(stored, interval))
    assert not missing(look(stored | gaps, interval))


@laws
@given(stocks(), intervals(), st.integers(0, HOURS * 4))
def test_a_part_of_the_interval_has_the_gaps_of_the_whole(stored: Stored, interval: Interval, cut: int) -> None:
    middle = instant(T0 + cut * 900 // 3600 * 3600)
    later = interval.intersection(Interval(middle, datetime(2100, 1, 1, tzinfo=UTC)))
    first = min((start for start, _ in stored), default=0)
    if later is None or later.start < instant(first):
        return
    whole = {unit for unit in missing(look(stored, interval)) if unit[0] >= later.start.timestamp()}
    assert missing(look(stored, later)) == whole


calendars = st.tuples(
    st.sampled_from([Resolution.P1D, Resolution.P7D, Resolution.P1M, Resolution.P1Y]),
    st.lists(st.booleans(), min_size=1, max_size=30),
)


@laws
@given(calendars)
def test_calendar_units_are_stored_or_missing(calendar: tuple[Resolution, list[bool]]) -> None:
    resolution, present = calendar
    origin = midnight(date(2024, 1, 1), BRUSSELS)
    starts = [resolution.step(origin, number, BRUSSELS) for number in range(len(present) + 1)]
    stored = [start for start, there in zip(starts, [True, *present], strict=True) if there]
    interval = Interval(origin, starts[-1] + timedelta(seconds=1))
    examined = examine_calendar(
        held(frozenset((int(start.timestamp()), resolution) for start in stored)), interval, BRUSSELS
    )
    found = [instant(second) for second in examined.missing.starts.tolist()]
    assert sorted(found + stored) == starts
    assert [change.resolution for change in examined.changes] == [resolution]


askings = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 10), st.integers(0, 400), st.booleans()), max_size=8
).map(lambda rows: sorted(rows, key=lambda row: row[2]))


def judged(rows: list[tuple[int, int, int, bool]], now: int) -> list[Reason]:
    """The reasons of 24 hourly units from second zero on, each due an hour after its end."""
    starts = np.arange(24, dtype=np.int64) * 3600
    units = Units(starts, starts + 3600, np.full(24, Resolution.PT60M.id, np.int16))
    asked = Asked(
        np.array([row[0] * 3600 for row in rows], np.int64),
        np.array([(row[0] + row[1]) * 3600 for row in rows], np.int64),
        np.array([row[2] * 3600 for row in rows], np.int64),
        np.array([row[2] * 3600 for row in rows], np.int64),
        np.array([row[3] for row in rows], np.bool_),
    )
    verdict = classify_gaps(units, units.ends + 3600, asked, now * 3600, AskPolicy(asks=3))
    return [REASONS[number] for number in verdict.reasons.tolist()]


@laws
@given(askings, st.integers(0, 500))
def test_every_unit_has_the_reason_that_its_own_runs_give(rows: list[tuple[int, int, int, bool]], now: int) -> None:
    rows = [row for row in rows if row[2] <= now]
    for number, reason in enumerate(judged(rows, now)):
        due, horizon = number + 2, number + 2 + 7 * 24
        mine = [row for row in rows if row[0] <= number and number + 1 <= row[0] + row[1]]
        counted: list[int] = []
        for row in mine:
            distance = 15 * 60 * 2 ** (len(counted) - 1) if counted else 0
            if row[3] and row[2] >= due and (not counted or (row[2] - counted[-1]) * 3600 >= distance):
                counted.append(row[2])
        if now < due:
            assert reason is Reason.NOT_DUE
        elif len(counted) >= 3:
            assert reason is Reason.MISSING_AT_SOURCE
        elif mine and mine[-1][3] and (now < horizon or counted):
            assert reason is Reason.LATE
        else:
            assert reason is Reason.OURS
