"""How websites stand for people, and what the bars of their history show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.probes.monitors.bars import (
    BARS,
    BarLength,
    BarTone,
    CountedChecks,
    check_of,
    first_bar,
    history_bars,
)
from app.probes.monitors.models import MonitorFilter, MonitorRow, MonitorState, monitor_groups, page_of_groups
from app.probes.websites.models import OURS, StatusWindow, WindowKind

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROW = MonitorRow(
    1, "Shop", "https://shop.example/", {"group": "web"}, True, 60, 2, "", NOW - DAY, "up", NOW - 3 * HOUR, NOW,
    NOW + HOUR, NOW + HOUR, 0, None, False, "", None, None, None, None, "", "", "", None,
)  # fmt: skip
DOWN = replace(ROW, website_id=2, name="Down", status="down", down_since=NOW - HOUR, failures=9, reason="dns")


@pytest.mark.parametrize(
    ("row", "state", "since"),
    [
        (ROW, MonitorState.UP, NOW - 3 * HOUR),
        (DOWN, MonitorState.DOWN, NOW - HOUR),
        (replace(DOWN, maintenance="move"), MonitorState.MAINTENANCE, NOW - HOUR),
        (replace(ROW, maintenance="move"), MonitorState.UP, NOW - 3 * HOUR),
        (replace(ROW, enabled=False, paused_since=NOW), MonitorState.PAUSED, NOW),
        (replace(ROW, unknown=True, unknown_since=NOW, reason=OURS), MonitorState.OURS, NOW),
        (replace(ROW, unknown=True, unknown_since=NOW), MonitorState.UNKNOWN, NOW),
        (replace(ROW, known_until=NOW - HOUR), MonitorState.UNKNOWN, NOW - HOUR),
        (replace(ROW, known_until=None), MonitorState.UNKNOWN, NOW - 3 * HOUR),
    ],
)
def test_a_website_stands_somehow_since_some_moment(row: MonitorRow, state: MonitorState, since: datetime) -> None:
    assert (row.state(NOW), row.since(NOW)) == (state, since)


def test_what_waits_for_its_confirmation_and_what_pauses_after_failures_is_said() -> None:
    assert replace(ROW, failures=1).unconfirmed(NOW) == 1
    assert DOWN.unconfirmed(NOW) == 0
    assert (ROW.next_check(), replace(ROW, enabled=False).next_check()) == (NOW + HOUR, None)
    broken = replace(DOWN, break_until=NOW + HOUR)
    assert broken.paused_until(NOW) == NOW + HOUR
    assert (ROW.paused_until(NOW), broken.paused_until(NOW + DAY)) == (None, None)
    assert replace(broken, enabled=False).paused_until(NOW) is None


def test_groups_and_websites_stand_with_the_worst_first() -> None:
    looked_after = replace(DOWN, website_id=3, acknowledged_at=NOW, down_since=NOW - DAY)
    rows = [
        replace(ROW, website_id=9, name="a", labels={}),
        replace(ROW, website_id=8, name="b", labels={"group": "a"}),
        ROW, looked_after, replace(ROW, website_id=4, name="Zoo", failures=1), DOWN,
        replace(DOWN, website_id=5, down_since=NOW - 2 * HOUR),
    ]  # fmt: skip
    groups = monitor_groups(rows, NOW)
    assert [(group.name, [row.website_id for row in group.rows]) for group in groups] == [
        ("web", [5, 2, 3, 4, 1]), ("a", [8]), ("", [9])
    ]  # fmt: skip
    assert (groups[0].total, groups[0].counts) == (5, {MonitorState.DOWN: 3, MonitorState.UP: 2})
    other = monitor_groups([*rows, replace(DOWN, website_id=7, labels={})], NOW)
    pages = [
        [(group.name, [row.website_id for row in group.rows]) for group in page_of_groups(other, number, 4, NOW)]
        for number in (1, 2, 3)
    ]
    assert pages == [[("web", [5, 2, 3]), ("", [7])], [("web", [4, 1]), ("", [9]), ("a", [8])], []]
    assert page_of_groups(groups, 1, 50, NOW) == groups


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (MonitorFilter(), True),
        (MonitorFilter("shop EXAMPLE"), True),
        (MonitorFilter("group=web"), True),
        (MonitorFilter("shop other"), False),
        (MonitorFilter(group="web"), True),
        (MonitorFilter(group=""), False),
        (MonitorFilter(state=MonitorState.UP), True),
        (MonitorFilter(state=MonitorState.DOWN), False),
    ],
)
def test_a_filter_takes_words_a_group_and_a_state(wanted: MonitorFilter, found: bool) -> None:
    assert wanted.lets_through(ROW, NOW) is found
    assert wanted.narrow is (wanted != MonitorFilter())


def test_bars_of_checks_are_the_last_ninety() -> None:
    planned = StatusWindow(WindowKind.MAINTENANCE, NOW - 3 * HOUR, NOW - 2 * HOUR)
    reasons = ["", "dns", "dns", OURS]
    checks = [
        check_of(NOW - (4 - place) * HOUR + timedelta(minutes=30 * (place == 1)), not reason, reason, 50.0)
        for place, reason in enumerate(reasons)
    ]
    bars = history_bars(BarLength.CHECKS, checks, [planned], NOW)
    assert len(bars) == BARS
    assert [bar.tone for bar in bars[-5:]] == [
        BarTone.NONE, BarTone.GOOD, BarTone.PLANNED, BarTone.FAILED, BarTone.OURS
    ]  # fmt: skip
    assert [bar.latency_ms for bar in bars[-5:]] == [None, 50.0, None, None, None]
    assert len(history_bars(BarLength.CHECKS, checks * 30, [], NOW)) == BARS
    assert first_bar(BarLength.CHECKS, NOW) == NOW - DAY


def test_bars_of_hours_and_days_end_with_the_present_one_and_say_why_they_are_empty() -> None:
    hour = NOW.replace(minute=0)
    found = [
        CountedChecks(hour - 2 * HOUR, 10, 9, 0, 900.0), CountedChecks(hour - HOUR, 10, 4, 2, 400.0),
        CountedChecks(hour, 2, 0, 2, 0.0),
    ]  # fmt: skip
    windows = [
        StatusWindow(WindowKind.PAUSED, hour - 9 * HOUR, hour - 6 * HOUR),
        StatusWindow(WindowKind.DOWN, hour - 5 * HOUR, hour - 4 * HOUR),
    ]
    bars = history_bars(BarLength.HOURS, found, windows, NOW)
    assert len(bars) == BARS
    assert [(bar.tone, bar.why) for bar in bars[-6:]] == [
        (BarTone.FAILED, "down"), (BarTone.NONE, ""), (BarTone.NONE, ""), (BarTone.PARTLY, ""), (BarTone.FAILED, ""),
        (BarTone.OURS, ""),
    ]  # fmt: skip
    assert bars[-8].why == "paused"
    assert bars[-3].latency_ms == 100.0
    lasting = StatusWindow(WindowKind.MAINTENANCE, hour - DAY)
    assert history_bars(BarLength.HOURS, found, [lasting], NOW)[-3].tone is BarTone.PLANNED
    days = history_bars(BarLength.DAYS, [], [], NOW)
    assert days[0].found is not None
    assert (days[0].found.at, first_bar(BarLength.HOURS, NOW)) == (
        datetime(2025, 12, 2, tzinfo=UTC), hour - 89 * HOUR
    )  # fmt: skip
