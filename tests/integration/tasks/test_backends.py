"""What a backend of tasks promises, held by the local one and by the one that many processes share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from app.errors import Conflict
from app.tasks.backend import Priority, TaskBackend
from app.tasks.shared.models import WINDOWS
from tests.support.store_factory import opened
from tests.support.task_backends import Gates, Opening, eventually, local_backend, shared_backend, tasks


@pytest.fixture(params=["local", "procrastinate"])
async def opening(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Opening]:
    if request.param == "local":
        yield local_backend
        return
    async with opened(database_url) as database:

        def shared(concurrency: int, queues: tuple[str, ...] = WINDOWS) -> AbstractAsyncContextManager[TaskBackend]:
            return shared_backend(database, concurrency, queues=queues)

        yield shared


async def test_each_task_is_run_once_by_the_handler_of_its_kind(opening: Opening) -> None:
    work, other = Gates(), Gates()
    wanted = [f"b{number}" for number in range(25)]
    work.open(*wanted)
    other.open("l1")
    async with opening(3) as backend:
        backend.bind("work", work)
        backend.bind("other", other)
        await backend.submit_many([*tasks(*wanted), *tasks("l1", kind="other")])
        await eventually(lambda: backend.stats().done == 26)
        assert sorted(work.ended) == sorted(wanted)
        assert other.ended == ["l1"]
        assert backend.stats().failed == 0
        assert set(backend.stats().running.values()) == {0}


async def test_the_urgent_go_first_and_backfill_gets_its_share(opening: Opening) -> None:
    work = Gates()
    async with opening(1) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("g0"))
        await work.until(lambda: work.begun == ["g0"])
        await backend.submit_many(tasks("b1", "g1", "l1", "l2"))
        work.open("g0", "l1", "l2", "g1", "b1")
        await work.until(lambda: len(work.ended) == 5)
        assert work.ended == ["g0", "l1", "l2", "g1", "b1"]
        assert not any(
            backend.taken(priority) for priority in Priority if priority.name not in {"LIVE", "GAP", "BACKFILL"}
        )


async def test_reports_go_before_portions_and_messages_wait_for_neither(opening: Opening) -> None:
    work = Gates()
    async with opening(2, ("reports", "quality", "deliveries")) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("q0"))
        await work.until(lambda: work.begun == ["q0"])
        await backend.submit_many(tasks("d1"))
        await work.until(lambda: "d1" in work.begun)
        await backend.submit_many(tasks("q1", "r1"))
        work.open("q0", "d1", "r1", "q1")
        await work.until(lambda: len(work.ended) == 4)
        assert work.begun.index("r1") < work.begun.index("q1")


async def test_backfills_that_never_end_do_not_hold_up_what_is_urgent(opening: Opening) -> None:
    work = Gates()
    async with opening(4) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks(*(f"b{number}" for number in range(9))))
        await work.until(lambda: len(work.begun) == 3)
        await backend.submit_many(tasks("l1"))
        await work.until(lambda: "l1" in work.begun)
        work.open("l1", *(f"b{number}" for number in range(9)))
        await work.until(lambda: len(work.ended) == 10)


async def test_a_task_that_fails_takes_no_other_along(opening: Opening) -> None:
    async def work(key: str) -> None:
        if key == "l1":
            raise ZeroDivisionError

    async with opening(2) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1", "l2"))
        await eventually(lambda: (backend.stats().done, backend.stats().failed) == (1, 1))


async def test_cancelling_drops_what_waits_and_ends_what_runs(opening: Opening) -> None:
    work, other = Gates(), Gates()
    async with opening(2) as backend:
        backend.bind("work", work)
        backend.bind("other", other)
        await backend.submit_many([*tasks("l1"), *tasks("b9", kind="other")])
        await work.until(lambda: work.begun == ["l1"])
        await eventually(lambda: other.begun == ["b9"])
        await backend.submit_many(tasks("l2", "l3"))
        assert await backend.cancel("work", "l2") == 1
        assert await backend.cancel("work") == 2
        assert work.interrupted == ["l1"]
        assert work.begun == ["l1"]
        assert sum(backend.stats().running.values()) == 1
        other.open("b9")
        await eventually(lambda: other.ended == ["b9"])


async def test_leaving_the_context_ends_everything(opening: Opening) -> None:
    work = Gates()
    async with opening(1) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1", "l2"))
        await work.until(lambda: work.begun == ["l1"])
    assert (work.begun, work.ended, work.interrupted) == (["l1"], [], ["l1"])
    with pytest.raises(Conflict, match="closed"):
        await backend.submit(tasks("l3")[0])


async def test_what_waits_and_runs_is_counted_by_priority(opening: Opening) -> None:
    work = Gates()
    async with opening(1) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1"))
        await work.until(lambda: work.begun == ["l1"])
        await backend.submit_many(tasks("g1", "b1", "b2"))
        await eventually(lambda: backend.stats().waiting[Priority.BACKFILL] == 2)
        assert backend.stats().waiting[Priority.GAP] == 1
        assert backend.stats().running[Priority.LIVE] == 1
        assert backend.stats().held is None


async def test_urgent_work_that_never_ends_does_not_keep_backfill_out(opening: Opening) -> None:
    work = Gates()
    async with opening(4) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("b1", *(f"l{number}" for number in range(20))))
        await work.until(lambda: "b1" in work.begun)
        work.open(*(f"l{number}" for number in range(20)), "b1")
        await work.until(lambda: len(work.ended) == 21)
