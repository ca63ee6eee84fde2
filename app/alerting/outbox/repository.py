"""The outbox: what is to be notified, written in the transaction that decides it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.alerting.models import Alert, AlertEvent, EventKind, Phase, Rule, Severity, labels_of
from app.alerting.outbox.ends import notified, plan_ends, write_ends
from app.alerting.outbox.events import add_events
from app.alerting.outbox.grouping import DELIVERY_FAILING, Planned, Target, merge_planned, plan_notifications
from app.alerting.outbox.items import Content, NotificationItem, item_from_json, item_of
from app.alerting.outbox.routing import ChannelDirectory, CurrentDirectory, Route, Routes
from app.alerting.rules.schedules import EveryInterval

if TYPE_CHECKING:
    from app.db.engine import Connection

UNROUTED = ""
"""The channel of what happens while the file of the channels says nothing that can be used."""
UNROUTED_BOOK = Routes((), Route("", (UNROUTED,)))
ENDED = frozenset({EventKind.RESOLVED, EventKind.ENDED})

_LAST_NOTIFIED = """
    select n.channel, e.alert_id, max(e.at) as at
    from notification_events as e
    join notifications as n using (notification_id)
    where e.alert_id = any ($1::bigint[]) and e.kind in ('fired', 'reminded', 'severity')
    group by n.channel, e.alert_id
"""

# A group that still collects takes the events; another begins, in due distance from its forerunner.
_COLLECT = """
    insert into notifications as n (channel, group_key, recipients, severity, created_at, not_before)
    select
        p.channel,
        p.group_key,
        string_to_array(p.recipients, ','),
        p.severity,
        $7::timestamptz,
        greatest($7::timestamptz + p.wait, case when p.gap > interval '0' then last.frozen_at + p.gap end)
    from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::interval[], $6::interval[])
        as p (channel, group_key, recipients, severity, wait, gap)
    left join lateral (
        select frozen_at
        from notifications
        where channel = p.channel and group_key = p.group_key and frozen_at is not null and status <> 'dropped'
        order by notification_id desc
        limit 1
    ) as last on true
    on conflict (channel, group_key) where status = 'waiting' and frozen_at is null
    do update set
        not_before = least(n.not_before, excluded.not_before),
        severity = greatest(n.severity, excluded.severity)
    returning notification_id, channel, group_key
"""

# What is urgent does not wait for the next attempt at its forerunner; the channel's own rest is kept.
_HURRY = """
    update notifications
    set not_before = $3
    where
        status = 'waiting'
        and frozen_at is not null
        and not_before > $3
        and (channel, group_key) in (select * from unnest($1::text[], $2::text[]))
"""

_ANNOUNCE = """
    insert into notifications (channel, group_key, recipients, severity, content, created_at, not_before)
    select channel, $2, string_to_array($3, ','), $4, $5::jsonb, $6, $6
    from unnest($1::text[]) as channel
    on conflict do nothing
"""


class NotificationOutbox:
    """Keeps events for delivery; an Outbox."""

    def __init__(self, channels: CurrentDirectory) -> None:
        self._channels = channels

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        """Attach events to the messages that will tell them, in the caller's transaction.

        The end of an alert goes to everybody who was notified that it fires, and to nobody else.
        """
        ended = [event for event in events if event.kind in ENDED]
        book = self._channels.current()
        ends = plan_ends(ended, await notified(connection, ended), book.routes)
        await write_ends(connection, ends, now)
        last, failing = await _last_notified(connection, events), await _failing(connection, events)
        planned = plan_notifications(
            events,
            UNROUTED_BOOK if book.unusable else book.routes,
            last,
            lambda channel: book.instead_of(channel, failing) or book.instead_of(channel),
        )
        await _collect(connection, merge_planned([*planned, *ends.planned]), now)

    async def announce(
        self, connection: Connection, content: Content, now: datetime, *, labels: dict[str, str], key: str
    ) -> int:
        """Send a text that is no alert, a report for one, where routes ask for one of its labels; once for each `key`.

        Gives the number of channels that it goes to. Routes see the labels, and `kind=message`. One that takes whatever
        comes does not take it: nobody wants a long report in a chat who has not asked for it.
        """
        # Of two that announce the same at once, the second sees what the first has written.
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"message:{key}")
        body = {"subject": content.subject, "text": content.text, "html": content.html}
        book = self._channels.current()
        if book.unusable:
            # Routes are asked once the file can be read; until then it keeps what they will be asked with.
            return await _post_text(
                connection, [Route("", (UNROUTED,))], {**body, "labels": labels, "key": key}, key, now
            )
        return await _post_text(connection, _asking_for(book.routes, labels), body, key, now)


def _asking_for(routes: Routes, labels: Mapping[str, str]) -> list[Route]:
    """The routes that ask for a text by one of its labels."""
    chosen = routes.of({**labels, "kind": "message"})
    return [route for route in chosen if any(matcher.name in labels for matcher in route.matchers)]


async def _post_text(
    connection: Connection, routes: Sequence[Route], body: Mapping[str, Any], key: str, now: datetime
) -> int:
    """Keep a text for the channels of these routes that have not had it; how many they are."""
    made = 0
    for route in routes:
        group = f"message:{key}:{','.join(route.recipients)}"
        channels = [channel for channel in route.channels if not await _announced(connection, channel, group)]
        arguments = (channels, group, ",".join(route.recipients), Severity.INFO.rank, json.dumps(body), now)
        made += int((await connection.execute(_ANNOUNCE, *arguments)).split()[-1])
    return made


_UNROUTED = """
    select e.content::text as content, s.about::text as about, n.notification_id
    from notifications as n
    join notification_events as e using (notification_id)
    left join rule_states as s on s.rule = e.rule
    where n.channel = '' and n.status = 'waiting' and e.alert_id is not null
    order by e.event_id
    for update of n
