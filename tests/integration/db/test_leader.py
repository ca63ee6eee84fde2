"""Leadership: one leader at a time, whatever processes, sessions and poolers do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.db.address import DatabaseAddress
from app.db.engine import Database
from app.db.leader import Leadership, LeadershipLost, read_leader
from app.errors import ConfigurationError, DatabaseUnavailable
from tests.support.scheduler_factory import rows
from tests.support.scheduler_replica import EFFECTS
from tests.support.store_factory import opened
from tests.support.transaction_pooler import TransactionPooler

ROOT = Path(__file__).parents[3]
BEGUN_BY = "select job, scheduled_for, attempt from job_runs where epoch = $1"
PLAN = """
areas: [FR]
items: [load_actual]
jobs:
  platform_health: {every: 1 min}
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=2) as found:
        yield found


def candidate(url: str, name: str, *, takeover_after: float = 6.0) -> Leadership:
    return Leadership(DatabaseAddress.parse(url), heartbeat=2.0, takeover_after=takeover_after, name=name)


async def test_one_leads_and_the_other_follows_when_it_resigns(database_url: str, database: Database) -> None:
    first, second = candidate(database_url, "first"), candidate(database_url, "second")
    assert (await first.campaign(), await second.campaign()) == (1, None)
    await first.beat()
    async with database.connection() as connection:
        view = await read_leader(connection)
    assert (view.holder, view.epoch, view.age < 5) == ("first", 1, True)
    await first.resign()
    assert await second.campaign() == 2
    await second.resign()
    async with database.connection() as connection:
        assert (await read_leader(connection)).age == float("inf")


async def test_a_leader_whose_session_was_ended_learns_it_at_its_next_heartbeat(
    database_url: str, database: Database
) -> None:
    first, second = candidate(database_url, "first"), candidate(database_url, "second")
    await first.campaign()
    await rows(database, "select pg_terminate_backend(backend_pid, 5000) from scheduler_leader")
    assert await second.campaign() == 2
    with pytest.raises(LeadershipLost):
        await first.beat()
    assert first.epoch is None
    await second.resign()


async def test_a_silent_leader_is_unseated_and_a_lively_one_is_not(database_url: str, database: Database) -> None:
    first, second = candidate(database_url, "first"), candidate(database_url, "second")
    await first.campaign()
    await rows(database, "update scheduler_leader set heartbeat_at = now() - interval '5 seconds'")
    assert await second.campaign() is None
    await rows(database, "update scheduler_leader set heartbeat_at = now() - interval '7 seconds'")
    assert await second.campaign() == 2
    with pytest.raises(LeadershipLost):
        await first.beat()
    await second.resign()


async def test_another_session_that_was_given_the_leaders_pid_is_left_alone(
    database_url: str, database: Database
) -> None:
    first, second = candidate(database_url, "first"), candidate(database_url, "second")
    await first.campaign()
    await rows(
        database,
        "update scheduler_leader set heartbeat_at = '-infinity', backend_start = backend_start - interval '1 second'",
    )
    assert await second.campaign() is None
    await first.resign()
    await second.resign()


async def test_without_a_database_nobody_leads_and_nothing_secret_is_told() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await candidate("postgresql://me:se3cret@127.0.0.1:1/x", "first").campaign()
    assert "127.0.0.1:1/x" in str(caught.value)
    assert "se3cret" not in str(caught.value)


async def test_a_direct_connection_is_accepted(database_url: str) -> None:
    await candidate(database_url, "first").check_direct()


async def test_a_pooler_in_transaction_mode_is_refused(database_url: str) -> None:
    parts = urlsplit(database_url)
    host, name = parse_qs(parts.query)["host"][0], parts.path.lstrip("/")
    pooler = TransactionPooler(f"{host}/.s.PGSQL.5432", "gridkeeper", name)
    async with pooler.listening() as port:
        pooled = candidate(f"postgresql://gridkeeper@127.0.0.1:{port}/{name}", "first")
        with pytest.raises(ConfigurationError, match=r"transaction mode .* pool_mode=session"):
            await pooled.check_direct()


@contextmanager
def replica(url: str, plan: Path, origin: datetime) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.scheduler_replica", url, str(plan), origin.isoformat(), "60"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


async def leader_of(database: Database) -> tuple[int, int]:
    [(epoch, holder)] = await rows(database, "select epoch, holder from scheduler_leader")
    return epoch, int(holder.rpartition(":")[2] or 0)


async def new_leader(database: Database, after: int, seconds: float = 60.0) -> tuple[int, int]:
    """Epoch and process of a leader later than the epoch, as soon as it has run something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        epoch, pid = await leader_of(database)
        if epoch > after and await rows(database, "select 1 from job_runs where epoch = $1 limit 1", epoch):
            return epoch, pid
        await asyncio.sleep(0.05)
    raise AssertionError(f"no leader after epoch {after} within {seconds} s")


async def assert_nothing_ran_twice(database: Database) -> None:
    twice = await rows(database, "select job, slot, attempt from effects group by 1, 2, 3 having count(*) > 1")
    assert twice == []
    # A slot may have a second attempt only where the process of the first one was gone before it could record its end.
    repeated = await rows(database, "select job, scheduled_for from job_runs where attempt > 1 and outcome = 'failed'")
    assert repeated == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_leaders_of_three_replicas_are_killed_and_frozen_and_no_slot_runs_twice(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    await rows(database, EFFECTS)
    plan = tmp_path / "collection.yaml"
    plan.write_text(PLAN)
    origin = datetime.now(UTC)
    with ExitStack() as stack:
        processes = [stack.enter_context(replica(database_url, plan, origin)) for _ in range(3)]
        epoch, pid = await new_leader(database, 0)
        for order in (signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL, signal.SIGSTOP):
            process = next(one for one in processes if one.pid == pid)
            process.send_signal(order)
            struck, (epoch, pid) = epoch, await new_leader(database, epoch)
            assert pid != process.pid
            if order == signal.SIGSTOP:
                # What it was at may have its effect; it begins nothing any more.
                begun = await rows(database, BEGUN_BY, struck)
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep(1.5)
                assert await leader_of(database) == (epoch, pid)
                assert set(await rows(database, BEGUN_BY, struck)) <= set(begun)
            else:
                processes.append(stack.enter_context(replica(database_url, plan, origin)))
        await asyncio.sleep(2)
    await assert_nothing_ran_twice(database)
    stuck = await rows(
        database, "select job, scheduled_for from job_runs where outcome = 'running' and epoch < $1", epoch
    )
    assert stuck == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_restart_after_sigkill_keeps_next_run_times_and_catches_up_once(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    await rows(database, EFFECTS)
    plan = tmp_path / "collection.yaml"
    plan.write_text(PLAN)
    origin = datetime.now(UTC)
    with replica(database_url, plan, origin) as process:
        epoch, _ = await new_leader(database, 0)
        while not await rows(database, "select from effects where job = 'platform_health'"):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
        process.kill()
        process.wait()
    before = await rows(database, "select id, next_run_time from scheduler_jobs order by id")
    await asyncio.sleep(3)
    assert await rows(database, "select id, next_run_time from scheduler_jobs order by id") == before
    with replica(database_url, plan, origin):
        await new_leader(database, epoch)
        runs = await rows(
            database, "select trigger, attempt from job_runs where job = 'platform_health' and epoch > $1", epoch
        )
    # Three minutes of its clock were missed; they are one run, beside one that the kill may have interrupted.
    assert len([run for run in runs if run[1] == 1]) <= 3
    await assert_nothing_ran_twice(database)
