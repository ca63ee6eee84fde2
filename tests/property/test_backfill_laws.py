"""Whatever happens to workers and whatever people do, every planned window ends, and exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.collection.backfill.models import BackfillState, ClaimedWindow, WindowAttempt, WindowState
from app.collection.models import Outcome
from app.db.engine import Database
from app.settings import DatabaseSettings
from tests.support.backfill_factory import Scene, ten_days

WINDOWS = 5
STEPS = (
    "claim",
    "crash",
    "end stored",
    "end empty",
    "end failed",
    "late end",
    "retry later",
    "hand back",
    "renew",
    "pause",
    "resume",
    "retry failed",
)
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=25)


class Story:
    """A backfill with workers that come and go; the test plays all of them."""

    def __init__(self, scene: Scene, backfill_id: int) -> None:
        self._scene = scene
        self._repository = scene.repository
        self._id = backfill_id
        self._held: list[ClaimedWindow] = []
        self._crashed: list[ClaimedWindow] = []
        self.ends: Counter[int] = Counter()
        self.requeued: Counter[int] = Counter()

    async def play(self, step: str, choice: int) -> None:
        if step == "claim":
            await self._claim()
        elif step == "late end":
            for window in self._crashed[choice:]:
                await self._end(window, Outcome.STORED)
        elif step == "pause":
            await self._unless_ended(self._repository.pause)
        elif step == "resume":
            await self._unless_ended(self._repository.resume)
        elif step == "retry failed":
            await self._retry_failed()
        elif self._held:
            await self._with_held(step, self._held[choice % len(self._held)])

    async def drain(self) -> None:
        """Everybody who holds a window dies, and one last worker does the rest."""
        for held in list(self._held):
            await self._with_held("crash", held)
        await self._unless_ended(self._repository.resume)
        while window := await self._repository.claim(self._id, "last"):
            await self._end(window, Outcome.STORED)

    async def _claim(self) -> None:
        window = await self._repository.claim(self._id, "worker")
        if window:
            assert window.window_id not in {held.window_id for held in self._held}, "a window is held twice"
            self._held.append(window)

    async def _with_held(self, step: str, window: ClaimedWindow) -> None:
        if step == "renew":
            assert await self._repository.extend([window.lease]) == {window.lease}
            return
        self._held.remove(window)
        if step == "crash":
            await self._expire(window)
            self._crashed.append(window)
        elif step == "retry later":
            assert await self._repository.retry_later(
                window, WindowAttempt(Outcome.FAILED, error_class="SourceUnavailable")
            )
            await self._scene.rows("update backfill_windows set not_before = '-infinity'")
        elif step == "hand back":
            assert await self._repository.hand_back([window.lease]) == 1
        else:
            await self._end(window, Outcome(step.removeprefix("end ")))

    async def _end(self, window: ClaimedWindow, outcome: Outcome) -> None:
        if await self._repository.end(window, WindowAttempt(outcome)):
            self.ends[window.window_id] += 1

    async def _expire(self, window: ClaimedWindow) -> None:
        async with self._scene.database.connection() as connection:
            await connection.execute(
                "update backfill_windows set lease_until = now() - interval '1 second' where window_id = $1",
                window.window_id,
            )

    async def _retry_failed(self) -> None:
        rows = await self._scene.rows("select window_id from backfill_windows where state = 'failed'")
        assert await self._repository.retry_failed(self._id) == len(rows)
        self.requeued.update(int(str(window_id)) for (window_id,) in rows)

    async def _unless_ended(self, change: Callable[[int], Awaitable[None]]) -> None:
        if not (await self._scene.service.progress(self._id)).state.terminal:
            await change(self._id)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps)
def test_every_planned_window_ends_exactly_once(
    database_url: str, runner: asyncio.Runner, story: list[tuple[str, int]]
) -> None:
    runner.run(told(database_url, story))


async def told(url: str, story: list[tuple[str, int]]) -> None:
    database = Database(DatabaseSettings(), url)
    try:
        scene = Scene(database)
        await scene.rows("truncate backfills cascade")
        backfill_id = await scene.start(replace(ten_days(last=WINDOWS), concurrency=3))
        played = Story(scene, backfill_id)
        for step, choice in story:
            await played.play(step, choice)
        await played.drain()
        progress = await scene.service.progress(backfill_id)
        assert (progress.state, progress.ended, progress.planned) == (BackfillState.COMPLETED, WINDOWS, WINDOWS)
        assert progress.counts[WindowState.PENDING] == progress.counts[WindowState.CLAIMED] == 0
        assert len(played.ends) == WINDOWS
        assert {window: ended - played.requeued[window] for window, ended in played.ends.items()} == dict.fromkeys(
            played.ends, 1
        )
    finally:
        await database.close()
