"""Kills `gridkeeper serve` at random moments while a fifth of the sandbox's answers fail, then looks for damage.

    make chaos KILLS=50
    .venv/bin/python scripts/chaos.py --leader --kills 20
    .venv/bin/python scripts/chaos.py --shared --seconds 600

Without `--leader` one service is killed and started anew each time. In the end it may finish without faults, and every
value that the sandbox gives has to be stored exactly once, with no gap of ours, stuck window, lease, lock or leader left.
With `--leader` three replicas share the database, and each time the leader is killed or frozen: no slot may run twice
or be lost, and the next leader has to plan within 10 s. With `--shared` three replicas and four workers share a database;
for so many seconds processes are killed, frozen and ended, their connections cut, held and left hanging, the server
restarted and crashed, and clocks set wrong. In the end nothing may be missing, doubled or left in the queue, and the
sandbox may have counted no more requests within a minute than the budget allows. Exit code 1 with a line for each violation.

The database is an embedded one that goes away afterwards, or the empty one of GRIDKEEPER_DATABASE__URL; `--shared` has
a server of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chaos_checks import OPEN_BACKFILL, compared, left_behind, ours, rows, settled
from chaos_heard import Receiver
from chaos_leader import overthrow
from chaos_shared import RULES, SHARED, shared
from chaos_stage import AREAS, DAYS, ITEMS, ROOT, Stage, prepared, quiet, stopped, tell
from soak import FAULTS, _wait_for_the_database

from app.collection.backfill.models import BackfillRequest, Reprocess
from app.errors import Conflict
from app.lifecycle import collecting, database
from app.market.series import DataItem
from app.scheduling.due import ItemSelection
from app.scheduling.models import RunTrigger, StoredJob
from app.settings import load_settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.collection.models import CollectionRequest
    from app.wiring.container import Container

BACKFILLED = (DataItem.GENERATION_PER_UNIT, DataItem.GENERATION_ACTUAL, DataItem.PRICE_DAY_AHEAD)
STARTING, LEADING = 3.0, 4.0
"""Seconds at most after its start, or after its election, at which a service is killed."""
ELECTED_SECONDS = 60.0
SETTLE_SECONDS = 900.0
ORDERED = 6
LATENCY = 0.3
"""Seconds that an answer takes, so that a kill finds work under way."""
_LEADS = "select from scheduler_leader where holder like '%' || $1"
_UNDER_WAY = """
    select
        (select count(*) from job_runs where outcome = 'running'),
        (select count(*) from backfill_windows where state = 'claimed')
