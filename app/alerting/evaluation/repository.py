"""The rows of evaluation: which rules are due, and what their evaluations make of alerts. Each method is a transaction.

Whoever changes alerts holds the rows of their rules in `rule_states`; an evaluation is written only by the holder of
its lease. So two replicas never write the same evaluation, and none overwrites what the other has written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.alerting.evaluation import sql
from app.alerting.evaluation.concurrency import SLOW_SECONDS
from app.alerting.evaluation.serialization import (
    alert_of,
    changes_as_json,
    clean_label,
    events_as_json,
    pairs,
    row_as_json,
)
from app.alerting.models import (
    NOTIFYING_EVENTS,
    Alert,
    AlertEvent,
    Evaluation,
    Labels,
    Rule,
    Severity,
    Trigger,
    labels_of,
)
from app.alerting.outbox.port import Outbox
from app.alerting.rules.schedules import EveryInterval
from app.alerting.state.apply import AlertChange, RuleSnapshot, apply_evaluations
from app.alerting.state.repository import active_quiets
from app.alerting.state.silences import Mute, described, silenced_by
from app.alerting.state.suppression import AlertIndex, SuppressionContext
from app.alerting.state.transitions import Damping, ended
from app.clock import SKEW
from app.db.engine import Database
from app.db.retention import erase
from app.kit.json_text import finite
from app.settings import AlertingSettings

if TYPE_CHECKING:
    from app.db.engine import Connection

UNSEEN = timedelta(minutes=3)
"""A rule that no process has had in its book for so long is gone."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EvaluationClaim:
    """A rule that this process may evaluate; `seconds` is how long the last evaluation took."""

    rule: str
    lease: UUID
    due_at: datetime
    seconds: float | None


@dataclass(frozen=True, slots=True)
class EvaluationOutcome:
    """What came of a claim; without a next slot the rule's own stays."""

    claim: EvaluationClaim
    rule: Rule
    evaluation: Evaluation
    trigger: Trigger
    next_due: datetime | None


