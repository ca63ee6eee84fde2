"""Backfills worked on by processes of their own, which are killed, interrupted and joined by others."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.collection.backfill.models import BackfillRequest, BackfillState, Reprocess, WindowState
from app.collection.models import Work
from app.db.engine import Database
from app.db.migrate import claim_origin
from app.market.areas import find_place
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import Origin, variables
from tests.support.backfill_factory import LOAD, Scene, days
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
WINDOWS = 30
CONCURRENCY = 3
FOLLOW = (
    "import sys; from app.cli.backfill.commands import resume_command as r; sys.exit(r({}, follow=True, sandbox=True))"
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(SandboxSettings(latency=0.1, hole_share=0, correction_share=0)) as server:
        yield server


async def planned(scene: Scene) -> int:
    async with scene.database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    request = BackfillRequest((), Reprocess.ALL, concurrency=CONCURRENCY, description="days of load")
    area = find_place("NL")
    return await scene.repository.add(request, [Work(LOAD, area, days(day, day + 1)) for day in range(WINDOWS)])


async def process(url: str, sandbox: SandboxServer, backfill_id: int) -> asyncio.subprocess.Process:
    """Another process that works on the backfill until it has ended."""
    settings = {
        "DATABASE__URL": url,
        "ENTSOE__BASE_URL": sandbox.url,
        "BACKFILL__LEASE_SECONDS": "3",
        "BACKFILL__POLL_SECONDS": "0.2",
    }
    inherited = {name: value for name, value in os.environ.items() if name not in variables()}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", FOLLOW.format(backfill_id),
        env={**inherited, "PYTHONPATH": str(ROOT), **{f"GRIDKEEPER_{name}": value for name, value in settings.items()}},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd="/",
    )  # fmt: skip


async def until_stored(scene: Scene, backfill_id: int, count: int) -> None:
    async with asyncio.timeout(120):
        while (await scene.service.progress(backfill_id)).counts[WindowState.STORED] < count:  # noqa: ASYNC110  other processes set no event
            await asyncio.sleep(0.05)


async def said(running: asyncio.subprocess.Process) -> str:
    output, _ = await running.communicate()
    return output.decode()


async def assert_complete(scene: Scene, backfill_id: int) -> None:
    progress = await scene.service.progress(backfill_id)
    assert progress.state is BackfillState.COMPLETED
    assert await scene.counts(backfill_id) == {WindowState.STORED: WINDOWS}
    assert await scene.rows(
        "select count(*), count(distinct delivery_start), count(distinct series_id) from observations"
    ) == [(WINDOWS * 96, WINDOWS * 96, 1)]
    assert await scene.rows("select count(*) from observation_revisions") == [(0,)]


async def held_until(scene: Scene, moment: str) -> int:
    """Let the leases that are out end at a moment; the number of windows that they hold."""
    held = await scene.rows(
        f"update backfill_windows set lease_until = {moment} where state = 'claimed' returning window_start"
    )
    return len(held)


async def kill_at_work(scene: Scene, running: asyncio.subprocess.Process) -> None:
    """Kill the process while it holds windows: for a moment between two of them it holds none."""
    running.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(120):
        while not await scene.rows("select from backfill_windows where state = 'claimed' limit 1"):
            running.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.01)
            running.send_signal(signal.SIGSTOP)
    running.kill()
    await running.wait()


@pytest.mark.long
async def test_a_killed_backfill_goes_on_where_it_was_in_another_process(
    database: Database, database_url: str, sandbox: SandboxServer
) -> None:
    scene = Scene(database)
    backfill_id = await planned(scene)
    first = await process(database_url, sandbox, backfill_id)
    await until_stored(scene, backfill_id, 5)
    await kill_at_work(scene, first)
    # However slow the machine is, the leases of the dead outlast the start of the next process, which need not wait.
    held = await held_until(scene, "clock_timestamp() + '1 hour'")
    assert 1 <= held <= CONCURRENCY
    second = await process(database_url, sandbox, backfill_id)
    output = await said(second)
    assert second.returncode == 0, output
    await assert_complete(scene, backfill_id)
    assert sandbox.requests <= WINDOWS + CONCURRENCY, "windows that had ended were asked for again"


@pytest.mark.long
async def test_two_processes_share_one_backfill_and_ask_for_no_window_twice(
    database: Database, database_url: str, sandbox: SandboxServer
) -> None:
    scene = Scene(database)
    backfill_id = await planned(scene)
    both = [await process(database_url, sandbox, backfill_id) for _ in range(2)]
    outputs = await asyncio.gather(*(said(one) for one in both))
    assert [one.returncode for one in both] == [0, 0], outputs
    await assert_complete(scene, backfill_id)
    assert sandbox.requests == WINDOWS


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_process_hands_back_what_is_under_way_and_says_how_to_go_on(
    database: Database, database_url: str, sandbox: SandboxServer, number: signal.Signals
) -> None:
    scene = Scene(database)
    backfill_id = await planned(scene)
    running = await process(database_url, sandbox, backfill_id)
    await until_stored(scene, backfill_id, 3)
    running.send_signal(number)
    output = await said(running)
    assert running.returncode == 130, output
    assert f"gridkeeper backfill resume {backfill_id} --follow" in output
    counts = await scene.counts(backfill_id)
    assert counts[WindowState.PENDING] + counts[WindowState.STORED] == WINDOWS
    assert await scene.rows("select max(attempts) from backfill_windows where state = 'pending'") == [(0,)]
    assert "00000000-0000" not in output
