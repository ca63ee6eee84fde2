from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.alerting.rules.schedules import EveryInterval, spread
from app.errors import ConfigurationError
from app.market.holidays import Calendar, DayType, country_holidays
from app.market.slots import EPOCH, NEVER, Cron, OnDays, parse_cron

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def slots(schedule: Cron | EveryInterval | OnDays, after: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        after = schedule.next_slot(after)
        found.append(after.strftime("%a %m-%d %H:%M"))
    return found


def test_both_0_and_7_are_sunday() -> None:
    for day in ("0", "7", "SUN"):
        assert slots(parse_cron(f"0 12 * * {day}", UTC_ZONE), MONDAY, 2) == ["Sun 06-07 12:00", "Sun 06-14 12:00"]


def test_a_day_of_the_month_or_of_the_week_is_enough() -> None:
    both = parse_cron("0 0 13 * FRI", UTC_ZONE)
    assert slots(both, MONDAY, 4) == ["Fri 06-05 00:00", "Fri 06-12 00:00", "Sat 06-13 00:00", "Fri 06-19 00:00"]


def test_a_local_time_that_does_not_exist_is_moved_and_one_that_comes_twice_counts_once() -> None:
    daily = parse_cron("30 2 * * *", BERLIN)
    spring = [daily.next_slot(datetime(2026, 3, 28, 12, tzinfo=UTC))]
    spring.append(daily.next_slot(spring[0]))
    assert spring == [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)]
    autumn = [daily.next_slot(datetime(2026, 10, 24, 12, tzinfo=UTC))]
    autumn.append(daily.next_slot(autumn[0]))
    assert autumn == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("* * * *", "has 4 fields and not five"),
        ("@daily", "has 1 field and not five"),
        ("0 * * * * *", "has 6 fields and not five"),
        ("61 * * * *", "'61' is no minute; write 0 to 59"),
        ("0 0 30 2 *", "'30' is no day of the month; write 1 to 31, and one that the month has"),
        ("0 0 * * 8", "'8' is no day of the week; write 0 to 7"),
    ],
)
def test_what_is_no_cron_expression_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_cron(text, UTC_ZONE)


def test_an_interval_has_the_same_slots_for_whoever_asks() -> None:
    every = spread(EveryInterval(timedelta(seconds=10)), "a rule")
    assert every == spread(EveryInterval(timedelta(seconds=10)), "a rule")
    first = every.next_slot(MONDAY)
    assert timedelta(0) < first - MONDAY <= timedelta(seconds=10)
    assert every.next_slot(first) - first == timedelta(seconds=10)
    assert every.next_slot(first - timedelta(microseconds=1)) == first


def test_business_days_leave_out_weekends_and_holidays() -> None:
    calendar = Calendar("germany", frozenset({date(2026, 12, 24)}), "DE")
    business = OnDays(parse_cron("0 9 * * *", BERLIN), calendar, DayType.BUSINESS_DAYS, BERLIN)
    before = datetime(2026, 12, 23, 12, tzinfo=UTC)
    assert slots(business, before, 2) == ["Mon 12-28 08:00", "Tue 12-29 08:00"]
    holidays = OnDays(parse_cron("0 9 * * *", BERLIN), calendar, DayType.HOLIDAYS, BERLIN)
    assert slots(holidays, before, 3) == ["Thu 12-24 08:00", "Fri 12-25 08:00", "Sat 12-26 08:00"]


def test_the_weekend_begins_at_local_midnight() -> None:
    weekend = OnDays(EveryInterval(timedelta(minutes=30)), Calendar(), DayType.WEEKEND, BERLIN)
    assert weekend.next_slot(MONDAY) == datetime(2026, 6, 5, 22, tzinfo=UTC)
    assert str(weekend) == "every 30 min, only weekend of Saturday and Sunday free in Europe/Berlin"


def test_dates_that_have_passed_never_come_again() -> None:
    calendar = Calendar("once", frozenset({date(2026, 6, 3)}))
    once = OnDays(parse_cron("0 9 * * *", UTC_ZONE), calendar, DayType.HOLIDAYS, UTC_ZONE)
    assert slots(once, MONDAY, 1) == ["Wed 06-03 09:00"]
    assert once.next_slot(datetime(2026, 6, 4, tzinfo=UTC)) == NEVER


def test_holidays_of_a_part_of_a_country() -> None:
    assert date(2026, 1, 6) in country_holidays("DE", "BY")
    assert date(2026, 1, 6) not in country_holidays("DE", "BE")
    with pytest.raises(ConfigurationError, match="no holidays are known of country 'XX'"):
        country_holidays("XX", "")
    with pytest.raises(ConfigurationError, match="DE has no part 'ZZ'"):
        country_holidays("DE", "ZZ")


def test_a_calendar_knows_each_kind_of_day() -> None:
    calendar = Calendar("c", frozenset({date(2026, 6, 3)}), weekend=frozenset({4}))
    kinds = {day: [kind.value for kind in DayType if calendar.has(date(2026, 6, day), kind)] for day in (2, 3, 5)}
    assert kinds == {2: ["all", "business_days"], 3: ["all", "holidays"], 5: ["all", "weekend"]}


def test_schedules_are_shown_as_people_write_them() -> None:
    assert str(EveryInterval(timedelta(minutes=5))) == "every 5 min"
    assert str(parse_cron(" 0  9 * * 1-5 ", BERLIN)) == "cron 0 9 * * 1-5 Europe/Berlin"
    assert EveryInterval(timedelta(hours=1)).next_slot(EPOCH) == EPOCH + timedelta(hours=1)
