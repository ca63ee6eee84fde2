"""Each way in which the platform can fail, with one series and with many: when people are notified, and how often.

    python scripts/outages.py [--ways refused,hang] [--series one,many] [--minutes 12] [--speed 20] [--at-once 5]

Several outages run at once, each in a process of its own. The whole service runs against a platform on loopback that fails for so many minutes, on a clock that runs `speed` times
as fast as the wall's, in the service and in the database alike; time limits of the wire are shortened by as much. Prints
one line for each run, and ends with 1 where the first message took 5 minutes or more, or where there was not exactly one
message at the beginning and one at the end. Where the machine is too slow for the speed, the outcome is UNSURE and no
success: a pause of its own is then as long as an outage of the platform.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from dependency_injector import providers

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.lifecycle import serve
from app.logging import configure_logging
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import Settings
from app.wiring.container import Container

WAYS = ("refused", "reset", "503", "301", "302", "empty", "hang", "drip")
ITEMS = {
    "one": ("load_actual",),
    "many": ("load_actual", "load_forecast_day_ahead", "generation_actual", "price_day_ahead"),
}
AREAS = {"one": ("FR",), "many": ("FR", "NL", "BE", "DE_LU", "ES", "PT")}
WITHIN = timedelta(minutes=5)
TOO_LATE = 20.0
"""So many seconds of the fast clock, by which the service may run late, leave the outcome sure."""
HTTP = {
    "503": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ngone",
    "301": b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}
_CLOCK = """
    create schema fast;
    create function fast.now() returns timestamptz stable language sql as
    $$ select timestamptz '{start}' + (pg_catalog.clock_timestamp() - timestamptz '{start}') * {speed} $$;
    grant usage on schema fast to public;
"""


class FastClock:
    """A clock that runs `speed` times as fast as the wall's from `start` on."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start
        self.speed = speed

    def now(self) -> datetime:
        return self._start + (datetime.now(UTC) - self._start) * self.speed


