"""What delivery keeps: claims of messages, attempts, and how each channel fares. One method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from app.alerting.delivery.channels.base import part_key
from app.alerting.delivery.config import ChannelBook
from app.alerting.delivery.messages import NOBODY, Message, Sender, compose
from app.alerting.delivery.rate_limit import (
    SendableMessage,
    choose,
    free_slots,
    in_last_minute,
    kept_back,
    next_free_slot,
)
from app.alerting.delivery.sql import (
    ADD_ATTEMPT,
    CHANNELS_SET_BACK,
    CLAIM,
    DELIVERED,
    DIGEST,
    DISABLE,
    DUE_CHANNELS,
    END,
    ENDS_FOLLOW,
    EVENTS,
    KEEP_ENDS,
    LOCK_CHANNEL,
    LOCK_CHOSEN,
    LOCK_LANE,
    MERGE_EVENTS,
    MERGED,
    MESSAGES_SET_BACK,
    MOVE,
    NOTICED,
    OUTAGE_OVER,
    READY,
    RELEASE,
    RESERVE,
    RETAINED,
    RETRY,
    SEEN,
    STATE,
    SUCCEEDED,
    THREAD,
    TO_HAND_OVER,
    TROUBLED,
    TRY,
)
from app.alerting.models import Severity
from app.alerting.outbox.items import Content, NotificationItem, delivery_notice, told_from_json
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


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """What has arrived already: whole parts, and recipients of the part under way."""

    parts: int = 0
    delivered: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> frozenset[str]:
        return frozenset(self.delivered) | frozenset(self.refused)

    def as_json(self) -> str:
        return json.dumps({"parts": self.parts, "delivered": self.delivered, "refused": dict(self.refused)})


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A message that this worker may send until its lease ends."""

    notification_id: int
    channel: str
    recipients: tuple[str, ...]
    created_at: datetime
    attempts: int
    message: Message
    progress: DeliveryProgress
    moved: bool = False
    """Another channel could not deliver it."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt as it is kept."""

    part: str
    at: datetime
    seconds: float
    verdict: str
    status: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class DueChannel:
    """A channel with due messages of one kind; `disabled` says why it takes none."""

    name: str
    critical: bool
    disabled: str | None
    since: datetime
    """When the oldest of them was made."""
    seen_at: datetime | None = None
    """When a replica last had the channel in its file."""


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
            await connection.execute(CHANNELS_SET_BACK, now)
            await connection.execute(MESSAGES_SET_BACK, now, self._lease)

    async def due_channels(self, now: datetime) -> list[DueChannel]:
        """The channels that have something to send now, or to hand over because they are disabled."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(DUE_CHANNELS, now)
        return [
            DueChannel(
                row["channel"],
                row["critical"],
                row["disabled_reason"] if row["disabled"] and not row["trial"] else None,
                row["since"],
                row["seen_at"],
            )
            for row in rows
        ]

    async def seen(self, channels: Sequence[str], now: datetime) -> None:
        """Say that this replica has these channels in its file."""
        async with self._database.connection() as connection:
            await connection.execute(SEEN, sorted(channels), now)

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
            await connection.execute(LOCK_LANE, channel, critical)
            state = await connection.fetchrow(STATE, channel)
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
            row = await connection.fetchrow(CLAIM, number, now, now + self._lease, self._worker)
            return await _claim_of(connection, row, self._sender) if row else None

    async def renew(self, claim: DeliveryClaim, now: datetime) -> None:
        """Keep a message while an attempt at it takes long."""
        async with self._database.connection() as connection:
            await connection.execute(RENEW, claim.notification_id, self._worker, now + self._lease)

    async def _digest(self, connection: Connection, merged: Sequence[int], now: datetime) -> int:
        number: int = await connection.fetchval(DIGEST, merged, now)
        await connection.execute(MERGE_EVENTS, number, merged)
        await connection.execute(MERGED, number, merged, now)
        return number

    async def reserve(self, channel: str, per_minute: int, now: datetime, *, critical: bool = False) -> datetime | None:
        """Take one of the channel's messages of this minute; where there is none left, when there will be."""
        limit = per_minute if critical else per_minute - kept_back(per_minute)
        async with self._database.transaction() as connection:
            state = await connection.fetchrow(LOCK_CHANNEL, channel)
            recent = in_last_minute(state["recent"], now) if state else []
            if free_slots(recent, limit, now) > 0:
                await connection.execute(RESERVE, channel, [*recent, now])
                return None
            until = next_free_slot(recent, limit, now)
            if free_slots(recent, per_minute, now) <= 0:
                await _block(connection, channel, until)
            return until

    async def sent(
        self, claim: DeliveryClaim, attempt: DeliveryAttempt, progress: DeliveryProgress, *, last: bool
    ) -> None:
        """A part has arrived; `last`: the message is complete."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            refused = "; ".join(f"{address}: {why}" for address, why in progress.refused.items())
            if last:
                await self._end(connection, claim, "sent", attempt.at, error=refused, progress=progress)
                await connection.execute(DELIVERED, claim.notification_id, claim.channel)
            else:
                await self._renew(connection, claim, attempt.at, progress)
            await self._works(connection, claim, attempt)

    async def progressed(self, claim: DeliveryClaim, attempt: DeliveryAttempt, progress: DeliveryProgress) -> None:
        """An attempt that was neither a success nor a failure of the channel: it was answered by smaller parts."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            await self._renew(connection, claim, attempt.at, progress)

    async def postponed(self, claim: DeliveryClaim, until: datetime, progress: DeliveryProgress) -> None:
        """The rest of the message waits for its turn; no attempt was made."""
        async with self._database.transaction() as connection:
            await connection.execute(
                RETRY, claim.notification_id, self._worker, until, progress.as_json(), claim.message.subject, ""
            )

    async def retry(
        self,
        claim: DeliveryClaim,
        attempt: DeliveryAttempt,
        progress: DeliveryProgress,
        again_at: datetime,
        blocked_until: datetime | None,
    ) -> None:
        """Another attempt will be made; until `blocked_until` the channel is left alone."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            await connection.execute(TROUBLED, claim.channel, attempt.at, attempt.answer, blocked_until)
            subject = claim.message.subject
            await connection.execute(
                RETRY, claim.notification_id, self._worker, again_at, progress.as_json(), subject, attempt.answer
            )

    async def put_off(
        self,
        claim: DeliveryClaim,
        attempt: DeliveryAttempt,
        progress: DeliveryProgress,
        again_at: datetime,
        *,
        served: bool,
    ) -> None:
        """Another attempt will be made for recipients that have to wait; this one was `served` to others, or to nobody."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            if served:
                await self._works(connection, claim, attempt)
            subject = claim.message.subject
            await connection.execute(
                RETRY, claim.notification_id, self._worker, again_at, progress.as_json(), subject, attempt.answer
            )

    async def failed(
        self, claim: DeliveryClaim, attempt: DeliveryAttempt, progress: DeliveryProgress, why: str, *, notice_on: str
    ) -> None:
        """No further attempt; another channel says so where there is one."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            await connection.execute(TROUBLED, claim.channel, attempt.at, attempt.answer, None)
            await self._end(connection, claim, "failed", attempt.at, error=why, progress=progress)
            if notice_on:
                text = f"{claim.channel} did not get “{claim.message.subject}”: {why}"
                told = delivery_notice(
                    "delivery_failed", text, attempt.at, {"channel": claim.channel}, claim.message.severity
                )
                await post_notice(connection, notice_on, told, attempt.at)

    async def refused(
        self, claim: DeliveryClaim, attempt: DeliveryAttempt, progress: DeliveryProgress, instead: str
    ) -> None:
        """The channel will never take this message: another one gets it."""
        async with self._database.transaction() as connection:
            await self._keep(connection, claim, attempt)
            await connection.execute(TROUBLED, claim.channel, attempt.at, attempt.answer, None)
            await connection.execute(RETRY, claim.notification_id, self._worker, attempt.at, progress.as_json(), "", "")
            await _leave_ends(connection, [claim.notification_id], claim.channel, attempt.at)
            await connection.execute(MOVE, [claim.notification_id], instead, attempt.at, attempt.answer)

    async def disable(
        self, channel: str, why: str, now: datetime, attempt: tuple[DeliveryClaim, DeliveryAttempt] | None
    ) -> None:
        """Nothing is sent over the channel until a person enables it."""
        async with self._database.transaction() as connection:
            if attempt is not None:
                await self._keep(connection, *attempt)
                await connection.execute(TROUBLED, channel, now, attempt[1].answer, None)
                await connection.execute(RELEASE, attempt[0].notification_id, self._worker)
            await connection.execute(DISABLE, channel, now, why, now + TRY_AGAIN)

    async def hand_over(self, channel: str, instead: str, why: str, now: datetime, *, gone: bool = False) -> int:
        """Give what waits for a channel that takes nothing to another, with a word about it; without one it waits.

        Ends of what this channel has said wait for it, unless it is `gone` for good: nobody else knows of them.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(TO_HAND_OVER, channel, now, gone) if instead else []
            numbers = [row["notification_id"] for row in rows]
            if not numbers:
                return 0
            await _leave_ends(connection, numbers, channel, now)
            await connection.execute(MOVE, numbers, instead, now, why)
            if await connection.fetchval(NOTICED, instead, channel, now - NOTICE_AGAIN):
                return len(numbers)
            told = delivery_notice(
                "channel_disabled",
                f"nothing can be sent over {channel}: {why}. Its messages come here. "
                f"Mend it, then run: gridkeeper alerts enable {channel}",
                now,
                {"channel": channel},
                Severity.CRITICAL,
            )
            await post_notice(connection, instead, told, now)
        return len(numbers)

    async def route_waiting(self, book: ChannelBook, now: datetime) -> int:
        """Give what happened while nothing was known of channels to those that the file names now."""
        async with self._database.transaction() as connection:
            return await route_waiting(connection, book, now)

    async def prune(self, before: datetime) -> int:
        """Erase messages that ended before the instant, with their events and attempts."""
        async with self._database.connection() as connection:
            [ended] = RETAINED
            return await erase(connection, ended, before, ended.batch)

    async def _works(self, connection: Connection, claim: DeliveryClaim, attempt: DeliveryAttempt) -> None:
        failures = await connection.fetchval(SUCCEEDED, claim.channel, attempt.at)
        if failures >= OUTAGE:
            await connection.execute(OUTAGE_OVER, claim.channel, attempt.at)

    async def _keep(self, connection: Connection, claim: DeliveryClaim, attempt: DeliveryAttempt) -> None:
        await connection.execute(
            ADD_ATTEMPT,
            claim.notification_id,
            claim.channel,
            attempt.part,
            attempt.at,
            attempt.seconds,
            attempt.verdict,
            attempt.status,
            attempt.answer,
        )

    async def _end(
        self,
        connection: Connection,
        claim: DeliveryClaim,
        status: str,
        now: datetime,
        *,
        error: str,
        progress: DeliveryProgress,
    ) -> None:
        subject = claim.message.subject
        await connection.execute(
            END, claim.notification_id, self._worker, status, now, error, progress.as_json(), subject
        )

    async def _renew(
        self, connection: Connection, claim: DeliveryClaim, now: datetime, progress: DeliveryProgress
    ) -> None:
        query = """
            update notifications
            set progress = $3::jsonb, claimed_until = $4
            where notification_id = $1 and claimed_by = $2 and status = 'waiting'
        """
        await connection.execute(query, claim.notification_id, self._worker, progress.as_json(), now + self._lease)


