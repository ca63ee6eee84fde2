from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.alerting.sqlsentinel.files.cron import SentinelCron, parse_sentinel_cron
from app.errors import ConfigurationError
from app.market.slots import NEVER

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
SATURDAY_NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def days(expression: str, count: int = 4) -> list[str]:
    return [f"{slot:%m-%d}" for slot in parse_sentinel_cron(expression, UTC_ZONE).next_slots(SATURDAY_NOON, count)]


def times(expression: str, zone: ZoneInfo, day: datetime) -> list[str]:
    """The slots of 24 hours from an instant on, as UTC."""
    schedule = parse_sentinel_cron(expression, zone)
    found, at = [], day - timedelta(microseconds=1)
    while (at := schedule.next_slot(at)) < day + timedelta(hours=24):
        found.append(f"{at:%H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * 0", ["11-29", "12-06", "12-13", "12-20"]),
        ("0 9 * * 7", ["11-29", "12-06", "12-13", "12-20"]),
        ("0 0 * * 5-7", ["11-29", "12-04", "12-05", "12-06"]),
        ("0 0 * * SAT-SUN", ["11-29", "12-05", "12-06", "12-12"]),
        ("0 0 1,15 * 1", ["11-30", "12-01", "12-07", "12-14"]),
        ("0 0 */2 * 1", ["11-29", "11-30", "12-01", "12-03"]),
        ("0 0 L 2 5", ["02-05", "02-12", "02-19", "02-26"]),
        ("0 0 ? * *", ["11-29", "11-30", "12-01", "12-02"]),
        ("0 0 L * *", ["11-30", "12-31", "01-31", "02-28"]),
        ("0 0 LW * *", ["11-30", "12-31", "01-29", "02-26"]),
        ("0 0 15W * *", ["12-15", "01-15", "02-15", "03-15"]),
        ("0 0 1W * *", ["12-01", "01-01", "02-01", "03-01"]),
        ("0 0 1W 5,8 *", ["05-03", "08-02"]),
        ("0 0 31W * *", ["12-31", "01-29", "03-31", "05-31"]),
        ("0 0 6W 12 *", ["12-07"]),
        ("0 0 * * L5", ["12-25", "01-29", "02-26", "03-26"]),
        ("0 0 * * 5L", ["12-25", "01-29", "02-26", "03-26"]),
        ("0 0 * * 1#1,3#2", ["12-07", "12-09", "01-04", "01-13"]),
        ("0 0 * jan-MAR 1", ["01-04", "01-11", "01-18", "01-25"]),
        ("@monthly", ["12-01", "01-01", "02-01", "03-01"]),
        ("@WEEKLY", ["11-29", "12-06", "12-13", "12-20"]),
        ("0 0 29 2 *", ["02-29"] * 4),
        ("0 0 30 2 *", []),
    ],
)
def test_days_are_those_of_the_documents(expression: str, expected: list[str]) -> None:
    assert days(expression, max(len(expected), 1)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5/15 * * * *", ["12:05", "12:20", "12:35", "12:50"]),
        ("1-10/3 * * * *", ["12:01", "12:04", "12:07", "12:10"]),
        ("*/90 * * * *", ["13:00", "14:00", "15:00", "16:00"]),
        ("@hourly", ["13:00", "14:00", "15:00", "16:00"]),
        ("0,30 12,13 * * *", ["12:30", "13:00", "13:30", "12:00"]),
    ],
)
def test_times_are_those_of_the_documents(expression: str, expected: list[str]) -> None:
    slots = parse_sentinel_cron(expression, UTC_ZONE).next_slots(SATURDAY_NOON, 4)
    assert [f"{slot:%H:%M}" for slot in slots] == expected


def test_a_sixth_field_names_seconds() -> None:
    slots = parse_sentinel_cron("* * * * * 0-30/10", UTC_ZONE).next_slots(SATURDAY_NOON, 4)
    assert [f"{slot:%M:%S}" for slot in slots] == ["00:10", "00:20", "00:30", "01:00"]


@pytest.mark.parametrize(
    "expression",
    [
        "", "* * * *", "0 0 1 1 * 0 2027", "5-3 * * * *", "0 22-2 * * *", "0 0 * * fri-mon", "*/0 * * * *", "60 * * * *", "0 24 * * *",
        "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 8", "H * * * *", "0 9 * * mon#6", "0 9 * * mon#0", ", * * * *", "1, * * * *",
        "-1 * * * *", "0 0 * * monday", "@every 5m", "@reboot", "0 0 L-3 * *", "0 0 * * L", "1/x * * * *", "٣ * * * *",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_a_remedy(expression: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write|goes from|known are|counts"):
        parse_sentinel_cron(expression, UTC_ZONE)


SPRING, AUTUMN = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "spring", "autumn"),
    [
        ("30 2 * * *", ["01:00"], ["00:30"]),
        ("*/20 2 * * *", ["01:00"], ["00:00", "00:20", "00:40", "01:00", "01:20", "01:40"]),
        ("0,30 2 * * *", ["01:00"], ["00:00", "00:30", "01:00", "01:30"]),
        ("30 1-3 * * *", ["00:30", "01:00", "01:30"], ["23:30", "00:30", "02:30"]),
    ],
)
def test_a_left_out_hour_counts_right_after_and_a_doubled_one_once_unless_finer(
    expression: str, spring: list[str], autumn: list[str]
) -> None:
    assert times(expression, BERLIN, SPRING) == spring
    assert times(expression, BERLIN, AUTUMN) == autumn


def test_a_rule_of_all_hours_follows_them_as_they_pass() -> None:
    hourly = parse_sentinel_cron("30 * * * *", BERLIN)
    for night in (SPRING, AUTUMN):
        slots = hourly.next_slots(night, 24)
        assert {later - earlier for earlier, later in itertools.pairwise(slots)} == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("zone", "night", "expected"),
    [
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), ["07:00"]),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 13, 30, tzinfo=UTC), ["15:30"]),
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC), ["23:30"]),
        ("Pacific/Apia", datetime(2026, 3, 8, 11, tzinfo=UTC), ["13:30"]),
    ],
)
def test_nights_of_other_zones(zone: str, night: datetime, expected: list[str]) -> None:
    assert times("30 2 * * *", ZoneInfo(zone), night) == expected


def test_a_slot_moved_out_of_midnight_is_found_from_the_day_before() -> None:
    # In Cairo the clock goes from 00:00 to 01:00 on Friday, 24 April 2026.
    midnight = parse_sentinel_cron("0 0 * * *", ZoneInfo("Africa/Cairo"))
    assert midnight.next_slot(datetime(2026, 4, 23, 12, tzinfo=UTC)) == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert midnight.next_slot(datetime(2026, 4, 23, 22, tzinfo=UTC)) == datetime(2026, 4, 24, 21, tzinfo=UTC)


def test_what_is_never_due_says_so() -> None:
    never: SentinelCron = parse_sentinel_cron("0 0 31 4 *", UTC_ZONE)
    assert never.next_slot(SATURDAY_NOON) == NEVER
    assert str(never) == "cron 0 0 31 4 * UTC"
