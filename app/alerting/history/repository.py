"""Looks up one alert and everything about it, the past ones, and where rules stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING

from app.alerting.administration import AlertView, PastEvent
from app.alerting.evaluation.serialization import alert_of, pairs
from app.alerting.history import sql
from app.alerting.history.models import AlertFilter, AlertMessage, MessageAttempt, ReadRange, ReadValue, RuleState
from app.alerting.models import EvaluationStatus
from app.errors import NotFound

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

MOST_EVENTS, MOST_MESSAGES = 500, 100


class AlertHistory:
    """Reads what happened to alerts; it changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alert(self, alert_id: int) -> AlertView:
        """One alert, open or over; NotFound where there is none of this number."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.ALERT, alert_id)
        if row is None:
            raise NotFound(f"there is no alert {alert_id}; `gridkeeper alerts list` shows those that are open")
        return AlertView(alert_of(row), row["acknowledge_note"])

    async def past(self, wanted: AlertFilter, *, limit: int, before: int | None = None) -> list[AlertView]:
        """Alerts that fired and are over, the newest first; `before` is the number after which to go on."""
        severity = wanted.severity and wanted.severity.value
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                sql.PAST, wanted.rule, severity, wanted.label, wanted.before, before, limit
            )  # fmt: skip
        return [AlertView(alert_of(row), row["acknowledge_note"]) for row in rows]

    async def events(self, alert_id: int) -> list[PastEvent]:
        """What happened to an alert, the latest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.EVENTS, alert_id, MOST_EVENTS)
        return [PastEvent(**{**row, "labels": pairs(row["labels"])}) for row in rows]

    async def read_values(self, rule: str, span: ReadRange) -> list[ReadValue]:
        """What the evaluations of a rule read in a range, those of each step together."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.READ_VALUES, rule, span.start, span.end, span.step)
        return [ReadValue(**{**row, "verdict": EvaluationStatus(row["verdict"])}) for row in rows]

    async def messages(self, alert_id: int) -> list[AlertMessage]:
        """The messages that told of an alert with every attempt at them, the latest first."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.MESSAGES, alert_id, MOST_MESSAGES)
            attempts = await _attempts(connection, [row["notification_id"] for row in rows])
        return [
            AlertMessage(**{**row, "kinds": tuple(row["kinds"])}, attempts=tuple(attempts[row["notification_id"]]))
            for row in rows
        ]

    async def attempts(self, notification_ids: Collection[int]) -> dict[int, list[MessageAttempt]]:
        """Every attempt at these messages, in their order."""
        async with self._database.connection() as connection:
            return await _attempts(connection, notification_ids)

    async def rule_states(self) -> dict[str, RuleState]:
        """Where each rule stands that is evaluated."""
        async with self._database.connection() as connection:
            return {row["rule"]: RuleState(**row) for row in await connection.fetch(sql.RULE_STATES)}


async def _attempts(connection: Connection, notification_ids: Collection[int]) -> dict[int, list[MessageAttempt]]:
    found: dict[int, list[MessageAttempt]] = defaultdict(list)
    for row in await connection.fetch(sql.ATTEMPTS, list(notification_ids)):
        values = dict(row)
        found[values.pop("notification_id")].append(MessageAttempt(**values))
    return found
