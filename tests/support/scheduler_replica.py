"""One replica of the scheduler as a process of its own: its handler writes a row for each run it begins.

Its clock runs faster than the wall clock, from an origin that all replicas share.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.db.engine import Database
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.settings import DatabaseSettings, LogSettings
from tests.support.scheduler_factory import every_kind, service

EFFECTS = (
    "create table effects (job text, slot timestamptz, attempt int, pid int, at timestamptz default clock_timestamp())"
)


class FastClock:
    """So many times as fast as the wall clock since the origin."""

    def __init__(self, origin: datetime, factor: int) -> None:
        self._origin = origin
        self._factor = factor

    def now(self) -> datetime:
        return self._origin + (datetime.now(UTC) - self._origin) * self._factor


async def main(url: str, plan: str, origin: str, factor: str) -> None:
    from app.logging import configure_logging

    configure_logging(LogSettings())
    database = Database(DatabaseSettings(), url)

    async def begin(ticket: Ticket) -> RunReport:
        async with database.connection() as connection:
            await connection.execute(
                "insert into effects (job, slot, attempt, pid) values ($1, $2, $3, $4)",
                ticket.job, ticket.scheduled_for, ticket.attempt, os.getpid(),
            )  # fmt: skip
        await asyncio.sleep(0.05)
        return RunReport(JobOutcome.SUCCEEDED)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = FastClock(datetime.fromisoformat(origin), int(factor))
    settings = {
        "heartbeat": 0.5,
        "takeover_after": 2.0,
        "tick": 0.1,
        "misfire_grace": timedelta(days=7).total_seconds(),
    }
    await service(database, every_kind(begin), plan=Path(plan), clock=clock, **settings).run(stop)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
