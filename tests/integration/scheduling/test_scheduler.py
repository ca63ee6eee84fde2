"""The scheduler on a real database: what runs, what is recorded, what a restart changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.base import STATE_RUNNING
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.db.engine import Database
from app.errors import AccessDenied, Conflict, DatabaseUnavailable, NotFound, SourceUnavailable
from app.scheduling.dispatcher import Dispatcher
from app.scheduling.models import JobOutcome, JobRun, RunEnd, RunReport, RunTrigger, Ticket
from app.scheduling.plan_file import default_plan
from app.scheduling.repository import JobRunRepository, find_job, readable
from app.scheduling.retries import RetryPolicy
from app.scheduling.schedules import parse_schedule
from app.scheduling.service import SchedulerService
from app.scheduling.store import PostgresJobStore
from app.scheduling.ticker import Ticker
from app.wiring.catalog import CATALOG
from tests.support.scheduler_factory import (
    COLLECTION,
    Remembering,
    every_kind,
    rows,
    runs_until,
    service,
    serving,
    until,
)
from tests.support.store_factory import opened

JOB = "collect:load_actual"
PLANNED = default_plan(COLLECTION, CATALOG).jobs()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=5) as found:
        yield found


def done_at_once(runs: list[JobRun]) -> bool:
    """Whether both jobs that a first start runs are done; one of them may have come again meanwhile."""
    return {run.job for run in runs if run.outcome == "succeeded"} >= {JOB, "platform_health"}


async def next_runs(database: Database) -> dict[str, float]:
    return dict(await rows(database, "select id, next_run_time from scheduler_jobs"))


async def test_on_first_start_collection_runs_at_once_and_the_rest_waits(database: Database) -> None:
    handler = Remembering()
    async with serving(service(database, every_kind(handler))):
        runs = await runs_until(database, done_at_once)
    assert {run.job for run in runs} == {JOB, "platform_health"}
    run = next(run for run in runs if run.job == JOB)
    assert (run.outcome, run.attempt, run.epoch, run.summary) == (JobOutcome.SUCCEEDED, 1, 1, "done")
    assert handler.tickets[0].params["areas"] == "FR"
    assert len(await next_runs(database)) == len(PLANNED)


async def test_a_replica_that_wins_but_cannot_plan_is_not_ready_and_says_why(database: Database) -> None:
    await rows(database, "alter table scheduler_jobs rename to elsewhere")
    scheduler = service(database, every_kind(Remembering()))
    async with serving(scheduler):
        await until(lambda: "scheduler_jobs" in scheduler.status().database_error)
        assert not scheduler.status().ready
        await rows(database, "alter table elsewhere rename to scheduler_jobs")
        await until(lambda: scheduler.status().ready and scheduler.status().role == "leader")


async def test_a_database_that_is_lost_at_the_first_look_is_looked_at_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, lost = service(database, every_kind(Remembering())), [DatabaseUnavailable("cut")]
    check = scheduler._leadership.check_direct

    async def cut_once() -> None:
        if lost:
            raise lost.pop()
        await check()

    monkeypatch.setattr(scheduler._leadership, "check_direct", cut_once)
    async with serving(scheduler):
        await until(lambda: scheduler.status().role == "leader")
    assert not lost


async def test_a_restart_keeps_the_next_run_times_and_runs_nothing_again(database: Database) -> None:
    async with serving(service(database, every_kind(Remembering()))):
        await runs_until(database, done_at_once)
    before = await next_runs(database)
    again = Remembering()
    scheduler = service(database, every_kind(again))
    async with serving(scheduler):
        await until(lambda: scheduler.status().epoch == 2)
        await asyncio.sleep(0.5)
    after = await next_runs(database)
    assert {ticket.job for ticket in again.tickets} <= {"platform_health"}
    assert {job: when for job, when in after.items() if job != "platform_health"} == {
        job: when for job, when in before.items() if job != "platform_health"
    }


async def test_what_begins_because_the_service_starts_is_a_catch_up_and_spoils_no_lateness(database: Database) -> None:
    start, handler = datetime(2024, 3, 1, 12, 0, 47, tzinfo=UTC), Remembering()
    clock = FixedClock(start)
    async with serving(service(database, every_kind(handler), clock=clock)):
        await runs_until(database, lambda found: len(found) == 2)
        clock.set(start + timedelta(seconds=73))
        await runs_until(database, lambda found: len(found) == 3)
    clock.set(start + timedelta(seconds=73 + 120 + 40))
    async with serving(service(database, every_kind(handler), clock=clock)):
        await runs_until(database, lambda found: len(found) == 4)
    told = [f"{one.scheduled_for:%H:%M:%S} {one.trigger}" for one in handler.tickets if one.job == "platform_health"]
    assert told == ["12:00:00 catch-up", "12:02:00 cron", "12:04:00 catch-up"]
    assert [one.trigger for one in handler.tickets if one.job == JOB] == [RunTrigger.CATCH_UP]


async def test_a_job_that_an_edited_plan_begins_at_once_is_a_catch_up(database: Database, tmp_path: Path) -> None:
    plan, handler = tmp_path / "plan.yaml", Remembering()
    plan.write_text("areas: [FR]\nitems: [load_actual]\njobs: {platform_health: {enabled: false}}\n")
    clock = FixedClock(datetime(2024, 3, 1, 11, 59, 0, tzinfo=UTC))
    async with serving(service(database, every_kind(handler), plan=plan, clock=clock)):
        await runs_until(database, lambda found: len(found) == 1)
        clock.set(datetime(2024, 3, 1, 12, 0, 47, tzinfo=UTC))
        plan.write_text("areas: [FR]\nitems: [load_actual]\njobs: {}\n")
        await runs_until(database, lambda found: "platform_health" in {run.job for run in found})
    added = [(one.scheduled_for, one.trigger) for one in handler.tickets if one.job == "platform_health"]
    assert added == [(datetime(2024, 3, 1, 12, 0, tzinfo=UTC), RunTrigger.CATCH_UP)]


async def test_an_overdue_job_runs_once_however_much_it_missed(database: Database) -> None:
    start = datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC)
    clock = FixedClock(start)
    async with serving(service(database, every_kind(Remembering()), clock=clock)):
        await runs_until(database, done_at_once)
    clock.set(start + timedelta(days=3))
    late = Remembering()
    async with serving(service(database, every_kind(late), clock=clock)):
        await runs_until(database, lambda found: sum(run.outcome == "succeeded" for run in found) == 2 + len(PLANNED))
    collected = [ticket for ticket in late.tickets if ticket.job == JOB]
    assert [(one.scheduled_for, one.trigger) for one in collected] == [
        (datetime(2024, 3, 4, 12, 0, tzinfo=UTC), RunTrigger.CATCH_UP)
    ]


async def test_a_clock_that_steps_back_runs_no_slot_twice(database: Database) -> None:
    start = datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC)
    clock = FixedClock(start)
    handler = Remembering()
    async with serving(service(database, every_kind(handler), clock=clock)):
        for step in (0, 60, 0, 60, 90):
            clock.set(start + timedelta(minutes=step))
            await asyncio.sleep(0.6)
    slots = [ticket.scheduled_for for ticket in handler.tickets if ticket.job == JOB]
    assert slots == [start.replace(second=0) + timedelta(minutes=minutes) for minutes in (0, 60, 90)]


async def test_a_paused_job_stays_paused_over_a_restart_and_catches_up_when_resumed(database: Database) -> None:
    start = datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC)
    clock = FixedClock(start)
    repository = JobRunRepository(database)
    async with serving(service(database, every_kind(Remembering()), clock=clock)):
        await runs_until(database, done_at_once)
        await repository.set_paused(JOB, paused=True)
    clock.set(start + timedelta(hours=2))
    handler = Remembering()
    async with serving(service(database, every_kind(handler), clock=clock)):
        await until(lambda: any(ticket.job == "platform_health" for ticket in handler.tickets))
        assert JOB not in {ticket.job for ticket in handler.tickets}
        await repository.set_paused(JOB, paused=False)
        await until(lambda: JOB in {ticket.job for ticket in handler.tickets})
    assert [ticket.job for ticket in handler.tickets].count(JOB) == 1


async def test_pausing_a_job_that_is_none_is_refused(database: Database) -> None:
    with pytest.raises(NotFound, match="no job 'nothing'"):
        await JobRunRepository(database).set_paused("nothing", paused=True)


async def test_a_failed_run_is_tried_again_with_its_error_chain_kept(database: Database) -> None:
    def act(ticket: Ticket) -> RunReport:
        if ticket.job == JOB and ticket.attempt < 3:
            raise SourceUnavailable("503 again") from TimeoutError("slow")
        return RunReport(JobOutcome.SUCCEEDED)

    async with serving(service(database, every_kind(Remembering(act)))):
        await runs_until(database, lambda found: any(run.error for run in found))
        recorded = await rows(database, "select error from job_runs where error <> ''")
        assert recorded == [("SourceUnavailable: 503 again\nTimeoutError: slow",)]
        runs = await runs_until(
            database, lambda found: any(run.attempt == 3 and run.outcome == "succeeded" for run in found)
        )
    run = next(run for run in runs if run.job == JOB)
    assert (run.attempt, run.error, run.next_attempt_at) == (3, "", None)


async def test_retries_end_at_their_limit(database: Database) -> None:
    def act(ticket: Ticket) -> RunReport:
        raise SourceUnavailable("down")

    async with serving(service(database, every_kind(Remembering(act)), retry_limit=1)):
        runs = await runs_until(
            database, lambda found: [run.attempt for run in found if run.outcome == "failed"].count(2) == 2
        )
    assert {run.next_attempt_at for run in runs} == {None}


async def test_a_refused_token_is_not_tried_again(database: Database) -> None:
    def act(ticket: Ticket) -> RunReport:
        raise AccessDenied("wrong token")

    async with serving(service(database, every_kind(Remembering(act)))):
        runs = await runs_until(database, lambda found: sum(run.outcome == "failed" for run in found) == 2)
    assert {(run.attempt, run.next_attempt_at) for run in runs} == {(1, None)}


async def test_a_secret_in_an_error_is_masked_in_the_row(database: Database) -> None:
    def act(ticket: Ticket) -> RunReport:
        raise ValueError("GET https://x/api?securityToken=hunter2&a=1")

    async with serving(service(database, every_kind(Remembering(act)), retry_limit=0)):
        runs = await runs_until(database, lambda found: sum(run.outcome == "failed" for run in found) == 2)
    assert "hunter2" not in repr(runs)


async def test_an_unknown_kind_is_a_failed_run_and_its_row_stays(database: Database) -> None:
    state = (
        b'{"version": 2, "call": "app.scheduling.jobs:run", "kind": "renamed", "schedule": "every 60m", "params": {}}'
    )
    await rows(database, "insert into scheduler_jobs (id, next_run_time, job_state) values ('old', 0, $1)", state)
    async with serving(service(database, every_kind(Remembering()))):
        runs = await runs_until(database, lambda found: any(run.outcome == "failed" for run in found))
    failed = next(run for run in runs if run.job == "old")
    assert "knows no jobs of kind 'renamed'" in failed.error
    assert await rows(database, "select count(*) from scheduler_jobs where id = 'old'") == [(1,)]


async def test_a_job_that_cannot_be_read_is_parked_and_mended_from_the_plan(database: Database) -> None:
    following = parse_schedule(PLANNED[0].schedule).next_slot(datetime.now(UTC) + timedelta(minutes=1)).timestamp()
    await rows(
        database,
        "insert into scheduler_jobs (id, next_run_time, job_state) values ('stranger', 0, $1), ($2, $3, $1)",
        b"\x80\x05garbage",
        JOB,
        following,
    )
    scheduler = service(database, every_kind(Remembering()))
    async with serving(scheduler):
        await until(lambda: scheduler.status().role == "leader")
        await runs_until(database, lambda found: any(run.job == "platform_health" for run in found))
    kept = dict(await rows(database, "select id, unreadable from scheduler_jobs where id in ('stranger', $1)", JOB))
    assert "cannot be read" in kept["stranger"]
    assert kept[JOB] == ""
    assert (await next_runs(database))[JOB] == following


@pytest.mark.long
@pytest.mark.parametrize("moment", ["NaN", "-Infinity", "1e18"])
async def test_a_next_run_that_is_no_instant_is_mended_from_the_plan_and_stops_no_other_job(
    database: Database, moment: str
) -> None:
    handler = Remembering()
    scheduler = service(database, every_kind(handler))
    async with serving(scheduler):
        await runs_until(database, done_at_once)
        before = await next_runs(database)
        await rows(
            database,
            f"update scheduler_jobs set next_run_time = '{moment}' where id in ('gap_analysis', 'corrections')",
        )
        await rows(database, "update scheduler_jobs set id = 'stranger' where id = 'corrections'")
        assert {view.job.name for view in await JobRunRepository(database).jobs()} > {"stranger", "gap_analysis"}
        await until(lambda: scheduler.status().unreadable == ("stranger",))
        await rows(database, "update scheduler_jobs set next_run_time = 0 where id = 'housekeeping'")
        await until(lambda: any(ticket.job == "housekeeping" for ticket in handler.tickets))
    assert (await next_runs(database))["gap_analysis"] == before["gap_analysis"]


@pytest.mark.long
async def test_a_clock_that_was_far_ahead_and_comes_back_lets_jobs_go_on(database: Database) -> None:
    start = datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC)
    clock = FixedClock(start)
    handler = Remembering()
    collected = [start.replace(second=0) + timedelta(minutes=minutes) for minutes in (0, 1_999_980, 30)]
    async with serving(service(database, every_kind(handler), clock=clock)):
        for number, slot in enumerate(collected, start=1):
            clock.set(slot + timedelta(seconds=10))
            await until(lambda: [one.job for one in handler.tickets].count(JOB) == number)  # noqa: B023  awaited here
            await runs_until(database, lambda found: all(run.outcome != "running" for run in found))
    assert [one.scheduled_for for one in handler.tickets if one.job == JOB] == collected


async def test_a_run_asked_for_by_hand_is_taken_by_the_leader_once(database: Database) -> None:
    repository = JobRunRepository(database)
    handler = Remembering()
    async with serving(service(database, every_kind(handler))):
        await runs_until(database, done_at_once)
        job = find_job(await repository.jobs(), "housekeeping")
        now = datetime.now(UTC)
        key = await repository.request(job, now, RunTrigger.MANUAL)
        with pytest.raises(Conflict, match="try again"):
            await repository.request(job, now, RunTrigger.MANUAL)
        await until(lambda: any(ticket.trigger is RunTrigger.MANUAL for ticket in handler.tickets))
        await runs_until(database, lambda found: all(run.outcome == "succeeded" for run in found))
    run = await repository.run_of(key)
    assert run is not None
    assert (run.job, run.outcome, run.attempt) == ("housekeeping", JobOutcome.SUCCEEDED, 1)


async def test_a_wrong_name_is_answered_with_the_nearest(database: Database) -> None:
    async with serving(service(database, every_kind(Remembering()))):
        await runs_until(database, lambda found: found)
    with pytest.raises(NotFound, match="did you mean collect:load_actual"):
        find_job(await JobRunRepository(database).jobs(), "collect:load_actuel")


async def test_a_slot_is_skipped_by_name_while_the_run_before_it_goes_on(database: Database) -> None:
    start = datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC)
    clock = FixedClock(start)
    handler = Remembering(seconds=3)
    async with serving(service(database, every_kind(handler), clock=clock)):
        await until(lambda: JOB in {ticket.job for ticket in handler.tickets})
        clock.set(start + timedelta(minutes=30))
        runs = await runs_until(database, lambda found: (JOB, "skipped") in {(run.job, run.outcome) for run in found})
    skipped = [run for run in runs if run.job == JOB and run.outcome == "skipped"]
    assert [(run.scheduled_for.minute, run.skipped) for run in skipped] == [(30, (JOB,))]


async def test_a_run_later_than_its_grace_is_recorded_as_missed(database: Database) -> None:
    clock = FixedClock(datetime(2024, 3, 1, 12, 20, tzinfo=UTC))
    handler = Remembering()
    async with serving(service(database, every_kind(handler), clock=clock, misfire_grace=60)):
        runs = await runs_until(database, lambda found: any(run.outcome == "missed" for run in found))
    assert [run.job for run in runs if run.outcome == "missed"] == [JOB]
    assert JOB not in {ticket.job for ticket in handler.tickets}


async def test_the_end_of_a_run_is_one_statement_so_that_a_frozen_process_leaves_no_locked_row_to_the_next_leader(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = JobRunRepository(database)
    start = datetime(2024, 3, 1, 12, tzinfo=UTC)
    await rows(
        database,
        "insert into job_runs (job, scheduled_for, trigger, kind, params, attempt, outcome, next_attempt_at) values "
        "('one', $1, 'cron', 'collect', '{}', 1, 'failed', $1), ('one', $2, 'cron', 'collect', '{}', 1, 'running', null)",
        start,
        start + timedelta(hours=1),
    )
    monkeypatch.delattr(Database, "transaction")
    ticket = Ticket("one", "collect", {}, start + timedelta(hours=1), RunTrigger.CRON)
    end = RunEnd(ticket, start, start, RunReport(JobOutcome.SUCCEEDED, "done"))
    assert [await repository.finish(end, None), await repository.finish(end, None)] == [True, False]
    left = "select outcome, next_attempt_at from job_runs order by scheduled_for"
    assert await rows(database, left) == [("failed", None), ("succeeded", None)]


async def test_stopping_hands_unfinished_runs_back_and_the_next_leader_takes_them_up(database: Database) -> None:
    slow = Remembering(seconds=60)
    async with serving(service(database, every_kind(slow), drain_seconds=0.1)):
        await until(lambda: len(slow.tickets) == 2)
    [handed_back] = await rows(
        database, "select outcome, next_attempt_at is not null from job_runs where job = $1", JOB
    )
    assert handed_back == ("interrupted", True)
    quick = Remembering()
    async with serving(service(database, every_kind(quick))):
        await until(lambda: any(ticket.job == JOB for ticket in quick.tickets))
        runs = await runs_until(database, lambda found: all(run.outcome == "succeeded" for run in found))
    assert next(run.attempt for run in runs if run.job == JOB) == 2


async def test_a_paused_job_is_not_tried_again_but_runs_when_a_person_asks(database: Database) -> None:
    def act(ticket: Ticket) -> RunReport:
        if ticket.trigger is RunTrigger.MANUAL:
            return RunReport(JobOutcome.SUCCEEDED)
        raise SourceUnavailable("down")

    repository = JobRunRepository(database)
    handler = Remembering(act)
    async with serving(service(database, every_kind(handler), backoff=1.0)):
        await runs_until(database, lambda found: (JOB, "failed") in {(run.job, run.outcome) for run in found})
        await repository.set_paused(JOB, paused=True)
        await repository.request(find_job(await repository.jobs(), JOB), datetime.now(UTC), RunTrigger.MANUAL)
        await runs_until(database, lambda found: RunTrigger.MANUAL in {run.trigger for run in found if run.finished_at})
        await asyncio.sleep(1.2)
    assert [ticket.trigger for ticket in handler.tickets if ticket.job == JOB][1:] == [RunTrigger.MANUAL]


async def test_a_ticket_that_comes_after_the_term_is_left_to_the_next_leader(database: Database) -> None:
    handler = Remembering()
    clock = FixedClock(datetime(2024, 3, 1, tzinfo=UTC))
    policy = RetryPolicy(0, timedelta(seconds=1))
    dispatcher = Dispatcher(every_kind(handler), JobRunRepository(database), clock, policy, epoch=1)
    await dispatcher.drain(0)
    dispatcher.accept(Ticket(JOB, "collect", {}, clock.now(), RunTrigger.CRON))
    await asyncio.sleep(0.05)
    assert (handler.tickets, dispatcher.running) == ([], 0)


async def test_an_edited_plan_is_taken_up_and_a_wrong_one_refused(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "collection.yaml"
    file.write_text("jobs:\n  near_real_time: {every: 30 min}\n")
    scheduler = service(database, every_kind(Remembering()), plan=file)

    async def schedule_is(text: str) -> None:
        async with asyncio.timeout(60):
            while find_job(await JobRunRepository(database).jobs(), JOB).schedule != text:  # noqa: ASYNC110  a row tells nobody
                await asyncio.sleep(0.05)

    async with serving(scheduler):
        await runs_until(database, done_at_once)
        before = await next_runs(database)
        file.write_text("jobs:\n  near_real_time: {every: 90 min}\n")
        await schedule_is("every 90m")
        file.write_text("jobs:\n  near_real_time: {evry: 60 min}\n")
        await until(lambda: "did you mean every" in scheduler.status().plan_error)
        assert find_job(await JobRunRepository(database).jobs(), JOB).schedule == "every 90m"
        file.write_text("jobs:\n  near_real_time: {every: 60 min}\n  housekeeping: {enabled: false}\n")
        await schedule_is("every 60m")
        assert scheduler.status().plan_error == ""
    after = await next_runs(database)
    assert before.keys() - after.keys() == {"housekeeping"}
    # What came due meanwhile, at a full half hour, has moved on by itself.
    untouched = {job for job in before.keys() & after.keys() - {JOB} if before[job] > time.time()}
    assert len(untouched) > 3
    assert {job: after[job] for job in untouched} == {job: before[job] for job in untouched}


async def test_without_persistence_a_new_leader_plans_from_the_start(database: Database) -> None:
    for _ in range(2):
        handler = Remembering()
        async with serving(service(database, every_kind(handler), persistence=False)):
            await runs_until(database, lambda found: any(run.job == JOB for run in found))
            await rows(database, "update scheduler_jobs set paused = true where id = $1", JOB)
    scheduler = service(database, every_kind(Remembering()), persistence=False)
    async with serving(scheduler):
        await until(lambda: scheduler.status().role == "leader")
        assert await rows(database, "select count(*) from scheduler_jobs where paused") == [(0,)]


async def test_the_tick_survives_a_database_that_ends_every_session(database: Database) -> None:
    handler = Remembering()
    scheduler = service(database, every_kind(handler))
    async with serving(scheduler):
        await until(lambda: scheduler.status().role == "leader" and scheduler.status().running == 0)
        for _ in range(3):
            await rows(
                database,
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()",
            )
            await asyncio.sleep(0.3)
        await until(lambda: scheduler.status().role == "leader" and (scheduler.status().tick_age or 9) < 1)
        assert scheduler.status().ready
        await rows(database, "update scheduler_jobs set next_run_time = 0 where id = 'housekeeping'")
        await until(lambda: any(ticket.job == "housekeeping" for ticket in handler.tickets))


async def test_two_services_never_run_a_slot_twice_and_the_second_takes_over(database_url: str) -> None:
    clock = FixedClock(datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC))
    async with opened(database_url) as one, opened(database_url) as two:
        first, second = Remembering(), Remembering()
        leader = service(one, every_kind(first), clock=clock)
        standby = service(two, every_kind(second), clock=clock)

        async def half_an_hour_passes(handler: Remembering) -> None:
            await until(lambda: leader.status().running + standby.status().running == 0)
            clock.set(clock.now() + timedelta(minutes=30))
            slot = clock.now().replace(second=0)
            await until(lambda: (JOB, slot) in {ticket.key for ticket in handler.tickets})

        async with serving(leader) as stop_leader:
            await until(lambda: JOB in {ticket.job for ticket in first.tickets})
            async with serving(standby):
                for _ in range(5):
                    await half_an_hour_passes(first)
                assert second.tickets == []
                stop_leader.set()
                await until(lambda: standby.status().role == "leader", seconds=5)
                for _ in range(5):
                    await half_an_hour_passes(second)
        ran = [ticket.key for ticket in first.tickets + second.tickets]
        assert len(ran) == len(set(ran))
        slots = sorted(slot for job, slot in ran if job == JOB)
        assert [later - earlier for earlier, later in pairwise(slots)] == [timedelta(minutes=30)] * 10


async def test_a_replica_that_stands_by_says_so_once_and_once_more_after_it_led(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        first, second = service(one, every_kind(Remembering())), service(two, every_kind(Remembering()))
        with capture_logs() as logs:
            async with serving(first):
                await until(lambda: first.status().role == "leader")
                async with serving(second) as stop_second:
                    await until(lambda: "standby_entered" in events(logs))
                    await rounds(second, 3)
                    assert events(logs).count("standby_entered") == 1
                    while second.status().role != "leader":
                        epoch = await next_epoch(one)
                        await until(lambda epoch=epoch: epoch in {first.status().epoch, second.status().epoch})  # type: ignore[misc]
                    await rounds(first, 3)
                    assert events(logs).count("standby_entered") == 2, "it led until now"
                    stop_second.set()
                    await until(lambda: first.status().role == "leader")
    lines = [log for log in logs if log["event"] == "standby_entered"]
    assert [line["log_level"] for line in lines] == ["info", "info"]
    assert all("takes over when that one stops" in line["note"] for line in lines)


async def rounds(standby: SchedulerService, count: int) -> None:
    """So many elections that the replica does not win: in each it could say again that it stands by."""
    for _ in range(count):
        asked = time.monotonic()
        await until(lambda asked=asked: time.monotonic() - standby.status().round_age > asked)  # type: ignore[misc]


async def next_epoch(database: Database) -> int:
    """Ends the session that holds the leader's lock; the epoch of the leader after it, which may be the same replica."""
    [(before,)] = await rows(database, "select epoch from scheduler_leader")
    await rows(database, "select pg_terminate_backend(backend_pid) from scheduler_leader")
    async with asyncio.timeout(60):
        while (epoch := int((await rows(database, "select epoch from scheduler_leader"))[0][0])) == before:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.02)
    return epoch


