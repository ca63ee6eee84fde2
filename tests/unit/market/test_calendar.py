"""Publication deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.entsoe.items import ITEMS
from app.market.calendar import (
    AfterDelivery,
    DayOfMonthBeforeYear,
    DaysBefore,
    DaysBeforeMonth,
    FridayBefore,
    PublicationRule,
    WorkingDayAfterWeek,
    deadlines,
)
from app.market.time import Resolution

BERLIN = ZoneInfo("Europe/Berlin")
SOFIA = ZoneInfo("Europe/Sofia")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "start", "resolution", "zone", "deadline"),
    [
        (AfterDelivery(timedelta(hours=1), ""), "2024-01-01T00:00", Resolution.PT15M, BERLIN, "2024-01-01T01:15"),
        (AfterDelivery(timedelta(days=5), ""), "2024-01-01T00:00", Resolution.PT60M, BERLIN, "2024-01-06T01:00"),
        # A winter and a summer delivery day: 13:45 in Brussels is 12:45Z and 11:45Z.
        (DaysBefore(1, time(13, 45), ""), "2024-01-10T12:00", Resolution.PT60M, BERLIN, "2024-01-09T12:45"),
        (DaysBefore(1, time(13, 45), ""), "2024-07-10T12:00", Resolution.PT60M, BERLIN, "2024-07-09T11:45"),
        # 22:30Z in winter is the next day already in Sofia, not yet in Berlin.
        (DaysBefore(1, time(10, 0), ""), "2024-01-10T22:30", Resolution.PT15M, SOFIA, "2024-01-10T09:00"),
        (DaysBefore(1, time(10, 0), ""), "2024-01-10T22:30", Resolution.PT15M, BERLIN, "2024-01-09T09:00"),
        # Monday 8 and Sunday 14 January 2024 belong to one week; its Friday before is the 5th.
        (FridayBefore(time(10, 0), ""), "2024-01-07T23:00", Resolution.P1D, BERLIN, "2024-01-05T09:00"),
        (FridayBefore(time(10, 0), ""), "2024-01-13T23:00", Resolution.P1D, BERLIN, "2024-01-05T09:00"),
        (DaysBeforeMonth(7, ""), "2024-03-03T23:00", Resolution.P7D, BERLIN, "2024-02-22T23:00"),
        (DayOfMonthBeforeYear(15, ""), "2023-12-31T23:00", Resolution.P7D, BERLIN, "2023-12-15T23:00"),
        (DayOfMonthBeforeYear(24, ""), "2023-12-31T23:00", Resolution.P1Y, BERLIN, "2023-12-24T23:00"),
        # Week of Monday 8 January; its third working day after is Wednesday the 17th.
        (WorkingDayAfterWeek(3, ""), "2024-01-07T23:00", Resolution.P7D, BERLIN, "2024-01-17T23:00"),
    ],
)
def test_a_deadline_is_an_instant(
    rule: PublicationRule, start: str, resolution: Resolution, zone: ZoneInfo, deadline: str
) -> None:
    starts = np.array([int(at(start).timestamp())], dtype=np.int64)
    assert rule.deadline(at(start), resolution, zone) == at(deadline)
    assert deadlines(rule, starts, resolution, zone).tolist() == [int(at(deadline).timestamp())]


@pytest.mark.parametrize("zone", [BERLIN, SOFIA], ids=str)
@pytest.mark.parametrize(
    "rule",
    [
        DaysBefore(1, time(13, 45), ""),
        FridayBefore(time(10, 0), ""),
        DaysBeforeMonth(10, ""),
        DayOfMonthBeforeYear(15, ""),
        WorkingDayAfterWeek(2, ""),
    ],
    ids=str,
)
def test_many_deadlines_equal_single_ones_over_days_of_23_and_25_hours(rule: PublicationRule, zone: ZoneInfo) -> None:
    starts = np.concatenate(
        [
            int(at(first).timestamp()) + 900 * np.arange(96 * 3, dtype=np.int64)
            for first in ("2024-03-30T00:00", "2024-10-26T00:00", "2024-12-30T00:00")
        ]
    )
    expected = [
        int(rule.deadline(datetime.fromtimestamp(int(s), UTC), Resolution.PT15M, zone).timestamp()) for s in starts
    ]
    for chosen in (slice(None), slice(0, 288), slice(0, None, 288)):
        assert deadlines(rule, starts[chosen], Resolution.PT15M, zone).tolist() == expected[chosen]


def test_without_a_rule_no_deadline_ever_comes() -> None:
    starts = np.array([0, 900], dtype=np.int64)
    assert deadlines(None, starts, Resolution.PT15M, BERLIN).tolist() == [np.iinfo(np.int64).max] * 2


def test_every_item_states_its_deadline_and_where_it_comes_from() -> None:
    for spec in ITEMS.values():
        assert "rt. " in spec.publication.article
        assert str(spec.publication)
