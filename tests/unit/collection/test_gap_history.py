"""How gaps came and went: every missing value is told of once when its reason changes, and not otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.collection.gaps.classification import Reason
from app.collection.gaps.history import gap_changes
from app.collection.gaps.models import GapRow
from app.market.areas import find_place
from app.market.time import Interval, Resolution

T0 = datetime(2024, 3, 1, tzinfo=UTC)
LATE, LACKING, OURS = Reason.LATE, Reason.MISSING_AT_SOURCE, Reason.OURS
Told = tuple[int, int, Reason | None, Reason | None, bool]


def gap(first: int, last: int, reason: Reason = LATE, series: int | None = 1) -> GapRow:
    interval = Interval(T0 + timedelta(hours=first), T0 + timedelta(hours=last))
    return GapRow("load_actual", find_place("FR").eic, series, interval, Resolution.PT60M, last - first, reason, T0)


def told(before: list[GapRow], after: list[GapRow]) -> list[Told]:
    hour = timedelta(hours=1)
    return [
        ((one.interval.start - T0) // hour, (one.interval.end - T0) // hour, one.was, one.reason, one.whole)
        for one in gap_changes(before, after)
    ]


def test_a_gap_that_begins_or_ends_is_told_of_as_a_whole() -> None:
    assert told([], [gap(0, 5)]) == [(0, 5, None, LATE, True)]
    assert told([gap(0, 5)], []) == [(0, 5, LATE, None, True)]


def test_a_gap_that_grows_or_shrinks_is_told_of_in_part() -> None:
    assert told([gap(0, 5)], [gap(0, 6)]) == [(5, 6, None, LATE, False)]
    assert told([gap(0, 5)], [gap(0, 2), gap(3, 5)]) == [(2, 3, LATE, None, False)]


def test_another_reason_is_told_with_the_old_one() -> None:
    assert told([gap(0, 5)], [gap(0, 5, LACKING)]) == [(0, 5, LATE, LACKING, True)]
    assert told([gap(0, 5)], [gap(0, 3, LACKING), gap(3, 6)]) == [
        (0, 3, LATE, LACKING, False),
        (5, 6, None, LATE, False),
    ]


def test_what_is_equal_is_not_told_and_series_are_kept_apart() -> None:
    assert told([gap(0, 5)], [gap(0, 5)]) == []
    assert told([gap(0, 5, series=None)], [gap(0, 5)]) == [(0, 5, LATE, None, True), (0, 5, None, LATE, True)]


HOURS = st.lists(st.sampled_from([None, LATE, LACKING, OURS]), min_size=12, max_size=12)


def rows_of(hours: list[Reason | None]) -> list[GapRow]:
    return [gap(hour, hour + 1, reason) for hour, reason in enumerate(hours) if reason]


@given(HOURS, HOURS)
def test_changes_lead_from_one_analysis_to_the_next(before: list[Reason | None], after: list[Reason | None]) -> None:
    hours = list(before)
    for first, last, was, reason, _ in told(rows_of(before), rows_of(after)):
        assert hours[first:last] == [was] * (last - first)
        hours[first:last] = [reason] * (last - first)
    assert hours == after
    assert sum(change.missing for change in gap_changes(rows_of(before), rows_of(after))) == sum(
        old is not new for old, new in zip(before, after, strict=True)
    )