def events(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [log["event"] for log in logs]


OUTCOMES: list[tuple[RunReport | AccessDenied, str]] = [
    # what a run says or raises (a refused token is not tried again), and the level at which it is told
    (RunReport(JobOutcome.SUCCEEDED, "1 window"), "info"),
    (RunReport(JobOutcome.SUCCEEDED, "1 window"), "debug"),
    (RunReport(JobOutcome.NOTHING_DUE, "nothing"), "debug"),
    (RunReport(JobOutcome.SUCCEEDED, "1 window"), "info"),
    (RunReport(JobOutcome.SUCCEEDED, "2 windows"), "info"),
    (AccessDenied("the platform refuses the token"), "error"),
    (AccessDenied("the platform refuses the token"), "error"),
    (RunReport(JobOutcome.NOTHING_DUE, "nothing"), "info"),
    (RunReport(JobOutcome.NOTHING_DUE, "nothing"), "debug"),
]


async def test_a_run_that_comes_out_as_the_one_before_is_no_line_of_the_log_at_rest(database: Database) -> None:
    clock = FixedClock(datetime(2024, 3, 1, 12, 0, 10, tzinfo=UTC))
    said = iter(OUTCOMES)

    def act(_ticket: Ticket) -> RunReport:
        came, _level = next(said)
        if isinstance(came, Exception):
            raise came
        return came

    with capture_logs() as logs:
        handlers = every_kind(Remembering()) | {"collect": Remembering(act)}
        async with serving(service(database, handlers, clock=clock)):
            for count in range(1, len(OUTCOMES) + 1):
                await runs_until(database, partial(has_ended, count))
                clock.set(clock.now() + timedelta(minutes=30))
    told = [log["log_level"] for log in logs if log["event"] == "job_run" and log["job"] == JOB]
    assert told == [level for _, level in OUTCOMES]


def has_ended(count: int, runs: list[JobRun]) -> bool:
    return sum(run.job == JOB and run.outcome != "running" for run in runs) == count


async def test_a_burst_of_a_thousand_runs_at_once_all_run_once(database: Database) -> None:
    handler = Remembering()
    state = (
        b'{"version": 2, "call": "app.scheduling.jobs:run", "kind": "collect", "schedule": "every 60m", "params": {}}'
    )
    scheduler = service(database, {**every_kind(handler)})
    async with serving(scheduler):
        await runs_until(database, done_at_once)
        await rows(
            database,
            "insert into scheduler_jobs (id, next_run_time, job_state) "
            "select 'burst:' || n, extract(epoch from now()), $1 from generate_series(1, 1000) as n",
            state,
        )
        begun = time.monotonic()
        await runs_until(
            database,
            lambda found: sum(run.job.startswith("burst:") and run.outcome == "succeeded" for run in found) == 1000,
        )
        assert time.monotonic() - begun < 60
    burst = [ticket.key for ticket in handler.tickets if ticket.job.startswith("burst:")]
    assert (len(burst), len(set(burst))) == (1000, 1000)


@pytest.mark.long
async def test_a_damaged_definition_is_mended_by_the_running_leader_and_a_stranger_is_shown(database: Database) -> None:
    scheduler = service(database, every_kind(Remembering()))
    async with serving(scheduler):
        await runs_until(database, done_at_once)
        before = (await next_runs(database))["gap_analysis"]
        await rows(
            database,
            "update scheduler_jobs set job_state = $1, unreadable = 'no' where id = 'gap_analysis'",
            b"\x80\x05garbage",
        )
        await rows(
            database,
            "insert into scheduler_jobs (id, next_run_time, job_state) values ('stranger', 4e9, $1)",
            b"\x80\x05garbage",
        )
        await until(lambda: scheduler.status().unreadable == ("stranger",))
        views = await JobRunRepository(database).jobs()
        assert [view.job.name for view in views if view.job.unreadable] == ["stranger"]
        with pytest.raises(Conflict, match=r"stranger cannot run: .*cannot be read.*mended by a running"):
            readable(find_job(views, "stranger"))
    assert (await next_runs(database))["gap_analysis"] == before


async def test_a_plan_file_that_goes_away_is_told_once_and_the_plan_stays(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "collection.yaml"
    file.write_text("jobs:\n  near_real_time: {every: 90 min}\n")
    scheduler = service(database, every_kind(Remembering()), plan=file)
    with capture_logs() as logs, pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.scheduling.service.PLAN_SECONDS", 0.05)
        patched.setattr("app.scheduling.service.ATTEND_SECONDS", 0.05)
        async with serving(scheduler):
            await until(lambda: scheduler.status().role == "leader")
            file.write_text("")
            await until(lambda: "there are no jobs" in scheduler.status().plan_error)
            file.unlink()
            await until(lambda: "any more" in scheduler.status().plan_error)
            await asyncio.sleep(0.3)
            # In one step, as editors save: a look between opening and writing would find the file empty.
            save(file, "jobs:\n  near_real_time: {every: 45 min}\n")
            await until(lambda: [log["event"] for log in logs].count("plan_applied") == 2)
            assert scheduler.status().plan_error == ""
    told = [log["event"] for log in logs if log["event"].startswith("plan_")]
    assert told == ["plan_applied", "plan_refused", "plan_file_gone", "plan_applied"]
    applied = [log["changes"] for log in logs if log["event"] == "plan_applied"]
    assert applied[-1] == ["reschedule collect:load_actual (schedule: every 90m -> every 45m)"]


async def test_a_standby_that_takes_over_has_the_plan_of_now_not_that_of_its_start(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "collection.yaml"
    file.write_text("jobs:\n  near_real_time: {every: 90 min}\n  gap_analysis: {enabled: false}\n")
    async with opened(database_url, pool_size=5) as other:
        first = service(database, every_kind(Remembering()), plan=file)
        second = service(other, every_kind(Remembering()), plan=file)
        async with serving(first) as stop:
            await until(lambda: first.status().role == "leader")
            async with serving(second):
                await until(lambda: second.status().jobs == len(PLANNED) - 1)
                save(file, "jobs:\n  near_real_time: {every: 45 min}\n")
                await until(lambda: first.status().jobs == len(PLANNED))
                await until_stored(database, "gap_analysis")
                await JobRunRepository(database).set_paused("gap_analysis", paused=True)
                before = await next_runs(database)
                with capture_logs() as logs:
                    stop.set()
                    await until(lambda: second.status().role == "leader")
                assert [log["changes"] for log in logs if log["event"] == "plan_applied"] == []
    assert (await next_runs(database)).keys() == before.keys()
    assert await rows(database, "select id from scheduler_jobs where paused") == [("gap_analysis",)]


@pytest.mark.long
async def test_a_standby_that_takes_over_while_the_plan_is_wrong_leaves_the_jobs_as_they_are(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "collection.yaml"
    file.write_text("jobs:\n  near_real_time: {every: 90 min}\n")
    async with opened(database_url, pool_size=5) as other:
        first = service(database, every_kind(Remembering()), plan=file)
        second = service(other, every_kind(Remembering()), plan=file)
        async with serving(first) as stop:
            await until(lambda: first.status().role == "leader")
            async with serving(second):
                await until(lambda: second.status().jobs == len(PLANNED))
                save(file, "jobs:\n  near_real_time: {every: 45 min}\n  gap_analysis: {enabled: false}\n")
                await until(lambda: first.status().jobs == len(PLANNED) - 1)
                await until_gone(database, "gap_analysis")
                before = await next_runs(database)
                save(file, "jobs:\n  near_real_time: {every: 4 min}\n")
                await until(lambda: first.status().plan_error)
                stop.set()
                await until(lambda: second.status().role == "leader" and second.status().plan_error)
                assert (await next_runs(database)).keys() == before.keys()
                save(file, "jobs:\n  near_real_time: {every: 30 min}\n")
                await until_stored(database, "gap_analysis")
                assert second.status().plan_error == ""


def save(file: Path, text: str) -> None:
    """In one step, as editors do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


async def until_gone(database: Database, job: str) -> None:
    async with asyncio.timeout(60):
        while job in await next_runs(database):  # noqa: ASYNC110  rows tell nobody of a change
            await asyncio.sleep(0.05)


async def until_stored(database: Database, job: str) -> None:
    async with asyncio.timeout(60):
        while job not in await next_runs(database):  # noqa: ASYNC110  rows tell nobody of a change
            await asyncio.sleep(0.05)


async def test_a_run_whose_process_was_killed_says_who_ran_it_and_when_it_was_found(database: Database) -> None:
    await rows(database, "update scheduler_leader set epoch = 7, holder = 'host:2'")
    slot = datetime(2024, 3, 1, tzinfo=UTC)
    await rows(
        database,
        "insert into job_runs (job, scheduled_for, epoch, runner, trigger, kind, attempt, outcome, started_at)"
        " values ('housekeeping', $1, 6, 'host:1', 'cron', 'housekeeping', 1, 'running', $1)",
        slot,
    )
    repository = JobRunRepository(database)
    assert await repository.recover(7, slot + timedelta(hours=1), retry_limit=0) == [("housekeeping", slot)]
    [run] = await repository.history()
    assert run.summary == (
        "interrupted: the process host:1 ended while it ran this; the next leader, host:2, found it at 2024-03-01 01:00:00Z"
    )
    [row], _ = await repository.claim_waiting(7, slot + timedelta(hours=2), ())
    assert row.attempt == 2
    run_again = await repository.run_of(("housekeeping", slot))
    assert run_again is not None
    assert (run_again.runner, run_again.summary) == ("host:2", "")


class FailingStore(PostgresJobStore):
    """A job store whose database is away, or which fails for a reason of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__(create_engine("postgresql+psycopg://"))
        self.error = error

    def look(self, now: datetime) -> tuple[list[Job], datetime | None]:
        raise self.error


@pytest.mark.parametrize(("error", "lives"), [(DatabaseUnavailable("away"), True), (ValueError("broken"), False)])
def test_a_tick_that_finds_no_database_is_a_sign_of_life_and_no_look_at_the_jobs(error: Exception, lives: bool) -> None:
    clock = FixedClock(datetime(2024, 3, 1, tzinfo=UTC))
    ticker = Ticker(FailingStore(error), lambda _ticket: None, clock, 1, tick=5)
    ticker.state = STATE_RUNNING
    ticker.ticked_at = ticker.turned_at = time.monotonic() - 100
    with capture_logs() as logs:
        ticker._process_jobs()
        ticker._process_jobs()
    assert ticker.age > 90
    assert (ticker.idle < 50) is lives
    assert [log["event"] for log in logs] == ["scheduler_tick_failed"]


_FUNCTION = """
    create function refuse() returns trigger language plpgsql
    as $$ begin raise exception 'cannot execute UPDATE in a read-only transaction' using errcode = '25006'; end $$
"""
_TRIGGER = "create trigger refuse before update on job_runs execute function refuse()"


async def test_terms_that_fail_at_once_become_rare_and_end_in_a_dead_process(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.scheduling.service.FAILING_TERMS", 0.3)
    await rows(database, _FUNCTION)
    await rows(database, _TRIGGER)
    scheduler = service(database, every_kind(Remembering()), stalled_after=5)
    async with serving(scheduler):
        await until(lambda: not scheduler.status().alive)
        # Two elections a second would have been fifteen by now.
        [(epoch,)] = await rows(database, "select epoch from scheduler_leader")
        assert epoch <= 6
        assert "read-only" in scheduler.status().database_error
        assert scheduler.status().failing_age >= 1.5
        await rows(database, "drop trigger refuse on job_runs")
        await until(lambda: scheduler.status().alive and scheduler.status().ready)
        assert scheduler.status().failing_age == 0
