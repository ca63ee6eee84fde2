"""Where the end of an alert goes: to everybody who was notified of its firing, and to nobody else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from app.alerting.models import AlertEvent, EventKind, Severity
from app.alerting.outbox import sql
from app.alerting.outbox.events import add_events
from app.alerting.outbox.grouping import NOW, Planned, urgent_end
from app.alerting.outbox.items import NotificationItem, item_of
from app.alerting.outbox.routing import Route, Routes

if TYPE_CHECKING:
    from app.db.engine import Connection

FOLLOWS = "after:"
"""How the key of a group begins that waits until the message whose number follows has arrived or failed."""


@dataclass(slots=True)
class Ways:
    """The messages of one channel, and of one set of its recipients, that say that an alert fires."""

    channel: str
    recipients: tuple[str, ...]
    sent: list[str] = field(default_factory=list)
    """Keys of groups of messages that have arrived."""
    under_way: list[int] = field(default_factory=list)
    """Messages that somebody has begun to send: what they say is fixed."""
    collecting: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Ends:
    """What is to be written: new messages, ends that join a message that still collects, and news that are stale."""

    planned: list[Planned] = field(default_factory=list)
    joined: list[tuple[int, NotificationItem, AlertEvent]] = field(default_factory=list)
    stale: list[tuple[int, int]] = field(default_factory=list)


async def notified(connection: Connection, events: Iterable[AlertEvent]) -> dict[int | None, list[Ways]]:
    """Who was notified, or will be, that these alerts fire; their waiting messages are locked."""
    alerts = [event.alert.alert_id for event in events]
    found: dict[tuple[int | None, str, tuple[str, ...]], Ways] = {}
    if not alerts:
        return {}
    await connection.fetch(sql.LOCK_WAITING, alerts)
    for row in await connection.fetch(sql.NOTIFIED, alerts):
        key = (row["alert_id"], row["channel"], tuple(row["recipients"]))
        ways = found.setdefault(key, Ways(row["channel"], tuple(row["recipients"])))
        if row["status"] == "sent":
            ways.sent.append(row["group_key"])
        else:
            (ways.under_way if row["frozen"] else ways.collecting).append(row["notification_id"])
    by_alert: dict[int | None, list[Ways]] = defaultdict(list)
    for (alert, _, _), ways in found.items():
        by_alert[alert].append(ways)
    return by_alert


def plan_ends(events: Sequence[AlertEvent], ways: Mapping[int | None, Sequence[Ways]], routes: Routes) -> Ends:
    """Where the ends go. One that comes before the message of the firing was sent joins it: it was firing from … to …

    An alert that ended while nobody may be notified takes with it what nobody has read.
    """
    ends = Ends()
    by_name = routes.by_name() if events else {}
    for event in events:
        for way in ways.get(event.alert.alert_id, ()):
            _plan(ends, event, way, by_name)
    return ends


def _plan(ends: Ends, event: AlertEvent, way: Ways, routes: Mapping[str, Route]) -> None:
    alert = event.alert.alert_id or 0
    if event.kind is not EventKind.RESOLVED:
        ends.stale += [(number, alert) for number in way.collecting]
        return
    route = _route_of(way, routes)
    if route is not None and _wants_no_ends(route):
        return
    if way.under_way:
        ends.stale += [(number, alert) for number in way.collecting]
        ends.planned.append(_planned(event, way, f"{FOLLOWS}{way.under_way[-1]}", route))
    elif way.collecting:
        ends.stale += [(number, alert) for number in way.collecting]
        ends.joined.append((way.collecting[-1], item_of(event, late=not way.sent), event))
    else:
        ends.planned.append(_planned(event, way, _group_of(way, event), route))


def _planned(event: AlertEvent, way: Ways, key: str, route: Route | None) -> Planned:
    plain = route or Route("", ())
    wait, interval = (NOW, NOW) if urgent_end(event) else (plain.group_wait, plain.group_interval)
    severity = Severity.CRITICAL if urgent_end(event) else event.alert.severity
    return Planned(way.channel, key, way.recipients, wait, interval, severity, [event])


def _group_of(way: Ways, event: AlertEvent) -> str:
    """The group of the message that said that it fires, so that they share a thread and an order."""
    key = way.sent[-1]
    return key if key.startswith("[") else json.dumps(["end", list(way.recipients), {"rule": event.rule.name}])


def _route_of(way: Ways, routes: Mapping[str, Route]) -> Route | None:
    for key in reversed(way.sent):
        if key.startswith('["'):
            return routes.get(str(json.loads(key)[0]))
    return None


def _wants_no_ends(route: Route) -> bool:
    """Whether a route says by its conditions on `kind` that it takes no ends."""
    return any(one.name == "kind" and not one.matches({"kind": "resolved"}) for one in route.matchers)


async def write_ends(connection: Connection, ends: Ends, now: datetime) -> None:
    """Take away what is stale; messages that are empty then are dropped."""
    if ends.stale:
        await connection.execute(sql.DROP_FIRING_EVENTS, *map(list, zip(*ends.stale, strict=True)))
    urgent = [number for number, _, event in ends.joined if urgent_end(event)]
    if urgent:
        await connection.execute(sql.HURRY, urgent, now, Severity.CRITICAL.rank)
    await add_events(connection, [(number, item) for number, item, _ in ends.joined])
    if ends.stale:
        emptied = [number for number, _ in ends.stale]
        await connection.execute(sql.END_EMPTY, emptied, now, "resolved before anybody was notified")
