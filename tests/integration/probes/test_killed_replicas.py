"""Three processes of which two are killed at random, and a server that counts: nothing is lost, nothing asked twice."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from contextlib import suppress
from itertools import pairwise

import pytest

from app.clock import SystemClock
from app.db.engine import Database
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from tests.support.raw_server import Client, raw_server, response
from tests.support.store_factory import opened

WEBSITES, INTERVAL = 120, 60
MOVED_WITHIN = 15
SLACK = 25
"""A machine that others load, too."""


async def held_by(database: Database) -> dict[str, int]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "select holder, count(*) as held from probe_shards where held_until > clock_timestamp() group by holder"
        )
    return {row["holder"]: row["held"] for row in rows}


async def until_held(database: Database, alive: set[str]) -> float:
    """Seconds until these processes, each with its part, hold all shards."""
    begun = time.monotonic()
    async with asyncio.timeout(MOVED_WITHIN + SLACK):
        while (held := await held_by(database)).keys() != alive or sum(held.values()) != 64:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return time.monotonic() - begun


@pytest.mark.long
async def test_processes_that_are_killed_lose_no_check_and_double_none(database_url: str) -> None:
    asked: defaultdict[str, list[float]] = defaultdict(list)

    async def count(client: Client) -> None:
        await client.request()
        asked[client.path].append(time.monotonic())
        await client.send(response())

    kills = list[float]()
    processes: dict[str, asyncio.subprocess.Process] = {}
    async with opened(database_url) as database, raw_server(count) as server:
        rows, now = WebsiteRepository(database), SystemClock().now()
        numbers = {
            f"/{number}": (
                await rows.add(WebsiteDraft(server.url(f"/{number}"), f"w{number}", check_interval=INTERVAL), now)
            ).website_id
            for number in range(WEBSITES)
        }
        try:
            for name in ("a", "b", "c"):
                processes[name] = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.support.website_process", database_url, name
                )
            await until_held(database, {"a", "b", "c"})
            for _ in range(2):
                await asyncio.sleep(random.uniform(5, 20))
                victim = random.choice(sorted(processes))
                kills.append(time.monotonic())
                processes[victim].kill()
                await processes.pop(victim).wait()
                await until_held(database, set(processes))
            await asyncio.sleep(INTERVAL + MOVED_WITHIN)
            ended = time.monotonic()
        finally:
            for process in processes.values():
                with suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
        kept = {path: len(await rows.checks(number, before=None, limit=99)) for path, number in numbers.items()}
    assert asked.keys() == numbers.keys()
    for path, times in asked.items():
        gaps = [after - before for before, after in pairwise([*times, ended])]
        assert max(gaps) < INTERVAL + MOVED_WITHIN + SLACK, (path, gaps)
    # What was asked and never kept was under way in a process when it was killed, and was asked again by another.
    unkept = {path: len(times) - kept[path] for path, times in asked.items() if len(times) != kept[path]}
    near = {path for path, times in asked.items() if any(0 <= kill - at < 10 for at in times for kill in kills)}
    last = {path for path, times in asked.items() if ended - times[-1] < 10}
    assert set(unkept) <= near | last, unkept
    assert sum(unkept.values()) < WEBSITES / 4
