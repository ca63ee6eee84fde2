"""Asks again for values that findings doubt, by backfills: below live work, within the token's budget, and recorded.

An attempt is a row before anything is asked, so a process that dies leaves an attempt that the next run hands over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.collection.backfill.models import BackfillRequest, Reprocess
from app.collection.backfill.service import BackfillService
from app.market.time import Interval
from app.quality.repair import sql as statements
from app.quality.repair.decisions import (
    MOST_ATTEMPTS,
    SPACING,
    Compared,
    Doubt,
    RepairOutcome,
    decide_repairs,
    requests_for,
)
from app.quality.sql import FORGET_SCAN

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

AT_ONCE = 200
"""Findings a run; what is left waits for the next."""


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a run did: attempts begun, and attempts settled by their outcome."""

    asked: int
    corrected: int
    repeated: int
    unanswered: int

    @property
    def anything(self) -> bool:
        return bool(self.asked or self.corrected or self.repeated or self.unanswered)

    def __str__(self) -> str:
        return (
            f"{self.asked} findings asked for again; {self.corrected} corrected by the source, "
            f"{self.repeated} repeated, {self.unanswered} not answered"
        )


class RepairService:
    """Begins attempts for what is ripe and settles those that were answered."""

    def __init__(self, database: Database, backfills: BackfillService, *, concurrency: int = 1) -> None:
        self._database = database
        self._backfills = backfills
        self._concurrency = concurrency

    async def run(self, now: datetime) -> RepairReport:
        """Settle what was answered since the last run, then ask for what is ripe."""
        outcomes = await self.settle(now)
        asked = await self._begin(None, now)
        return RepairReport(
            asked,
            *(
                outcomes.count(one)
                for one in (RepairOutcome.CORRECTED, RepairOutcome.REPEATED, RepairOutcome.UNANSWERED)
            ),
        )

    async def recheck(self, findings: Collection[int], now: datetime) -> int:
        """Ask for these findings at once, whatever their pause; gives how many are open and were asked for."""
        return await self._begin(sorted(findings), now)

    async def _begin(self, only: Sequence[int] | None, now: datetime) -> int:
        async with self._database.transaction() as connection:
            rows = await connection.fetch(statements.RIPE, now, [*SPACING], only, AT_ONCE, MOST_ATTEMPTS)
            doubts = [_doubt(row) for row in rows]
            await connection.executemany(
                statements.ADD,
                [
                    (one.finding_id, one.series_id, one.interval.start, one.interval.end, one.attempts + 1, now)
                    for one in doubts
                ],
            )
            await connection.execute(statements.COUNT_ATTEMPT, [one.finding_id for one in doubts])
        await self._hand_over(now)
        return len(doubts)

    async def _hand_over(self, now: datetime) -> None:
        """Give every attempt without a backfill one; also those of a process that died before it could."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(statements.NOT_HANDED_OVER)
            if not rows:
                return
            requests = requests_for([_doubt(row) for row in rows])
            request = BackfillRequest(
                tuple(requests),
                Reprocess.ALL,
                concurrency=self._concurrency,
                description=f"values of {len(rows)} quality findings",
            )
            number = await self._backfills.start(request, await self._backfills.plan(request, now))
            await connection.execute(statements.HAND_OVER, [row["repair_id"] for row in rows], number)

    async def settle(self, now: datetime) -> list[RepairOutcome]:
        """Compare the values of each attempt whose windows have all ended; gives the outcomes."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(statements.ANSWERED)
            return [await self._settle(connection, row, now) for row in rows]

    async def _settle(self, connection: Connection, row: Record, now: datetime) -> RepairOutcome:
        compared = Compared(row["answered"], row["compared"], row["changed"])
        found = decide_repairs(compared, row["attempt"], row["total"], answered_before=row["answered_before"], now=now)
        await connection.execute(
            statements.SETTLE, row["repair_id"], found.outcome.value, compared.values, compared.changed, now
        )
        await connection.execute(
            statements.CHANGE_FINDING, row["finding_id"], found.state.value, found.next_attempt_at, now
        )
        if found.outcome is RepairOutcome.CORRECTED:
            # A scan between the answer and now has looked at the new values while the finding was still open.
            await connection.execute(FORGET_SCAN, row["series_id"])
        return found.outcome


def _doubt(row: Record) -> Doubt:
    interval = Interval(row["interval_start"].astimezone(UTC), row["interval_end"].astimezone(UTC))
    return Doubt(row["finding_id"], row["series_id"], row["item"], row["area"], interval, row["attempts"], row["since"])