async def _block(connection: Connection, channel: str, until: datetime) -> None:
    await connection.execute("update channel_states set blocked_until = $2 where channel = $1", channel, until)


RENEW = """
    update notifications set claimed_until = $3
    where notification_id = $1 and claimed_by = $2 and status = 'waiting' and claimed_until is not null
"""


async def _rest(connection: Connection, channel: str, per_minute: int, now: datetime) -> None:
    """Leave the channel alone until its limit allows a message; as the starts count now, for the clock may be set back."""
    state = await connection.fetchrow(LOCK_CHANNEL, channel)
    recent = in_last_minute(state["recent"], now) if state else []
    await connection.execute(RESERVE, channel, recent)
    if free_slots(recent, per_minute, now) <= 0:
        await _block(connection, channel, next_free_slot(recent, per_minute, now))


async def _may_send(connection: Connection, state: asyncpg.Record, now: datetime) -> bool:
    """Whether a message may go out now; a disabled channel is tried with one message at times."""
    if state["disabled_at"] is None:
        return (state["blocked_until"] or now) <= now
    return bool(await connection.fetchval(TRY, state["channel"], now, now + TRY_AGAIN))


async def _choose(
    connection: Connection, channel: str, severities: tuple[int, int], *, free: int, per_minute: int, now: datetime
) -> list[int]:
    """The messages to send next, those that make a digest together; what must not be sent any more is passed over."""
    while True:
        rows = await connection.fetch(READY, channel, now, *severities)
        due = [
            SendableMessage(row["notification_id"], row["whole"], tuple(row["recipients"]), row["severity"] >= CRITICAL)
            for row in rows
        ]
        locked = await connection.fetch(LOCK_CHOSEN, list(choose(due, free, per_minute)), now)
        chosen = [row["notification_id"] for row in locked]
        left = await still_to_send(connection, chosen, now)
        if left or not chosen:
            return left


async def _leave_ends(connection: Connection, numbers: Sequence[int], channel: str, now: datetime) -> None:
    """Before messages go to another channel: which ends go with them, and which stay."""
    await connection.execute(KEEP_ENDS, numbers, now)
    followed = [row["notification_id"] for row in await connection.fetch(ENDS_FOLLOW, numbers, channel)]
    await connection.execute(END_EMPTY, followed, now, "told with its beginning on another channel")


async def _claim_of(connection: Connection, row: asyncpg.Record, sender: Sender) -> DeliveryClaim:
    events: list[NotificationItem] = []
    content: Content | None = None
    if row["content"] is not None:
        content = Content(**json.loads(row["content"]))
    else:
        rows = await connection.fetch(EVENTS, row["notification_id"])
        events = [told_from_json(json.loads(event["content"])) for event in rows]
    before = await connection.fetch(THREAD, row["notification_id"], row["channel"], row["frozen_at"])
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
    )


def _progress(content: Mapping[str, Any]) -> DeliveryProgress:
    return DeliveryProgress(
        content.get("parts", 0), tuple(content.get("delivered", ())), dict(content.get("refused", {}))
    )
