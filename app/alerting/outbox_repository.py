"""The outbox: what is to be told, written in the transaction that decides it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.alerting.channel_file import ChannelFile
from app.alerting.grouping import DELIVERY_FAILING, Planned, Target, plan_notifications
from app.alerting.messages import Content, Told, told_of
from app.alerting.models import AlertEvent, EventKind, Severity

if TYPE_CHECKING:
    from app.db.engine import Connection

ENDED = frozenset({EventKind.RESOLVED, EventKind.ENDED})

# The rows are locked, so that a claim that comes at the same moment takes them as they were before, or after.
_LOCK_UNSENT = """
    select n.notification_id, n.channel
    from notifications as n
    where
        n.status = 'waiting'
        and n.frozen_at is null
        and exists (
            select from notification_events as e
            where e.notification_id = n.notification_id and e.alert_id = any ($1::bigint[])
        )
    order by n.notification_id
    for update of n
"""

# Of an alert that fires within a message that nobody has read, everything goes but an earlier end.
_DROP_UNSENT = """
    with dropped as (
        delete from notification_events as e
        where
            e.notification_id = any ($1::bigint[])
            and e.alert_id = any ($2::bigint[])
            and e.kind <> 'resolved'
            and exists (
                select from notification_events as fired
                where
                    fired.notification_id = e.notification_id and fired.alert_id = e.alert_id and fired.kind = 'fired'
            )
        returning e.notification_id, e.alert_id
    )
    select distinct n.channel, d.alert_id
    from dropped as d
    join notifications as n using (notification_id)
"""

_END_EMPTY = """
    update notifications as n
    set status = 'dropped', frozen_at = $2, ended_at = $2, subject = 'resolved before anybody was told'
    where
        n.notification_id = any ($1::bigint[])
        and n.content is null
        and not exists (select from notification_events as e where e.notification_id = n.notification_id)
"""

_LAST_TOLD = """
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

_ADD_EVENTS = """
    insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content)
    select *
    from unnest(
        $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]::jsonb[]
    )
"""

_ANNOUNCE = """
    insert into notifications (channel, group_key, recipients, severity, content, created_at, not_before)
    select channel, $2, string_to_array($3, ','), $4, $5::jsonb, $6, $6
    from unnest($1::text[]) as channel
    on conflict do nothing
"""


class NotificationOutbox:
    """Keeps events for delivery; an Outbox."""

    def __init__(self, file: ChannelFile) -> None:
        self._file = file

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        """Attach events to the messages that will tell them, in the caller's transaction.

        An alert that ends before anybody was told of it takes its news with it.
        """
        heard = await _heard(connection, events)
        over = await self._drop_unsent(connection, events, now)
        book, told = self._file.current(), await _last_told(connection, events)
        failing = await _failing(connection, events)
        planned = plan_notifications(
            events,
            book.routes,
            told,
            lambda channel: book.instead_of(channel, failing) or book.instead_of(channel),
            heard,
        )
        for message in planned:
            message.events = [event for event in message.events if not _is_over(message, event, over)]
        await _collect(connection, [message for message in planned if message.events], now)

    async def announce(
        self, connection: Connection, content: Content, now: datetime, *, labels: dict[str, str], key: str
    ) -> int:
        """Send a text that is no alert, a report for one, where routes ask for one of its labels; once for each `key`.

        Gives the number of channels that it goes to. Routes see the labels, and `kind=message`. One that takes whatever
        comes does not take it: nobody wants a long report in a chat who has not asked for it.
        """
        chosen = self._file.current().routes.of({**labels, "kind": "message"})
        routes = [route for route in chosen if any(matcher.name in labels for matcher in route.matchers)]
        body = json.dumps({"subject": content.subject, "text": content.text, "html": content.html})
        made = 0
        # Of two that announce the same at once, the second sees what the first has written.
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"message:{key}")
        for route in routes:
            group = f"message:{key}:{','.join(route.recipients)}"
            channels = [channel for channel in route.channels if not await _announced(connection, channel, group)]
            arguments = (channels, group, ",".join(route.recipients), Severity.INFO.rank, body, now)
            made += int((await connection.execute(_ANNOUNCE, *arguments)).split()[-1])
        return made

    async def _drop_unsent(
        self, connection: Connection, events: Sequence[AlertEvent], now: datetime
    ) -> frozenset[tuple[str, int]]:
        """The channels and alerts whose news were dropped before anybody read them."""
        ended = [event.alert.alert_id for event in events if event.kind in ENDED]
        if not ended:
            return frozenset()
        locked = [row["notification_id"] for row in await connection.fetch(_LOCK_UNSENT, ended)]
        if not locked:
            return frozenset()
        dropped = await connection.fetch(_DROP_UNSENT, locked, ended)
        await connection.execute(_END_EMPTY, locked, now)
        return frozenset((row["channel"], row["alert_id"]) for row in dropped)


