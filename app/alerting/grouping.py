"""Which message of which channel tells an event, and when that is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from app.alerting.models import TOLD, AlertEvent, EventKind, Severity
from app.alerting.routing import Route, Routes, routing_labels

URGENT = frozenset({EventKind.FIRED, EventKind.SEVERITY, EventKind.RESOLVED})
NOW = timedelta(0)
DELIVERY_FAILING = "delivery_failing"
"""The shipped rule whose alerts name a channel that fails."""

NONE_HEARD: Mapping[int | None, Collection[str]] = MappingProxyType({})

Target = tuple[str, str]
"""A channel and the key of a group."""


@dataclass(slots=True)
class Planned:
    """One message that is to take these events, at the earliest `wait` from now and `interval` after its forerunner."""

    channel: str
    group_key: str
    recipients: tuple[str, ...]
    wait: timedelta
    interval: timedelta
    severity: Severity
    events: list[AlertEvent]

    @property
    def target(self) -> Target:
        return self.channel, self.group_key

    def add(self, event: AlertEvent, wait: timedelta, interval: timedelta) -> None:
        """An urgent event hurries the whole group."""
        self.events.append(event)
        self.wait = min(self.wait, wait)
        self.interval = min(self.interval, interval)
        self.severity = max(self.severity, event.alert.severity, key=lambda severity: severity.rank)


def is_urgent(event: AlertEvent) -> bool:
    return event.alert.severity is Severity.CRITICAL and event.kind in URGENT


def group_key(route: Route, labels: Mapping[str, str]) -> str:
    """The text that is equal for all events of a group of this route."""
    values = {name: labels.get(name, "") for name in sorted(route.group_by)}
    return json.dumps([route.name, list(route.recipients), values], ensure_ascii=False)


def plan_notifications(
    events: Sequence[AlertEvent],
    routes: Routes,
    told: Mapping[tuple[str, int | None], datetime],
    instead: Callable[[str], str] = lambda _: "",
    heard: Mapping[int | None, Collection[str]] = NONE_HEARD,
) -> list[Planned]:
    """The messages that take the events; `told` says when a channel was last told that an alert fires.

    `instead` names the channel that takes what another cannot: none tells of its own failing where there is another.
    `heard` are the channels that were told that an alert fires, which its end must reach.
    """
    planned: dict[Target, Planned] = {}
    for event in events:
        if event.kind not in TOLD:
            continue
        labels = routing_labels(event)
        seen: set[tuple[str, tuple[str, ...]]] = set()
        chosen = routes.of(labels, event.rule.route)
        stood_in = _stood_in(event, chosen, heard)
        for route in chosen:
            key = group_key(route, labels)
            for channel in _channels(event, route, instead, stood_in):
                # Two routes may name the same channel; it is told once.
                place = (channel, route.recipients)
                if place in seen or _too_soon(event, route, told.get((channel, event.alert.alert_id))):
                    continue
                seen.add(place)
                _put(planned, event, route, channel, key)
    return list(planned.values())


def _stood_in(
    event: AlertEvent, routes: Sequence[Route], heard: Mapping[int | None, Collection[str]]
) -> Collection[str] | None:
    """Who heard of an alert that ends without being named for it; None where nobody is known to have heard."""
    told = heard.get(event.alert.alert_id) if event.kind is EventKind.RESOLVED else None
    named = {channel for route in routes for channel in route.channels}
    return [channel for channel in told if channel not in named or _fails(event, channel)] if told else None


def _channels(
    event: AlertEvent, route: Route, instead: Callable[[str], str], stood_in: Collection[str] | None
) -> Iterator[str]:
    """The channels of a route, or those that stand in for one: of an end, whoever stood in when it fired."""
    for named in route.channels:
        if not _fails(event, named):
            yield named
        elif stood_in is not None:
            yield from stood_in
        else:
            yield instead(named) or named


def _put(planned: dict[Target, Planned], event: AlertEvent, route: Route, channel: str, key: str) -> None:
    wait, interval = (NOW, NOW) if is_urgent(event) else (route.group_wait, route.group_interval)
    message = planned.get((channel, key))
    if message is None:
        message = Planned(channel, key, route.recipients, wait, interval, event.alert.severity, [])
        planned[channel, key] = message
    message.add(event, wait, interval)


def _fails(event: AlertEvent, channel: str) -> bool:
    """Whether the event says that this very channel fails."""
    return event.rule.name == DELIVERY_FAILING and ("channel", channel) in event.alert.labels


def _too_soon(event: AlertEvent, route: Route, told_at: datetime | None) -> bool:
    if event.kind is not EventKind.REMINDED or told_at is None:
        return False
    # It was told after the reminder only where the clock was set back in between.
    return told_at <= event.at < told_at + route.repeat_interval
