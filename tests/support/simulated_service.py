"""The whole service on a clock that a test moves: `lifecycle.serve` with the sandbox as the platform on the same clock.

Real are the container, the leader, the job store, the dispatcher, the backfill worker, the HTTP client and PostgreSQL.
Bypassed are the machine's clock, the pace of the token's live budget (a simulated day has no minutes to wait) and the
second between two looks of the leader at what waits for another attempt.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from dependency_injector import providers

from app.clock import FixedClock
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest
from app.db.rate_limit import PostgresBudget
from app.lifecycle import serve
from app.logging import configure_logging
from app.market.series import KEY_FIELDS, SeriesKey
from app.market.time import Interval
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.scheduling import service
from app.scheduling.due import ItemSelection
from app.scheduling.models import JobOutcome, JobSpec, RunEnd, RunTrigger
from app.scheduling.schedules import due_slots, parse_schedule
from app.settings import Settings
from app.sources.source import FetchStatistics
from app.wiring.catalog import CATALOG
from app.wiring.container import Container
from app.wiring.sources import SourcesWiring
from tests.support.scheduler_factory import rows

Slot = tuple[str, datetime]
Unit = tuple[SeriesKey, datetime, int]
UNHURRIED = 60_000
"""Requests a minute of the live budget: its row and statement are real, its pace is not."""
SETTLED = 180.0
KNOWN_DAYS = 12
"""Days before the start of which a test may ask what the platform had."""

# What is left to do at an instant: due jobs, runs under way or waiting for it, windows of backfills.
_PENDING = """
    select
        (select count(*) from scheduler_jobs where not paused and next_run_time <= $1) +
        (select count(*) from job_runs where outcome = 'running' or next_attempt_at <= $2) +
        (select count(*) from backfills where $3 and cancelled_at is null and finished_at is null)
"""

_NEXT = """
    select least(
        (select to_timestamp(min(next_run_time)) from scheduler_jobs where not paused),
        (select min(next_attempt_at) from job_runs)
    )
"""


_STORED = f"""
    select {", ".join(f"series.{name}" for name in KEY_FIELDS)}, delivery_start, resolution, value
    from observations
    join series using (series_id)
"""


class Platform:
    """The sandbox at one address, on while it is not switched off."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._server: SandboxServer | None = None

    @property
    def on(self) -> bool:
        """Without it, backfills are not waited for: their leases and pauses follow the database's clock."""
        return self._server is not None

    async def switch_on(self) -> str:
        self._server = SandboxServer(self._settings)
        await self._server.__aenter__()
        self._settings = replace(self._settings, port=self._server.port)
        return self._server.url

    async def switch_off(self) -> None:
        if self._server is not None:
            await self._server.__aexit__(None, None, None)
        self._server = None


@dataclass(slots=True)
class Script:
    """What happens between start and end, and what is to be looked at."""

    start: datetime
    end: datetime
    outages: Sequence[Interval] = ()
    repoll: datetime | None = None
    """When a re-poll runs whose finds the test looks at."""
    watch_rules: bool = False
    """Whether rules are evaluated at each instant; the database must have a clock of its own: `tests.support.outage_world`."""
    complete_days: int = 9
    """Days before the start that the daily backfill has to have completed in the end."""

    def events(self) -> list[datetime]:
        return [instant for outage in self.outages for instant in (outage.start, outage.end)]


