"""What people ask of alerts and tell the alerting: lists, history, acknowledgements, silences, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.alerting.evaluation.repository import silence_of, window_of
from app.alerting.evaluation.serialization import ALERT_COLUMNS, alert_of, clean_label, pairs
from app.alerting.models import Alert, Phase
from app.alerting.state.silences import Matcher, Silence, Window
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.kit.suggest import did_you_mean

if TYPE_CHECKING:
    from app.db.engine import Connection

_LIST = f"""
    select {ALERT_COLUMNS}, acknowledge_note
    from alerts
    where phase = any($1::text[]) and (phase <> 'resolved' or fired_at is not null)
    order by
        array_position(array['firing', 'pending', 'resolved'], phase),
        array_position(array['critical', 'warning', 'info'], severity),
        coalesce(fired_at, since) desc,
        alert_id desc
    limit $2
"""  # noqa: S608  constants

# The row of the rule first, as every writer of alerts does.
_LOCK_RULE = """
    select rule from rule_states where rule = (select rule from alerts where alert_id = $1) for update
"""
_ACKNOWLEDGE = f"""
    update alerts
    set acknowledged_at = $2, acknowledged_by = $3, acknowledge_note = $4, look_at = null
    where alert_id = $1 and phase <> 'resolved'
    returning {ALERT_COLUMNS}
"""  # noqa: S608  constants
_ACKNOWLEDGED = """
    insert into alert_events (alert_id, rule, at, kind, severity, value, told, note)
    values ($1, $2, $3, 'acknowledged', $4, $5, false, $6)
"""

_SILENCE = """
    insert into silences (matchers, starts_at, ends_at, author, comment, created_at)
    values ($1, $2, $3, $4, $5, $6)
    returning silence_id
"""
_SILENCES = """
    select silence_id, matchers, starts_at, ends_at, author, comment
    from silences
    where ends_at > $1
    order by silence_id
"""
_END_SILENCE = """
    update silences set ends_at = greatest(starts_at, $2) where silence_id = $1 and ends_at > $2 returning silence_id
