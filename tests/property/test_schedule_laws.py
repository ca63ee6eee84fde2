"""Laws of schedules: slots are the same whoever asks, none is skipped, none comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.market.time import local_day
from app.scheduling.schedules import Daily, EveryMinutes, SlotSchedule, Weekly, Within, due_slots, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Europe/London", "America/St_Johns")])
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  the zone follows
SCHEDULES: st.SearchStrategy[SlotSchedule] = st.one_of(
    st.builds(EveryMinutes, st.integers(1, 1440), st.integers(0, 3599)),
    st.builds(Daily, CLOCKS, ZONES),
    st.builds(Weekly, st.integers(0, 6), CLOCKS, ZONES),
    st.builds(Within, CLOCKS, st.integers(1, 60), ZONES),
)


@given(SCHEDULES, INSTANTS)
def test_an_instant_lies_between_its_last_slot_and_its_next(schedule: SlotSchedule, now: datetime) -> None:
    last, following = schedule.last_slot(now), schedule.next_slot(now)
    assert last <= now < following
    assert schedule.last_slot(last) == last
    assert schedule.last_slot(following) == following
    assert schedule.next_slot(last) == following
    assert schedule.last_slot(following - timedelta(microseconds=1)) == last


@given(SCHEDULES, INSTANTS, st.integers(0, 3), st.integers(0, 3))
def test_slots_of_two_spans_are_the_slots_of_both_together(
    schedule: SlotSchedule, start: datetime, first: int, second: int
) -> None:
    middle = start + timedelta(hours=first * 7)
    end = middle + timedelta(hours=second * 5)
    assert due_slots(schedule, start, middle) + due_slots(schedule, middle, end) == due_slots(schedule, start, end)


@given(SCHEDULES)
def test_the_text_of_a_schedule_means_the_schedule(schedule: SlotSchedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


@given(CLOCKS, ZONES, INSTANTS)
def test_a_daily_job_has_one_slot_each_local_day(clock: time, zone: ZoneInfo, start: datetime) -> None:
    slots = due_slots(Daily(clock, zone), start, start + timedelta(days=20))
    days = [local_day(slot, zone) for slot in slots]
    # Twenty times 24 hours over a night of 25 hours hold one slot less, over one of 23 hours one more.
    assert 19 <= len(slots) <= 21
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]


def test_daylight_saving_neither_skips_nor_doubles_the_night() -> None:
    daily = Daily(time(2, 30), BERLIN)
    spring = due_slots(daily, datetime(2024, 3, 29, 12, tzinfo=UTC), datetime(2024, 4, 1, 12, tzinfo=UTC))
    assert [slot.isoformat() for slot in spring] == [
        "2024-03-30T01:30:00+00:00", "2024-03-31T01:30:00+00:00", "2024-04-01T00:30:00+00:00",
    ]  # fmt: skip
    autumn = due_slots(daily, datetime(2024, 10, 25, 12, tzinfo=UTC), datetime(2024, 10, 28, 12, tzinfo=UTC))
    assert [slot.isoformat() for slot in autumn] == [
        "2024-10-26T00:30:00+00:00", "2024-10-27T00:30:00+00:00", "2024-10-28T01:30:00+00:00",
    ]  # fmt: skip


def test_a_week_has_one_slot_at_its_local_time_also_around_a_change_of_the_clocks() -> None:
    weekly = parse_schedule("weekly mon 07:00 Europe/Brussels")
    spring = due_slots(weekly, datetime(2024, 3, 20, tzinfo=UTC), datetime(2024, 4, 9, tzinfo=UTC))
    assert [slot.isoformat() for slot in spring] == [
        "2024-03-25T06:00:00+00:00", "2024-04-01T05:00:00+00:00", "2024-04-08T05:00:00+00:00",
    ]  # fmt: skip
    night = due_slots(
        Weekly(6, time(2, 30), BERLIN), datetime(2024, 10, 25, tzinfo=UTC), datetime(2024, 11, 4, tzinfo=UTC)
    )
    assert [slot.isoformat() for slot in night] == ["2024-10-27T00:30:00+00:00", "2024-11-03T01:30:00+00:00"]


def test_prices_are_asked_for_from_noon_to_midnight_of_the_market() -> None:
    prices = parse_schedule("from 12:45 every 5m Europe/Brussels")
    slots = due_slots(prices, datetime(2024, 7, 1, 0, tzinfo=UTC), datetime(2024, 7, 2, 0, tzinfo=UTC))
    assert (slots[0].isoformat(), slots[-1].isoformat()) == ("2024-07-01T10:45:00+00:00", "2024-07-01T21:55:00+00:00")
    assert len(slots) == 135


def test_ninety_minutes_are_no_problem() -> None:
    slots = due_slots(EveryMinutes(90), datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    assert [slot.strftime("%H:%M") for slot in slots[:3]] == ["01:30", "03:00", "04:30"]
    assert len(slots) == 16


@pytest.mark.parametrize(
    "text",
    [
        "every 0m",
        "cron * * *",
        "daily 2:00 UTC",
        "daily 25:00 UTC",
        "from 12:45 every 5m Mars",
        "weekly moonday 07:00 UTC",
    ],
)
def test_another_text_is_no_schedule(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_schedule(text)
