"""Backfills on a real database, with a source that says what the test wants."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from app.collection.backfill.models import BackfillRetryPolicy, BackfillState, Reprocess, WindowAttempt, WindowState
from app.collection.backfill.sharing import SharedWindows
from app.collection.backfill.window_runner import Collector, WindowRunner
from app.collection.backfill_pace import BackfillPace
from app.collection.life_signs import sign_of_life
from app.collection.models import CollectionRun, Outcome, Work
from app.db.engine import Database
from app.errors import AccessDenied, Conflict, MalformedDocument, NotFound, SourceUnavailable
from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval
from app.monitoring.overview import read_overview
from app.settings import DatabaseSettings
from app.sources.source import Fetched
from app.tasks.backend import Task
from app.tasks.local import LocalBackend, TaskLimits
from tests.support.backfill_factory import FR, LOAD, NOW, T0, Scene, days, local, ten_days
from tests.support.fakes import Answer, hourly

STORED, EMPTY, FAILED, PENDING = WindowState.STORED, WindowState.EMPTY, WindowState.FAILED, WindowState.PENDING


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(DatabaseSettings(), database_url)
    yield opened
    await opened.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another task brings about."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  what is waited for is no event
            await asyncio.sleep(0.005)


async def until_true(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for what the database tells."""
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110  what is waited for is no event
            await asyncio.sleep(0.01)


async def work_until_ended(scene: Scene, backfill_id: int) -> BackfillState:
    """Let one process work until the backfill has ended or may not go on."""
    async with local() as backend:
        working = asyncio.create_task(scene.worker(backend).work(backfill_id))
        try:
            async with asyncio.timeout(60):
                while (progress := await scene.service.progress(backfill_id)).state is BackfillState.RUNNING:
                    assert not working.done(), working.result()
                    await asyncio.sleep(0.02)
        finally:
            working.cancel()
            await asyncio.wait([working])
    return progress.state


def on(days_answered: Mapping[int, Answer]) -> Callable[[DataItem, Place, Interval], Answer]:
    """A source that answers as told on some days and hourly on the others."""

    def answer(item: DataItem, place: Place, window: Interval) -> Answer:
        return days_answered.get((window.start - T0).days) or hourly(item, place, window)

    return answer


