"""Which message takes an event, and how often a channel is used."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerting.delivery.rate_limit import (
    LONGEST_PATIENCE,
    SendableMessage,
    blocked_until,
    choose,
    free_slots,
    in_last_minute,
    limit_pause,
    next_free_slot,
    retry_at,
)
from app.alerting.models import AlertEvent, EventKind, Severity
from app.alerting.outbox.ends import Ways, plan_ends
from app.alerting.outbox.grouping import plan_notifications
from app.alerting.outbox.routing import Route, Routes
from app.alerting.state.silences import parse_matcher
from tests.support.delivery_factory import NOW, event, rule

MINUTE = timedelta(minutes=1)


def route(name: str, *matchers: str, channels: tuple[str, ...] = (), **fields: object) -> Route:
    return Route(name, channels or (name,), tuple(parse_matcher(text) for text in matchers), **fields)  # type: ignore[arg-type]


def channels(routes: Routes, *events: AlertEvent) -> list[tuple[str, list[int | None]]]:
    return [
        (message.channel, [one.alert.alert_id for one in message.events])
        for message in plan_notifications(events, routes, {})
    ]


def test_the_first_route_that_matches_takes_the_event() -> None:
    routes = Routes((route("a", "area=A1"), route("b", "severity!=critical"), route("c")))
    assert channels(routes, event(1), event(2)) == [("a", [1]), ("b", [2])]
    assert channels(routes, event(3, severity=Severity.CRITICAL)) == [("c", [3])]


def test_a_route_may_go_on_and_a_channel_is_told_once() -> None:
    routes = Routes((route("a", channels=("x", "y"), go_on=True), route("b", channels=("y", "z"))))
    assert channels(routes, event(1)) == [("x", [1]), ("y", [1]), ("z", [1])]


def test_what_no_route_takes_goes_to_the_default() -> None:
    routes = Routes((route("a", "area=elsewhere"),), route("default"))
    assert channels(routes, event(1)) == [("default", [1])]
    assert channels(Routes((route("a", "area=elsewhere"),)), event(1)) == []


def test_a_rule_may_name_its_route() -> None:
    routes = Routes((route("a"), route("b", "area=elsewhere")))
    assert channels(routes, event(1, of=rule(route="b"))) == [("b", [1])]
    assert channels(routes, event(1, of=rule(route="unknown"))) == [("a", [1])]


def test_groups_are_made_of_the_labels_that_the_route_names() -> None:
    by_rule, by_area = Routes((route("a"),)), Routes((route("a", group_by=("area",)),))
    events = (event(1), event(2), event(3, of=rule("other")))
    assert channels(by_rule, *events) == [("a", [1, 2]), ("a", [3])]
    assert channels(by_area, *events) == [("a", [1]), ("a", [2]), ("a", [3])]
    assert channels(Routes((route("a", group_by=()),)), *events) == [("a", [1, 2, 3])]


def test_what_people_are_not_told_is_in_no_message() -> None:
    assert channels(Routes((route("a"),)), event(1, EventKind.PENDING), event(2, EventKind.DROPPED)) == []


def test_one_urgent_event_hurries_its_group() -> None:
    routes = Routes((route("a"),))
    [calm] = plan_notifications([event(1)], routes, {})
    [urgent] = plan_notifications([event(1), event(2, severity=Severity.CRITICAL)], routes, {})
    assert (calm.wait, calm.interval) == (timedelta(seconds=10), timedelta(seconds=20))
    assert (urgent.wait, urgent.interval, urgent.severity) == (timedelta(0), timedelta(0), Severity.CRITICAL)


def test_a_channel_does_not_tell_of_its_own_failing_where_there_is_another() -> None:
    routes = Routes((route("a", channels=("mail", "chat")),))
    failing = event(1, of=rule("delivery_failing"), channel="mail")

    def told_by(instead: dict[str, str], one: AlertEvent = failing) -> list[str]:
        return [
            message.channel for message in plan_notifications([one], routes, {}, lambda name: instead.get(name, ""))
        ]

    assert told_by({"mail": "pager"}) == ["pager", "chat"]
    assert told_by({"mail": "chat"}) == ["chat"]
    assert told_by({}) == ["mail", "chat"]
    assert told_by({"mail": "pager"}, event(1, channel="mail")) == ["mail", "chat"]


def ended(number: int = 1, **fields: Any) -> AlertEvent:
    return event(number, EventKind.RESOLVED, **fields)


def test_an_end_goes_to_those_who_were_notified_whatever_the_routes_say_now() -> None:
    routes = Routes((route("critical", "severity=critical", channels=("pager",)), route("all", channels=("chat",))))
    ways: dict[int | None, list[Ways]] = {1: [Ways("pager", (), sent=['["critical", [], {}]'])]}
    [message] = plan_ends([ended(), ended(2)], ways, routes).planned
    assert (message.channel, message.group_key) == ("pager", '["critical", [], {}]')


def test_an_end_follows_the_message_that_is_under_way_and_joins_one_that_still_collects() -> None:
    routes = Routes((route("all", channels=("chat",)),))
    [message] = plan_ends([ended()], {1: [Ways("chat", (), under_way=[7], collecting=[9])]}, routes).planned
    assert message.group_key == "after:7"
    ends = plan_ends([ended()], {1: [Ways("chat", (), collecting=[9])]}, routes)
    assert [(number, told.late) for number, told, _ in ends.joined] == [(9, True)]
    assert (ends.planned, ends.stale) == ([], [(9, 1)])


def test_an_end_of_what_was_critical_waits_for_nothing() -> None:
    fell = ended()
    fell = replace(fell, alert=replace(fell.alert, notified_severity=Severity.CRITICAL))
    [message] = plan_ends([fell], {1: [Ways("chat", (), sent=['["all", [], {}]'])]}, Routes()).planned
    assert (message.wait, message.interval, message.severity) == (timedelta(0), timedelta(0), Severity.CRITICAL)


def test_a_route_may_say_that_it_takes_no_ends() -> None:
    routes = Routes((route("pages", "kind!=resolved", channels=("pager",)),))
    ends = plan_ends([ended()], {1: [Ways("pager", (), sent=['["pages", [], {}]'])]}, routes)
    assert (ends.planned, ends.joined, ends.stale) == ([], [], [])


def test_a_reminder_waits_for_the_repeat_interval() -> None:
    routes = Routes((route("a", repeat_interval=timedelta(hours=4)),))
    reminder = event(1, EventKind.REMINDED)
    assert plan_notifications([reminder], routes, {("a", 1): NOW - timedelta(hours=3)}) == []
    assert len(plan_notifications([reminder], routes, {("a", 1): NOW - timedelta(hours=4)})) == 1
    assert len(plan_notifications([reminder], routes, {})) == 1
    # The clock was set back since.
    assert len(plan_notifications([reminder], routes, {("a", 1): NOW + timedelta(minutes=30)})) == 1


@given(st.lists(st.floats(0, 300), max_size=60), st.integers(1, 30))
def test_no_minute_sees_more_than_the_limit(moments: list[float], limit: int) -> None:
    started: list[datetime] = []
    for moment in sorted(moments):
        now = NOW + timedelta(seconds=moment)
        if free_slots(started, limit, now) > 0:
            started.append(now)
        else:
            assert now < next_free_slot(started, limit, now) <= now + MINUTE
    for first in started:
        assert sum(first <= start < first + MINUTE for start in started) <= limit


def test_a_clock_that_was_set_back_blocks_a_channel_for_a_minute_only() -> None:
    ahead = [NOW + timedelta(hours=1)] * 20
    assert free_slots(ahead, 20, NOW) == 0
    assert next_free_slot(ahead, 20, NOW) == NOW + MINUTE
    assert next_free_slot([], 20, NOW) == NOW
    assert free_slots(in_last_minute(ahead, NOW), 20, NOW + MINUTE) == 20


def waiting(count: int) -> list[SendableMessage]:
    return [SendableMessage(number, whole=False) for number in range(count)]


def test_what_fits_into_the_limit_goes_message_by_message() -> None:
    assert choose([], 20, 20) == ()
    assert choose(waiting(3), 0, 20) == ()
    assert choose(waiting(20), 20, 20) == (0,)


def test_an_overflow_goes_into_one_digest_after_the_most_urgent_ones() -> None:
    assert choose(waiting(1000), 20, 20) == (0,)
    assert choose(waiting(1000), 15, 20) == tuple(range(1000))
    assert choose([SendableMessage(1, whole=True), *waiting(50)], 15, 20) == (1,)
    assert choose([SendableMessage(1, whole=False, recipients=("ops",)), *waiting(50)], 15, 20) == (1,)


def test_what_is_not_critical_leaves_some_of_the_limit_for_what_is() -> None:
    critical = SendableMessage(7, whole=False, critical=True)
    assert choose(waiting(1), 5, 20) == ()
    assert choose(waiting(1), 6, 20) == (0,)
    assert choose([critical, *waiting(1)], 1, 20) == (7,)
    assert choose(waiting(1), 1, 5) == ()
    assert choose(waiting(1), 1, 1) == (0,)


def test_critical_alerts_are_not_lost_sight_of_in_a_digest_of_others() -> None:
    critical = [SendableMessage(number, whole=False, critical=True) for number in range(1000, 1100)]
    assert choose([*critical, *waiting(1000)], 10, 20) == tuple(range(1000, 1100))
    flood = [SendableMessage(number, whole=False, critical=True) for number in range(1000)]
    assert choose(flood, 20, 20) == tuple(range(1000))
    assert choose([*critical[:2], *waiting(1000)], 10, 20) == (1000,)


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_pauses_lie_between_five_seconds_and_half_an_hour(attempts: int, chance: float) -> None:
    assert timedelta(seconds=5) <= limit_pause(attempts, chance) <= timedelta(minutes=30)


@pytest.mark.parametrize(("wish", "seconds"), [(None, 5.0), (120, 120.0), (10**9, LONGEST_PATIENCE.total_seconds())])
def test_a_receivers_wish_goes_before_our_pause(wish: float | None, seconds: float) -> None:
    patience = timedelta(seconds=wish) if wish else None
    for decide in (retry_at, blocked_until):
        assert decide(NOW, 1, 0.1, patience) == NOW + timedelta(seconds=seconds)
    assert blocked_until(NOW, 20, 0.9, None) == NOW + MINUTE