@dataclass(slots=True)
class Found:
    """What the test judges: the runs as they ended, what the platform has in the end, and the gaps."""

    ends: list[RunEnd] = field(default_factory=list)
    jobs: Sequence[JobSpec] = ()
    first: Mapping[Unit, float] = field(default_factory=dict)
    at_last_slots: Mapping[Unit, float] = field(default_factory=dict)
    at_repoll: Mapping[Unit, float] = field(default_factory=dict)
    last: Mapping[Unit, float] = field(default_factory=dict)
    stored: Sequence[tuple[Unit, float | None]] = ()
    gaps: Sequence[Gap] = ()
    notified: Sequence[tuple[Any, ...]] = ()
    """The rules, kinds and instants of which people were notified."""

    def begun(self) -> Counter[Slot]:
        """How often each slot of the plan was begun; retries and what people asked for do not count."""
        planned = {RunTrigger.CRON, RunTrigger.CATCH_UP}
        return Counter(end.ticket.key for end in self.ends if end.ticket.attempt == 1 and end.ticket.trigger in planned)

    def repeated(self) -> list[Slot]:
        return [slot for slot, count in self.begun().items() if count > 1]

    def outcomes(self, kind: str) -> Counter[JobOutcome]:
        """How the attempts of a kind of job ended."""
        return Counter(end.report.outcome for end in self.ends if end.ticket.kind == kind)

    def planned(self, script: Script) -> set[Slot]:
        """Every slot that the plan has from the start to the end."""
        slots: set[Slot] = set()
        for job in self.jobs:
            schedule = parse_schedule(job.schedule)
            slots |= {(job.name, slot) for slot in due_slots(schedule, script.start, script.end)}
            if job.at_once:
                slots.add((job.name, schedule.last_slot(script.start)))
        return slots