class AlertRepository:
    """States of rules, alerts and their events."""

    def __init__(
        self, database: Database, outbox: Outbox, *, lease: timedelta, damping: Damping, inhibit_wait: timedelta
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._lease = lease
        self._damping = damping
        self._inhibit_wait = inhibit_wait

    async def enter(self, rules: Iterable[tuple[Rule, datetime]], now: datetime) -> None:
        """Take rules of the book with their next slots up, or up to date."""
        rows = [
            {
                "rule": rule.name,
                "schedule": str(rule.schedule),
                "about": _about(rule),
                "next_due": next_due,
            }
            for rule, next_due in rules
        ]
        async with self._database.connection() as connection:
            await connection.execute(sql.ENTER, row_as_json(rows), now, SKEW)

    async def refresh(self, names: Collection[str], now: datetime) -> set[str]:
        """Say that these rules are in a book; those of them that have a row."""
        async with self._database.connection() as connection:
            return {row["rule"] for row in await connection.fetch(sql.REFRESH, list(names), now)}

    async def unseen(self, names: Collection[str], now: datetime) -> list[str]:
        """Rules other than these that no process has had in its book for a while."""
        async with self._database.connection() as connection:
            return [row["rule"] for row in await connection.fetch(sql.STALE, list(names), now, UNSEEN)]

    async def claim(
        self, now: datetime, *, limit: int, strangers: Collection[str] = (), quick: Collection[str] | None = None
    ) -> list[EvaluationClaim]:
        """Lease rules that are due, the longest due first; of `quick` rules, and of those that were, if it is given."""
        names = None if quick is None else list(quick)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.CLAIM, now, self._lease, list(strangers), limit, names, SLOW_SECONDS)
        return [EvaluationClaim(**row) for row in rows]

    async def claim_one(self, rule: str, now: datetime) -> EvaluationClaim | None:
        """Lease one rule, due or not, paused or not; None while somebody evaluates it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.CLAIM_ONE, now, self._lease, rule)
        return None if row is None else EvaluationClaim(**row)

    async def renew(self, leases: Collection[UUID], now: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(sql.RENEW, list(leases), now, self._lease)

    async def release(self, leases: Collection[UUID]) -> None:
        """Give rules back without an evaluation; they are still due."""
        async with self._database.connection() as connection:
            await connection.execute(sql.RELEASE, list(leases))

    async def record(
        self, outcomes: Sequence[EvaluationOutcome], rules: Mapping[str, Rule], now: datetime
    ) -> tuple[int, bool]:
        """Write evaluations with all that follows; how many were still held by their leases, and whether alerts changed."""
        quiet = await self._record_quiet([one for one in outcomes if not one.evaluation.signals], now)
        outcomes = [one for one in outcomes if one.claim.lease not in quiet]
        if not outcomes:
            return len(quiet), False
        written, changed = await self._record_whole(outcomes, rules, now)
        return len(quiet) + written, changed

    async def _record_quiet(self, outcomes: Sequence[EvaluationOutcome], now: datetime) -> set[UUID]:
        """Write those of rules without alerts, in one statement; the leases of which that was all."""
        if not outcomes:
            return set()
        leases = [one.claim.lease for one in outcomes]
        executions, states = [_execution(one, ()) for one in outcomes], [_evaluated(one) for one in outcomes]
        since = now - self._damping.window
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.QUIET, leases, row_as_json(executions), row_as_json(states), since)
        return {row["lease"] for row in rows}

    async def _record_whole(
        self, outcomes: Sequence[EvaluationOutcome], rules: Mapping[str, Rule], now: datetime
    ) -> tuple[int, bool]:
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.HELD, [outcome.claim.lease for outcome in outcomes])
            held = {row["lease"] for row in rows}
            mine = [outcome for outcome in outcomes if outcome.claim.lease in held]
            if not mine:
                return 0, False
            evaluations = {outcome.rule.name: outcome.evaluation for outcome in mine}
            looks = [(outcome.rule, outcome.evaluation.at) for outcome in mine]
            changes = await self._settled(connection, looks, evaluations, rules, now)
            notified = await self._write(connection, changes, now)
            await connection.execute(sql.EXECUTIONS, row_as_json([_execution(one, notified) for one in mine]))
            await connection.execute(sql.EVALUATED, row_as_json([_evaluated(one) for one in mine]))
        return len(mine), bool(changes)

    async def look(self, rules: Mapping[str, Rule], now: datetime, *, suppressed: bool) -> datetime | None:
        """Tell what time brings for rules that are not due: reminders, and what was held back; when to look again.

        `suppressed` looks at every alert that is held back, too. None: no alert waits for an instant.
        """
        found, following = await self._waiting(now, suppressed=suppressed)
        if not found:
            return following
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.TO_LOOK_AT, now, self._lease, suppressed)
            looks = [(rules[row["rule"]], now) for row in rows if row["rule"] in rules]
            changes = await self._settled(connection, looks, {}, rules, now) if looks else []
            await self._write(connection, changes, now)
        return now

    async def _waiting(self, now: datetime, *, suppressed: bool) -> tuple[bool, datetime | None]:
        """Whether there is anything to look at now, and when next: mostly there is nothing, which takes one statement."""
        async with self._database.connection() as connection:
            [row] = await connection.fetch(sql.WHAT_TO_LOOK_AT, now, self._lease, suppressed)
        return row["found"], row["following"]

    async def forget(self, gone: Mapping[str, Rule | None], now: datetime, note: str) -> int:
        """End the alerts of rules that are not evaluated any more, and drop their rows; how many rows there were."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.LOCK_RULES, list(gone))
            names = [row["rule"] for row in rows]
            rules = {row["rule"]: gone[row["rule"]] or _remembered(row["rule"], row["about"]) for row in rows}
            found = await connection.fetch(sql.ALERTS, names, now, [], now)
            quiets = await active_quiets(connection, now)
            steps = [
                ended(alert, rules[alert.rule], now, note, _silence_of(alert, rules[alert.rule], quiets))
                for alert in map(alert_of, found)
                if alert.open or alert.resolution_due
            ]
            changes = [AlertChange(step.alert, step.events) for step in steps if step.alert is not None]
            await self._write(connection, changes, now)
            await connection.execute(sql.FORGET, names)
        return len(names)

    async def prune(self, now: datetime, settings: AlertingSettings) -> int:
        """Delete what is older than it is kept; how many rows or chunks went."""
        gone = 0
        async with self._database.connection() as connection:
            for retention in sql.RETAINED:
                days: int = getattr(settings, str(retention.kept).removeprefix("alerting."))
                gone += await erase(connection, retention, now - timedelta(days=days))
        return gone

    async def _settled(
        self,
        connection: Connection,
        looked_at: Sequence[tuple[Rule, datetime]],
        evaluations: Mapping[str, Evaluation],
        rules: Mapping[str, Rule],
        now: datetime,
    ) -> list[AlertChange]:
        """What follows for the alerts of these rules, whose rows are locked."""
        parents = {name for rule, _ in looked_at for name in rule.depends_on}
        names = parents.union(rule.name for rule, _ in looked_at)
        lookback = max((rule.lookback for rule, _ in looked_at), default=timedelta(0))
        found = await connection.fetch(
            sql.ALERTS, list(names), now - self._damping.window, list(parents), now - lookback
        )
        alerts: dict[str, dict[Labels, Alert]] = {name: {} for name in names}
        overdue: set[int] = set()
        for row in found:
            alert = alert_of(row)
            alerts[alert.rule][alert.labels] = alert  # the latest of the same labels
            if row["check_at"] is not None and row["check_at"] <= now:
                overdue.add(row["alert_id"])
        signals = any(evaluation.signals for evaluation in evaluations.values())
        states = await connection.fetch(sql.PARENTS, list(parents)) if parents else []
        around = SuppressionContext(
            rules=rules,
            quiets=await active_quiets(connection, now) if signals or found else [],
            alerts={row["rule"]: AlertIndex(alerts[row["rule"]].values()) for row in states},
            evaluated={row["rule"]: row["evaluated_at"] or LONG_AGO for row in states},
            inhibit_wait=self._inhibit_wait,
        )
        looks = [
            RuleSnapshot(rule, list(alerts[rule.name].values()), at, evaluations.get(rule.name), frozenset(overdue))
            for rule, at in looked_at
        ]
        return apply_evaluations(looks, around, self._damping)

    async def _write(self, connection: Connection, changes: Sequence[AlertChange], now: datetime) -> set[str]:
        """Write alerts and events, and hand over what is to be notified; the rules of which something is."""
        new = [change for change in changes if change.alert.alert_id is None]
        known = [change for change in changes if change.alert.alert_id is not None]
        numbers: dict[tuple[str, Labels], int] = {}
        if new:
            rows = await connection.fetch(sql.INSERT, changes_as_json(new))
            numbers = {(row["rule"], pairs(row["labels"])): row["alert_id"] for row in rows}
        if known:
            await connection.execute(sql.UPDATE, changes_as_json(known))
        events = [_numbered(event, numbers) for change in changes for event in change.events]
        if events:
            await connection.execute(sql.EVENTS, events_as_json(events))
        notifying = [event for event in events if event.kind in NOTIFYING_EVENTS]
        if notifying:
            await self._outbox.enqueue(connection, notifying, now)
        return {event.rule.name for event in notifying}


