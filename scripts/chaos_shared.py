"""Three replicas of the service and four workers on one PostgreSQL, and everything that befalls processes and wires."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chaos_checks import LEFT_BEHIND, OPEN_BACKFILL, compared, left_behind, ours, rows, told
from chaos_heard import Receiver
from chaos_leader import _logged, made_twice
from chaos_postgres import Postgres, Wire
from chaos_stage import AREAS, DAYS, ITEMS, ROOT, Stage, quiet, stopped, tell
from pydantic import SecretStr
from soak import FAULTS

from app.collection.backfill.models import BackfillRequest, Reprocess
from app.db.migrate import migrate
from app.errors import Conflict, DatabaseUnavailable
from app.lifecycle import collecting, services
from app.market.series import DataItem
from app.scheduling.due import ItemSelection
from app.scheduling.models import RunTrigger
from app.settings import Settings, load_settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.collection.models import CollectionRequest
    from app.db.engine import Database
    from app.wiring.container import Container

REPLICAS, WORKERS = 3, 4
BUDGET = 240
LATENCY = 0.2
OTHER = "another-token"
PAUSES = (1.0, 4.0)
"""Seconds between two blows."""
AWAY = (1.0, 8.0)
"""Seconds for which something is frozen, held or gone."""
STEPS = (-4.0, 4.0, -40.0, 40.0, 0.0, 0.0)
"""Seconds by which the clock of a process may be wrong."""
BEGIN_SECONDS, SETTLE_SECONDS = 120.0, 300.0
QUIET_LOOKS = 16
"""Half a second apart: a task that asked for the next one may have waited so long for a connection."""
BACKFILLED = (DataItem.GENERATION_PER_UNIT, DataItem.GENERATION_ACTUAL, DataItem.PRICE_DAY_AHEAD)
SHARED = {
    "TASKS__BACKEND": "procrastinate",
    "TASKS__HEARTBEAT": "0.5",
    "TASKS__SILENT_AFTER": "3",
    "TASKS__CONCURRENCY": "4",
    "TASKS__SERVE_CONCURRENCY": "2",
    "TASKS__ATTEMPTS": "100",
    "BACKFILL__ATTEMPTS": "100",
    "DATABASE__CONNECT_TIMEOUT": "5",
    "ENTSOE__REQUESTS_PER_MINUTE": str(BUDGET),
    "SCHEDULER__DRAIN_SECONDS": "5",
}
PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import app.clock
wrong = Path(sys.argv.pop(1))
app.clock.SystemClock.now = lambda self: datetime.now(UTC) + timedelta(seconds=float(wrong.read_text()))
from app.cli import run
sys.exit(run(sys.argv[1:]))
"""
"""The program with a clock that may be wrong: by so many seconds as a file says."""
RULES = """
rules:
  - name: every_quarter_minute
    severity: warning
    every: 3 s
    sql: select floor(extract(epoch from now()) / 15)::bigint::text as slot, 1 as value
"""
BUSIEST = re.compile(r"Stopped after (\d+) requests, (\d+) of them within the busiest minute")
AT_WORK = {
    "runs": "select from job_runs where outcome = 'running' or next_attempt_at is not null",
    "backfills": OPEN_BACKFILL,
    "tasks": "select from procrastinate.procrastinate_jobs where status in ('todo', 'doing')",
}
LEFT = LEFT_BEHIND | {
    "a task is left in the queue": "select id, status, args, attempts from procrastinate.procrastinate_jobs",
    "a window was given up": """
        select item, area, window_start, error_class, error_message from shared_windows where error_class = 'WorkerLost'
        union all
        select item, area, window_start, state, '' from backfill_windows where state = 'failed'
    """,
    "a message is stuck": """
        select notification_id, channel, attempts, not_before, error
        from notifications
        where
            status = 'waiting'
            -- Until then there was somebody to send it; a dead process holds on to its messages for a minute.
            and greatest(not_before, claimed_until) < (select max(finished_at) from job_runs) - interval '3 minutes'
    """,
}


