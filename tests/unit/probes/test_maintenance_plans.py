"""Planned maintenance: the nights on which clocks change, days of a calendar, and what cannot be planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.market.holidays import DayType
from app.probes.maintenance.models import MaintenanceDraft, MaintenancePlan, checked_plan, times_between

HOUR = timedelta(hours=1)
NIGHTLY = MaintenanceDraft("nightly", HOUR, cron="30 2 * * *", zone="Europe/Berlin")


def plan(draft: MaintenanceDraft, created: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> MaintenancePlan:
    return MaintenancePlan(1, checked_plan(draft), "me", created, created)


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (datetime(2026, 3, 28, tzinfo=UTC), ["28T01:30", "29T01:00"]),  # 02:30 is left out: as the clock is set
        (datetime(2026, 10, 24, tzinfo=UTC), ["24T00:30", "25T00:30"]),  # 02:30 comes twice, and counts once
    ],
)
def test_a_night_on_which_the_clock_changes_has_one_maintenance(day: datetime, begins: list[str]) -> None:
    found = list(times_between(plan(NIGHTLY), day, day + timedelta(days=2)))
    assert [f"{start:%dT%H:%M}" for start, _ in found] == begins
    assert {end - start for start, end in found} == {HOUR}


@pytest.mark.parametrize(
    ("zone", "cron", "day", "begins"),
    [
        ("Europe/Brussels", "30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), ["29T01:00", "30T00:30"]),
        ("Europe/Brussels", "30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), ["25T00:30", "26T01:30"]),
        ("Europe/Brussels", "0 3 * * 0", datetime(2026, 3, 28, 12, tzinfo=UTC), ["29T01:00"]),
        ("Europe/Brussels", "0 0 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), ["24T22:00", "25T23:00"]),
        ("America/New_York", "30 2 * * *", datetime(2026, 3, 7, 12, tzinfo=UTC), ["08T07:00", "09T06:30"]),
        ("America/New_York", "30 1 * * *", datetime(2026, 10, 31, 12, tzinfo=UTC), ["01T05:30", "02T06:30"]),
        ("America/New_York", "0 2 * * 0", datetime(2026, 10, 31, 12, tzinfo=UTC), ["01T07:00"]),
    ],
)
def test_both_nights_have_one_maintenance_of_full_length_on_both_sides_of_the_ocean(
    zone: str, cron: str, day: datetime, begins: list[str]
) -> None:
    draft = MaintenanceDraft("nightly", 2 * HOUR, cron=cron, zone=zone)
    found = list(times_between(plan(draft), day, day + timedelta(days=2)))
    assert [f"{start:%dT%H:%M}" for start, _ in found] == begins
    assert {end - start for start, end in found} == {2 * HOUR}, "by the clock that runs, not by the one on the wall"


def test_nothing_is_planned_for_before_it_was_said_and_on_other_days() -> None:
    made = datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
    said = plan(replace(NIGHTLY, days=DayType.HOLIDAYS, country="DE BY"), made)
    assert [start.day for start, _ in times_between(said, made - timedelta(days=30), made + timedelta(days=20))] == [
        1,
        14,
    ]
    business = plan(replace(NIGHTLY, days=DayType.BUSINESS_DAYS), made)
    assert len(list(times_between(business, made, made + timedelta(days=7)))) == 5
    assert (business.next_start(made), business.active(made), business.active(made + HOUR)) == (made, True, False)
    over = replace(business, removed_at=made)
    assert (over.next_start(made), over.active(made)) == (None, False)


def test_what_is_once_may_have_been_and_covers_what_it_names() -> None:
    once = plan(MaintenanceDraft("move", HOUR, starts_at=datetime(2025, 1, 1, tzinfo=UTC), labels={"group": "shop"}))
    assert len(list(times_between(once, datetime(2024, 1, 1, tzinfo=UTC), once.created_at))) == 1
    assert list(times_between(once, once.created_at, once.created_at + HOUR)) == []
    assert (once.covers(1, {"group": "shop", "a": "b"}), once.covers(1, {}), once.next_start(once.created_at)) == (
        True, False, None,
    )  # fmt: skip
    of_one = replace(once, draft=replace(once.draft, website_id=3, labels={}))
    assert (of_one.covers(3, {}), of_one.covers(4, {})) == (True, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"duration": timedelta(0)}, "duration"),
        ({"duration": timedelta(hours=25)}, "begins again"),
        ({"cron": ""}, "one of them"),
        ({"starts_at": datetime(2026, 1, 1, tzinfo=UTC)}, "one of them"),
        ({"starts_at": datetime(2026, 1, 1, tzinfo=UTC), "cron": "", "country": "DE"}, "calendar"),
        # PostgreSQL keeps the first as minus infinity, which broke every page that showed the plan.
        ({"starts_at": datetime(1, 1, 1, tzinfo=UTC), "cron": ""}, "starts_at: 1-01-01 lies outside 1990-01-01"),
        ({"starts_at": datetime(9999, 12, 31, tzinfo=UTC), "cron": ""}, "starts_at: 9999-12-31 lies outside"),
        ({"website_id": 1, "labels": {"a": "b"}}, "not both"),
        ({"cron": "61 * * * *"}, "no cron expression"),
        ({"zone": "Mars"}, "time zone"),
        ({"days": DayType.HOLIDAYS}, "country"),
        ({"days": DayType.HOLIDAYS, "country": "XX"}, "holidays"),
        ({"cron": "0 3 24 6 *", "days": DayType.HOLIDAYS, "country": "DE"}, "never comes"),
    ],
)
def test_what_cannot_be_planned_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        checked_plan(replace(NIGHTLY, **change))


def test_a_maintenance_is_over_once_it_has_ended_or_was_removed() -> None:
    noon = datetime(2026, 10, 4, 12, tzinfo=UTC)
    once = plan(MaintenanceDraft("once", HOUR, starts_at=noon))
    assert [once.over(noon + n * HOUR) for n in (-1, 0, 1)] == [False, False, True]
    assert (plan(NIGHTLY).over(noon), replace(plan(NIGHTLY), removed_at=noon).over(noon)) == (False, True)