"""


@dataclass(slots=True)
class Chaos:
    """Kills one service again and again."""

    stage: Stage
    container: Container
    chance: random.Random
    killed_at_work: int = 0

    async def rounds(self, kills: int) -> None:
        """Start, give work, kill."""
        for number in range(1, kills + 1):
            process = await self.stage.start("serve", "serve")
            await self._order()
            at_start = self.chance.random() < 0.2
            if not at_start:
                await _elected(self.container, process)
            seconds = self.chance.uniform(0, STARTING if at_start else LEADING)
            await asyncio.sleep(seconds)
            if process.returncode is not None:
                raise SystemExit(f"chaos: the service ended by itself with {process.returncode} in round {number}")
            process.kill()
            await process.wait()
            [(runs, windows)] = await rows(self.container.database(), _UNDER_WAY)
            self.killed_at_work += bool(runs or windows)
            since = "start" if at_start else "election"
            tell({"kill": number, "seconds": round(seconds, 2), "since": since, "runs": runs, "windows": windows})

    async def _order(self) -> None:
        """Work for the next moments: some jobs, and a backfill where none is open."""
        jobs = [view.job for view in await self.container.storage().job_runs().jobs()]
        for job in self.chance.sample(jobs, min(ORDERED, len(jobs))):
            await _ask_for(self.container, job)
        if await rows(self.container.database(), OPEN_BACKFILL):
            return
        now, item = datetime.now(UTC), self.chance.choice(BACKFILLED)
        wanted = ItemSelection(AREAS, (item.value,)).select(DAYS, now, CATALOG)
        request = BackfillRequest(wanted.requests, Reprocess.ALL, concurrency=8, description="chaos")
        service = self.container.collection().backfills()
        await service.start(request, await service.plan(request, now))


async def _elected(container: Container, process: asyncio.subprocess.Process) -> None:
    """Wait until the process leads, or has ended, or has had its time."""
    deadline = time.monotonic() + ELECTED_SECONDS
    while process.returncode is None and time.monotonic() < deadline:
        if await rows(container.database(), _LEADS, f":{process.pid}"):
            return
        await asyncio.sleep(0.05)


async def _ask_for(container: Container, job: StoredJob) -> None:
    try:
        await container.storage().job_runs().request(job, datetime.now(UTC), RunTrigger.MANUAL)
    except Conflict as error:
        tell({"not_asked_for": str(error)})


async def finish(stage: Stage, container: Container) -> list[str]:
    """Let a service finish without faults and stop; a violation where it does not."""
    process = await stage.start("serve", "serve")
    # Where nothing is left to do, it would stop before it leads, and the row of a killed leader stay as it is.
    await _elected(container, process)
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        await settled(container.database(), deadline)
        if not (left := await ours(container, _requests(), datetime.now(UTC))):
            break
        tell({"settling": len(left), "first": left[0]})
        for view in await container.storage().job_runs().jobs():
            if view.job.name.startswith(("collect:", "gap_analysis")):
                await _ask_for(container, view.job)
        await asyncio.sleep(2)
    code = await stopped(process)
    return [] if code == 0 else [f"the service did not stop in order: {code}"]


def _requests() -> Sequence[CollectionRequest]:
    return ItemSelection(AREAS, ITEMS).select(DAYS, datetime.now(UTC), CATALOG).requests


async def crash(stage: Stage, kills: int, chance: random.Random) -> list[str]:
    """The violations after so many kills of one service."""
    from app.wiring.container import Container

    settings = load_settings()
    async with database(settings, quiet) as opened:
        chaos = Chaos(stage, Container(settings=settings, database=opened, echo=quiet), chance)
        async with stage.sandbox(FAULTS, latency=LATENCY):
            await chaos.rounds(kills)
    async with stage.sandbox({}), collecting(settings, quiet) as container:
        violations = await finish(stage, container)
        found = await compared(container, _requests(), stage.frozen_at)
        violations += [*found.violations, *await left_behind(container.database())]
        [(stored,)] = await rows(container.database(), "select count(*) from observations")
        [(windows,)] = await rows(container.database(), "select count(*) from collection_runs")
    figures = {"kills": kills, "killed_at_work": chaos.killed_at_work, "windows": windows}
    tell(figures | {"values_given": found.given, "values_stored": stored})
    return violations


async def _violations(folder: Path, options: argparse.Namespace) -> list[str]:
    chance = random.Random(options.seed)  # noqa: S311  the moments of kills are no secret
    if options.shared:
        rules = folder / "alerts"
        rules.mkdir(exist_ok=True)
        (rules / "chaos.yaml").write_text(RULES)
        channels = folder / "channels.yaml"
        files = {"ALERTING__RULES_DIR": str(rules), "NOTIFICATIONS__CHANNELS_FILE": str(channels)}
        return await shared(prepared(folder, SHARED | files), options.seconds, chance, Receiver(channels, chance))
    return await (overthrow if options.leader else crash)(prepared(folder), options.kills, chance)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="gridkeeper-chaos-") as name:
        yield Path(name)
        _wait_for_the_database(Path(name) / "data")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how often (default 50)")
    parser.add_argument("--leader", action="store_true", help="three replicas; the leader is killed or frozen")
    parser.add_argument(
        "--shared", action="store_true", help="three replicas and four workers; all that may befall them"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of blows, with --shared (default 60)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments (default: the time)")
    parser.add_argument("--keep", type=Path, help="a folder for database and logs that stays")
    options = parser.parse_args()
    os.chdir(ROOT)
    with _folder(options.keep) as folder:
        # PostgreSQL runs as another user where this one is root.
        folder.chmod(0o755)
        violations = asyncio.run(_violations(folder, options))
    for violation in violations:
        tell({"violation": violation})
    tell({"figure": "chaos violations", "value": len(violations), "kills": options.kills, "seed": options.seed})
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
