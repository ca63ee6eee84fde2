"""What people ask of the outbox: messages, channels, another attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db.engine import Database
from app.errors import Conflict, NotFound

_MESSAGES = """
    select
        n.notification_id,
        n.channel,
        n.status,
        n.created_at,
        n.not_before,
        n.ended_at,
        n.attempts,
        n.subject,
        n.error,
        n.moved_from,
        n.merged_into,
        n.idempotency_key::text as key,
        (select count(*) from notification_events as e where e.notification_id = n.notification_id) as events
    from notifications as n
    where $1::text is null or n.status = $1
    order by n.notification_id desc
    limit $2
"""

# A message that failed keeps its key: a receiver that has it after all knows the duplicate.
_AGAIN = """
    update notifications
    set status = 'waiting', ended_at = null, not_before = $2, created_at = $2, attempts = 0, claimed_until = null
    where notification_id = $1 and (status = 'failed' or (status = 'waiting' and (claimed_until is null or claimed_until <= $2)))
    returning channel
"""

_ENABLE = """
    update channel_states
    set disabled_at = null, disabled_reason = '', failures = 0, blocked_until = null, last_error = '', try_at = null
    where channel = $1 and (disabled_at is not null or failures > 0 or blocked_until is not null)
"""

_STATES = """
    select
        coalesce(s.channel, w.channel) as channel,
        coalesce(s.failures, 0) as failures,
        s.disabled_at,
        coalesce(s.disabled_reason, '') as disabled_reason,
        s.blocked_until,
        s.last_sent_at,
        coalesce(s.last_error, '') as last_error,
        coalesce(w.waiting, 0) as waiting,
        coalesce(w.failed, 0) as failed
    from channel_states as s
    full join (
        select
            channel,
            count(*) filter (where status = 'waiting') as waiting,
            count(*) filter (where status = 'failed') as failed
        from notifications
        where status in ('waiting', 'failed')
        group by channel
    ) as w using (channel)
    order by 1
"""


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One message of the outbox, as people see it."""

    notification_id: int
    channel: str
    status: str
    created_at: datetime
    not_before: datetime
    ended_at: datetime | None
    attempts: int
    subject: str
    error: str
    moved_from: str | None
    merged_into: int | None
    key: str
    events: int


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How one channel fares."""

    channel: str
    failures: int = 0
    disabled_at: datetime | None = None
    disabled_reason: str = ""
    blocked_until: datetime | None = None
    last_sent_at: datetime | None = None
    last_error: str = ""
    waiting: int = 0
    failed: int = 0

    @property
    def state(self) -> str:
        if self.disabled_at is not None:
            return "disabled"
        if self.failures:
            return "failing"
        return "works" if self.last_sent_at else "unused"


class DeliveryAdministration:
    """Reads the outbox for people, and lets them put it right."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def messages(self, status: str | None, *, limit: int) -> list[PastMessage]:
        """The latest first."""
        async with self._database.connection() as connection:
            return [PastMessage(**row) for row in await connection.fetch(_MESSAGES, status, limit)]

    async def channels(self) -> dict[str, ChannelState]:
        async with self._database.connection() as connection:
            return {row["channel"]: ChannelState(**row) for row in await connection.fetch(_STATES)}

    async def again(self, notification_id: int, now: datetime) -> str:
        """Let a failed or waiting message be tried at once; gives its channel."""
        async with self._database.transaction() as connection:
            channel: str | None = await connection.fetchval(_AGAIN, notification_id, now)
            if channel is not None:
                return channel
            query = "select status from notifications where notification_id = $1"
            status = await connection.fetchval(query, notification_id)
        if status is None:
            raise NotFound(f"there is no message {notification_id}; `gridkeeper alerts notifications` lists them")
        raise Conflict(f"message {notification_id} is {status}; only one that failed or waits can be tried again")

    async def enable(self, channel: str) -> bool:
        """Let messages go over a channel again; False where nothing held them back."""
        async with self._database.connection() as connection:
            return (await connection.execute(_ENABLE, channel)) != "UPDATE 0"