class Gate:
    """Stands before the platform: lets requests through, or fails in one way."""

    def __init__(self, behind: tuple[str, int], speed: float) -> None:
        self._behind = behind
        self._speed = speed
        self.way = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fail(self, way: str) -> None:
        """Fail like this from now on, "" for not at all; connections that are open fail too."""
        self.way = way
        for task in list(self._tasks):
            task.cancel()
        if way == "refused":
            await self.close()
        elif self._server is None or not self._server.is_serving():
            await self.open()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  the server makes one
        self._tasks.add(task)
        try:
            await (self._misbehave(reader, writer) if self.way else self._pass(reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.way == "reset":
            return
        while await reader.readuntil(b"\r\n\r\n"):
            if self.way in HTTP:
                writer.write(HTTP[self.way])
                continue
            if self.way == "drip":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while True:
                    writer.write(b"<")
                    await asyncio.sleep(20 / self._speed)
            await asyncio.Event().wait()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(*self._behind)
        try:
            await asyncio.wait(
                [asyncio.create_task(_pump(reader, outside)), asyncio.create_task(_pump(inside, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            outside.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What people were notified of, with the time since the outage began or ended."""

    way: str
    series: str
    first: timedelta | None
    last: timedelta | None
    told: tuple[str, ...]
    late: float = 0.0
    """The longest time by which the process came late to what was due, in seconds of the fast clock."""

    @property
    def good(self) -> bool:
        return self.late <= TOO_LATE and self._right

    @property
    def _right(self) -> bool:
        once = self.told == ("fired platform_down", "resolved platform_down")
        return once and self.first is not None and self.first < WITHIN

    def __str__(self) -> str:
        times = ", ".join(
            f"{name} after {span.total_seconds():.0f} s"
            for name, span in (("FIRING", self.first), ("RESOLVED", self.last))
            if span
        )
        verdict = "UNSURE" if self.late > TOO_LATE else "ok" if self._right else "BAD"
        said = f"{len(self.told)} messages: {', '.join(self.told)}"
        return f"{verdict:6} {self.way:8} {self.series:5} {times}; {said}; at most {self.late:.0f} s late"


@contextlib.asynccontextmanager
async def database_of(server_url: str, name: str, start: datetime, speed: float) -> AsyncIterator[str]:
    """A fresh database on the fast clock."""
    from sqlalchemy.engine import make_url

    url = str(make_url(server_url).set(database=name).render_as_string(hide_password=False))
    async with _opened(server_url) as server, server.connection() as connection:
        await connection.execute(f'create database "{name}"')
    async with _opened(url) as database:
        await migrate(database)
        async with database.connection() as connection:
            await connection.execute(_CLOCK.format(start=start.isoformat(), speed=speed))
            await connection.execute(f'alter database "{name}" set search_path = fast, pg_catalog, public')
    yield url


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    from app.settings import DatabaseSettings

    database = Database(DatabaseSettings(), url)
    try:
        yield database
    finally:
        await database.close()


async def run(server_url: str, way: str, series: str, minutes: float, speed: float) -> Outcome:
    """One outage from the first answer before it to ten minutes after its end."""
    start = datetime.now(UTC)
    clock = FastClock(start, speed)
    world = SandboxSettings(clock=clock, limit_per_minute=None, hole_share=0.0, correction_share=0.0)
    name = f"outage_{way}_{series}_{time.time_ns()}"
    async with SandboxServer(world) as sandbox, database_of(server_url, name, start, speed) as url:
        gate = Gate(("127.0.0.1", sandbox.port), speed)
        await gate.open()
        settings = _settings(url, gate.port, sandbox.token, series, speed)
        spans: dict[str, datetime] = {}

        async def outage(_container: Container, _stop: asyncio.Event) -> None:
            await _passes(clock, timedelta(minutes=4))
            spans["begun"] = clock.now()
            await gate.fail(way)
            await _passes(clock, timedelta(minutes=minutes))
            spans["ended"] = clock.now()
            await gate.fail("")
            await _passes(clock, timedelta(minutes=10))

        lateness = Lateness(speed)
        watching = asyncio.create_task(lateness.watch())
        with Container.clock.override(providers.Object(clock)):
            await serve(settings, lambda _: None, asyncio.Event(), (outage,), backfills=False)
        watching.cancel()
        await gate.close()
        async with _opened(url) as database, database.connection() as connection:
            rows = await connection.fetch(
                "select kind, rule, at from alert_events where notified and kind <> 'reminded' order by event_id"
            )
    told = tuple(f"{row['kind']} {row['rule']}" for row in rows)
    fired = next((row["at"] for row in rows if row["kind"] == "fired"), None)
    resolved = next((row["at"] for row in reversed(rows) if row["kind"] == "resolved"), None)
    return Outcome(
        way,
        series,
        fired - spans["begun"] if fired else None,
        resolved - spans["ended"] if resolved else None,
        told,
        lateness.longest,
    )


class Lateness:
    """How late the loop comes to what is due, in seconds of the fast clock."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + 0.1
            await asyncio.sleep(0.1)
            self.longest = max(self.longest, (time.monotonic() - due) * self._speed)


def _settings(url: str, port: int, token: str, series: str, speed: float) -> Settings:
    quick = 60.0 / speed
    content: dict[str, Any] = {
        "sandbox": True,
        "entsoe": {
            "base_url": f"http://127.0.0.1:{port}/api",
            "token": token,
            "read_timeout": quick,
            "connect_timeout": 10 / speed,
            "backoff": max(1.0 / speed, 0.01),
        },
        "database": {"url": url},
        "collection": {"areas": AREAS[series], "items": ITEMS[series]},
        "scheduler": {"tick": 0.1, "backoff": 60 / speed, "analysis_days": 2, "backfill_days": 2, "recent_days": 2},
        "alerting": {"tick": 0.1, "inhibit_wait": 10},
        "web": {"port": 0},
        "log": {"level": "error"},
    }
    return Settings.model_validate(content)


async def _passes(clock: FastClock, span: timedelta) -> None:
    await asyncio.sleep(span.total_seconds() / clock.speed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ways", default=",".join(WAYS), help="of " + ", ".join(WAYS))
    parser.add_argument("--series", default="one,many", help="one, many or both")
    parser.add_argument("--minutes", type=float, default=12.0, help="how long the platform fails")
    parser.add_argument("--speed", type=float, default=20.0, help="so many times as fast as the wall's clock")
    parser.add_argument("--at-once", type=int, default=5, help="so many outages at the same time")
    parser.add_argument("--server", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


async def measure(arguments: argparse.Namespace, folder: Path) -> bool:
    """All outages, several at once; whether people were notified of each once and in time."""
    server = await asyncio.to_thread(start_embedded, folder)
    turns = asyncio.Semaphore(arguments.at_once)
    try:
        pairs = itertools.product(arguments.series.split(","), arguments.ways.split(","))
        codes = await asyncio.gather(*(_in_process(arguments, server.url, way, series, turns) for series, way in pairs))
        return not any(codes)
    finally:
        server.release()


async def _in_process(
    arguments: argparse.Namespace, server_url: str, way: str, series: str, turns: asyncio.Semaphore
) -> int:
    """One outage in a process of its own, for the container's clock is one for the process."""
    span = ("--minutes", str(arguments.minutes), "--speed", str(arguments.speed))
    command = (sys.executable, __file__, "--server", server_url, "--ways", way, "--series", series, *span)
    async with turns:
        process = await asyncio.create_subprocess_exec(*command)
        return await process.wait()


async def _measure_one(arguments: argparse.Namespace) -> bool:
    outcome = await run(arguments.server, arguments.ways, arguments.series, arguments.minutes, arguments.speed)
    sys.stdout.write(f"{outcome}\n")
    return outcome.good


def main() -> int:
    """Measure, and say by the exit code how it went."""
    arguments = _arguments()
    configure_logging(Settings().log.model_copy(update={"level": "error"}))
    if arguments.server:
        return 0 if asyncio.run(_measure_one(arguments)) else 1
    with tempfile.TemporaryDirectory(prefix="gridkeeper-outages-") as folder:
        good = asyncio.run(measure(arguments, Path(folder)))
    structlog.reset_defaults()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
