"""What people see of many websites at once, as it stands in the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.probes.evidence.check_rows import checked_row
from app.probes.monitors import sql
from app.probes.monitors.bars import BARS, BarLength, CountedChecks, check_of
from app.probes.monitors.latency import LatencySpan, LatencyStep, PhaseFigures, phases_of
from app.probes.monitors.models import MonitorCounts, MonitorRow, MonitorState
from app.probes.websites.models import CheckRecord
from app.probes.websites.sql import CHECKS_OF

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database


class MonitorRepository:
    """Every public method is one transaction and one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, now: datetime, website_id: int | None = None) -> list[MonitorRow]:
        """How all websites stand, or one."""
        async with self._database.connection() as connection:
            return [_row(row) for row in await connection.fetch(sql.MONITORS, now, website_id)]

    async def counts(self, now: datetime) -> MonitorCounts:
        """How many websites stand how, and how many services fail."""
        async with self._database.connection() as connection:
            found = {row["state"]: row["number"] for row in await connection.fetch(sql.COUNTS, now)}
        failing = found.pop("services failing", 0)
        services = found.pop("services", 0) + failing
        return MonitorCounts({MonitorState(state): count for state, count in found.items()}, services, failing)

    async def history(
        self, website_ids: Sequence[int], length: BarLength, start: datetime
    ) -> dict[int, list[CountedChecks]]:
        """The last checks of each, or its hours or days from `start` on; the oldest first."""
        async with self._database.connection() as connection:
            if length is BarLength.CHECKS:
                rows = await connection.fetch(sql.LAST_CHECKS, list(website_ids), BARS)
                return {row["website_id"]: _checks(row) for row in rows}
            statement = sql.HOURS if length is BarLength.HOURS else sql.DAYS
            return {
                row["website_id"]: _periods(row)
                for row in await connection.fetch(statement, list(website_ids), start)
            }  # fmt: skip

    async def results(self, website_id: int, *, before: datetime | None, failed: bool, limit: int) -> list[CheckRecord]:
        """Results of a website or the failed ones of it, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(CHECKS_OF, website_id, before, limit, failed)
        return [checked_row(row) for row in rows]

    async def phases(self, website_id: int, span: LatencySpan) -> list[LatencyStep]:
        """How long its checks took, step by step."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.PHASES, website_id, span.start, span.step, span.end)
        return [_step(row) for row in rows]

    async def figures(self, website_id: int, span: LatencySpan) -> list[PhaseFigures]:
        """Each phase that was needed, and the whole."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.PHASE_FIGURES, website_id, span.start, span.end)
        return [PhaseFigures(name, *pair) for name, pair in row.items() if pair and pair[0] is not None] if row else []

    async def cycles(self, service_ids: Sequence[int]) -> dict[int, list[tuple[CountedChecks, str]]]:
        """The last cycles of services with their outcomes, the oldest first; the latency is that of 95 in 100 good probes."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.LAST_CYCLES, list(service_ids), BARS)
        return {row["service_id"]: list(zip(_cycles(row), row["outcomes"], strict=True)) for row in rows}


def _row(row: Record) -> MonitorRow:
    values = dict(row)
    return MonitorRow(labels=json.loads(values.pop("labels_text")), **values)


def _checks(row: Record) -> list[CountedChecks]:
    columns = (row["ats"], row["oks"], row["reasons"], row["times"])
    return [check_of(*one) for one in zip(*columns, strict=True)]


def _periods(row: Record) -> list[CountedChecks]:
    columns = (row["ats"], row["checks"], row["good"], row["ours"], row["times"])
    return [CountedChecks(*one) for one in zip(*columns, strict=True)]


def _step(row: Record) -> LatencyStep:
    whole = row["total_ms"]
    phases = None
    if whole is not None:
        phases = phases_of(row["dns_ms"], row["connect_ms"], row["tls_ms"], row["first_byte_ms"], whole)
    return LatencyStep(row["start_at"], row["checks"], row["failed"], whole, row["slowest_ms"], phases)


def _cycles(row: Record) -> list[CountedChecks]:
    columns = zip(row["ats"], row["checks"], row["good"], row["ours"], row["times"], strict=True)
    return [CountedChecks(at, checks, good, ours, time * good) for at, checks, good, ours, time in columns]
