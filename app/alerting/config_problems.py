"""Tells the database what is wrong with the files that this process reads, so that a rule can see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.alerting import sql
from app.clock import Clock, until_beat
from app.db.engine import Database
from app.db.retention import Mechanism, Retention
from app.errors import DatabaseUnavailable
from app.kit.periodic import run_every
from app.kit.yaml.tree import Problem

LOOK_SECONDS = 1.0
REFRESH_SECONDS = 15.0
"""Rules that read the table count rows as present that are younger than a minute."""
FORGOTTEN = timedelta(minutes=10)
MOST_KEPT = 200
MOST_LISTED = 5

RETAINED = (
    Retention(
        "rule_problems",
        "seen_at",
        FORGOTTEN,
        Mechanism.FILES,
        only="what no process sees any more; what is mended goes at once",
        statement=sql.CLEAR_PROBLEMS,
    ),
)

SEEN_WITHIN = timedelta(minutes=1)
"""What a process that lives writes again, so that it counts as standing."""


@dataclass(frozen=True, slots=True)
class StandingProblem:
    """One thing to mend in a file, and the processes that read it; `line` 0 is the file as a whole."""

    source: str
    file: str
    line: int
    field: str
    message: str
    since: datetime
    instances: list[str]


ProblemSource = Callable[[], Sequence[Problem]]


class ProblemBoard:
    """Keeps `rule_problems` true for one process; each source says at any time what is wrong with its files."""

    def __init__(
        self, database: Database, clock: Clock, sources: Mapping[str, ProblemSource], *, instance: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._sources = dict(sources)
        self._instance = instance
        self._written: tuple[tuple[str, Problem], ...] | None = None
        self._written_at = 0.0
        self._log = structlog.get_logger()
        self._away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the sources until the event is set; at the end nothing is left of this process."""
        await run_every(lambda: until_beat(LOOK_SECONDS), lambda: self._try(self.look), stop)
        await self._try(lambda: self._write(()))

    async def look(self) -> None:
        """Write what the sources say, where it differs from what stands there, or grows old."""
        present = self._present()
        stale = bool(present) and time.monotonic() - self._written_at >= REFRESH_SECONDS
        if present != self._written or stale:
            await self._write(present)

    def of_files(self, *without: str) -> list[str]:
        """What is wrong with the files of this process, for people; `without` those of some sources."""
        found = [str(problem) for name, problem in self._present() if name not in without]
        return found[:MOST_LISTED] + (
            [f"and {len(found) - MOST_LISTED} more problems"] if len(found) > MOST_LISTED else []
        )

    def _present(self) -> tuple[tuple[str, Problem], ...]:
        return tuple((name, problem) for name, source in self._sources.items() for problem in source())[:MOST_KEPT]

    async def standing(self) -> list[StandingProblem]:
        """What is wrong with the files of every process that lives, the same once."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.STANDING_PROBLEMS, self._clock.now() - SEEN_WITHIN)
        return [StandingProblem(**row) for row in rows]

    async def _write(self, present: Sequence[tuple[str, Problem]]) -> None:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if present:
                await connection.execute(sql.KEEP_PROBLEMS, self._instance, *_columns(present), now)
            await connection.execute(sql.CLEAR_PROBLEMS, self._instance, now if present else None, now - FORGOTTEN)
        self._written, self._written_at = tuple(present), time.monotonic()

    async def _try(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except DatabaseUnavailable as error:
            if not self._away:
                self._log.warning("file_problems_dropped", error=str(error))
            self._away = True
        else:
            self._away = False


def _columns(present: Sequence[tuple[str, Problem]]) -> tuple[list[object], ...]:
    rows = dict.fromkeys((name, one.file, one.line, one.field, one.message[:2000]) for name, one in present)
    return tuple([row[index] for row in rows] for index in range(5))