"""
_WINDOW = """
    insert into maintenance_windows (matchers, cron, zone, duration, author, comment, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning window_id
"""
_WINDOWS = """
    select window_id, matchers, cron, zone, duration, author, comment
    from maintenance_windows
    where ended_at is null
    order by window_id
"""
_END_WINDOW = (
    "update maintenance_windows set ended_at = $2 where window_id = $1 and ended_at is null returning window_id"
)

_PAUSE = "update rule_states set paused_at = coalesce(paused_at, $2), paused_by = $3 where rule = $1 returning rule"
_RESUME = "update rule_states set paused_at = null, paused_by = '' where rule = $1 returning rule"

_EVENTS = """
    select at, kind, alert_id, alert_events.rule, labels::text as labels, alert_events.severity, alert_events.value,
        cardinality(delivered) > 0 as told, note, delivered
    from alert_events
    join alerts using (alert_id)
    where at >= $1 and at < $2 and ($3::text is null or alert_events.rule = $3)
    order by event_id desc
    limit $4
"""

_SUMMARY = """
    with evaluated as (
        select
            rule,
            count(*) as evaluations,
            count(*) filter (where notified) as notified,
            count(*) filter (where verdict = 'error') as errors,
            percentile_cont(0.5) within group (order by seconds) as median_seconds
        from rule_executions
        where due_at >= $1 and due_at < $2 and ($3::text is null or rule = $3)
        group by rule
    ),
    fired as (
        select
            rule,
            count(*) as fired,
            avg(extract(epoch from acknowledged_at - fired_at))::double precision as seconds_to_acknowledge,
            avg(extract(epoch from resolved_at - fired_at))::double precision as seconds_to_resolve
        from alerts
        where fired_at >= $1 and fired_at < $2 and ($3::text is null or rule = $3)
        group by rule
    )
    select
        rule,
        coalesce(evaluations, 0) as evaluations,
        coalesce(fired, 0) as fired,
        coalesce(notified, 0) as notified,
        coalesce(errors, 0) as errors,
        median_seconds,
        seconds_to_acknowledge,
        seconds_to_resolve
    from evaluated
    full join fired using (rule)
    order by fired desc, rule
"""


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
    told: bool
    """Whether some channel has taken it."""
    note: str
    delivered: tuple[str, ...] = ()
    """The channels that have."""


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


class AlertAdministration:
    """Reads alerts and their history, and writes what people decide about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alerts(self, phases: Sequence[Phase], *, limit: int = 1000) -> list[AlertView]:
        """Alerts of these phases: what fires first, the most urgent first, then the latest."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_LIST, [phase.value for phase in phases], limit)
        return [AlertView(alert_of(row), row["acknowledge_note"]) for row in rows]

    async def acknowledge(self, alert_id: int, by: str, comment: str, now: datetime) -> Alert:
        """Stop the reminders of an open alert; NotFound where there is none, Conflict where it has ended."""
        by, comment = clean_label(by), clean_label(comment)
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK_RULE, alert_id)
            row = await connection.fetchrow(_ACKNOWLEDGE, alert_id, now, by, comment)
            if row is None:
                raise await _no_open_alert(connection, alert_id)
            alert = alert_of(row)
            note = f"{by}: {comment}" if comment else by
            await connection.execute(_ACKNOWLEDGED, alert_id, alert.rule, now, alert.severity.value, alert.value, note)
        return alert

    async def add_silence(self, silence: Silence, now: datetime) -> int:
        """Keep a silence; its number."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval(
                _SILENCE, [clean_label(str(matcher)) for matcher in silence.matchers], silence.starts_at, silence.ends_at,
                clean_label(silence.author), clean_label(silence.comment), now,
            )  # fmt: skip
        return number

    async def silences(self, since: datetime) -> list[Silence]:
        """Silences that end after the instant."""
        async with self._database.connection() as connection:
            return [silence_of(row) for row in await connection.fetch(_SILENCES, since)]

    async def end_silence(self, silence_id: int, now: datetime) -> None:
        """End a silence now; NotFound where there is none or it is over."""
        async with self._database.connection() as connection:
            if await connection.fetchval(_END_SILENCE, silence_id, now) is None:
                raise NotFound(
                    f"there is no silence {silence_id} that goes on; `gridkeeper alerts silences` lists them"
                )

    async def add_window(self, window: NewWindow, author: str, comment: str, now: datetime) -> int:
        """Keep a maintenance window; its number."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval(
                _WINDOW, [clean_label(str(matcher)) for matcher in window.matchers], window.cron, window.zone,
                window.duration, clean_label(author), clean_label(comment), now,
            )  # fmt: skip
        return number

    async def windows(self) -> list[Window]:
        """Maintenance windows that go on."""
        async with self._database.connection() as connection:
            return [window_of(row) for row in await connection.fetch(_WINDOWS)]

    async def end_window(self, window_id: int, now: datetime) -> None:
        """Let a maintenance window not come again; NotFound where there is none."""
        async with self._database.connection() as connection:
            if await connection.fetchval(_END_WINDOW, window_id, now) is None:
                raise NotFound(f"there is no maintenance {window_id}; `gridkeeper alerts maintenance` lists them")

    async def pause(self, rule: str, by: str, now: datetime) -> None:
        """Let a rule rest: its alerts stay as they are and nothing is told of them."""
        await self._change_rule(_PAUSE, rule, now, clean_label(by))

    async def resume(self, rule: str) -> None:
        """Look at a rule again; slots missed meanwhile count as one."""
        await self._change_rule(_RESUME, rule)

    async def _change_rule(self, statement: str, rule: str, *arguments: object) -> None:
        async with self._database.connection() as connection:
            if await connection.fetchval(statement, rule, *arguments) is None:
                known = [row["rule"] for row in await connection.fetch("select rule from rule_states")]
                raise _no_rule(rule, known)

    async def events(self, start: datetime, end: datetime, rule: str | None, *, limit: int) -> list[PastEvent]:
        """What happened to alerts, the latest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EVENTS, start, end, rule, limit)
        return [PastEvent(**{**row, "labels": pairs(row["labels"])}) for row in rows]

    async def summary(self, start: datetime, end: datetime, rule: str | None) -> list[RuleSummary]:
        """What each rule did, those that fired most first."""
        async with self._database.connection() as connection:
            return [RuleSummary(**row) for row in await connection.fetch(_SUMMARY, start, end, rule)]


async def _no_open_alert(connection: Connection, alert_id: int) -> NotFound | Conflict:
    resolved_at = await connection.fetchval("select resolved_at from alerts where alert_id = $1", alert_id)
    if resolved_at is None:
        return NotFound(f"there is no alert {alert_id}; `gridkeeper alerts list` shows them")
    return Conflict(f"alert {alert_id} ended at {resolved_at:%Y-%m-%dT%H:%M:%SZ}; there is nothing to acknowledge")


def _no_rule(rule: str, known: Sequence[str]) -> NotFound:
    hint = did_you_mean(rule, known, otherwise="; `gridkeeper alerts rules` lists them")
    return NotFound(
        f"no rule {rule} is evaluated{hint}" if known else f"no rule {rule} is evaluated: start `gridkeeper serve`"
    )
