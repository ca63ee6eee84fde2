"""What people ask and decide: alerts, their history, acknowledgements, silences, pauses; messages and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.alerting import sql
from app.alerting.evaluation.serialization import alert_of, clean_label, pairs
from app.alerting.models import Alert, Phase
from app.alerting.state.repository import MAINTENANCE_WINDOWS, silence_of, window_of
from app.alerting.state.silences import Matcher, Silence, Window
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.kit.suggest import did_you_mean

if TYPE_CHECKING:
    from app.db.engine import Connection


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert as people list it."""

    alert: Alert
    note: str


@dataclass(frozen=True, slots=True)
class PastEvent:
    """Something that happened to an alert."""

    at: datetime
    kind: str
    alert_id: int
    rule: str
    labels: tuple[tuple[str, str], ...]
    severity: str
    value: float | None
    notified: bool
    """Whether some channel has taken it."""
    note: str
    delivered: tuple[str, ...] = ()
    """The channels that have."""
    event_id: int = 0


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """How a rule did in a range; means are in seconds, None where there is nothing to average."""

    rule: str
    evaluations: int
    fired: int
    notified: int
    errors: int
    median_seconds: float | None
    seconds_to_acknowledge: float | None
    seconds_to_resolve: float | None


@dataclass(frozen=True, slots=True)
class NewWindow:
    """A maintenance window to be: it lasts so long from each slot of the cron expression in its zone."""

    matchers: tuple[Matcher, ...]
    cron: str
    zone: str
    duration: timedelta


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


