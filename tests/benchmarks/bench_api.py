"""How fast values are given over the API: python -m tests.benchmarks.bench_api.

A year of quarter hours, 1,000 series of three days and BENCH_API_ROWS values (a million without it) are stored in a database of
its own; the API is served by a process of its own. Prints one JSON line for each figure. Ratios are to a bare asyncpg read of
the same rows over one open connection; each is the best of ten rounds, in each of which the bare read is measured too.
`server_cpu` is the processor time of the server for it, which a busy machine changes less than the time that passes.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np

from app.db.address import DatabaseAddress
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped
from tests.support.api_factory import served_api
from tests.support.memory import resident_bytes
from tests.support.store_factory import DE_LU, T0

_ROUNDS = 10
_REPEATED = 100
"""For processor time, which is counted in hundredths of a second."""
_YEAR, _DAY = 35_136, 96
_UNITS = 1000
_ROWS = int(os.environ.get("BENCH_API_ROWS", "1000000"))
_YEARS = max(1, _ROWS // _YEAR)
_READERS, _EACH = 100, 5
_VALUES = """
    select delivery_start, resolution, value, filled, recorded_at
    from observations
    where series_id = 1
    order by delivery_start
"""
_ASKED = {"area": "DE_LU", "item": "load_actual", "from": "2024-01-01T00:00Z", "to": "2025-01-01T00:00Z"}
_MONTH = _ASKED | {"to": "2024-02-01T00:00Z"}
_MIX: tuple[tuple[str, dict[str, str]], ...] = (
    ("/observations", _MONTH | {"format": "csv"}),
    ("/observations", _MONTH | {"format": "arrow"}),
    ("/observations", _MONTH | {"resolution": "PT60M", "tz": "Europe/Berlin"}),
    ("/observations/latest", {"item": "generation_per_unit", "limit": "100"}),
    ("/series", {"item": "load_actual"}),
    ("/areas", {}),
)


def quarters(key: SeriesKey, count: int) -> SeriesBlock:
    starts = int(T0.timestamp()) + 900 * np.arange(count)
    values = np.round(np.random.default_rng(count).normal(45_000, 6_000, count), 2)
    return SeriesBlock(key, Resolution.PT15M, starts, values, np.zeros(count, np.bool_))


async def fill(database: Database) -> None:
    repository = TimeSeriesRepository(database)
    await repository.store([quarters(SeriesKey("entsoe", "load_actual", DE_LU, unit="MAW"), _YEAR)])
    for number in range(_YEARS):
        await repository.store(
            [quarters(SeriesKey("entsoe", "generation_actual", DE_LU, psr_type=f"B{number:03}"), _YEAR)]
        )
    units = [SeriesKey("entsoe", "generation_per_unit", DE_LU, unit_eic=f"U{number:04}") for number in range(_UNITS)]
    await repository.store([quarters(key, 3 * _DAY) for key in units])
    async with database.connection() as connection:
        await connection.execute("analyze")


async def seconds(work: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def best_of(works: dict[str, Callable[[], Awaitable[Any]]]) -> dict[str, float]:
    """The best time of each, all of them measured in every round."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(_ROUNDS):
        for name, work in works.items():
            best[name] = min(best[name], await seconds(work))
    return best


def line(name: str, value: float, unit: str, target: str, **more: Any) -> None:
    figure = {"name": name, "value": round(value, 4), "unit": unit, "target": target}
    sys.stdout.write(json.dumps(figure | more) + "\n")


class Server:
    """The API in a process of its own, which tells its longest stall where it is asked."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address

    @classmethod
    async def started(cls, url: str) -> Server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.bench_api", url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        return cls(process, (await process.stdout.readline()).decode().strip())

    @property
    def resident(self) -> float:
        """Megabytes."""
        return resident_bytes(self._process.pid) / 1e6

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        times = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    async def stall(self) -> float:
        """The longest time for which its loop stood since the question before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"stall\n")
        return float(await self._process.stdout.readline())

    async def end(self) -> None:
        self._process.terminate()
        await self._process.wait()