@dataclass(slots=True, eq=False)
class Member:
    """One process, its wire to the database, and how wrong its clock is."""

    name: str
    command: tuple[str, ...]
    wire: Wire
    wrong: Path
    process: asyncio.subprocess.Process | None = None
    works: bool = False
    """Whether it has begun its work since it was started; until then it may end for want of the database."""
    felled: bool = False
    """Whether it was killed, or told to end."""

    def set_wrong(self, seconds: float) -> None:
        """Its clock is wrong by so much from now on; in one step, for it reads the file at any moment."""
        written = self.wrong.with_suffix(".next")
        written.write_text(str(seconds))
        written.replace(self.wrong)

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.returncode is None


@dataclass(slots=True)
class Cluster:
    """The processes, and what is done to them."""

    stage: Stage
    server: Postgres
    chance: random.Random
    members: list[Member] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    blows: Counter[str] = field(default_factory=Counter)
    _frozen: set[Member] = field(default_factory=set)
    _later: set[asyncio.Task[None]] = field(default_factory=set)
    _everything_works: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Start all of them."""
        commands = {f"serve-{number}": ("serve",) for number in range(1, REPLICAS + 1)}
        commands |= {f"worker-{number}": ("worker",) for number in range(1, WORKERS + 1)}
        for name, command in commands.items():
            wire, wrong = Wire(self.server.port), self.stage.folder / f"{name}.clock"
            await wire.open()
            self.members.append(Member(name, command, wire, wrong))
            self.members[-1].set_wrong(0)
        for member in self.members:
            await self._start(member)

    async def _start(self, member: Member) -> None:
        around = dict(self.stage.environment) | {
            "GRIDKEEPER_WEB__PORT": "0",
            "GRIDKEEPER_DATABASE__URL": self.server.url_at(member.wire.port),
        }
        member.works = member.felled = False
        with (self.stage.folder / f"{member.name}.log").open("ab") as sink:
            member.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, member.wrong, *member.command, env=around, stdout=sink, stderr=sink, cwd=ROOT
            )  # fmt: skip

    async def tend(self, database: Database) -> None:
        """Start again what has ended, as a supervisor does, until cancelled; who ended without a cause is noted."""
        while True:
            with suppress(DatabaseUnavailable):
                known = {int(name.rpartition(":")[2]) for (name,) in await rows(database, "select name from workers")}
                for member in self.members:
                    member.works = member.works or (member.process is not None and member.process.pid in known)
                if all(member.works for member in self.members):
                    self._everything_works.set()
            for member in self.members:
                if member.process is not None and not member.runs:
                    if member.works and not member.felled:
                        self.ended.append(f"{member.name} with {member.process.returncode}")
                    tell({"ended": member.name, "code": member.process.returncode, "works": member.works})
                    await self._start(member)
            await asyncio.sleep(0.5)

    async def strike(self, seconds: float) -> None:
        """Blows in random order, each kind once before any comes again; all is mended at the end."""
        kinds: list[Callable[[], Awaitable[str]]] = []
        async with asyncio.timeout(BEGIN_SECONDS):
            await self._everything_works.wait()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not kinds:
                kinds = [*self._kinds()]
                self.chance.shuffle(kinds)
            blow = kinds.pop()
            name = blow.__name__.lstrip("_")
            self.blows[name] += 1
            tell({"blow": name, "to": await blow()})
            await asyncio.sleep(self.chance.uniform(*PAUSES))
        while self._later:
            await asyncio.wait(self._later)
        for member in self.members:
            member.set_wrong(0)

    def _kinds(self) -> Sequence[Callable[[], Awaitable[str]]]:
        return (
            self._kill_worker, self._kill_replica, self._end_worker, self._freeze, self._freeze, self._cut_one,
            self._cut_some, self._hold_one, self._hold_all, self._part, self._step_clock, self._step_clock,
            self._restart_server, self._crash_server, self._kill_backend,
        )  # fmt: skip

    def _one(self, kind: str = "") -> Member | None:
        """One that works, and is not frozen."""
        able = [one for one in self.members if one.name.startswith(kind) and one.runs and one not in self._frozen]
        return self.chance.choice([one for one in able if one.works] or able) if able else None

    async def _kill(self, kind: str, how: signal.Signals) -> str:
        member = self._one(kind)
        if member is None or member.process is None:
            return "nobody"
        member.felled = True
        member.process.send_signal(how)
        return member.name

    async def _kill_worker(self) -> str:
        return await self._kill("worker", signal.SIGKILL)

    async def _kill_replica(self) -> str:
        return await self._kill("serve", signal.SIGKILL)

    async def _end_worker(self) -> str:
        return await self._kill("worker", signal.SIGTERM)

    async def _freeze(self) -> str:
        member = self._one()
        if member is None or member.process is None:
            return "nobody"
        self._frozen.add(member)
        member.process.send_signal(signal.SIGSTOP)
        self._afterwards(self._thaw(member, member.process))
        return member.name

    async def _thaw(self, member: Member, process: asyncio.subprocess.Process) -> None:
        await asyncio.sleep(self.chance.uniform(*AWAY))
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
        self._frozen.discard(member)

    async def _cut_one(self) -> str:
        member = self._one()
        return f"{member.name}: {member.wire.cut(1.0, self.chance)}" if member else "nobody"

    async def _cut_some(self) -> str:
        return f"{sum(one.wire.cut(0.3, self.chance) for one in self.members)} of all"

    async def _hold_one(self) -> str:
        member = self._one()
        if member:
            self._afterwards(member.wire.hold(self.chance.uniform(*AWAY)))
        return member.name if member else "nobody"

    async def _hold_all(self) -> str:
        seconds = self.chance.uniform(*AWAY)
        for member in self.members:
            self._afterwards(member.wire.hold(seconds))
        return f"all for {seconds:.1f} s"

    async def _part(self) -> str:
        member = self._one()
        if member:
            self._afterwards(member.wire.part(self.chance.uniform(*AWAY)))
        return member.name if member else "nobody"

    async def _step_clock(self) -> str:
        member = self._one()
        if member is None:
            return "nobody"
        seconds = self.chance.choice(STEPS)
        member.set_wrong(seconds)
        return f"{member.name} to {seconds:+g} s"

    async def _restart_server(self) -> str:
        return await self._server_away(signal.SIGINT)

    async def _crash_server(self) -> str:
        return await self._server_away(signal.SIGQUIT)

    async def _server_away(self, how: signal.Signals) -> str:
        await self.server.stop(how)
        await asyncio.sleep(self.chance.uniform(*AWAY) / 2)
        await self.server.start()
        return how.name

    async def _kill_backend(self) -> str:
        await self.server.kill_backend(self.chance)
        return "one session"

    def _afterwards(self, doing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(doing)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def stop(self) -> list[str]:
        """Stop all of them in order; violations where one does not."""
        codes = {one.name: await stopped(one.process) for one in self.members if one.process is not None}
        for member in self.members:
            member.wire.close()
        return [f"{name} did not stop in order: {code}" for name, code in codes.items() if code != 0]


@dataclass(slots=True)
class Work:
    """What the processes are kept busy with."""

    container: Container
    chance: random.Random

    async def order(self, *, jobs: int = 3, names: str = "") -> None:
        """Some jobs, and a backfill where none is open."""
        views = await self.container.storage().job_runs().jobs()
        known = [view.job for view in views if view.job.name.startswith(names)]
        for job in self.chance.sample(known, min(jobs, len(known))):
            try:
                await self.container.storage().job_runs().request(job, datetime.now(UTC), RunTrigger.MANUAL)
            except Conflict as error:
                tell({"not_asked_for": str(error)})

    async def backfill(self) -> None:
        """A backfill of some item, where none is open."""
        if await rows(self.container.database(), OPEN_BACKFILL):
            return
        now, item = datetime.now(UTC), self.chance.choice(BACKFILLED)
        wanted = ItemSelection(AREAS, (item.value,)).select(DAYS, now, CATALOG)
        request = BackfillRequest(wanted.requests, Reprocess.ALL, concurrency=8, description="chaos")
        service = self.container.collection().backfills()
        await service.start(request, await service.plan(request, now))

    async def keep_ordering(self) -> None:
        """Until cancelled; while the database is away nothing is ordered."""
        while True:
            try:
                await self.backfill()
                await self.order()
            except DatabaseUnavailable as error:
                tell({"not_ordered": str(error)[:80]})
            await asyncio.sleep(5)

    async def settled(self) -> list[str]:
        """Wait until nothing is under way and no gap is ours; what is left after the time of patience."""
        deadline, quiet_looks, left = time.monotonic() + SETTLE_SECONDS, 0, [""]
        while time.monotonic() < deadline:
            busy = {name: len(found) for name, text in AT_WORK.items() if (found := await self._found(text))}
            quiet_looks = 0 if busy else quiet_looks + 1
            if quiet_looks == QUIET_LOOKS:
                left = await ours(self.container, requests(), datetime.now(UTC))
                if not left:
                    return []
                tell({"settling": len(left), "first": left[0]})
                await self.order(jobs=len(ITEMS), names="collect:")
                await self.order(names="gap_analysis")
                quiet_looks = 0
            await asyncio.sleep(0.5)
        return told("it did not come to rest", [name for name in AT_WORK if await self._found(AT_WORK[name])] or left)

    async def _found(self, text: str) -> list[tuple[object, ...]]:
        return await rows(self.container.database(), text)


def requests() -> Sequence[CollectionRequest]:
    """Everything that has to be there in the end."""
    return ItemSelection(AREAS, ITEMS).select(DAYS, datetime.now(UTC), CATALOG).requests


def over_budget(log: str) -> list[str]:
    """What the sandbox counted, where it is more than the budget allows."""
    counted = BUSIEST.search(log)
    if counted is None:
        return ["the sandbox did not tell how many requests it had"]
    tell({"figure": "chaos requests", "all": int(counted[1]), "busiest_minute": int(counted[2]), "budget": BUDGET})
    return [f"{counted[2]} requests within a minute"] if int(counted[2]) > BUDGET else []


def settings_of(server: Postgres, token: str = "") -> Settings:
    """The settings of the processes on the server itself; `token` in place of theirs."""
    settings = load_settings()
    section = settings.entsoe.model_dump() | ({"token": token} if token else {})
    return settings.model_copy(
        update={
            "database": type(settings.database)(url=SecretStr(server.url)),
            "entsoe": type(settings.entsoe).model_validate(section),
        }
    )


async def shared(stage: Stage, seconds: float, chance: random.Random, receiver: Receiver) -> list[str]:
    """The violations after so many seconds of blows."""
    server = await asyncio.to_thread(Postgres, stage.folder / "server")
    violations: list[str] = []
    async with server.running():
        await migrate(server.url)
        async with stage.sandbox(FAULTS, latency=LATENCY), receiver.listening():
            violations += await _struck(stage, server, seconds, chance)
        violations += over_budget((stage.folder / "sandbox.log").read_text())
        violations += told("a message was sent twice", receiver.doubled())
        violations += told("an attempt was made twice", made_twice(_logged(stage.folder)))
        violations += await _judged(stage, server, receiver)
    return violations


async def _struck(stage: Stage, server: Postgres, seconds: float, chance: random.Random) -> list[str]:
    cluster = Cluster(stage, server, chance)
    async with services(settings_of(server), quiet) as container:
        work = Work(container, chance)
        await cluster.begin()
        tending = asyncio.create_task(cluster.tend(container.database()))
        ordering = asyncio.create_task(work.keep_ordering())
        try:
            await cluster.strike(seconds)
            ordering.cancel()
            settling = time.monotonic()
            violations = await work.settled()
        finally:
            ordering.cancel()
            tending.cancel()
            await asyncio.wait([ordering, tending])
            ends = await cluster.stop()
        for task in (ordering, tending):
            if not task.cancelled():
                task.result()
    tell({"blows": cluster.blows.total(), "settled_within": round(time.monotonic() - settling, 1), **cluster.blows})
    return violations + ends + [f"ended by itself: {one}" for one in cluster.ended]


async def _judged(stage: Stage, server: Postgres, receiver: Receiver) -> list[str]:
    """What is stored beside what the sandbox gives, asked with a token of its own: theirs has no budget left."""
    settings = settings_of(server, token=OTHER)
    async with stage.sandbox({}, token=OTHER), collecting(settings, quiet) as container:
        found = await compared(container, requests(), stage.frozen_at)
        violations = [*found.violations, *await left_behind(container.database(), LEFT)]
        sent = await rows(container.database(), "select idempotency_key::text from notifications where status = 'sent'")
        violations += told("a message was never heard", receiver.unheard(key for (key,) in sent))
        [(stored, windows)] = await rows(
            container.database(), "select (select count(*) from observations), (select count(*) from collection_runs)"
        )
    tell({"values_given": found.given, "values_stored": stored, "windows": windows, "messages": len(sent)})
    return violations
