"""One outage on a clock that the database shares: rows as each way to fail leaves them, the shipped rules, what is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.models import EventKind
from app.alerting.rules.book import read_book
from app.clock import FixedClock
from app.db.engine import Database
from app.settings import AlertingSettings
from tests.support.alert_factory import Scene, Shelf, Told, World, scene, service_of

START = datetime(2026, 3, 10, 8, tzinfo=UTC)
BOOK = read_book([]).checked()
EIC = "10YFR-RTE------C"
DOWN = "SourceUnavailable"

# Names of pg_catalog come first unless the search path says otherwise: every session then has the test's clock.
_CLOCK = """
    create schema clock;
    create table clock.moment (at timestamptz not null);
    insert into clock.moment values (pg_catalog.now());
    create function clock.now() returns timestamptz stable language sql as 'select at from clock.moment';
    grant usage on schema clock to public;
    grant select on clock.moment to public;
"""

_WINDOW = """
    insert into collection_runs (
        source, item, area, window_start, window_end, started_at, finished_at, outcome, error_class, error_message,
        requests, api_seconds
    )
    values ('entsoe', $1, $2, $3::timestamptz - interval '2 hours', $3, $3, $4, $5, $6, $7, 1, 0.2)
"""

_RUN = """
    insert into job_runs (job, scheduled_for, trigger, kind, attempt, outcome, epoch, started_at, finished_at)
    values ($1, $2, 'cron', 'x', 1, $3, (select epoch from scheduler_leader), $2, $4)
    on conflict (job, scheduled_for) do update set
        outcome = excluded.outcome, epoch = excluded.epoch, started_at = excluded.started_at,
        finished_at = excluded.finished_at
"""


@dataclass(slots=True)
class Outage:
    """Time passes; rows are written as a service writes them; `told` is what people would hear, in order."""

    scene: Scene
    database: Database
    told: Told

    @property
    def now(self) -> datetime:
        return self.scene.clock.now()

    async def window(self, *, took: float = 1.0, error: str = "", item: str = "load_actual", area: str = EIC) -> None:
        """A window that ends now."""
        begun = self.now - timedelta(seconds=took)
        outcome, text = ("failed", "it failed") if error else ("stored", "")
        await self._execute(_WINDOW, item, area, begun, self.now, outcome, error, text)

    async def run(self, outcome: str, *, job: str = "platform_health", began: float = 0.0) -> None:
        """A run of a job that began so long ago, and ended now unless it is running."""
        begun = self.now - timedelta(seconds=began)
        await self._execute(_RUN, job, begun, outcome, None if outcome == "running" else self.now)

    async def new_leader(self) -> None:
        """The leader is lost; what it ran begins anew."""
        await self._execute("update scheduler_leader set epoch = epoch + 1")
        await self._execute(
            "update job_runs set started_at = $1, epoch = epoch + 1 where outcome = 'running'", self.now
        )

    async def told_to_wait(self, seconds: float) -> None:
        await self._execute(
            "insert into token_budgets (token_id, theoretical_arrival, blocked_until) values ('t', $1, $2)"
            "on conflict (token_id) do update set blocked_until = excluded.blocked_until",
            self.now,
            self.now + timedelta(seconds=seconds),
        )

    async def passes(self, seconds: float, *, step: float = 30.0) -> None:
        """So much time, with a look at the rules after each step."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            await self.set_to(min(self.now + timedelta(seconds=step), end))
            await self.scene.service.tick()
            await self.scene.service.settled()

    async def set_to(self, instant: datetime) -> None:
        self.scene.clock.set(instant)
        await self._execute("update clock.moment set at = $1", instant)

    def messages(self) -> list[str]:
        """What was told, in order, reminders left out."""
        return [
            f"{event.kind.value} {event.rule.name}"
            for event in self.told.events
            if event.kind is not EventKind.REMINDED
        ]

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *arguments)


async def give_clock(database: Database) -> None:
    """Let all sessions that begin from now on take `now()` from the table clock.moment."""
    async with database.connection() as connection:
        await connection.execute(_CLOCK)
        name = await connection.fetchval("select current_database()")
        await connection.execute(f'alter database "{name}" set search_path = clock, pg_catalog, public')


@asynccontextmanager
async def an_outage(database: Database, url: str, rules: Sequence[str] = ()) -> AsyncIterator[Outage]:
    """The shipped rules, or those of these names, over a database on the test's clock."""
    await give_clock(database)
    runner = PostgresRunner(lambda: {"gridkeeper": url})
    told, clock = Told(), FixedClock(START)
    made = scene(database, clock=clock, shelf=Shelf(), world=World(), told=told)
    made.shelf.put(*(rule for name, rule in BOOK.rules.items() if not rules or name in rules))
    made.service = service_of(made.repository, made.shelf, RuleEvaluator(runner), clock, AlertingSettings())
    outage = Outage(made, database, told)
    try:
        await outage.set_to(START)
        yield outage
    finally:
        await runner.close()
