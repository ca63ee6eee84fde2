from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict
from app.tasks.backend import Priority, Task
from app.tasks.local import LocalBackend, TaskLimits, Turn, memory_pressure

LIVE, GAP, BACKFILL = Priority.LIVE, Priority.GAP, Priority.BACKFILL


class Work:
    """Tasks that begin, and end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    async def __call__(self, key: str) -> None:
        self.begun.append(key)
        await self._gates.setdefault(key, asyncio.Event()).wait()
        self.ended.append(key)

    async def end(self, key: str) -> None:
        self._gates.setdefault(key, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def tasks(*keys: str) -> list[Task]:
    """Tasks named by their priority: l1, g1, b1."""
    return [Task("work", key, {"l": LIVE, "g": GAP, "b": BACKFILL}[key[0]]) for key in keys]


async def test_live_goes_before_gap_before_backfill() -> None:
    work = Work()
    async with LocalBackend(TaskLimits(in_flight=1, share=0.01)) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("b0", "b1", "g1", "l1", "l2"))
        await settle()
        for key in ("b0", "l1", "l2", "g1", "b1"):
            assert work.begun[-1] == key
            await work.end(key)
    assert work.ended == ["b0", "l1", "l2", "g1", "b1"]


async def test_backfill_takes_only_its_part_of_the_slots() -> None:
    work = Work()
    async with LocalBackend(TaskLimits(in_flight=3, backfill=2)) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("b1", "b2", "b3", "l1"))
        await settle()
        assert work.begun == ["b1", "b2", "l1"]
        stats = backend.stats()
        assert (+Counter(stats.running), +Counter(stats.waiting)) == ({LIVE: 1, BACKFILL: 2}, {BACKFILL: 1})
        await work.end("b1")
        assert work.begun[-1] == "b3"


@given(
    share=st.floats(0.01, 0.5),
    arrivals=st.lists(st.sampled_from([LIVE, GAP]), min_size=1, max_size=300),
)
def test_backfill_gets_its_share_of_the_starts_while_others_wait(share: float, arrivals: list[Priority]) -> None:
    limits = TaskLimits(in_flight=1, backfill=1, share=share)
    waiting, idle = Counter({BACKFILL: 1000, **Counter(arrivals)}), Counter[Priority]()
    turn, started = Turn(), Counter[Priority]()
    while waiting[LIVE] or waiting[GAP]:
        chosen = turn.choose(waiting, idle, limits, pressed=False)
        assert chosen is not None
        turn = turn.after(chosen, waiting, limits)
        waiting[chosen] -= 1
        started[chosen] += 1
        total = sum(started.values())
        assert started[BACKFILL] >= int(total * share) - 1
    assert started[BACKFILL] <= sum(started.values()) * share + 1


async def test_under_pressure_backfill_goes_on_with_one_task_and_the_stats_say_why() -> None:
    work, reason = Work(), "too much memory"
    async with LocalBackend(TaskLimits(in_flight=8, backfill=4), lambda: reason) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("b1", "b2", "l1", "l2"))
        await settle()
        assert work.begun == ["b1", "l1", "l2"]
        assert backend.stats().held == reason


async def test_a_task_that_fails_takes_no_other_along() -> None:
    async def work(key: str) -> None:
        if key == "l1":
            raise ZeroDivisionError

    async with LocalBackend(TaskLimits()) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1", "l2"))
        await settle()
        assert (backend.stats().done, backend.stats().failed) == (1, 1)


async def test_cancelling_drops_what_waits_and_ends_what_runs() -> None:
    work, other = Work(), Work()
    async with LocalBackend(TaskLimits(in_flight=3, backfill=1)) as backend:
        backend.bind("work", work)
        backend.bind("other", other)
        await backend.submit_many([*tasks("b1", "b2", "b3"), Task("other", "o1", LIVE)])
        await settle()
        assert await backend.cancel("work", "b2") == 1
        assert await backend.cancel("work") == 2
        assert sum(backend.stats().running.values()) == 1
        await other.end("o1")
        assert other.ended == ["o1"]
    assert work.ended == []


async def test_whoever_submits_to_a_full_backend_waits() -> None:
    work = Work()
    async with LocalBackend(TaskLimits(in_flight=1, queued=1)) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1", "l2"))
        third = asyncio.create_task(backend.submit(tasks("l3")[0]))
        await settle()
        assert not third.done()
        await work.end("l1")
        assert third.done()


async def test_leaving_the_context_ends_everything() -> None:
    work = Work()
    async with LocalBackend(TaskLimits(in_flight=1)) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1", "l2"))
        await settle()
    assert (work.begun, work.ended) == (["l1"], [])
    with pytest.raises(Conflict, match="closed"):
        await backend.submit(tasks("l3")[0])


async def test_a_kind_without_a_handler_is_refused() -> None:
    async with LocalBackend(TaskLimits()) as backend:
        with pytest.raises(Conflict, match="no handler is bound for tasks of the kind 'work'"):
            await backend.submit(tasks("l1")[0])


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"backfill": 0}, {"queued": 0}, {"share": 0.0}, {"share": 0.6}])
def test_limits_that_stop_everything_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        TaskLimits(**wrong)  # type: ignore[arg-type]


def test_memory_above_the_limit_is_a_pressure_and_says_so(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("900000 500000 1 1 0 1 0")
    pressure = memory_pressure(1024, statm)()
    assert pressure is not None
    assert "GRIDKEEPER_BACKFILL__MEMORY_MB=1024" in pressure
    assert memory_pressure(1_000_000, statm)() is None
    assert memory_pressure(1, tmp_path / "absent")() is None