class Simulation:
    """Moves the clock from one due instant to the next, and looks at everything in the end; a side of the service."""

    def __init__(self, script: Script, clock: FixedClock, platform: Platform) -> None:
        self._script = script
        self._clock = clock
        self._platform = platform
        self._ended = asyncio.Event()
        self.found = Found()

    def job_ended(self, end: RunEnd) -> None:
        self.found.ends.append(end)
        self._ended.set()

    async def __call__(self, container: Container, _stop: asyncio.Event) -> None:
        container.scheduling().observers().append(self)
        self.found.first = await self._published(container, KNOWN_DAYS)
        await self._until_planned(container)
        self.found.jobs = container.scheduling().scheduler().plan.jobs()
        events = self._script.events()
        while True:
            await self._settle(container)
            await self._evaluate(container)
            now = await self._next_instant(container, events)
            if now > self._script.end:
                break
            if events and now == events[0]:
                await self._happen(events.pop(0))
            self._clock.set(now)
        self.found.notified = await rows(container.database(), "select rule, kind, at from alert_events where notified")
        await self._look(container)

    async def _evaluate(self, container: Container) -> None:
        """Evaluate the rules that are due, as they would be found at this instant."""
        if self._script.watch_rules:
            await rows(container.database(), "update clock.moment set at = $1", self._clock.now())
            await container.monitoring().upkeep().try_once()
            await container.alerting().service().tick()
            await container.alerting().service().settled()

    async def _until_planned(self, container: Container) -> None:
        async with asyncio.timeout(SETTLED):
            while not await rows(container.database(), "select 1 from scheduler_jobs"):  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.02)

    async def _settle(self, container: Container) -> None:
        """Wait until all that is due at this instant is done."""
        now = self._clock.now()
        async with asyncio.timeout(SETTLED):
            # A machine too busy for a heartbeat costs a term; the next one begins on its own.
            while (term := container.scheduling().scheduler()._term) is None:  # noqa: ASYNC110  elections tell nobody
                await asyncio.sleep(0.02)
            term.ticker.wakeup()
            while await rows(container.database(), _PENDING, now.timestamp(), now, self._platform.on) != [(0,)]:
                await self._something()

    async def _something(self) -> None:
        """Wait for the end of a run and its row; what nobody tells is looked for after a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await self._ended.wait()
        self._ended.clear()
        await asyncio.sleep(0.01)

    async def _next_instant(self, container: Container, events: Sequence[datetime]) -> datetime:
        [(following,)] = await rows(container.database(), _NEXT)
        following_utc: datetime = following.astimezone(UTC)
        return min([following_utc, *events[:1]])

    async def _happen(self, instant: datetime) -> None:
        if any(instant == outage.start for outage in self._script.outages):
            await self._platform.switch_off()
        else:
            await self._platform.switch_on()

    async def _look(self, container: Container) -> None:
        """The state in the end; of each item also what the platform had when its job last looked."""
        found = self.found
        at_last_slots: dict[Unit, float] = {}
        for item, slot in self._last_slots().items():
            self._clock.set(slot)
            at_last_slots |= await self._published(container, self._script.complete_days, item)
        if self._script.repoll:
            self._clock.set(self._script.repoll)
            found.at_repoll = await self._published(container, KNOWN_DAYS)
        self._clock.set(self._script.end)
        found.at_last_slots, found.last = at_last_slots, await self._published(container, KNOWN_DAYS)
        requests = self._requests(container, self._script.complete_days)
        found.gaps = await container.collection().gaps().analyse(requests, self._script.end)
        found.stored = await _stored(container)

    def _last_slots(self) -> dict[str, datetime]:
        ended = [end.ticket for end in self.found.ends if "item" in end.ticket.params]
        return {
            str(ticket.params["item"]): ticket.scheduled_for
            for ticket in sorted(ended, key=lambda one: one.scheduled_for)
        }

    def _requests(self, container: Container, days: int, *items: str) -> tuple[CollectionRequest, ...]:
        """From so many days before the start to the last value that may be public now."""
        collection, now = container.settings().collection, self._clock.now()
        since_start = (now.date() - self._script.start.date()).days
        return (
            ItemSelection(collection.areas, items or collection.items).select(days + since_start, now, CATALOG).requests
        )

    async def _published(self, container: Container, days: int, *items: str) -> dict[Unit, float]:
        """Every value that the platform gives at this instant."""
        collection, source = container.sources().live().service, container.sources().live().source
        found: dict[Unit, float] = {}
        for work in collection.plan(self._requests(container, days, *items)):
            fetched = await source.fetch(work.item, work.place, work.window, FetchStatistics())
            for block in fetched.blocks:
                found |= {
                    (block.key, datetime.fromtimestamp(start, UTC), block.resolution.id): value
                    for start, value in zip(block.starts.tolist(), block.values.tolist(), strict=True)
                }
        return found


async def _stored(container: Container) -> list[tuple[Unit, float | None]]:
    found = await rows(container.database(), _STORED)
    return [((SeriesKey(*row[: len(KEY_FIELDS)]), row[-3].astimezone(UTC), row[-2]), row[-1]) for row in found]


async def simulate(url: str, script: Script, plan: Path, sandbox: SandboxSettings, **sections: dict[str, Any]) -> Found:
    """Run the service from the start of the script to its end."""
    clock = FixedClock(script.start)
    platform = Platform(replace(sandbox, clock=clock, limit_per_minute=None))
    settings = Settings.model_validate(
        {
            "sandbox": True,
            "entsoe": {"base_url": await platform.switch_on(), "backoff": 0.01},
            "database": {"url": url},
            "scheduler": {
                "plan_file": plan,
                "backfill_days": script.complete_days + 1,
                "analysis_days": script.complete_days,
                "heartbeat": 5,
                "takeover_after": 60,
            },
            "backfill": {"poll_seconds": 0.1, "retry_seconds": 0.1},
            "log": {"level": "error"},
        }
        | sections
    )
    simulation = Simulation(script, clock, platform)
    configure_logging(settings.log)
    try:
        with _on(clock):
            await serve(settings, lambda _: None, asyncio.Event(), (simulation,))
    finally:
        await platform.switch_off()
        structlog.reset_defaults()
    return simulation.found


@contextmanager
def _on(clock: FixedClock) -> Iterator[None]:
    """Containers made in the block have this clock, and a live budget that lets everything pass."""
    budget = providers.Singleton(
        PostgresBudget, SourcesWiring.database, "simulated", requests_per_minute=UNHURRIED, burst=UNHURRIED
    )
    with (
        Container.clock.override(providers.Object(clock)),
        SourcesWiring.live_budget.override(budget),
        SourcesWiring.gap_budget.override(budget),
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(service, "ATTEND_SECONDS", 0.05)
        yield
