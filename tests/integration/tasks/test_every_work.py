"""What is promised of every kind of shared work, held by each of them, over both backends where both have it.

Where each process works alone, windows of live collection, reports and portions are done inside the run of a job, which
tickets keep (tests/integration/scheduling). Probes are no tasks but shares: tests/integration/probes says the same of
them (test_killed_replicas, test_worker_probes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.alerting.delivery import sharing as lanes
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.rules.book import read_book
from app.collection.backfill import watch
from app.collection.sharing import collection
from app.db.queue.schema import SCHEMA
from app.tasks.work_items import sharing as work_items
from tests.support.delivery_factory import Reply
from tests.support.every_work import ATTEMPTS, DEAD, KINDS, LOCAL, Doing, EveryWork, dead_workers, every_work
from tests.support.store_factory import opened

JOBS = f"{SCHEMA}.procrastinate_jobs"
QUEUED = f"select count(*) from {JOBS}"
LEFT = """
    select
        (select count(*) from shared_windows where state in ('pending', 'claimed'))
        + (select count(*) from work_items where state in ('pending', 'claimed'))
        + (select count(*) from backfill_windows where state in ('pending', 'claimed'))
        + (select count(*) from notifications where status = 'waiting')
"""
ASKED = "select (select count(*) from shared_windows) + (select count(*) from work_items)"
CLAIMS = """
    select attempts from shared_windows
    union all select attempts from work_items
    union all select attempts from backfill_windows
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps come at once, and nobody but workers sends messages."""
    monkeypatch.setattr(collection, "SWEEP_SECONDS", 0.2)
    monkeypatch.setattr(work_items, "SWEEP_SECONDS", 0.2)
    monkeypatch.setattr(lanes, "PATIENCE", {True: 600.0, False: 600.0})
    monkeypatch.setattr(collection, "dead_workers", dead_workers)
    monkeypatch.setattr(watch, "dead_workers", dead_workers)


@pytest.fixture(params=["local", "procrastinate"])
async def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[EveryWork]:
    async with opened(database_url) as database, every_work(database, tmp_path, local=request.param == "local") as made:
        yield made


def kinds(world: EveryWork) -> frozenset[str]:
    return LOCAL if world.local else KINDS


async def done(world: EveryWork, *doings: Doing) -> None:
    """Wait until everything is, and see that nothing has happened twice, nor is left behind."""
    if not world.local:
        await world.until_heard("live", "gap", "reports", "quality")
        assert world.heard == {"live": "stored", "gap": "stored", "reports": "2", "quality": "2"}
    await world.until(LEFT, 0)
    await world.until(QUEUED, 0)
    assert Counter(kind for doing in (*doings, world.asker) for kind in doing.begun) == Counter(kinds(world))
    assert await world.rows("select count(*) from observation_revisions") == [(0,)]
    assert len({request.headers["idempotency-key"] for request in world.receiver.requests}) == 1


async def leave_claimed(world: EveryWork) -> None:
    """Let a process that is dead by now have claimed everything that stands in rows."""
    for (number,) in await world.rows("select window_id from shared_windows"):
        assert await world.windows.claim(number, DEAD)
    for (number,) in await world.rows("select item_id from work_items"):
        assert await world.items.claim(number, DEAD)
    for (number,) in await world.rows("select backfill_id from backfills"):
        assert await world.scene.repository.claim(number, DEAD)
    lease = timedelta(seconds=60)
    rows = DeliveryRepository(world.database, DEAD, lease=lease)
    assert await rows.claim("hook0", 30, world.post.clock.now(), critical=True)
    world.post.clock.set(world.post.clock.now() + lease)


async def in_queue(world: EveryWork, statement: str) -> list[tuple[Any, ...]]:
    async with world.database.transaction() as connection:
        await connection.execute(f"set local search_path = {SCHEMA}, public")
        return [tuple(row) for row in await connection.fetch(statement)]


async def test_each_piece_is_done_once_by_one_of_several_processes(world: EveryWork) -> None:
    one, two = Doing(), Doing()
    async with world.asked(), world.process("one", one), world.process("two", two):
        await done(world, one, two)
    if not world.local:
        totals = await world.rows("select queue from task_totals where done > 0 and failed = 0")
        assert {queue for (queue,) in totals} == KINDS


async def test_what_a_killed_process_had_is_done_by_another(world: EveryWork) -> None:
    work = Doing()
    async with world.asked():
        if not world.local:
            await world.until(ASKED, 4)
        await leave_claimed(world)
        await in_queue(world, f"update {JOBS} set status = 'doing', worker_id = null returning 1")
        async with world.process("one", work):
            await done(world, work)
    assert {attempts for (attempts,) in await world.rows(CLAIMS)} == {2}


async def test_a_process_that_stops_hands_back_what_it_has(world: EveryWork) -> None:
    """Its leases have a minute left: whoever goes on does not wait for them."""
    one, two = Doing(holds=True), Doing()
    async with world.asked():
        async with world.process("one", one):
            # Reports and portions share one place.
            await world.until_begun(one, len(kinds(world)) - (not world.local))
        async with world.process("two", two):
            await done(world, two)
    assert {attempts for (attempts,) in await world.rows(CLAIMS)} == {1}


async def test_whether_it_is_tried_again_is_decided_by_the_row_alone(world: EveryWork) -> None:
    work = Doing(fails=True)
    world.receiver.replies = [Reply(503)]
    async with world.asked(), world.process("one", work):
        await world.until_begun(work, len(kinds(world)))
        await world.until("select count(*) from backfill_windows where error_class = 'SourceUnavailable'", 1)
        await world.until("select count(*) from notification_attempts where verdict = 'retry'", 1)
        if not world.local:
            await world.until_heard("live", "gap", "reports", "quality")
            failed = "ZeroDivisionError: of its own"
            assert world.heard == {
                "live": "SourceUnavailable", "gap": "SourceUnavailable",
                "reports": f"report: {failed}", "quality": f"quality portion: {failed}",
            }  # fmt: skip
        await world.until(QUEUED, 0)
    assert Counter(work.begun) == Counter(kinds(world))
    assert await world.rows("select state, not_before > claimed_at from backfill_windows") == [("pending", True)]
    assert await world.rows("select status, not_before > created_at from notifications") == [("waiting", True)]


async def test_what_takes_its_process_along_each_time_is_given_up_and_told_of(world: EveryWork) -> None:
    work = Doing()
    async with world.asked():
        if not world.local:
            await world.until(ASKED, 4)
        for attempt in range(5):
            if attempt < ATTEMPTS:
                await leave_claimed(world)
                await _run_out(world)
            else:
                rows = DeliveryRepository(world.database, DEAD, lease=timedelta(seconds=60))
                await rows.claim("hook0", 30, world.post.clock.now(), critical=True)
                world.post.clock.set(world.post.clock.now() + timedelta(seconds=60))
        async with world.process("one", work):
            await world.until(LEFT, 0)
            if not world.local:
                await world.until_heard("live", "gap", "reports", "quality")
                assert all("WorkerLost" in said for said in world.heard.values())
    assert work.begun == []
    assert world.receiver.requests == []
    rule = read_book([]).checked().rules["task_poisoned"]
    async with world.database.connection() as connection:
        assert {row["queue"] for row in await connection.fetch(rule.sql)} == kinds(world)


async def _run_out(world: EveryWork) -> None:
    for table in ("shared_windows", "work_items", "backfill_windows"):
        await world.rows(f"update {table} set lease_until = clock_timestamp() where state = 'claimed' returning 1")


@pytest.mark.parametrize("world", ["procrastinate"], indirect=True)
async def test_a_lost_queue_loses_nothing_and_a_doubled_one_does_nothing_twice(world: EveryWork) -> None:
    work = Doing()
    async with world.asked():
        await world.until(f"select count(*) from {JOBS}", 5)
        await in_queue(world, f"truncate {JOBS} cascade")
        await world.until(f"select count(*) from {JOBS}", 5)
        await in_queue(
            world,
            f"""
            insert into {JOBS} (queue_name, task_name, priority, args)
            select queue_name, task_name, priority, args from {JOBS}, generate_series(1, 3)
            returning 1
            """,
        )
        async with world.process("one", work):
            await done(world, work)
