"""What delivery keeps: claims of messages, attempts, and how each channel fares. One method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from app.alerting.delivery import queries, sql
from app.alerting.delivery.channels.base import part_key
from app.alerting.delivery.config import ChannelBook
from app.alerting.delivery.decisions import ChannelEffect, DeliveryDecision, MessageStep
from app.alerting.delivery.messages import NOBODY, Sender, compose
from app.alerting.delivery.models import DeliveryAttempt, DeliveryClaim, DeliveryProgress, DueChannel
from app.alerting.delivery.rate_limit import (
    SendableMessage,
    choose,
    free_slots,
    in_last_minute,
    kept_back,
    next_free_slot,
)
from app.alerting.models import Severity
from app.alerting.outbox.items import Content, NotificationItem, delivery_notice, item_from_json
from app.alerting.outbox.repository import post_notice, route_waiting
from app.alerting.outbox.sending_checks import still_to_send
from app.alerting.outbox.sql import END_EMPTY
from app.db.engine import Database
from app.db.retention import erase

if TYPE_CHECKING:
    from app.db.engine import Connection

NOTICE_AGAIN = timedelta(hours=4)
"""Least distance of two notices that the same channel is disabled."""
CRITICAL = Severity.CRITICAL.rank
TRY_AGAIN = timedelta(minutes=15)
"""A disabled channel is tried with one message so often: what disabled it may have been mended elsewhere."""
OUTAGE = 3
"""After so many failures in a row, the first success brings forward what waits for its next attempt."""


class DeliveryRepository:
    """Messages on their way, shared by all replicas."""

    def __init__(self, database: Database, worker: str, *, lease: timedelta, sender: Sender = NOBODY) -> None:
        self._database = database
        self._sender = sender
        self._worker = worker
        self._lease = lease

    @property
    def lease(self) -> timedelta:
        return self._lease

    async def clock_set_back(self, now: datetime) -> None:
        """Let nothing wait for an instant that was near before the clock was set back; it may be tried at once."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.CHANNELS_SET_BACK, now)
            await connection.execute(sql.MESSAGES_SET_BACK, now, self._lease)

    async def due_channels(self, now: datetime) -> tuple[list[DueChannel], bool]:
        """The channels that have something to send now, or to hand over because they are disabled.

        And whether any message waits at all, be it for a later instant.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.WAITING_CHANNELS, now)
        due = [
            DueChannel(
                row["channel"],
                row["critical"],
                row["disabled_reason"] if row["disabled"] and not row["trial"] else None,
                row["since"],
                row["seen_at"],
            )
            for row in rows
            if row["due"]
        ]
        return due, bool(rows)

    async def seen(self, channels: Sequence[str], now: datetime) -> None:
        """Say that this replica has these channels in its file."""
        async with self._database.connection() as connection:
            await connection.execute(sql.SEEN, sorted(channels), now)

    async def disabled_channels(self) -> frozenset[str]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("select channel from channel_states where disabled_at is not null")
        return frozenset(row["channel"] for row in rows)

    async def claim(self, channel: str, per_minute: int, now: datetime, *, critical: bool) -> DeliveryClaim | None:
        """The next message of the channel that is critical, or is not; a digest of all of them that are due where they
        are more than its limit takes.

        Its events are frozen with the first claim: whatever happens later joins another message.
        """
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOCK_LANE, channel, critical)
            state = await connection.fetchrow(sql.STATE, channel)
            if state is not None and not await _may_send(connection, state, now):
                return None
            free = free_slots(state["recent"], per_minute, now) if state else per_minute
            if free <= 0:
                await _rest(connection, channel, per_minute, now)
                return None
            if not critical and free <= kept_back(per_minute):
                return None
            severities = (CRITICAL, CRITICAL) if critical else (0, CRITICAL - 1)
            chosen = await _choose(connection, channel, severities, free=free, per_minute=per_minute, now=now)
            if not chosen:
                return None
            number = chosen[0] if len(chosen) == 1 else await self._digest(connection, chosen, now)
            row = await connection.fetchrow(sql.CLAIM, number, now, now + self._lease, self._worker)
            return await _claim_of(connection, row, self._sender) if row else None

    async def renew(self, claim: DeliveryClaim, now: datetime) -> None:
        """Keep a message while an attempt at it takes long."""
        async with self._database.connection() as connection:
            await connection.execute(sql.RENEW, claim.notification_id, self._worker, now + self._lease)

    async def _digest(self, connection: Connection, merged: Sequence[int], now: datetime) -> int:
        number: int = await connection.fetchval(sql.DIGEST, merged, now)
        await connection.execute(sql.MERGE_EVENTS, number, merged)
        await connection.execute(sql.MERGED, number, merged, now)
        return number

    async def reserve(self, channel: str, per_minute: int, now: datetime, *, critical: bool = False) -> datetime | None:
        """Take one of the channel's messages of this minute; where there is none left, when there will be."""
        limit = per_minute if critical else per_minute - kept_back(per_minute)
        async with self._database.transaction() as connection:
            state = await connection.fetchrow(sql.LOCK_CHANNEL, channel)
            recent = in_last_minute(state["recent"], now) if state else []
            if free_slots(recent, limit, now) > 0:
                await connection.execute(sql.RESERVE, channel, [*recent, now])
                return None
            until = next_free_slot(recent, limit, now)
            if free_slots(recent, per_minute, now) <= 0:
                await _block(connection, channel, until)
            return until

    async def apply(self, claim: DeliveryClaim, decision: DeliveryDecision) -> bool:
        """Write what was decided: the attempt, then the message, then the channel, whose row is held for a moment only.

        False where the claim has run out and another has taken the message: what becomes of it is for that one to say.
        """
        async with self._database.transaction() as connection:
            held = bool(await connection.fetchval(sql.HELD, claim.notification_id, self._worker))
            if decision.attempt is not None:
                await _keep(connection, claim, decision.attempt)
            if held:
                await self._apply_to_message(connection, claim, decision)
            await _apply_to_channel(connection, claim, decision)
        return held

    async def _apply_to_message(self, connection: Connection, claim: DeliveryClaim, decision: DeliveryDecision) -> None:
        mine, subject = (claim.notification_id, self._worker), claim.message.subject
        progress = decision.progress.as_json()
        match decision.step:
            case MessageStep.CONTINUE:
                await connection.execute(sql.CONTINUE, *mine, progress, decision.at + self._lease)
            case MessageStep.WAIT:
                await connection.execute(sql.RETRY, *mine, decision.again_at, progress, subject, decision.reason)
            case MessageStep.COMPLETE:
                await connection.execute(sql.END, *mine, "sent", decision.at, decision.reason, progress, subject)
                await connection.execute(sql.DELIVERED, claim.notification_id, claim.channel)
            case MessageStep.FAIL:
                await connection.execute(sql.END, *mine, "failed", decision.at, decision.reason, progress, subject)
            case MessageStep.MOVE:
                await _leave_ends(connection, [claim.notification_id], claim.channel, decision.at)
                await connection.execute(
                    sql.MOVE, [claim.notification_id], decision.instead, decision.at, decision.reason
                )
            case MessageStep.RELEASE:
                await connection.execute(sql.RELEASE, *mine)
        if decision.notice is not None:
            await post_notice(connection, decision.instead, decision.notice, decision.at)

    async def hand_over(self, channel: str, instead: str, why: str, now: datetime, *, gone: bool = False) -> int:
        """Give what waits for a channel that takes nothing to another, with a word about it; without one it waits.

        Ends of what this channel has said wait for it, unless it is `gone` for good: nobody else knows of them.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.TO_HAND_OVER, channel, now, gone) if instead else []
            numbers = [row["notification_id"] for row in rows]
            if not numbers:
                return 0
            await _leave_ends(connection, numbers, channel, now)
            await connection.execute(sql.MOVE, numbers, instead, now, why)
            if await connection.fetchval(sql.NOTICED, instead, channel, now - NOTICE_AGAIN):
                return len(numbers)
            notice = delivery_notice(
                "channel_disabled",
                f"nothing can be sent over {channel}: {why}. Its messages come here. "
                f"Mend it, then run: gridkeeper alerts enable {channel}",
                now,
                {"channel": channel},
                Severity.CRITICAL,
            )
            await post_notice(connection, instead, notice, now)
        return len(numbers)

    async def route_waiting(self, book: ChannelBook, now: datetime) -> int:
        """Give what happened while nothing was known of channels to those that the file names now."""
        async with self._database.transaction() as connection:
            return await route_waiting(connection, book, now)

    async def prune(self, before: datetime) -> int:
        """Erase messages that ended before the instant, with their events and attempts."""
        async with self._database.connection() as connection:
            [ended] = sql.RETAINED
            return await erase(connection, ended, before, ended.batch)


async def _keep(connection: Connection, claim: DeliveryClaim, attempt: DeliveryAttempt) -> None:
    await connection.execute(
        sql.ADD_ATTEMPT,
        claim.notification_id,
        claim.channel,
        attempt.part,
        attempt.at,
        attempt.seconds,
        attempt.verdict,
        attempt.status,
        attempt.answer,
    )


async def _apply_to_channel(connection: Connection, claim: DeliveryClaim, decision: DeliveryDecision) -> None:
    channel, at = claim.channel, decision.at
    match decision.channel:
        case ChannelEffect.WORKS:
            failures = await connection.fetchval(sql.SUCCEEDED, channel, at)
            if failures >= OUTAGE:
                await connection.execute(sql.OUTAGE_OVER, channel, at, claim.notification_id)
        case ChannelEffect.TROUBLED:
            await connection.execute(sql.TROUBLED, channel, at, decision.answer, decision.blocked_until)
        case ChannelEffect.DISABLED:
            await connection.execute(sql.TROUBLED, channel, at, decision.answer, None)
            await connection.execute(sql.DISABLE, channel, at, decision.reason, at + TRY_AGAIN)
        case ChannelEffect.NONE:
            pass


async def _block(connection: Connection, channel: str, until: datetime) -> None:
    await connection.execute("update channel_states set blocked_until = $2 where channel = $1", channel, until)


async def _rest(connection: Connection, channel: str, per_minute: int, now: datetime) -> None:
    """Leave the channel alone until its limit allows a message; as the starts count now, for the clock may be set back."""
    state = await connection.fetchrow(sql.LOCK_CHANNEL, channel)
    recent = in_last_minute(state["recent"], now) if state else []
    await connection.execute(sql.RESERVE, channel, recent)
    if free_slots(recent, per_minute, now) <= 0:
        await _block(connection, channel, next_free_slot(recent, per_minute, now))


async def _may_send(connection: Connection, state: asyncpg.Record, now: datetime) -> bool:
    """Whether a message may go out now; a disabled channel is tried with one message at times."""
    if state["disabled_at"] is None:
        return (state["blocked_until"] or now) <= now
    return bool(await connection.fetchval(sql.TRY, state["channel"], now, now + TRY_AGAIN))


async def _choose(
    connection: Connection, channel: str, severities: tuple[int, int], *, free: int, per_minute: int, now: datetime
) -> list[int]:
    """The messages to send next, those that make a digest together; what must not be sent any more is passed over."""
    while True:
        rows = await connection.fetch(queries.READY, channel, now, *severities)
        due = [
            SendableMessage(row["notification_id"], row["whole"], tuple(row["recipients"]), row["severity"] >= CRITICAL)
            for row in rows
        ]
        locked = await connection.fetch(sql.LOCK_CHOSEN, list(choose(due, free, per_minute)), now)
        chosen = [row["notification_id"] for row in locked]
        left = await still_to_send(connection, chosen, now)
        if left or not chosen:
            return left


async def _leave_ends(connection: Connection, numbers: Sequence[int], channel: str, now: datetime) -> None:
    """Before messages go to another channel: which ends go with them, and which stay."""
    await connection.execute(sql.KEEP_ENDS, numbers, now)
    followed = [row["notification_id"] for row in await connection.fetch(sql.ENDS_FOLLOW, numbers, channel)]
    await connection.execute(END_EMPTY, followed, now, "sent with its beginning on another channel")


async def _claim_of(connection: Connection, row: asyncpg.Record, sender: Sender) -> DeliveryClaim:
    events: list[NotificationItem] = []
    content: Content | None = None
    if row["content"] is not None:
        content = Content(**json.loads(row["content"]))
    else:
        rows = await connection.fetch(sql.EVENTS, row["notification_id"])
        events = [item_from_json(json.loads(event["content"])) for event in rows]
    before = await connection.fetch(sql.THREAD, row["notification_id"], row["channel"], row["frozen_at"])
    thread = tuple(part_key(one["key"], 1, int(one["parts"] or 1)) for one in before)
    message = compose(row["key"], row["frozen_at"], events, content, sender)
    return DeliveryClaim(
        row["notification_id"],
        row["channel"],
        tuple(row["recipients"]),
        row["created_at"],
        row["attempts"],
        replace(message, thread=thread),
        _progress(json.loads(row["progress"])),
        row["moved_from"] is not None,
        row["lost"],
    )


def _progress(content: Mapping[str, Any]) -> DeliveryProgress:
    return DeliveryProgress(
        content.get("parts", 0), tuple(content.get("delivered", ())), dict(content.get("refused", {}))
    )
