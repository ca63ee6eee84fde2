"""Work that a job hands to others: done in any process, done again where one dies, taken back where nobody takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import FixedClock
from app.db.engine import Database
from app.errors import JobFailed
from app.lifecycle import work
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.jobs.quality_portions import SharedScan
from app.scheduling.models import RunTrigger, Ticket
from app.settings import Settings
from app.tasks.backend import Priority
from app.tasks.local import LocalBackend, TaskLimits
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import WorkerRole
from app.tasks.work_items.models import ItemContent
from app.tasks.work_items.repository import WorkItemRepository
from app.tasks.work_items.runner import KIND, WorkItemRunner
from app.tasks.work_items.sharing import Abandoned, WorkSharing
from app.wiring.container import Container
from tests.support.quality_series import load
from tests.support.quality_world import QualityWorld, at
from tests.support.store_factory import opened
from tests.support.task_backends import shared_backend

NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


def rows(database: Database) -> WorkItemRepository:
    return WorkItemRepository(database, lease_seconds=60, attempts=2)


def nobody_died(_database: str, _names: Collection[str]) -> list[str]:
    return []


def everybody_died(_database: str, names: Collection[str]) -> Collection[str]:
    return names


@asynccontextmanager
async def worker(database: Database, runner: WorkItemRunner) -> AsyncIterator[SharedBackend]:
    async with shared_backend(database, 2, name="w", queues=("reports", "quality")) as backend:
        backend.bind(KIND, runner.run_one)
        yield backend


async def double(wanted: ItemContent) -> ItemContent:
    if wanted["number"] == 13:
        raise ValueError("thirteen")
    return {"number": 2 * wanted["number"]}


async def test_each_item_is_done_once_and_answers_come_in_order(database: Database) -> None:
    runner = WorkItemRunner(rows(database), "w")
    runner.bind("double", double)
    async with worker(database, runner), shared_backend(database, name="s") as submits:
        sharing = WorkSharing(rows(database), submits, nobody_died)
        assert sharing.taken(Priority.QUALITY)
        assert not sharing.taken(Priority.DELIVERIES)
        done = await sharing.do("double", [{"number": number} for number in range(12)], Priority.QUALITY)
        assert [one["number"] for one in done] == [2 * number for number in range(12)]
        with pytest.raises(JobFailed, match="double: ValueError: thirteen"):
            await sharing.do("double", [{"number": 13}], Priority.REPORTS)
        with pytest.raises(JobFailed, match="knows no work of the kind 'triple'"):
            await sharing.do("triple", [{}], Priority.REPORTS)
        assert await sharing.do("double", [], Priority.QUALITY) == []
    async with database.connection() as connection:
        assert await connection.fetchval("select sum(attempts) from work_items") == 14
    assert await rows(database).tidy(datetime.now(UTC) + timedelta(days=2)) == "14 work items"
    assert await rows(database).tidy(datetime.now(UTC)) == ""


async def test_work_that_nobody_takes_any_more_is_taken_back(database: Database) -> None:
    async with shared_backend(database, name="s") as submits:
        sharing = WorkSharing(rows(database), submits, nobody_died, abandoned_after=0)
        with pytest.raises(Abandoned, match="takes the queue quality"):
            await sharing.do("double", [{"number": 1}], Priority.QUALITY)
    async with database.connection() as connection:
        assert await connection.fetchval("select state from work_items") == "cancelled"
    async with LocalBackend(TaskLimits()) as local:
        assert not WorkSharing(rows(database), local, nobody_died).taken(Priority.QUALITY)


async def test_an_item_of_a_dead_worker_goes_to_another_and_is_given_up_after_so_many(database: Database) -> None:
    kept = rows(database)
    [number] = await kept.add("double", [{"number": 1}])
    for attempt in (1, 2):
        claimed = await kept.claim(number, "dead")
        assert claimed is not None
        assert await kept.claim(number, "other") is None
        assert await kept.extend([claimed.lease]) == {claimed.lease}
        # The second time there is no attempt left.
        assert await kept.sweep([number], everybody_died) == [number][: 2 - attempt]
    [ended] = await kept.ended([number])
    assert ended.error == "WorkerLost: the process that worked on it ended 2 times before the work did"
    [number] = await kept.add("double", [{"number": 1}])
    claimed = await kept.claim(number, "w")
    assert claimed is not None
    await kept.cancel([number])
    await kept.end(claimed, {"number": 2})
    assert [one.error for one in await kept.ended([number])] == ["cancelled: "], "who lost its lease ends nothing"


BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


async def test_who_renews_many_leases_and_who_cancels_many_items_do_not_wait_in_a_circle(database: Database) -> None:
    """One finds the rows as they lie on disk, the other by their keys."""
    kept = rows(database)
    first, second, third, *_ = await kept.add("double", [{"number": number} for number in range(6000)])
    leases = [found.lease for number in (second, third, first) if (found := await kept.claim(number, "w"))]
    async with database.connection() as connection:
        await connection.execute("analyze work_items")

        async def until_blocked(number: int, task: asyncio.Task[object]) -> None:
            async with asyncio.timeout(30):
                while not task.done() and await connection.fetchval(BLOCKED) < number:  # noqa: ASYNC110  rows tell nobody
                    await asyncio.sleep(0.02)

        async with database.transaction() as holding:
            await holding.execute("select from work_items where item_id = $1 for update", first)
            renewing = asyncio.create_task(kept.extend(leases))
            await until_blocked(1, renewing)
            cancelling = asyncio.create_task(kept.cancel([second, third]))
            await until_blocked(2, cancelling)
        await asyncio.gather(renewing, cancelling)


async def test_a_runner_that_is_stopped_hands_its_item_back(database: Database) -> None:
    begun = asyncio.Event()

    async def endless(_wanted: ItemContent) -> ItemContent:
        begun.set()
        await asyncio.Event().wait()
        return {}

    runner = WorkItemRunner(rows(database), "w")
    runner.bind("endless", endless)
    [number] = await rows(database).add("endless", [{}])
    running = asyncio.create_task(runner.run_one(str(number)))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    claimed = await rows(database).claim(number, "other")
    assert claimed is not None


class NoRepairs:
    anything = False

    async def run(self, _now: datetime) -> NoRepairs:
        return self


async def test_portions_of_the_nightly_scan_find_what_one_scan_does(database: Database) -> None:
    world, end = QualityWorld(database), int(NOW.timestamp())
    for area in ("FR", "NL"):
        series = replace(load(20), start=end - 20 * 86_400)
        series.values[-50] = -5.0
        await world.store(series, area=area, learned=at(end))
    container = Container(settings=Settings(), database=database, echo=lambda _text: None)
    async with shared_backend(database, name="s") as submits:
        sharing = WorkSharing(rows(database), submits, nobody_died)
        shared = SharedScan(container.quality().service(), container.quality().trends(), sharing, days=20)
        runner = WorkItemRunner(rows(database), "w")
        for kind, handler in shared.handlers.items():
            runner.bind(kind, handler)
        async with worker(database, runner):
            scanned = container.quality().rows()
            job = NightlyQuality(
                NoRepairs(), FixedClock(NOW), timeout=60, command=("false",), shared=shared, scanned=scanned
            )
            figures = await shared.run(NOW)
            assert (figures["series"], figures["examined"], figures["degrading_series"]) == (2, 2, 0)
            assert figures["findings_written"] >= 2
            alone = await container.quality().service().scan_recent(20, NOW)
            assert (alone.series, alone.examined) == (2, 0), "nothing is left for a scan in one process"
            assert await job._figures() == figures | {"examined": 0, "scores_written": 0, "findings_written": 0}
            # As where the process that asked had been killed: what was done for it counts for the night all the same.
            ticket = Ticket("quality", "quality", {}, NOW, RunTrigger.CRON)
            counted = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in figures.items())
            assert (await job.run(ticket)).summary.startswith(f"{counted}; ")
            later = replace(ticket, scheduled_for=NOW + timedelta(minutes=1))
            assert "2 series, 0 examined, 0 scores" in (await job.run(later)).summary


async def test_a_worker_whose_leases_nobody_renews_any_more_ends(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(_self: WorkItemRunner) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(WorkItemRunner, "keep_leases", keep)
    settings = Settings.model_validate(
        {"database": {"url": database_url}, "tasks": {"backend": "procrastinate", "heartbeat": 0.2, "silent_after": 2}}
    )
    with pytest.raises(ZeroDivisionError):
        await work(settings, print, asyncio.Event(), WorkerRole("w", ("quality",)))