async def test_every_window_is_collected_once_and_points_at_its_run(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start()
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED
    assert await scene.counts(backfill_id) == {STORED: 10}
    assert sorted(window for _, _, window in scene.source.asked) == [days(day, day + 1) for day in range(10)]
    assert await scene.rows(
        "select count(*), count(distinct run_id) from backfill_windows join collection_runs using (run_id)"
    ) == [(10, 10)]
    assert await scene.rows("select count(*) from observations") == [(240,)]


async def test_begin_pause_and_end_of_a_backfill_are_logged(database: Database) -> None:
    scene = Scene(database)
    with capture_logs() as logs:
        backfill_id = await scene.start()
        async with local() as backend:
            worker = scene.worker(backend)
            working = asyncio.create_task(worker.work())
            await until_logged(logs, "backfill_started")
            await scene.service.pause(backfill_id)
            await until_logged(logs, "backfill_paused")
            await scene.service.resume(backfill_id)
            await until_logged(logs, "backfill_ended")
            worker.stop()
            await working
    told = [log for log in logs if log["event"] in {"backfill_started", "backfill_paused", "backfill_ended"}]
    assert [(log["event"], log["backfill"]) for log in told] == [
        (event, backfill_id) for event in ("backfill_started", "backfill_paused", "backfill_started", "backfill_ended")
    ]
    assert told[-1]["state"] == "completed"


async def until_logged(logs: Sequence[Mapping[str, object]], event: str) -> None:
    async with asyncio.timeout(60):
        while event not in {log["event"] for log in logs}:  # noqa: ASYNC110  a log wakes nobody
            await asyncio.sleep(0.02)


async def test_newest_windows_come_first_unless_the_oldest_are_wanted(database: Database) -> None:
    for newest_first in (True, False):
        scene = Scene(database)
        request = ten_days(concurrency=1)
        request = type(request)(request.requests, request.reprocess, newest_first=newest_first, concurrency=1)
        await work_until_ended(scene, await scene.start(request))
        asked = [window.start for _, _, window in scene.source.asked]
        assert asked == sorted(asked, reverse=newest_first)


async def test_an_empty_answer_ends_a_window_and_is_no_failure(database: Database) -> None:
    scene = Scene(database, on({3: Fetched([]), 4: MalformedDocument("no XML")}))
    backfill_id = await scene.start()
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED
    assert await scene.counts(backfill_id) == {STORED: 8, EMPTY: 1, FAILED: 1}
    (failure,) = await scene.service.failures(backfill_id)
    assert (failure.start, failure.error_class, failure.error_message) == (
        days(4, 5).start,
        "MalformedDocument",
        "no XML",
    )


async def test_what_has_come_is_no_gap_any_more_when_its_window_ends(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(Reprocess.MISSING, concurrency=4))
    kept = "select gap_start, gap_end, reason from gaps"
    assert await scene.rows(kept) == [(days(0, 10).start, days(0, 10).end, "ours")]
    await work_until_ended(scene, backfill_id)
    assert await scene.rows(kept) == []


async def test_what_an_open_backfill_is_about_to_bring_is_no_lasting_fault(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(Reprocess.MISSING))

    async def lasting() -> list[tuple[str, int]]:
        overview = await read_overview(database, NOW + timedelta(hours=2), "token", takeover_after=6.0)
        return [(gap.reason, gap.lasting) for gap in overview.gaps]

    assert await lasting() == [("ours", 0)]
    await scene.service.cancel(backfill_id)
    assert await lasting() == [("ours", 1)]


async def test_an_open_backfill_is_told_however_many_came_after_it(database: Database) -> None:
    scene = Scene(database)
    oldest = await scene.start(ten_days(last=1))
    for _ in range(3):
        await scene.service.cancel(await scene.start(ten_days(last=1)))
    told = [one.backfill_id for one in await scene.service.newest(2)]
    assert told == [oldest + 3, oldest + 2, oldest]


async def test_only_failed_windows_are_queued_again(database: Database) -> None:
    answers: dict[int, Answer] = {3: Fetched([]), 4: MalformedDocument("no XML")}
    scene = Scene(database, on(answers))
    backfill_id = await scene.start()
    await work_until_ended(scene, backfill_id)
    answers.clear()
    asked = len(scene.source.asked)
    assert await scene.service.retry_failed(backfill_id) == 1
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED
    assert [window for _, _, window in scene.source.asked[asked:]] == [days(4, 5)]
    assert await scene.counts(backfill_id) == {STORED: 9, EMPTY: 1}
    assert await scene.service.retry_failed(backfill_id) == 0


async def test_a_window_the_source_does_not_answer_is_tried_again_behind_the_others_and_fails_in_the_end(
    database: Database,
) -> None:
    scene = Scene(
        database, on({9: SourceUnavailable("503")}), BackfillRetryPolicy(attempts=2, retry=timedelta(milliseconds=1))
    )
    backfill_id = await scene.start(ten_days(concurrency=1))
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED
    assert await scene.counts(backfill_id) == {STORED: 9, FAILED: 1}
    asked = [(window.start - T0).days for _, _, window in scene.source.asked]
    assert asked.count(9) == 2
    assert asked[0] == asked[-1] == 9


async def test_a_source_that_is_down_holds_the_backfill_and_fails_no_window(database: Database) -> None:
    down = dict.fromkeys(range(10), SourceUnavailable("cannot connect"))
    scene = Scene(database, on(down), BackfillRetryPolicy(retry=timedelta(hours=1)))
    backfill_id = await scene.start(ten_days(concurrency=1))
    assert await work_until_ended(scene, backfill_id) is BackfillState.HELD
    assert len(scene.source.asked) == 3
    assert "cannot connect" in (await scene.service.progress(backfill_id)).reason
    down.clear()
    await scene.service.resume(backfill_id)
    await scene.rows("update backfill_windows set not_before = '-infinity'")
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED
    assert await scene.counts(backfill_id) == {STORED: 10}


async def test_a_refused_token_pauses_the_backfill_until_a_person_resumes_it(database: Database) -> None:
    refused: dict[int, Answer] = dict.fromkeys(range(10), AccessDenied("the token is refused; ask for a new one"))
    scene = Scene(database, on(refused))
    backfill_id = await scene.start(ten_days(concurrency=1))
    assert await work_until_ended(scene, backfill_id) is BackfillState.PAUSED
    assert (await scene.service.progress(backfill_id)).reason == "the token is refused; ask for a new one"
    assert await scene.counts(backfill_id) == {PENDING: 10}
    refused.clear()
    await scene.service.resume(backfill_id)
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED


async def test_a_paused_backfill_hands_out_no_window(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start()
    await scene.service.pause(backfill_id)
    assert await scene.repository.openings() == []
    assert await scene.repository.claim(backfill_id, "somebody") is None
    assert await work_until_ended(scene, backfill_id) is BackfillState.PAUSED
    await scene.service.resume(backfill_id)
    assert await work_until_ended(scene, backfill_id) is BackfillState.COMPLETED


async def test_cancelling_is_final_clears_the_pause_and_ends_what_is_under_way(database: Database) -> None:
    scene = Scene(database, patience=BackfillRetryPolicy(lease=timedelta(seconds=0.2)))
    backfill_id = await scene.start()
    collector = Stuck()
    async with local() as backend:
        worker = scene.worker(backend, collector)
        working = asyncio.create_task(worker.work())
        await until(lambda: len(collector.begun) == 2)
        await scene.service.pause(backfill_id)
        assert await scene.service.cancel(backfill_id) == 10
        await until(lambda: collector.cancelled == 2)
        working.cancel()
        await asyncio.wait([working])
    progress = await scene.service.progress(backfill_id)
    assert (progress.state, progress.reason) == (BackfillState.CANCELLED, "")
    assert await scene.counts(backfill_id) == {WindowState.CANCELLED: 10}
    changes: list[Callable[[int], Awaitable[object]]] = [
        scene.service.cancel,
        scene.service.pause,
        scene.service.resume,
        scene.service.retry_failed,
    ]
    for change in changes:
        with pytest.raises(Conflict, match="cancelled"):
            await change(backfill_id)


class Stuck:
    """Begins windows and never ends them."""

    def __init__(self) -> None:
        self.begun: list[Work] = []
        self.cancelled = 0

    async def collect(self, work: Work) -> NoReturn:
        self.begun.append(work)
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
        raise AssertionError("nobody sets the event")


async def test_a_worker_that_stops_hands_back_what_is_under_way(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start()
    collector = Stuck()
    async with local() as backend:
        worker = scene.worker(backend, collector)
        working = asyncio.create_task(worker.work())
        await until(lambda: len(collector.begun) == 2)
        assert await scene.counts(backfill_id) == {PENDING: 8, WindowState.CLAIMED: 2}
        worker.stop()
        await working
    assert await scene.rows("select state, max(attempts), count(*) from backfill_windows group by state") == [
        ("pending", 0, 10)
    ]


async def test_within_the_grace_time_what_is_under_way_ends_and_nothing_new_begins(database: Database) -> None:
    scene, gate = Scene(database), asyncio.Event()

    class Slow:
        begun = 0

        async def collect(self, work: Work) -> CollectionRun:
            self.begun += 1
            await gate.wait()
            return await scene.collection.collect(work)

    backfill_id, collector = await scene.start(), Slow()
    async with local() as backend:
        worker = scene.worker(backend, collector)
        working = asyncio.create_task(worker.work())
        await until(lambda: collector.begun == 2)
        worker.stop(grace_seconds=60)
        await asyncio.sleep(0.1)
        gate.set()
        await working
    assert await scene.counts(backfill_id) == {PENDING: 8, STORED: 2}


async def test_no_more_windows_than_allowed_are_under_way_over_all_processes(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(concurrency=3))
    claims = await asyncio.gather(*(scene.repository.claim(backfill_id, f"worker {n}") for n in range(8)))
    windows = [window for window in claims if window]
    assert len({window.window_id for window in windows}) == len(windows) == 3
    assert await scene.repository.openings() == []


async def test_a_window_of_a_dead_worker_is_taken_over_and_only_the_new_holder_may_end_it(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(last=1))
    dead = await scene.repository.claim(backfill_id, "dead")
    assert dead is not None
    assert await scene.repository.claim(backfill_id, "other") is None
    await scene.rows("update backfill_windows set lease_until = now() - interval '1 second'")
    heir = await scene.repository.claim(backfill_id, "other")
    assert heir is not None
    assert heir.work == dead.work
    assert heir.attempts == 2
    assert await scene.repository.extend({dead.lease, heir.lease}) == {heir.lease}
    assert await scene.repository.hand_back([dead.lease]) == 0
    assert await scene.counts(backfill_id) == {WindowState.CLAIMED: 1}


LEASES_END = "update backfill_windows set lease_until = now() - interval '1 second' where state = 'claimed'"


class Late:
    """Collects, but so slowly that another has taken the window over by then."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def collect(self, work: Work) -> CollectionRun:
        await self._scene.rows(LEASES_END)
        assert await self._scene.repository.claim(1, "another")
        return await self._scene.collection.collect(work)


async def test_only_who_ended_a_window_asks_for_the_next_where_there_is_one(database: Database) -> None:
    """Each place of each worker would leave a task that finds nothing at the end, and so would a process that was away."""
    scene = Scene(database)
    assert await scene.start(ten_days(last=1)) == 1
    assert await asked_after(scene, Late(scene), "1:7") == []
    assert await asked_after(scene, scene.collection, "1:7") == []
    assert await scene.start(ten_days(last=2)) == 2
    assert await asked_after(scene, scene.collection, "2:7") == ["2:7"]
    assert await asked_after(scene, scene.collection, "2:7") == []


async def asked_after(scene: Scene, collector: Collector, key: str) -> list[str]:
    """The tasks that the run of one submits."""
    backend = Asked()
    runner = WindowRunner(scene.repository, collector, scene.gaps, scene.patience, BackfillPace(6.0), "me")
    await scene.rows(LEASES_END)
    await SharedWindows(runner, backend).run_one(key)  # type: ignore[arg-type]  # all that it asks of a backend
    return backend.keys


class Asked:
    """Keeps the keys of what is submitted."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def submit(self, task: Task) -> None:
        self.keys.append(task.key)


async def test_a_window_that_kills_its_workers_fails_in_the_end(database: Database) -> None:
    scene = Scene(database, patience=BackfillRetryPolicy(attempts=3))
    backfill_id = await scene.start(ten_days(last=1))
    for _ in range(3):
        assert await scene.repository.give_up_lost() == 0
        assert await scene.repository.claim(backfill_id, "dying")
        await scene.rows("update backfill_windows set lease_until = now() - interval '1 second'")
    assert await scene.repository.give_up_lost() == 1
    assert (await scene.service.progress(backfill_id)).state is BackfillState.COMPLETED
    (failure,) = await scene.service.failures(backfill_id)
    assert failure.error_class == "WorkerLost"


async def failed(scene: Scene, backfill_id: int, count: int) -> None:
    """So many windows are claimed at once, and the source answers none of them."""
    windows = [await scene.repository.claim(backfill_id, "worker") for _ in range(count)]
    for window in windows:
        assert window
        await scene.repository.retry_later(window, WindowAttempt(Outcome.FAILED, error_class="SourceUnavailable"))


async def test_windows_that_fail_together_are_one_round_and_use_up_no_attempts(database: Database) -> None:
    scene = Scene(database, patience=BackfillRetryPolicy(attempts=3, retry=timedelta(minutes=1)))
    backfill_id = await scene.start(ten_days(concurrency=8))
    await failed(scene, backfill_id, 8)
    wait = "select extract(epoch from held_until - held_at)::integer, failures_in_row from backfills"
    assert await scene.rows(wait) == [(60, 3)]
    assert await scene.repository.openings() == []
    for seconds in (120, 240, 480, 600, 600):
        await scene.rows("update backfills set held_until = clock_timestamp()")
        await scene.rows("update backfill_windows set not_before = '-infinity'")
        # One window asks whether the source is back.
        assert [opening.windows for opening in await scene.repository.openings()] == [1]
        await failed(scene, backfill_id, 1)
        [(held, _)] = await scene.rows(wait)
        assert held == seconds
    assert await scene.rows("select state, max(attempts) from backfill_windows group by state") == [("pending", 1)]


async def test_a_backfill_goes_on_as_soon_as_anybody_is_answered(database: Database) -> None:
    scene = Scene(database, patience=BackfillRetryPolicy(retry=timedelta(hours=1)))
    backfill_id = await scene.start(ten_days(concurrency=3))
    await failed(scene, backfill_id, 3)
    run = "insert into collection_runs (source, item, area, window_start, window_end, outcome, error_class, started_at, finished_at) values ('entsoe', 'load_actual', 'x', now(), now(), {}, clock_timestamp(), clock_timestamp())"
    await scene.rows(run.format("'failed', 'SourceUnavailable'"))
    assert await scene.repository.openings() == []
    await scene.rows(run.format("'empty', ''"))
    assert [opening.windows for opening in await scene.repository.openings()] == [3]
    assert (await scene.service.progress(backfill_id)).state is BackfillState.RUNNING


async def test_the_windows_of_a_worker_that_died_are_free_at_once_on_its_machine(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(concurrency=9))
    with sign_of_life(database.name, "living"):
        for worker in ("living", "elsewhere"):
            assert await scene.repository.claim(backfill_id, worker)
        script = (
            "import os, time, sys; from app.collection.life_signs import sign_of_life\n"
            "with sign_of_life(sys.argv[1], 'dying'):\n    print(flush=True); time.sleep(60)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, database.name, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        await process.stdout.readline()
        assert await scene.repository.claim(backfill_id, "dying")
        assert (await scene.counts(backfill_id))[WindowState.CLAIMED] == 3
        process.kill()
        await process.wait()
        assert await scene.counts(backfill_id) == {PENDING: 8, WindowState.CLAIMED: 2}
    assert [opening.windows for opening in await scene.repository.openings()] == [7]


async def test_an_unforeseen_error_is_tried_again_and_fails_in_the_end(database: Database) -> None:
    class Broken:
        async def collect(self, work: Work) -> NoReturn:
            raise ZeroDivisionError("a bug")

    scene = Scene(database, patience=BackfillRetryPolicy(attempts=2, retry=timedelta(milliseconds=1)))
    backfill_id = await scene.start(ten_days(last=1))
    async with local() as backend:
        worker = scene.worker(backend, Broken())
        working = asyncio.create_task(worker.work())
        await until(lambda: backend.stats().failed == 2)
        working.cancel()
        await asyncio.wait([working])
    (failure,) = await scene.service.failures(backfill_id)
    assert (failure.error_class, failure.error_message, failure.attempts) == ("ZeroDivisionError", "a bug", 2)


async def test_missing_windows_are_those_without_values_and_nothing_is_queued_twice(database: Database) -> None:
    scene = Scene(database, on({3: Fetched([]), 4: MalformedDocument("no XML")}))
    for day in (2, 3, 4, 5):
        await scene.collection.collect(Work(LOAD, FR, days(day, day + 1)))
    # One empty answer proves nothing: the window is asked for again.
    plan = await scene.service.plan(ten_days(Reprocess.MISSING), NOW)
    assert {(one.window.start - T0).days for one in plan.work} == {0, 1, 3, 4, 6, 7, 8, 9}
    await settle(scene, 3)
    missing = await scene.service.plan(ten_days(Reprocess.MISSING), NOW)
    assert {(one.window.start - T0).days for one in missing.work} == {0, 1, 4, 6, 7, 8, 9}
    assert (missing.complete, missing.absent, missing.requests) == (2, 1, 7)
    assert (missing.seconds, missing.seconds_at_share) == (3.5, 17.5)
    await scene.start(ten_days(Reprocess.MISSING, last=2))
    again = await scene.service.plan(ten_days(Reprocess.MISSING), NOW)
    assert (len(again.work), again.queued) == (5, 2)


async def settle(scene: Scene, day: int) -> None:
    """As many empty answers before now, at such distances, as settle that the source does not have the day."""
    for hours in (12, 24, 36, 48, 60):
        scene.clock.set(NOW - timedelta(hours=hours))
        await scene.collection.collect(Work(LOAD, FR, days(day, day + 1)))
    scene.clock.set(NOW)


async def test_missing_and_failed_takes_windows_whose_last_run_failed_although_values_are_there(
    database: Database,
) -> None:
    answers: dict[int, Answer] = {}
    scene = Scene(database, on(answers))
    for answered in ({}, {5: SourceUnavailable("503"), 6: SourceUnavailable("503")}, {5: SourceUnavailable("503")}):
        answers.clear()
        answers.update(answered)
        for day in range(10):
            await scene.collection.collect(Work(LOAD, FR, days(day, day + 1)))
    assert (await scene.service.plan(ten_days(Reprocess.MISSING), NOW)).work == ()
    plan = await scene.service.plan(ten_days(Reprocess.MISSING_AND_FAILED), NOW)
    assert [one.window for one in plan.work] == [days(5, 6)]
    assert len((await scene.service.plan(ten_days(Reprocess.ALL), NOW)).work) == 10


async def test_a_failed_window_stays_failed_until_an_answer_proves_something(database: Database) -> None:
    """A few empty answers prove nothing, an incident of empty answers not at all; values, or six answers, do."""
    answers: dict[int, Answer] = {3: SourceUnavailable("503"), 4: SourceUnavailable("503"), 5: SourceUnavailable("503")}
    scene = Scene(database, on(answers))

    async def ask(day: int, hours_before: float) -> None:
        scene.clock.set(NOW - timedelta(hours=hours_before))
        await scene.collection.collect(Work(LOAD, FR, days(day, day + 1)))

    async def failed_days() -> list[int]:
        work = [Work(LOAD, FR, days(day, day + 1)) for day in range(10)]
        return sorted((lack.start - T0).days for lack in await scene.repository.failed(work))

    for day in answers:
        await ask(day, 100)
    answers.update(dict.fromkeys(answers, Fetched([])))
    for day in (3, 4, 5):
        for hours in (99, 98.99, 98.98, 98.97, 98.96, 98.95, 98.9):
            await ask(day, hours)
    assert await failed_days() == [3, 4, 5]
    for hours in (60, 50, 40, 30):
        await ask(3, hours)
    assert await failed_days() == [3, 4, 5]
    await ask(3, 20)
    assert await failed_days() == [4, 5]
    del answers[4]
    await ask(4, 10)
    assert await failed_days() == [5]
    # Asked before it failed, stored after it: what fails now is not undone.
    del answers[5]
    await ask(5, 101)
    assert await failed_days() == [5]


async def test_a_backfill_without_windows_is_completed_at_once(database: Database) -> None:
    scene = Scene(database)
    assert (await scene.service.progress(await scene.start(ten_days(last=0)))).state is BackfillState.COMPLETED


async def test_an_unknown_backfill_is_named(database: Database) -> None:
    scene = Scene(database)
    with pytest.raises(NotFound, match="no backfill 7"):
        await scene.service.progress(7)
    with pytest.raises(NotFound, match="no backfill 7"):
        await scene.service.pause(7)


async def test_the_time_left_follows_from_the_rate_and_what_a_window_cost(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start()
    assert scene.service.time_left(await scene.service.progress(backfill_id)) == timedelta(seconds=5)
    await scene.rows("update backfill_windows set state = 'stored', ended_at = now(), requests = 3 where position <= 5")
    assert scene.service.time_left(await scene.service.progress(backfill_id)) == timedelta(seconds=7.5)


async def test_a_process_under_pressure_goes_on_with_one_window_and_the_status_says_why(database: Database) -> None:
    scene, collector = Scene(database), Stuck()
    backfill_id = await scene.start(ten_days(concurrency=3))
    async with LocalBackend(TaskLimits(in_flight=4, backfill=3), lambda: "too much memory") as backend:
        working = asyncio.create_task(scene.worker(backend, collector).work())
        await until(lambda: collector.begun)
        await until_true(lambda: reason_of(scene, backfill_id))
        working.cancel()
        await asyncio.wait([working])
    assert await reason_of(scene, backfill_id) == "slowed down: too much memory"
    assert len(collector.begun) == 1


async def reason_of(scene: Scene, backfill_id: int) -> str:
    return (await scene.service.progress(backfill_id)).reason


TERMINATE = """
    select pg_terminate_backend(pid)
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


async def test_a_database_that_ends_its_connections_costs_no_window(database: Database, database_url: str) -> None:
    scene = Scene(database, patience=BackfillRetryPolicy(lease=timedelta(seconds=0.3), retry=timedelta(milliseconds=1)))
    backfill_id = await scene.start(ten_days(last=40))
    other = Database(DatabaseSettings(), database_url)
    async with local() as backend, other.connection() as administrator:
        working = asyncio.create_task(scene.worker(backend).work(backfill_id))
        for stored in (3, 10, 20):
            query = f"select count(*) >= {stored} from backfill_windows where state = 'stored'"
            await until_true(partial(administrator.fetchval, query))
            await administrator.execute(TERMINATE)
        await until_true(partial(administrator.fetchval, "select finished_at is not null from backfills"))
        working.cancel()
        await asyncio.wait([working])
    await other.close()
    assert await scene.counts(backfill_id) == {STORED: 40}
    assert await scene.rows("select count(*), count(distinct delivery_start) from observations") == [(960, 960)]


async def test_the_progress_names_who_works_on_it_and_whether_anybody_does(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(concurrency=3))
    assert (await scene.service.progress(backfill_id)).waiting
    for worker in ("host:1", "host:1", "host:2"):
        await scene.repository.claim(backfill_id, worker)
    progress = await scene.service.progress(backfill_id)
    assert [(one.name, one.windows) for one in progress.holders] == [("host:1", 2), ("host:2", 1)]
    assert (progress.waiting, progress.last_ended) == (False, None)
    await scene.rows("update backfill_windows set lease_until = now() - interval '1 second' where state = 'claimed'")
    lost = await scene.service.progress(backfill_id)
    assert (lost.holders, lost.waiting, lost.claimable) == ((), True, True)


async def test_a_paused_backfill_waits_for_nobody_and_has_no_time_left(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start()
    await scene.service.pause(backfill_id)
    progress = await scene.service.progress(backfill_id)
    assert (progress.waiting, scene.service.time_left(progress)) == (False, None)


async def test_between_two_windows_nobody_is_waited_for(database: Database) -> None:
    scene = Scene(database)
    backfill_id = await scene.start(ten_days(concurrency=1))
    window = await scene.repository.claim(backfill_id, "host:1")
    assert window is not None
    await scene.repository.end(window, WindowAttempt(Outcome.EMPTY))
    assert not (await scene.service.progress(backfill_id)).waiting
    await scene.rows("update backfill_windows set ended_at = now() - interval '11 seconds' where ended_at is not null")
    assert (await scene.service.progress(backfill_id)).waiting


async def test_backfills_that_ended_long_ago_are_deleted_and_open_ones_never(database: Database) -> None:
    scene = Scene(database)
    old, new = await scene.start(ten_days(last=0)), await scene.start(ten_days(last=0))
    cancelled, unfinished = await scene.start(ten_days(last=1)), await scene.start(ten_days(last=2))
    await scene.service.cancel(cancelled)
    await scene.rows("update backfills set created_at = created_at - interval '100 days'")
    await scene.rows(f"update backfills set finished_at = finished_at - interval '91 days' where backfill_id = {old}")
    await scene.rows(
        f"update backfills set cancelled_at = cancelled_at - interval '91 days' where backfill_id = {cancelled}"
    )
    assert await scene.service.prune(timedelta(days=90)) == 2
    assert {one.backfill_id for one in await scene.service.newest()} == {new, unfinished}
    assert await scene.rows("select distinct backfill_id from backfill_windows") == [(unfinished,)]
