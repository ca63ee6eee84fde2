"""Processes that are killed at random, and a server that counts: nothing is lost, nothing asked twice."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.db.engine import Database
from app.kit.yaml.tree import ProblemReport
from app.probes.config import read_interfaces
from app.probes.interfaces.cycles.shares import shard_of_service
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from tests.support.interface_server import api_document, until_service
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
    since = time.monotonic()
    async with asyncio.timeout(MOVED_WITHIN + SLACK):
        while (held := await held_by(database)).keys() != alive or sum(held.values()) != 64:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return time.monotonic() - since


async def begun(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", f"tests.support.{module}", *arguments)


async def end_all(processes: dict[str, asyncio.subprocess.Process]) -> None:
    for process in processes.values():
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


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
                processes[name] = await begun("website_process", database_url, name)
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
            await end_all(processes)
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


SERVICES, OPERATIONS = 8, 4
CYCLES = """
    select s.name, c.outcome, count(*)
    from interface_cycles as c
    join interface_services as s using (service_id)
    group by s.name, c.outcome
"""


@pytest.mark.long
async def test_services_of_a_process_that_is_killed_within_a_cycle_move_and_none_is_lost_or_doubled(
    database_url: str, tmp_path: Path
) -> None:
    """One of two processes dies while a cycle of one of its services has asked a half: that cycle alone begins anew."""
    asked = Counter[str]()
    slow, held_up = "", asyncio.Event()

    async def count(client: Client) -> None:
        await client.request()
        asked[client.path] += 1
        if slow and client.path == f"/{slow}/3":
            held_up.set()
            await asyncio.sleep(60)
        await client.send(response())

    names = [f"s{number}" for number in range(SERVICES)]
    processes: dict[str, asyncio.subprocess.Process] = {}
    async with opened(database_url) as database, raw_server(count) as server:
        rows = InterfaceRepository(database)
        (tmp_path / "api.json").write_text(api_document([f"/{number}" for number in range(OPERATIONS)]))
        entry = "documents: api.json, interval: 1 h, concurrency: 1, rate: 100, base_urls"
        lines = (f"  {name}: {{{entry}: {server.url(f'/{name}')}}}" for name in names)
        (tmp_path / "interfaces.yaml").write_text("\n".join(["services:", *lines, ""]))
        try:
            for name in ("a", "b"):
                processes[name] = await begun("interface_process", database_url, name, str(tmp_path))
            for name in names:
                await until_service(database, lambda one: one.cycle_outcome == "completed", name, seconds=60)
            await until_held(database, {"a", "b"})
            assert set(asked.values()) == {1}
            slow, others = names[0], names[1:]
            for name in names:
                found = await until_service(database, lambda one: one, name)
                await rows.request(found.service_id, SystemClock().now())
            await asyncio.wait_for(held_up.wait(), MOVED_WITHIN + SLACK)
            ended = {(name, "completed"): 2 for name in others}
            await until_cycles(database, ended | {(slow, "completed"): 1, (slow, "running"): 1})
            shards, config = (
                await held_shards(database),
                read_interfaces((tmp_path / "interfaces.yaml").read_bytes(), ProblemReport("i")),
            )
            victim, again, slow = shards[shard_of_service(config.services[slow], {})], slow, ""
            before = asked.copy()
            processes[victim].kill()
            await processes.pop(victim).wait()
            await until_held(database, set(processes))
            await until_cycles(database, ended | {(again, "completed"): 2, (again, "aborted"): 1})
        finally:
            await end_all(processes)
    # The cycle that was under way begins anew, each of its operations once; nothing else is asked.
    assert asked - before == Counter(f"/{again}/{number}" for number in range(OPERATIONS))


async def until_cycles(database: Database, expected: dict[tuple[str, str], int]) -> None:
    found = dict[tuple[str, str], int]()
    with suppress(TimeoutError):
        async with asyncio.timeout(MOVED_WITHIN + SLACK):
            while found != expected:
                await asyncio.sleep(0.1)
                async with database.connection() as connection:
                    kept = await connection.fetch(CYCLES)
                found = {(row["name"], row["outcome"]): row["count"] for row in kept}
    assert found == expected


async def held_shards(database: Database) -> dict[int, str]:
    async with database.connection() as connection:
        rows = await connection.fetch("select shard, holder from probe_shards where work = 'interfaces'")
    return {row["shard"]: row["holder"] for row in rows}
