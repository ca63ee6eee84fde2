"""Which message of which channel tells an event, and when that is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.alerting.models import NOTIFYING_EVENTS, AlertEvent, EventKind, Severity
from app.alerting.outbox.routing import Route, Routes, routing_labels

URGENT = frozenset({EventKind.FIRED, EventKind.SEVERITY, EventKind.RESOLVED})
NOW = timedelta(0)
DELIVERY_FAILING = "delivery_failing"
"""The shipped rule whose alerts name a channel that fails."""

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


def urgent_end(event: AlertEvent) -> bool:
    """Whether an end is one that people wait for: something they were notified of is critical, whatever it is now."""
    return Severity.CRITICAL in {event.alert.severity, event.alert.notified_severity}


def merge_planned(planned: Iterable[Planned]) -> list[Planned]:
    """One message for each channel and group."""
    found: dict[Target, Planned] = {}
    for one in planned:
        known = found.setdefault(one.target, one)
        if known is not one:
            for event in one.events:
                known.add(event, one.wait, one.interval)
            known.severity = max(known.severity, one.severity, key=lambda severity: severity.rank)
    return list(found.values())


def group_key(route: Route, labels: Mapping[str, str]) -> str:
    """The text that is equal for all events of a group of this route."""
    values = {name: labels.get(name, "") for name in sorted(route.group_by)}
    return json.dumps([route.name, list(route.recipients), values], ensure_ascii=False)


def plan_notifications(
    events: Sequence[AlertEvent],
    routes: Routes,
    notified: Mapping[tuple[str, int | None], datetime],
    instead: Callable[[str], str] = lambda _: "",
) -> list[Planned]:
    """The messages that say that alerts fire; `notified` says when a channel was last notified so.

    `instead` names the channel that takes what another cannot: none tells of its own failing where there is another.
    """
    planned: dict[Target, Planned] = {}
    for event in events:
        if event.kind not in NOTIFYING_EVENTS or event.kind is EventKind.RESOLVED:
            continue
        labels = routing_labels(event)
        seen: set[tuple[str, tuple[str, ...]]] = set()
        chosen = routes.of(labels, event.rule.route)
        for route in chosen:
            key = group_key(route, labels)
            for channel in _channels(event, route, instead):
                # Two routes may name the same channel; it is notified once.
                place = (channel, route.recipients)
                if place in seen or _too_soon(event, route, notified.get((channel, event.alert.alert_id))):
                    continue
                seen.add(place)
                _put(planned, event, route, channel, key)
    return list(planned.values())


def _channels(event: AlertEvent, route: Route, instead: Callable[[str], str]) -> Iterator[str]:
    """The channels of a route, or those that stand in for one."""
    for named in route.channels:
        yield (instead(named) or named) if _fails(event, named) else named


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


def _too_soon(event: AlertEvent, route: Route, notified_at: datetime | None) -> bool:
    if event.kind is not EventKind.REMINDED or notified_at is None:
        return False
    # It was notified after the reminder only where the clock was set back in between.
    return notified_at <= event.at < notified_at + route.repeat_interval