class AlertAdministration:
    """Reads alerts and their history, and writes what people decide about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alerts(self, phases: Sequence[Phase], *, limit: int = 1000) -> list[AlertView]:
        """Alerts of these phases: what fires first, the most urgent first, then the latest."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.ALERTS, [phase.value for phase in phases], limit)
        return [AlertView(alert_of(row), row["acknowledge_note"]) for row in rows]

    async def acknowledge(self, alert_id: int, by: str, comment: str, now: datetime) -> Alert:
        """Stop the reminders of an open alert; NotFound where there is none, Conflict where it has ended."""
        by, comment = clean_label(by), clean_label(comment)
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOCK_RULE_OF_ALERT, alert_id)
            row = await connection.fetchrow(sql.ACKNOWLEDGE, alert_id, now, by, comment)
            if row is None:
                raise await _no_open_alert(connection, alert_id)
            alert = alert_of(row)
            note = f"{by}: {comment}" if comment else by
            await connection.execute(
                sql.ADD_ACKNOWLEDGED_EVENT, alert_id, alert.rule, now, alert.severity.value, alert.value, note
            )
        return alert

    async def add_silence(self, silence: Silence, now: datetime) -> int:
        """Keep a silence; its number."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval(
                sql.ADD_SILENCE, [clean_label(str(matcher)) for matcher in silence.matchers], silence.starts_at, silence.ends_at,
                clean_label(silence.author), clean_label(silence.comment), now,
            )  # fmt: skip
        return number

    async def silences(self, since: datetime) -> list[Silence]:
        """Silences that end after the instant."""
        async with self._database.connection() as connection:
            return [silence_of(row) for row in await connection.fetch(sql.SILENCES, since)]

    async def newest_silences(self, since: datetime, *, before: int | None, limit: int) -> list[Silence]:
        """Those of them that were made before the one of this number, the newest first."""
        async with self._database.connection() as connection:
            return [silence_of(row) for row in await connection.fetch(sql.SILENCES_BEFORE, since, before, limit)]

    async def end_silence(self, silence_id: int, now: datetime) -> None:
        """End a silence now; NotFound where there is none or it is over."""
        async with self._database.connection() as connection:
            if await connection.fetchval(sql.END_SILENCE, silence_id, now) is None:
                raise NotFound(
                    f"there is no silence {silence_id} that goes on; `gridkeeper alerts silences` lists them"
                )

    async def add_window(self, window: NewWindow, author: str, comment: str, now: datetime) -> int:
        """Keep a maintenance window; its number."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval(
                sql.ADD_WINDOW, [clean_label(str(matcher)) for matcher in window.matchers], window.cron, window.zone,
                window.duration, clean_label(author), clean_label(comment), now,
            )  # fmt: skip
        return number

    async def windows(self) -> list[Window]:
        """Maintenance windows that go on."""
        async with self._database.connection() as connection:
            return [window_of(row) for row in await connection.fetch(MAINTENANCE_WINDOWS)]

    async def end_window(self, window_id: int, now: datetime) -> None:
        """Let a maintenance window not come again; NotFound where there is none."""
        async with self._database.connection() as connection:
            if await connection.fetchval(sql.END_WINDOW, window_id, now) is None:
                raise NotFound(f"there is no maintenance {window_id}; `gridkeeper alerts maintenance` lists them")

    async def pause(self, rule: str, by: str, now: datetime) -> None:
        """Let a rule rest: its alerts stay as they are and nobody is notified of them."""
        await self._change_rule(sql.PAUSE_RULE, rule, now, clean_label(by))

    async def resume(self, rule: str) -> None:
        """Look at a rule again; slots missed meanwhile count as one."""
        await self._change_rule(sql.RESUME_RULE, rule)

    async def _change_rule(self, statement: str, rule: str, *arguments: object) -> None:
        async with self._database.connection() as connection:
            if await connection.fetchval(statement, rule, *arguments) is None:
                known = [row["rule"] for row in await connection.fetch(sql.RULE_NAMES)]
                raise _no_rule(rule, known)

    async def events(
        self, start: datetime, end: datetime, rule: str | None, *, limit: int, before: int | None = None
    ) -> list[PastEvent]:
        """What happened to alerts, the latest first; `before` is the number of the event after which to go on."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.EVENTS, start, end, rule, limit, before)
        return [PastEvent(**{**row, "labels": pairs(row["labels"])}) for row in rows]

    async def summary(self, start: datetime, end: datetime, rule: str | None) -> list[RuleSummary]:
        """What each rule did, those that fired most first."""
        async with self._database.connection() as connection:
            return [RuleSummary(**row) for row in await connection.fetch(sql.RULE_SUMMARIES, start, end, rule)]


class DeliveryAdministration:
    """Reads the outbox for people, and lets them put it right."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def messages(self, status: str | None, *, limit: int, before: int | None = None) -> list[PastMessage]:
        """The latest first; `before` is the number of the message after which to go on."""
        async with self._database.connection() as connection:
            return [PastMessage(**row) for row in await connection.fetch(sql.MESSAGES, status, limit, before)]

    async def channels(self) -> dict[str, ChannelState]:
        async with self._database.connection() as connection:
            return {row["channel"]: ChannelState(**row) for row in await connection.fetch(sql.CHANNELS)}

    async def again(self, notification_id: int, now: datetime) -> str:
        """Let a failed or waiting message be tried at once; gives its channel."""
        async with self._database.transaction() as connection:
            channel: str | None = await connection.fetchval(sql.TRY_AGAIN, notification_id, now)
            if channel is not None:
                return channel
            status = await connection.fetchval(sql.STATUS_OF_MESSAGE, notification_id)
        if status is None:
            raise NotFound(f"there is no message {notification_id}; `gridkeeper alerts notifications` lists them")
        raise Conflict(f"message {notification_id} is {status}; only one that failed or waits can be tried again")

    async def enable(self, channel: str) -> bool:
        """Let messages go over a channel again; False where nothing held them back."""
        async with self._database.connection() as connection:
            return (await connection.execute(sql.ENABLE_CHANNEL, channel)) != "UPDATE 0"


async def _no_open_alert(connection: Connection, alert_id: int) -> NotFound | Conflict:
    resolved_at = await connection.fetchval(sql.RESOLVED_AT, alert_id)
    if resolved_at is None:
        return NotFound(f"there is no alert {alert_id}; `gridkeeper alerts list` shows them")
    return Conflict(f"alert {alert_id} ended at {resolved_at:%Y-%m-%dT%H:%M:%SZ}; there is nothing to acknowledge")


def _no_rule(rule: str, known: Sequence[str]) -> NotFound:
    hint = did_you_mean(rule, known, otherwise="; `gridkeeper alerts rules` lists them")
    return NotFound(
        f"no rule {rule!r} is evaluated{hint}" if known else f"no rule {rule!r} is evaluated: start `gridkeeper serve`"
    )
