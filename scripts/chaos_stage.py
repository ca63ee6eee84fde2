"""The stage of `scripts/chaos.py`: a sandbox with faults, services as processes of their own, their settings and plan."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from soak import _free_port, _listens

ROOT = Path(__file__).parents[1]
GRIDKEEPER = (sys.executable, "-m", "app")
AREAS = ("FR", "NL")
ITEMS = ("load_actual", "load_forecast_day_ahead", "price_day_ahead", "generation_actual", "generation_per_unit")
DAYS = 20
"""So far back everything has to be there in the end."""
STOP_SECONDS = 60.0
PLAN = f"""\
areas: [{", ".join(AREAS)}]
items: [{", ".join(ITEMS)}]
jobs:
  near_real_time:  {{every: 5 min}}
  forecasts:       {{every: 60 min}}
  prices:          {{from: "00:00", every: 1 min, zone: Europe/Brussels}}
  corrections:     {{every: 5 min}}
  gap_analysis:    {{every: 60 min}}
  platform_health: {{every: 1 min}}
"""
QUICK = {
    "BACKFILL__LEASE_SECONDS": "3",
    "BACKFILL__RETRY_SECONDS": "1",
    "BACKFILL__POLL_SECONDS": "0.5",
    "BACKFILL__CONCURRENCY": "8",
    "ENTSOE__BACKOFF": "0.2",
    "SCHEDULER__BACKOFF": "1",
    "SCHEDULER__RETRY_LIMIT": "10",
    "SCHEDULER__TICK": "0.5",
    "SCHEDULER__DRAIN_SECONDS": "30",
    "SCHEDULER__ANALYSIS_DAYS": str(DAYS),
    "SCHEDULER__BACKFILL_DAYS": str(DAYS),
    "LOG__FORMAT": "json",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder of logs and data, the environment of the services, the sandbox's port and the time it believes in."""

    folder: Path
    port: int
    frozen_at: datetime
    environment: Mapping[str, str]

    @asynccontextmanager
    async def sandbox(
        self, rates: Mapping[str, float], *, latency: float = 0.0, token: str = ""
    ) -> AsyncIterator[None]:
        """The stand-in for the platform with these faults; it gives the same values each time."""
        options = [part for name, rate in rates.items() for part in (f"--rate-{name}", str(rate))]
        command = (
            "sandbox",
            "--port",
            str(self.port),
            "--now",
            f"{self.frozen_at:%Y-%m-%dT%H:%M:%SZ}",
            "--latency",
            str(latency),
            *options,
        )
        command += ("--token", token) if token else ()
        process = await self.start("sandbox", *command)
        try:
            await until(lambda: _listens(self.port), process)
            yield
        finally:
            await stopped(process)

    async def start(self, name: str, *command: str, web_port: int = 0) -> asyncio.subprocess.Process:
        """One of the program's commands; its output is appended to a log of its own."""
        environment = dict(self.environment) | {"GRIDKEEPER_WEB__PORT": str(web_port)}
        with (self.folder / f"{name}.log").open("ab") as sink:
            return await asyncio.create_subprocess_exec(
                *GRIDKEEPER, *command, env=environment, stdout=sink, stderr=sink, cwd=ROOT
            )


def prepared(folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> Stage:
    """The stage in a folder; this process gets the settings of the services, so that it sees what they see."""
    plan = folder / "collection.yaml"
    plan.write_text(PLAN)
    url = os.environ.get("GRIDKEEPER_DATABASE__URL")
    for name in [name for name in os.environ if name.startswith("GRIDKEEPER_")]:
        del os.environ[name]
    port = _free_port()
    chosen = (
        QUICK
        | {
            "SANDBOX": "1",
            "DATA_DIR": str(folder / "data"),
            "ENTSOE__BASE_URL": f"http://127.0.0.1:{port}/api",
            "SCHEDULER__PLAN_FILE": str(plan),
            "LOG__LEVEL": "debug",
        }
        | dict(more)
    )
    chosen |= {"DATABASE__URL": url} if url else {}
    os.environ.update({f"GRIDKEEPER_{name}": value for name, value in chosen.items()})
    return Stage(folder, port, datetime.now(UTC).replace(microsecond=0), dict(os.environ))


async def until(ready: Callable[[], bool], process: asyncio.subprocess.Process, seconds: float = 120.0) -> None:
    """Wait until a process is ready."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.returncode is not None or time.monotonic() > deadline:
            raise SystemExit("chaos: a process did not begin; name a folder with --keep and read its logs")
        await asyncio.sleep(0.1)


async def stopped(process: asyncio.subprocess.Process) -> int | None:
    """The exit code after SIGTERM; None where it had to be killed."""
    if process.returncode is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None


def tell(line: Mapping[str, object]) -> None:
    """A line of JSON."""
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def quiet(_text: str) -> None:
    """What the driver's own connections have to say interests nobody."""
