"""Conditions that no statement can express: they say what they see as rows, like a statement would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from app.alerting.models import Rule
from app.alerting.queries import QueryFailed, QueryRow, QueryRunner

Condition = Callable[[Rule, QueryRunner, datetime], Awaitable[list[QueryRow]]]


async def database_unreachable(rule: Rule, runner: QueryRunner, now: datetime) -> list[QueryRow]:  # noqa: ARG001  one signature
    """A row while the rule's database does not answer `select 1` within the rule's time."""
    try:
        await runner.rows(rule.database, "select 1 as value", rule.time_out)
    except QueryFailed as error:
        return [{"database": rule.database, "value": 1, "summary": str(error)}]
    return []


async def clock_apart(rule: Rule, runner: QueryRunner, now: datetime) -> list[QueryRow]:
    """Seconds between this machine's clock and that of the rule's database."""
    [row] = await runner.rows(rule.database, "select extract(epoch from clock_timestamp()) as at", rule.time_out)
    return [{"database": rule.database, "value": abs(float(str(row["at"])) - now.timestamp())}]


CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {"database_unreachable": database_unreachable, "clock_apart": clock_apart}
)