async def series_year(server: Server, url: str) -> None:
    connection = await asyncpg.connect(DatabaseAddress.parse(url).dsn)
    client = httpx.AsyncClient(base_url=f"{server.address}/api/v1", timeout=60, headers={"Accept-Encoding": "identity"})

    def asked(path: str, known: str = "", **parameters: str) -> Callable[[], Awaitable[None]]:
        headers = {"If-None-Match": known} if known else {}

        async def ask() -> None:
            answer = await client.get(path, params=parameters, headers=headers)
            assert answer.status_code == (304 if known else 200), answer.text

        return ask

    async def bare() -> None:
        assert len(await connection.fetch(_VALUES)) == _YEAR

    tag = (await client.get("/observations", params=_ASKED)).headers["etag"]
    forms = {"arrow": 1.5, "parquet": 2.0, "csv": 2.5, "json": 3.0}
    hours = {"resolution": "PT60M", "tz": "Europe/Berlin", "format": "arrow"}
    works = (
        {"bare": bare}
        | {form: asked("/observations", **_ASKED, format=form) for form in forms}
        | {"hourly": asked("/observations", **_ASKED, **hours)}
        | {"latest": asked("/observations/latest", item="generation_per_unit", limit=str(_UNITS))}
        | {"unchanged": asked("/observations", tag, **_ASKED)}
    )
    found = await best_of(works)
    for name, most in (forms | {"hourly": 2.0}).items():
        ratio = round(found[name] / found["bare"], 3)
        line(f"api_series_year_{name}", found[name], "s", f"<= {most:g} of a bare read", ratio=ratio, rows=_YEAR)
    for name, most in (("latest", 0.05), ("unchanged", 0.005)):
        before = server.cpu
        for _ in range(_REPEATED):
            await works[name]()
        cpu = (server.cpu - before) / _REPEATED
        line(f"api_{name}", found[name], "s", f"< {most:g}", server_cpu=round(cpu, 5))
    await client.aclose()
    await connection.close()


async def stream(server: Server) -> None:
    asked = _ASKED | {"item": "generation_actual", "format": "arrow"}
    before, most, size = server.resident, 0.0, 0
    begun, cpu = time.perf_counter(), server.cpu
    async with (
        httpx.AsyncClient(timeout=600, headers={"Accept-Encoding": "identity"}) as client,
        client.stream("GET", f"{server.address}/api/v1/observations", params=asked) as answer,
    ):
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            most = max(most, server.resident)
    rows = _YEARS * _YEAR
    taken, cpu = time.perf_counter() - begun, server.cpu - cpu
    line("api_stream_arrow", rows / taken, "rows/s", ">= 1000000", rows=rows, bytes=size, server_cpu=round(cpu, 2))
    line("api_stream_memory", most - before, "MB", "< 60")


async def readers(server: Server) -> None:
    """Many at once, each with a client of its own, and a mix of questions."""
    taken: list[float] = []
    failed = 0

    trust = ssl.create_default_context()  # each client would read it anew

    async def reader(number: int) -> None:
        nonlocal failed
        async with httpx.AsyncClient(base_url=f"{server.address}/api/v1", timeout=60, verify=trust) as client:
            for turn in range(_EACH):
                path, parameters = _MIX[(number + turn) % len(_MIX)]
                begun = time.perf_counter()
                answer = await client.get(path, params=parameters)
                taken.append(time.perf_counter() - begun)
                failed += answer.status_code != 200

    await server.stall()
    cpu = server.cpu
    await asyncio.gather(*map(reader, range(_READERS)))
    stall = await server.stall()
    p95, median = (sorted(taken)[int(len(taken) * share)] for share in (0.95, 0.5))
    line(
        "api_readers_p95",
        p95,
        "s",
        "< 1",
        readers=_READERS,
        requests=len(taken),
        failed=failed,
        median=round(median, 3),
        server_cpu=round(server.cpu - cpu, 2),
    )
    line("api_readers_loop_stall", stall, "s", "< 0.05")


async def run(url: str) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    await fill(database)
    await database.close()
    server = await Server.started(url)
    try:
        await series_year(server, url)
        await stream(server)
        await readers(server)
    finally:
        await server.end()


async def serve(url: str) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - begun - 0.005)

    limits = {"requests_per_minute": 0}
    async with served_api(url, api=limits) as api:
        sys.stdout.write(f"{api.url}\n")
        sys.stdout.flush()
        watching = asyncio.create_task(watch())
        while await asyncio.to_thread(sys.stdin.readline):
            sys.stdout.write(f"{longest}\n")
            sys.stdout.flush()
            longest = 0.0
        watching.cancel()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(sys.argv[1]))
        sys.exit()
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        embedded = start_embedded(Path(folder))
        try:
            asyncio.run(run(embedded.url))
        finally:
            embedded.release()
            wait_until_stopped(embedded)
