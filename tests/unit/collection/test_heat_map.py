from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.collection.gaps.classification import Reason
from app.collection.gaps.coverage import whole_percent
from app.collection.gaps.heat_map import Fill, HeatCell, HourCell, hours_of, month_of, months
from app.collection.gaps.windows import Gap
from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution

DAY = date(2026, 1, 10)
START = datetime(2026, 1, 10, tzinfo=UTC)
FR = find_place("FR")


def gap(reason: Reason, first: float, last: float, psr_type: str = "B01") -> Gap:
    key = SeriesKey("entsoe", "load_actual", FR.eic, psr_type=psr_type)
    interval = Interval(START + timedelta(hours=first), START + timedelta(hours=last))
    return Gap(DataItem.LOAD_ACTUAL, FR, key, interval, Resolution.PT15M, 1, reason, START)


@pytest.mark.parametrize(
    ("percent", "reasons", "fill"),
    [
        (None, None, Fill.NOTHING_EXPECTED),
        (None, (False, False, True), Fill.MISSING_AT_SOURCE),
        (100, None, Fill.COMPLETE),
        (99, None, Fill.UNKNOWN),
        (0, (False, True, True), Fill.LATE),
        (97, (True, True, True), Fill.OURS),
    ],
)
def test_a_cell_says_the_worst_that_is_known_of_it(
    percent: int | None, reasons: tuple[bool, bool, bool] | None, fill: Fill
) -> None:
    assert HeatCell(DAY, percent, reasons).fill is fill


def test_an_hour_has_its_worst_reason_and_counts_the_series_that_lack_values() -> None:
    gaps = [gap(Reason.LATE, 2.25, 4), gap(Reason.OURS, 3, 3.5, "B02"), gap(Reason.NOT_DUE, 23, 25)]
    [(day, hours), (_, after)] = hours_of(
        [HeatCell(DAY, 90, None), HeatCell(DAY + timedelta(days=1), None, None)], gaps
    )
    assert day == DAY
    assert hours[:5] == (
        HourCell(Fill.COMPLETE, 0), HourCell(Fill.COMPLETE, 0), HourCell(Fill.LATE, 1), HourCell(Fill.OURS, 2),
        HourCell(Fill.COMPLETE, 0),
    )  # fmt: skip
    assert (hours[23].fill, after[0].fill, after[1].fill) == (Fill.NOT_DUE, Fill.NOT_DUE, Fill.NOTHING_EXPECTED)


def test_months_begin_and_end_at_midnight_of_utc() -> None:
    assert months(date(2025, 12, 31), date(2026, 1, 31)) == Interval(
        datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    )
    assert month_of(date(2024, 2, 1)).duration == timedelta(days=29)


@pytest.mark.parametrize(("share", "percent"), [(None, None), (0.0, 0), (0.001, 1), (0.5, 50), (0.999, 99), (1.0, 100)])
def test_a_percent_means_complete_and_nothing_only_where_that_is_so(share: float | None, percent: int | None) -> None:
    assert whole_percent(share) == percent
