"""How much of the token's budget a backfill uses: python -m tests.benchmarks.bench_backfill.

One-day documents of load from the sandbox in a process of its own, which answers 429 above 370 requests in 60 seconds;
workers in processes of their own. 240 documents, one worker and answers of 0.1 s (BENCH_LATENCY), or with BENCH_LONG=1
1,200 documents and answers of 0.1, 2 and 10 s, and four workers at 0.1 s. The budget allows its burst and the steady pace
from the first request to the last, an answer before the end. Prints JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.collection.backfill.models import BackfillRequest, BackfillRetryPolicy, Reprocess
from app.collection.backfill.repository import BackfillRepository
from app.collection.models import Work
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import claim_origin, migrate
from app.db.rate_limit import pace
from app.db.rate_limit_lanes import steady_rate
from app.market.areas import find_place
from app.settings import BackfillSettings, DatabaseSettings, EntsoeSettings, Origin
from tests.conftest import wait_until_stopped
from tests.support.backfill_factory import LOAD, days

_MOST = 370
_TARGET = 0.9
_LATENCY = float(os.environ.get("BENCH_LATENCY", "0.1"))
_LONG = bool(os.environ.get("BENCH_LONG"))
_FOLLOW = (
    "import sys; from app.cli.backfill.commands import resume_command as r; sys.exit(r({}, follow=True, sandbox=True))"
)


@asynccontextmanager
async def sandbox(latency: float) -> AsyncIterator[str]:
    """The address of a sandbox in a process of its own."""
    arguments = ("-m", "app", "sandbox", "--port", "0", "--limit", str(_MOST), "--latency", str(latency))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        address = None
        while address is None:
            address = re.search(r"Address (\S+)", (await process.stdout.readline()).decode())
        yield address[1]
    finally:
        process.terminate()
        await process.communicate()


async def plan(database: Database, documents: int) -> int:
    async with database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
        await connection.execute(
            "truncate backfills, collection_runs, observations, daily_counts, token_budgets cascade"
        )
    work = [Work(LOAD, find_place("NL"), days(number - 400, number - 399)) for number in range(documents)]
    request = BackfillRequest((), Reprocess.ALL, concurrency=BackfillSettings().concurrency, description="bench")
    return await BackfillRepository(database, BackfillRetryPolicy()).add(request, work)


async def follow(url: str, address: str, backfill_id: int) -> None:
    settings = {"GRIDKEEPER_DATABASE__URL": url, "GRIDKEEPER_ENTSOE__BASE_URL": address}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _FOLLOW.format(backfill_id),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def measure(database: Database, url: str, documents: int, processes: int, latency: float) -> None:
    backfill_id = await plan(database, documents)
    async with sandbox(latency) as address:
        await asyncio.gather(*(follow(url, address, backfill_id) for _ in range(processes)))
    async with database.connection() as connection:
        [row] = await connection.fetch("""
            select
                extract(epoch from max(finished_at) - min(started_at))::float8 as seconds,
                sum(requests) as requests,
                sum(retries) as retries,
                count(*) filter (where outcome = 'stored') as stored
            from collection_runs
        """)
    settings = EntsoeSettings()
    step, lead = pace(settings.requests_per_minute, settings.burst)
    rate = steady_rate(settings.requests_per_minute, settings.burst)
    allowed = lead / step + rate * (row["seconds"] - latency)
    figure = {
        "name": f"backfill_{documents}_documents_{processes}_processes_{latency:g}_s",
        "value": round(row["requests"] / row["seconds"], 3),
        "unit": "requests/s",
        "reference": round(allowed / row["seconds"], 3),
        "ratio": round(row["requests"] / allowed, 3),
        "target": f">= {_TARGET} of the budget; retries 0: never above {_MOST} in 60 s",
        "stored": row["stored"],
        "retries": row["retries"],
        "seconds": round(row["seconds"], 1),
    }
    sys.stdout.write(json.dumps(figure) + "\n")


async def run(url: str) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    try:
        for processes, latency in ((1, 0.1), (1, 2.0), (1, 10.0), (4, 0.1)) if _LONG else ((1, _LATENCY),):
            await measure(database, url, 1200 if _LONG else 240, processes, latency)
    finally:
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)