"""

_UNROUTED_TEXTS = """
    select notification_id, content::text as content
    from notifications
    where channel = '' and status = 'waiting' and content is not null
    order by notification_id
    for update
"""

_ROUTED = """
    update notifications
    set status = 'dropped', frozen_at = $2, ended_at = $2, subject = 'sent to its channels once they could be read'
    where notification_id = any ($1::bigint[])
"""


async def route_waiting(connection: Connection, book: ChannelDirectory, now: datetime) -> int:
    """Give what happened while nothing was known of channels to those that the file names now; how many events and texts."""
    rows = await connection.fetch(_UNROUTED)
    texts = []
    for row in rows:
        item = item_from_json(json.loads(row["content"]))
        texts.append((_event_of(item, json.loads(row["about"] or "{}")), item))
    planned = plan_notifications([event for event, _ in texts], book.routes, {})
    await _collect(connection, planned, now, texts)
    waiting = await connection.fetch(_UNROUTED_TEXTS)
    for row in waiting:
        body = json.loads(row["content"])
        labels, key = body.pop("labels"), body.pop("key")
        await _post_text(connection, _asking_for(book.routes, labels), body, key, now)
    await connection.execute(_ROUTED, [row["notification_id"] for row in (*rows, *waiting)], now)
    return len(rows) + len(waiting)


def _event_of(item: NotificationItem, about: Mapping[str, Any]) -> AlertEvent:
    """The event as far as routes look at it; an end that came meanwhile goes where its beginning would have gone."""
    rule = Rule(
        item.rule,
        EveryInterval(timedelta(days=1)),
        labels=labels_of(about.get("labels", {})),
        route=about.get("route", ""),
    )
    since = item.since or item.at
    alert = Alert(item.rule, item.labels, item.severity, Phase.FIRING, since, item.at, alert_id=item.alert_id)
    return AlertEvent(EventKind.FIRED if item.ended else EventKind(item.kind), alert, rule, item.at)


async def _announced(connection: Connection, channel: str, group: str) -> bool:
    query = "select exists (select from notifications where channel = $1 and group_key = $2)"
    return bool(await connection.fetchval(query, channel, group))


async def _failing(connection: Connection, events: Sequence[AlertEvent]) -> frozenset[str]:
    """The channels that do not work at present; asked for only where an alert is about one of them."""
    if all(event.rule.name != DELIVERY_FAILING for event in events):
        return frozenset()
    rows = await connection.fetch("select channel from channel_states where failures > 0 or disabled_at is not null")
    return frozenset(row["channel"] for row in rows)


async def _last_notified(
    connection: Connection, events: Sequence[AlertEvent]
) -> dict[tuple[str, int | None], datetime]:
    reminded = [event.alert.alert_id for event in events if event.kind is EventKind.REMINDED]
    rows = await connection.fetch(_LAST_NOTIFIED, reminded) if reminded else []
    return {(row["channel"], row["alert_id"]): row["at"] for row in rows}


async def _collect(
    connection: Connection,
    planned: Sequence[Planned],
    now: datetime,
    texts: Sequence[tuple[AlertEvent, NotificationItem]] = (),
) -> None:
    if not planned:
        return
    # In one order for everybody: two transactions that wait for each other's group would never end.
    ordered = sorted(planned, key=lambda message: message.target)
    columns: tuple[list[Any], ...] = (
        [message.channel for message in ordered],
        [message.group_key for message in ordered],
        [",".join(message.recipients) for message in ordered],
        [message.severity.rank for message in ordered],
        [message.wait for message in ordered],
        [message.interval for message in ordered],
    )
    rows = await connection.fetch(_COLLECT, *columns, now)
    urgent = [message.target for message in ordered if not message.wait]
    await connection.execute(_HURRY, [channel for channel, _ in urgent], [key for _, key in urgent], now)
    numbers: dict[Target, int] = {(row["channel"], row["group_key"]): row["notification_id"] for row in rows}
    known = {id(event): item for event, item in texts}
    pairs = [
        (numbers[message.target], known.get(id(event)) or item_of(event))
        for message in ordered
        for event in message.events
    ]
    await add_events(connection, pairs)


async def post_notice(connection: Connection, channel: str, item: NotificationItem, now: datetime) -> None:
    """Something that the delivery itself has to say, on a channel that works."""
    nothing = timedelta(0)
    key = json.dumps(["gridkeeper", item.rule])
    rows = await connection.fetch(_COLLECT, [channel], [key], [""], [item.severity.rank], [nothing], [nothing], now)
    await add_events(connection, [(rows[0]["notification_id"], item)])