def _is_over(message: Planned, event: AlertEvent, over: frozenset[tuple[str, int]]) -> bool:
    return event.kind is EventKind.RESOLVED and (message.channel, event.alert.alert_id) in over


async def _announced(connection: Connection, channel: str, group: str) -> bool:
    query = "select exists (select from notifications where channel = $1 and group_key = $2)"
    return bool(await connection.fetchval(query, channel, group))


async def _failing(connection: Connection, events: Sequence[AlertEvent]) -> frozenset[str]:
    """The channels that do not work at present; asked for only where an alert is about one of them."""
    if all(event.rule.name != DELIVERY_FAILING for event in events):
        return frozenset()
    rows = await connection.fetch("select channel from channel_states where failures > 0 or disabled_at is not null")
    return frozenset(row["channel"] for row in rows)


async def _heard(connection: Connection, events: Sequence[AlertEvent]) -> dict[int | None, list[str]]:
    """The channels that were told of alerts which end; asked for only where another channel may have stood in."""
    ended = [event.alert.alert_id for event in events if event.kind in ENDED and event.rule.name == DELIVERY_FAILING]
    rows = await connection.fetch(_LAST_TOLD, ended) if ended else []
    heard: dict[int | None, list[str]] = {}
    for row in rows:
        heard.setdefault(row["alert_id"], []).append(row["channel"])
    return {alert: sorted(channels) for alert, channels in heard.items()}


async def _last_told(connection: Connection, events: Sequence[AlertEvent]) -> dict[tuple[str, int | None], datetime]:
    reminded = [event.alert.alert_id for event in events if event.kind is EventKind.REMINDED]
    rows = await connection.fetch(_LAST_TOLD, reminded) if reminded else []
    return {(row["channel"], row["alert_id"]): row["at"] for row in rows}


async def _collect(connection: Connection, planned: Sequence[Planned], now: datetime) -> None:
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
    pairs = [(numbers[message.target], told_of(event)) for message in ordered for event in message.events]
    await add_events(connection, pairs)


async def add_events(connection: Connection, pairs: Sequence[tuple[int, Told]]) -> None:
    """Write events into their messages."""
    await connection.execute(
        _ADD_EVENTS,
        [number for number, _ in pairs],
        [told.alert_id for _, told in pairs],
        [told.kind for _, told in pairs],
        [told.rule for _, told in pairs],
        [told.severity.value for _, told in pairs],
        [told.at for _, told in pairs],
        [json.dumps(told.as_json()) for _, told in pairs],
    )


async def post_notice(connection: Connection, channel: str, told: Told, now: datetime) -> None:
    """Something that the delivery itself has to say, on a channel that works."""
    nothing = timedelta(0)
    key = json.dumps(["gridkeeper", told.rule])
    rows = await connection.fetch(_COLLECT, [channel], [key], [""], [told.severity.rank], [nothing], [nothing], now)
    await add_events(connection, [(rows[0]["notification_id"], told)])
