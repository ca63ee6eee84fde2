"""Workers that take part in the checks of `serve`: their region, and the first shard, which stands for its files."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.clock import SystemClock
from app.lifecycle import work
from app.probes.sharing.leases import WORKER, ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from app.settings import Settings
from app.tasks.shared.models import PROBES, WorkerRole
from tests.support.raw_server import Client, raw_server, response
from tests.support.store_factory import opened


async def test_the_first_shard_goes_to_serve_and_to_a_worker_only_while_there_is_none(database_url: str) -> None:
    async with opened(database_url) as database:
        rows = ShardRepository(database, work="websites")
        worker, other = (ShardLeases(rows, holder=f"{WORKER}{name}") for name in ("one", "two"))
        serve = ShardLeases(rows, holder="serve")
        await worker.renew(())
        assert (worker.holds_first(), len(worker.held)) == (True, 64)
        await serve.renew(())
        await worker.renew(())  # learns that there are two
        await worker.renew(())  # lets go
        await other.renew(())
        assert not other.holds_first()
        await serve.renew(())
        assert (serve.holds_first(), worker.holds_first()) == (True, False)
        await serve.leave()
        for _ in range(3):
            for one in (worker, other):
                await one.renew(())
        assert worker.holds_first() != other.holds_first()
        assert len(worker.held | other.held) == 64


@pytest.mark.parametrize("probes", [True, False])
async def test_a_worker_checks_websites_of_its_region_where_it_takes_probes(database_url: str, probes: bool) -> None:
    async def answer(client: Client) -> None:
        await client.request()
        await client.send(response())

    settings = Settings.model_validate(
        {
            "database": {"url": database_url},
            "tasks": {"backend": "procrastinate", "heartbeat": 0.2, "silent_after": 2},
            "probes": {"region": "zurich"},
        }
    )
    stop, checked = asyncio.Event(), "select region from website_checks"
    role = WorkerRole("w", (PROBES,) if probes else ("quality",), region=settings.probes.region)
    async with opened(database_url) as database, raw_server(answer) as server, database.connection() as connection:
        draft = WebsiteDraft(server.url("/"), "w", check_interval=60, regions=("zurich",), quorum=1)
        await WebsiteRepository(database).add(draft, SystemClock().now() - timedelta(hours=1))
        working = asyncio.create_task(work(settings, print, stop, role))
        beats = "select queues from workers"
        async with asyncio.timeout(60):
            while await connection.fetchval(beats) is None or (probes and await connection.fetchval(checked) is None):  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.1)
        assert list(await connection.fetchval(beats)) == list(role.queues)
        assert bool(await connection.fetchval("select count(*) from probe_holders")) == probes
        stop.set()
        await working
        assert await connection.fetchval(checked) == ("zurich" if probes else None)
        assert await connection.fetchval("select count(*) from workers") == 0
        assert await connection.fetchval("select count(*) from probe_holders") == 0