def _numbered(event: AlertEvent, numbers: Mapping[tuple[str, Labels], int]) -> AlertEvent:
    if event.alert.alert_id is not None:
        return event
    alert_id = numbers[event.alert.rule, event.alert.labels]
    return replace(event, alert=replace(event.alert, alert_id=alert_id))


def _silence_of(alert: Alert, rule: Rule, quiets: Sequence[Mute]) -> str:
    quiet = silenced_by(quiets, described(alert.labels, alert.severity, rule.name, rule.labels))
    return quiet.name if quiet else ""


def _about(rule: Rule) -> dict[str, Any]:
    return {
        "description": clean_label(rule.description),
        "severity": rule.severity,
        "labels": {name: clean_label(value) for name, value in rule.labels},
        "route": clean_label(rule.route),
        "runbook": clean_label(rule.runbook),
    }


def _remembered(name: str, about: str) -> Rule:
    """What is known of a rule that no book has any more: enough to tell of its alerts' end."""
    known = json.loads(about)
    return Rule(
        name,
        EveryInterval(timedelta(days=1)),
        severity=Severity(known.get("severity", Severity.WARNING)),
        description=known.get("description", ""),
        labels=labels_of(known.get("labels", {})),
        route=known.get("route", ""),
        runbook=known.get("runbook", ""),
        enabled=False,
    )


def _execution(outcome: EvaluationOutcome, notified: Collection[str]) -> dict[str, Any]:
    evaluation = outcome.evaluation
    return {
        **_found(outcome),
        "due_at": outcome.claim.due_at,
        "trigger": outcome.trigger,
        "signals": len(evaluation.signals),
        "notified": outcome.rule.name in notified,
    }


def _evaluated(outcome: EvaluationOutcome) -> dict[str, Any]:
    return {**_found(outcome), "next_due": outcome.next_due}


def _found(outcome: EvaluationOutcome) -> dict[str, Any]:
    evaluation = outcome.evaluation
    return {
        "rule": outcome.rule.name,
        "started_at": evaluation.at,
        "seconds": evaluation.seconds,
        "verdict": evaluation.verdict,
        "value": finite(evaluation.value),
        "threshold": finite(evaluation.threshold),
        "error": evaluation.error,
    }
