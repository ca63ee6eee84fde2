"""Cron slots around changes of the clock: every minute of such nights, in every zone that has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from app.alerting.models import Schedule
from app.market.holidays import Calendar, DayType
from app.market.slots import OnDays, parse_cron
from app.market.time import local_day
from app.scheduling.schedules import Daily, Weekly, Within

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
YEAR = [datetime(2024, 1, 1, tzinfo=UTC) + number * HOUR for number in range(366 * 24)]
FIXED = ("30 2 * * *", "30 1 * * *", "0 0 * * *", "15,45 0,1,2,3,23 * * *", "59 23 * * 6,0")
ELAPSED = ("*/15 * * * *", "7 * * * *", "*/20 2 * * *", "5 */2 * * *")


@cache
def nights() -> tuple[tuple[ZoneInfo, datetime], ...]:
    """Each change of the clock of 2024, once for all zones whose clocks read the same around it."""
    found: dict[tuple[object, ...], tuple[ZoneInfo, datetime]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        offsets = [instant.astimezone(zone).utcoffset() for instant in YEAR[::24]]
        for (day, before), (_, after) in pairwise(zip(YEAR[::24], offsets, strict=True)):
            if before != after:
                at = next(day + n * HOUR for n in range(25) if (day + n * HOUR).astimezone(zone).utcoffset() == after)
                found.setdefault((at, before, after), (zone, at))
    return tuple(found.values())


def minutes(middle: datetime) -> Iterator[datetime]:
    return (middle + number * MINUTE for number in range(-70, 71))


def slots(schedule: Schedule, middle: datetime) -> list[datetime]:
    found = [schedule.next_slot(middle - 3 * HOUR)]
    while found[-1] < middle + 3 * HOUR:
        found.append(schedule.next_slot(found[-1]))
    return found


def test_the_nights_are_those_of_many_zones() -> None:
    assert len(nights()) > 20
    assert any(zone.key.startswith("Australia/L") for zone, _ in nights())


@pytest.mark.parametrize("expression", FIXED + ELAPSED)
def test_a_slot_is_later_than_the_minute_it_is_asked_for_and_none_is_skipped(expression: str) -> None:
    for zone, middle in nights():
        cron = parse_cron(expression, zone)
        expected = slots(cron, middle)
        assert expected == sorted(set(expected))
        coming = iter(expected)
        following = next(coming)
        for minute in minutes(middle):
            while following <= minute:
                following = next(coming)
            assert cron.next_slot(minute) == following, (zone.key, minute)


@pytest.mark.parametrize("expression", FIXED[:3])
def test_a_daily_rule_has_one_slot_each_local_day(expression: str) -> None:
    for zone, middle in nights():
        cron, found = parse_cron(expression, zone), [middle - 50 * HOUR]
        while found[-1] < middle + 50 * HOUR:
            found.append(cron.next_slot(found[-1]))
        days = [local_day(slot, zone) for slot in found[1:]]
        assert days == [days[0] + number * timedelta(days=1) for number in range(len(days))], zone.key


def test_other_schedules_move_on_in_every_minute_of_such_nights() -> None:
    for zone, middle in nights():
        schedules: list[Schedule] = [
            Daily(time(2, 30), zone),
            Weekly(6, time(0, 30), zone),
            Within(time(1, 45), 20, zone),
            OnDays(parse_cron("*/30 * * * *", zone), Calendar(), DayType.WEEKEND, zone),
        ]
        for schedule in schedules:
            for minute in list(minutes(middle))[::7]:
                assert schedule.next_slot(minute) > minute, (zone.key, minute, str(schedule))
