"""Probes the services of the file of interfaces, each by its own clock: those of the shards that this process holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.clock import Clock, until_beat
from app.db.feed.notices import INTERFACES, News, Notices
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.probes.config import InterfacesConfig
from app.probes.interfaces.config_file import InterfacesFile
from app.probes.interfaces.cycles.run import CycleRun, ServicePlan
from app.probes.interfaces.cycles.shares import shard_of_service
from app.probes.interfaces.cycles.slots import due_slot, first_slot, held_slot
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.logins.keeper import Logins
from app.probes.interfaces.models import (
    CycleOutcome,
    CycleTrigger,
    InterfaceCycle,
    InterfaceWrites,
    OperationState,
    ProbeRecord,
)
from app.probes.interfaces.repository import REMOVED, InterfaceRepository
from app.probes.interfaces.sending import ProbeSender
from app.probes.interfaces.suites.models import SUITE
from app.probes.interfaces.watched import ServiceWatch
from app.probes.sharing.leases import ShardLeases
from app.probes.sharing.shares import SHARDS
from app.probes.websites.network_watch import NetworkWatch

LOOK_SECONDS, IDLE_SECONDS = 0.5, 1.0
SHORTEST_WAIT = 0.02
REQUESTS_SECONDS = 15.0
"""A notice that somebody asks for a cycle may be lost with its connection."""
FLUSH_SECONDS = 0.5
MOST_WAITING = 200_000
"""Results that wait for a database that is away."""
START_SECONDS = 60.0
"""So long after its start a process that had no company takes services over as after a start of everything."""
LOGIN_AGAIN = timedelta(seconds=60)
"""After a cycle that had no token."""


class InterfaceRunner:
    """One process's part; `run` it until its event is set."""

    def __init__(
        self,
        file: InterfacesFile,
        rows: InterfaceRepository,
        leases: ShardLeases,
        sender: ProbeSender,
        notices: Notices,
        *,
        clock: Clock,
        fetcher: DocumentFetcher,
        network: NetworkWatch,
        logins: Logins,
    ) -> None:
        self._file = file
        self._rows = rows
        self._leases = leases
        self._sender = sender
        self._notices = notices
        self._clock = clock
        self._fetcher = fetcher
        self._network = network
        self._logins = logins
        self._services: dict[str, ServiceWatch] = {}
        """Those of the shards that this process holds."""
        self._used: InterfacesConfig | None = None
        self._cleared: InterfacesConfig | None = None
        """The file by which this process has told which services are gone."""
        self._begun_at: float | None = None
        self._cycles: dict[str, asyncio.Task[None]] = {}
        self._suites: dict[str, asyncio.Task[None]] = {}
        """Suites that somebody asked for, by service."""
        self._retries: dict[str, datetime] = {}
        """When services without a token are asked again."""
        self._requests_at = 0.0
        self._answered: dict[str, datetime] = {}
        """When the requests were made that cycles have begun for."""
        self._writes = InterfaceWrites()
        self._writing = asyncio.Lock()
        self._away = OutageLog("interface_results_failed", "interface_results_recovered")
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the file, and probe what this process holds; at the end what is known is kept."""
        writing = asyncio.create_task(self._write_each(), name="results of interfaces")
        try:
            with self._notices.follow(INTERFACES) as news:
                while not stop.is_set():
                    await self._guarded(news)
        finally:
            await self._stand_down()
            async with self._writing:
                # Not in the middle of a write, whose results would be lost.
                writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._write()
            await self._leave()
            self._sender.close()

    async def _leave(self) -> None:
        try:
            await self._leases.leave()
        except DatabaseUnavailable as error:
            self._away.met(error)

    async def _guarded(self, news: News) -> None:
        """One look, and the wait for the next."""
        try:
            await self.look()
        except DatabaseUnavailable as error:
            self._away.met(error)
        if await news.wait(self._seconds()):
            self._requests_at = 0.0
            if {REMOVED, ""} & news.taken():
                for service in self._services.values():
                    service.keep_again()

    def _seconds(self) -> float:
        """Until the next look; who has nothing to probe looks together with all else that looks from time to time."""
        if not self._services:
            return until_beat(IDLE_SECONDS)
        now = self._clock.now()
        nearest = min(((one.slot - now).total_seconds() for one in self._services.values()), default=LOOK_SECONDS)
        return min(LOOK_SECONDS, max(SHORTEST_WAIT, nearest))

    async def look(self) -> None:
        """Hold on to the shards, follow the file, scan what may have changed, and begin the cycles that are due."""
        config = await asyncio.to_thread(self._file.current)
        await self._renew(config)
        if config is not self._used:
            await self._logins.use(config.logins)
            self._used = config
        if config is not self._cleared and self._leases.holds_first():
            await self._rows.remove_others(config.services, self._clock.now())
            await self._logins.forget_others(config.logins)
            self._cleared = config
        await self._follow_services(config)
        for service in self._services.values():
            service.scan_if_due(self._fetcher)
        mine = {name: one for name, one in self._services.items() if self._may_begin(one)}
        for service in mine.values():
            self._begin_due(service)
        await self._begin_requested(mine)

    async def _renew(self, config: InterfacesConfig) -> None:
        """Hold on for longer; what was found is written before a shard goes to somebody else."""
        self._leases.idle = not config.services
        if not self._leases.due:
            return
        try:
            if self._leases.leaving:
                await self._write()
            active = {*self._cycles, *self._suites}
            busy = {
                shard_of_service(one.config, config.logins) for name, one in self._services.items() if name in active
            }
            await self._leases.renew(range(SHARDS) if self._writes else busy)
        except DatabaseUnavailable as error:
            # Cycles go on: what they find waits.
            self._away.met(error)

    def _held(self, *, ending: bool) -> frozenset[int]:
        """The shards whose services are probed here; those of a process that was alone stay while the database is away."""
        held = self._leases.kept if ending else self._leases.held
        return frozenset(range(SHARDS)) if not held and self._leases.alone else held

    def _may_begin(self, service: ServiceWatch) -> bool:
        logins = self._used.logins if self._used is not None else {}
        return shard_of_service(service.config, logins) in self._held(ending=False)

    async def _follow_services(self, config: InterfacesConfig) -> None:
        """Take over the services of new shards, and let those go that are in the file no more or held by another process."""
        if self._services and not self._leases.alone:
            # It goes on with what others have done: that is so when they leave, too.
            self._begun_at = float("-inf")
        kept, held = self._held(ending=True), self._held(ending=False)
        shards = {name: shard_of_service(one, config.logins) for name, one in config.services.items()}
        gone = [name for name in self._services if shards.get(name, -1) not in kept]
        new = [name for name, shard in shards.items() if shard in held and name not in self._services]
        for name in gone:
            await self._services.pop(name).close()
            await self._end_cycle(name)
            self._retries.pop(name, None)
        now = self._clock.now()
        if new:
            await self._take_over(config, new, now)
        for name, service in self._services.items():
            service.use(config.services[name])
            service.slot = held_slot(service.slot, config.services[name].interval, now)

    async def _take_over(self, config: InterfacesConfig, names: Sequence[str], now: datetime) -> None:
        """Go on with the clocks of services; after a start of everything their first cycles come soon."""
        taken = await self._rows.take_over(names, now)
        monotonic = asyncio.get_running_loop().time()
        if self._begun_at is None:
            self._begun_at = monotonic
        starts = self._leases.alone and monotonic - self._begun_at < START_SECONDS
        for name, known in taken.items():
            service = ServiceWatch(config.services[name], self._file.folder, self._rows, self._clock, known.documents)
            goes_on = not starts and known.due_at is not None
            service.slot = known.due_at if goes_on and known.due_at is not None else first_slot(name, now)
            if goes_on and known.aborted:
                self._retries[name] = now
            self._services[name] = service
        if starts:
            await self._rows.place({name: self._services[name].slot for name in names})
        self._requests_at = 0.0

    async def _begin_requested(self, services: Mapping[str, ServiceWatch]) -> None:
        loop = asyncio.get_running_loop()
        if not services or loop.time() < self._requests_at:
            return
        self._requests_at = loop.time() + REQUESTS_SECONDS
        for name, suite, asked_at in await self._rows.requested():
            # A cycle may end before its beginning is written.
            if name not in services or name in self._cycles or self._answered.get(name) == asked_at:
                continue
            if suite and name in self._suites:
                continue
            if services[name].plan is None:
                self._requests_at = loop.time() + LOOK_SECONDS
                continue
            self._answered[name] = asked_at
            if suite:
                await self._rows.suite_begun(name)
                self._begin_suite(services[name], suite)
            else:
                self._begin(services[name], self._clock.now(), CycleTrigger.MANUAL)

    def _begin_suite(self, service: ServiceWatch, suite: str) -> None:
        """Run one suite by itself; it is no cycle of the service."""
        name, plan = service.config.name, service.plan
        if plan is None:
            return
        chosen = {key: one for key, one in plan.probes.items() if key.method == SUITE and one.operation.name == suite}
        run = self._run_of(service, replace(plan, probes=chosen))
        begun = run.begun(self._clock.now(), CycleTrigger.MANUAL)
        task = self._suites[name] = asyncio.create_task(self._suite(run, begun, name), name=f"suite of {name}")
        task.add_done_callback(lambda _: self._suites.pop(name, None))

    async def _suite(self, run: CycleRun, begun: InterfaceCycle, name: str) -> None:
        try:
            ended = await run.run(begun)
        except Exception:  # noqa: BLE001  the boundary of a job: services are probed all the same
            self._log.exception("interface_suite_crashed", service=name)
            return
        self._log.info("interface_suite_ended", service=name, suites=ended.operations, failed=ended.statistics.failed)

    def _begin_due(self, service: ServiceWatch) -> None:
        now, name = self._clock.now(), service.config.name
        service.slot = held_slot(service.slot, service.config.interval, now)
        retry = self._retries.get(name)
        if retry is not None and retry <= now and name not in self._cycles:
            self._begin(service, now, CycleTrigger.CLOCK)
        due = due_slot(service.slot, service.config.interval, now)
        if due is None or service.plan is None:
            return
        slot, service.slot = due
        self._writes.due[service.plan.service_id] = service.slot
        if name in self._cycles:
            self._log.warning("interface_cycle_skipped", service=name, due_at=slot.isoformat())
            number, size = service.plan.service_id, len(service.plan.probes)
            self._keep(InterfaceCycle(number, now, slot, CycleTrigger.CLOCK, CycleOutcome.SKIPPED, size, now))
            return
        self._begin(service, slot, CycleTrigger.CLOCK)

    def _begin(self, service: ServiceWatch, due_at: datetime, trigger: CycleTrigger) -> None:
        name = service.config.name
        if service.plan is None:
            return
        self._retries.pop(name, None)
        run = self._run_of(service, service.plan)
        begun = run.begun(due_at, trigger)
        self._keep(begun)
        task = self._cycles[name] = asyncio.create_task(self._cycle(run, begun, name), name=f"cycle of {name}")
        task.add_done_callback(lambda _: self._cycles.pop(name, None))

    def _run_of(self, service: ServiceWatch, plan: ServicePlan) -> CycleRun:
        return CycleRun(
            plan,
            service.states,
            sender=self._sender,
            logins=self._logins,
            network=self._network,
            clock=self._clock,
            sink=self,
        )

    async def _cycle(self, run: CycleRun, begun: InterfaceCycle, name: str) -> None:
        try:
            if name in self._suites:
                # A suite does not run twice at once.
                await asyncio.wait([self._suites[name]])
            ended = await run.run(begun)
        except Exception:  # noqa: BLE001  the boundary of a job: other services are probed all the same
            self._log.exception("interface_cycle_crashed", service=name)
            self._keep(_aborted(begun, self._clock.now()))
            return
        except asyncio.CancelledError:
            self._keep(_aborted(begun, self._clock.now()))
            raise
        if run.login_problem:
            self._retries[name] = self._clock.now() + LOGIN_AGAIN
        self._writes.auth[ended.service_id] = (run.login_problem[:2000], self._clock.now())
        self._keep(ended)
        statistics = ended.statistics
        self._log.info(
            "interface_cycle_ended",
            service=name,
            outcome=ended.outcome,
            operations=ended.operations,
            failed=statistics.failed,
            p95_ms=statistics.p95_ms and round(statistics.p95_ms, 1),
        )

    def state(self, operation_id: int, state: OperationState, record: ProbeRecord | None) -> None:
        """What a cycle finds; it is kept with the next write."""
        self._writes.states[operation_id] = state
        if record is not None:
            self._writes.results.append((operation_id, record))

    def _keep(self, cycle: InterfaceCycle) -> None:
        self._writes.cycles[cycle.service_id, cycle.started_at] = cycle

    async def _end_cycle(self, name: str) -> None:
        for task in (self._cycles.get(name), self._suites.get(name)):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _stand_down(self) -> None:
        """This process ends."""
        services, self._services = self._services, {}
        for name in {*self._cycles, *self._suites}:
            await self._end_cycle(name)
        for service in services.values():
            await service.close()
        self._retries.clear()
        await self._logins.close()

    async def _write_each(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS if self._services else until_beat(IDLE_SECONDS))
            await self._write()

    async def _write(self) -> None:
        """Keep what was found; without a database it waits."""
        async with self._writing:
            await self._write_now()

    async def _write_now(self) -> None:
        writes, self._writes = self._writes, InterfaceWrites()
        if not writes:
            return
        try:
            await self._rows.record(writes)
        except DatabaseUnavailable as error:
            self._away.met(error)
            waiting = writes.before(self._writes)
            waiting.results = waiting.results[-MOST_WAITING:]
            self._writes = waiting
            return
        except Exception:  # noqa: BLE001  the boundary of a job: the next results are kept
            self._log.exception("interface_results_lost", results=len(writes.results))
            return
        self._away.over()


def _aborted(begun: InterfaceCycle, now: datetime) -> InterfaceCycle:
    return InterfaceCycle(
        begun.service_id, begun.started_at, begun.due_at, begun.trigger, CycleOutcome.ABORTED, begun.operations, now
    )
