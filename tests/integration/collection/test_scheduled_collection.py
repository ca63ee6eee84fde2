"""The jobs themselves: a scheduler on a simulated clock that keeps a store complete against a source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import FixedClock
from app.collection.backfill.models import BackfillRetryPolicy
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.service import BackfillService, GapCompleteness
from app.collection.gaps.classification import Reason
from app.collection.models import CollectionRequest, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.collection.source_health import SourceHealth
from app.db.engine import Database
from app.entsoe.items import ITEMS, request_windows
from app.errors import AccessDenied, JobFailed, SchedulerStateError, SourceError, SourceUnavailable
from app.market.areas import Place, areas, find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.dispatcher import JobHandler
from app.scheduling.due import GapDue
from app.scheduling.jobs import run
from app.scheduling.jobs.backfills import QueuedBackfills
from app.scheduling.jobs.collection import BoundedCollection, CollectionJobs
from app.scheduling.jobs.declaration import Jobs
from app.scheduling.jobs.gaps import GapJobs
from app.scheduling.jobs.maintenance import Housekeeping, PlatformCheck
from app.scheduling.models import JobOutcome, RunTrigger, Ticket
from app.scheduling.repository import JobRunRepository
from app.settings import SchedulerSettings
from app.sources.source import Fetched
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG
from tests.support.fakes import Answer, FakeSource, RecordingSleep, hourly
from tests.support.scheduler_factory import QUICK, rows, service, serving
from tests.support.services import correction_service, gap_service
from tests.support.store_factory import opened

FR = find_place("FR")
START = datetime(2024, 3, 30, 12, 0, 10, tzinfo=UTC)
SETTINGS = SchedulerSettings.model_validate(QUICK | {"analysis_days": 7, "backfill_days": 30})


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=5) as found:
        yield found


class Platform:
    """A source that publishes each hour some minutes after its end, and fails while it is told to."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.down: SourceError | None = None
        self.holes: list[Interval] = []

    def __call__(self, item: DataItem, place: Place, window: Interval) -> Answer:
        if self.down:
            return self.down
        published = self._clock.now().replace(minute=0, second=0, microsecond=0)
        if item is DataItem.PRICE_DAY_AHEAD:
            published = self._clock.now() + timedelta(days=2)
        end = min(window.end, published)
        if window.start >= end or any(window.start >= hole.start and end <= hole.end for hole in self.holes):
            return Fetched([])
        return hourly(item, place, Interval(window.start, end))


class Queue:
    """Remembers what would be backfilled."""

    def __init__(self) -> None:
        self.taken: list[CollectionRequest] = []

    async def take(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str:
        self.taken += requests
        return f"{len(requests)} handed over"

    async def prune(self) -> int:
        return 2


class Station:
    """Everything that the jobs work with, on one clock."""

    def __init__(self, database: Database, *, largest_run: int = 100) -> None:
        self.clock = FixedClock(START)
        self.platform = Platform(self.clock)
        self.source = FakeSource(self.platform)
        # The gap analysis knows the deadlines of the platform's items by their source's name.
        self.source.name = "entsoe"
        series, self.runs = TimeSeriesRepository(database), JobRunRepository(database)
        self.gap_source = FakeSource(self.platform)
        self.gap_source.name = "entsoe"
        live, filling = (
            CollectionService(
                source, series, RunRepository(database), self.clock, concurrency=2, sleep=RecordingSleep()
            )
            for source in (self.source, self.gap_source)
        )
        self.gaps, corrections = gap_service(database), correction_service(database)
        self.live, self.queue = live, Queue()
        live_runs, gap_runs = (
            BoundedCollection(service, self.gaps, self.clock, largest_run=largest_run, at_once=at_once)
            for service, at_once in ((live, 2), (filling, 1))
        )
        due = GapDue(self.gaps, corrections, CATALOG, recent_days=2)
        self.jobs = CollectionJobs(live_runs, gap_runs, due, corrections, self.clock, catalog=CATALOG)
        self.gap_jobs = GapJobs(self.gaps, gap_runs, self.queue, self.clock, catalog=CATALOG, settings=SETTINGS)
        self.platform_check = PlatformCheck(live, self.runs, SourceHealth(), self.clock)
        self.housekeeping = Housekeeping(self.runs, self.queue, self.clock, settings=SETTINGS)

    def handlers(self) -> Mapping[str, JobHandler]:
        return Jobs(self.jobs, self.gap_jobs, self.platform_check, self.housekeeping).handlers()

    def ticket(self, **params: str) -> Ticket:
        wanted = {"areas": "FR", "items": "load_actual"} | params
        return Ticket("test", "collect", wanted, self.clock.now(), RunTrigger.CRON)


async def test_a_collection_asks_for_what_is_missing_and_then_only_for_what_appears(database: Database) -> None:
    station = Station(database)
    first = await station.jobs.collect(station.ticket(item="load_actual"))
    assert first.outcome is JobOutcome.SUCCEEDED
    assert "0 revised, 0 empty, 0 failed" in first.summary
    [(stored,)] = await rows(database, "select count(*) from observations")
    assert stored == 2 * 24 + 13
    station.clock.set(START + timedelta(hours=1))
    station.source.asked.clear()
    await station.jobs.collect(station.ticket(item="load_actual"))
    assert await rows(database, "select count(*) from observations") == [(stored + 1,)]
    [(_, _, window)] = station.source.asked
    assert window.duration == timedelta(hours=3)


async def test_what_a_collection_has_brought_is_recorded_as_no_gap_any_more(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    assert await rows(database, "select distinct reason from gaps where reason = 'ours'") == []


async def test_a_platform_that_is_down_is_a_failure_to_be_tried_again(database: Database) -> None:
    station = Station(database)
    station.platform.down = SourceUnavailable("503 six times")
    with pytest.raises(JobFailed, match=r"1 failed; first: load_actual FR .*: 503 six times"):
        await station.jobs.collect(station.ticket(item="load_actual"))
    station.platform.down = AccessDenied("wrong token")
    report = await station.jobs.collect(station.ticket(item="load_actual"))
    assert report.outcome is JobOutcome.FAILED
    assert "wrong token" in report.summary


async def test_a_retry_asks_for_all_that_the_failed_run_asked_for(database: Database) -> None:
    station = Station(database)
    station.platform.down = SourceUnavailable("503")
    ticket = station.ticket(item="load_actual")
    with pytest.raises(JobFailed):
        await station.jobs.collect(ticket)
    station.platform.down = None
    station.clock.set(START + timedelta(minutes=1))
    await station.jobs.collect(replace(ticket, attempt=2))
    first, second = [window for _, _, window in station.source.asked]
    assert first == second
    assert first.duration > timedelta(days=2)


async def test_what_goes_beyond_one_run_is_named(database: Database) -> None:
    station = Station(database, largest_run=1)
    report = await station.jobs.collect(station.ticket(areas="FR,NL,BE,DE_50HZ", item="price_day_ahead"))
    assert report.outcome is JobOutcome.PARTIAL
    [waits] = [reason for reason in report.skipped if "beyond the 1 of one run" in reason]
    assert waits.startswith("price_day_ahead for ")
    assert "2 windows" in waits
    assert sum("DE_50HZ" in reason for reason in report.skipped) == 1


async def test_prices_run_finds_nothing_due_once_they_are_there(database: Database) -> None:
    station = Station(database)
    assert (await station.jobs.collect(station.ticket(item="price_day_ahead"))).outcome is JobOutcome.SUCCEEDED
    station.source.asked.clear()
    assert (await station.jobs.collect(station.ticket(item="price_day_ahead"))).outcome is JobOutcome.NOTHING_DUE
    assert station.source.asked == []


async def test_the_gap_analysis_fills_short_gaps_and_hands_long_ones_over(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    start = START.replace(hour=0, minute=0, second=0)
    await rows(database, "delete from observations where delivery_start = $1", start)
    await rows(database, "delete from collection_runs")
    await rows(database, "update daily_counts set stored = stored - 1 where day = $1", start.date())
    report = await station.gap_jobs.gap_analysis(station.ticket())
    assert report.outcome is JobOutcome.SUCCEEDED
    assert "gaps: " in report.summary
    assert await rows(database, "select count(*) from observations where delivery_start = $1", start) == [(1,)]


async def lose(database: Database, start: datetime) -> None:
    """The hour is not stored, whatever was asked."""
    await rows(database, "update observations set value = null where delivery_start = $1", start)
    await rows(database, "update daily_counts set stored = stored - 1 where day = $1", start.date())


async def test_gaps_are_filled_in_a_lane_of_their_own(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    assert (len(station.source.asked), len(station.gap_source.asked)) == (1, 0)
    await rows(database, "delete from collection_runs")
    await lose(database, START.replace(hour=0, minute=0, second=0))
    await station.gap_jobs.gap_analysis(station.ticket())
    assert (len(station.source.asked), len(station.gap_source.asked)) == (1, 1)


async def test_an_analysis_that_hands_everything_over_does_not_call_it_complete(database: Database) -> None:
    station = Station(database)
    report = await station.gap_jobs.gap_analysis(station.ticket())
    assert report.outcome is JobOutcome.SUCCEEDED
    assert report.summary.endswith("1 ours; the oldest open since 2024-03-23; 1 handed over")


async def test_an_analysis_hands_over_long_gaps_also_where_the_platform_is_down(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    await rows(database, "delete from collection_runs")
    await lose(database, START.replace(hour=0, minute=0, second=0))
    station.platform.down = SourceUnavailable("503")
    with pytest.raises(JobFailed):
        await station.gap_jobs.gap_analysis(station.ticket())
    assert len(station.queue.taken) == 1


async def test_an_analysis_says_what_waits_for_its_next_question(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    await lose(database, START.replace(hour=6, minute=0, second=0))
    station.gap_jobs._settings = SETTINGS.model_copy(update={"analysis_days": 1})
    report = await station.gap_jobs.gap_analysis(station.ticket())
    assert report.outcome is JobOutcome.NOTHING_DUE
    assert (
        report.summary
        == "gaps: 1 late, 1 not_due; the oldest open since 2024-03-30; 1 wait for their next question, the first until 2024-03-30 16:00Z"
    )


async def test_what_one_run_leaves_is_what_the_next_begins_with(database: Database) -> None:
    """Forty areas and eight windows a run: after five runs every area was asked for once, and every wait was named."""
    named_areas = [
        area for area in areas().values() if area.exists_at(START) and ITEMS[DataItem.LOAD_ACTUAL].exists_for(area)
    ][:40]
    station = Station(database, largest_run=8)
    named: list[str] = []
    for number in range(5):
        station.clock.set(START + timedelta(minutes=30 * number))
        report = await station.jobs.collect(
            station.ticket(item="load_actual", areas=",".join(one.code for one in named_areas))
        )
        assert len(station.source.asked) == 8 * (number + 1)
        assert report.outcome is JobOutcome.PARTIAL
        named.append(report.skipped[0])
    assert {code for _, code, _ in station.source.asked} == {one.code for one in named_areas}
    codes, _, reason = named[0].removeprefix("load_actual for ").partition(": ")
    assert reason == "32 windows beyond the 8 of one run; the next run begins with them"
    assert {code for _, code, _ in station.source.asked[:8]} | set(codes.split(", ")) == {
        one.code for one in named_areas
    }


async def test_the_backfill_analysis_hands_the_whole_time_over(database: Database) -> None:
    station = Station(database)
    report = await station.gap_jobs.backfill_analysis(station.ticket())
    assert report.summary == "1 handed over"
    assert station.queue.taken[0].interval.duration >= timedelta(days=30)
    assert station.source.asked == []


async def test_what_is_stored_is_asked_for_again_by_the_age_of_its_last_answer(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    assert (await station.jobs.repoll(station.ticket())).outcome is JobOutcome.NOTHING_DUE
    station.clock.set(START + timedelta(hours=3, minutes=1))
    report = await station.jobs.repoll(station.ticket())
    [(item, code, window)] = station.gap_source.asked
    assert (report.outcome, item, code) == (JobOutcome.SUCCEEDED, DataItem.LOAD_ACTUAL, "FR")
    assert window == Interval(datetime(2024, 3, 27, 23, tzinfo=UTC), datetime(2024, 3, 30, 12, tzinfo=UTC))


async def test_a_question_that_failed_is_no_answer_and_is_repeated_soon(database: Database) -> None:
    station = Station(database)
    await station.jobs.collect(station.ticket(item="load_actual"))
    station.clock.set(START + timedelta(hours=4))
    station.platform.down = SourceUnavailable("503")
    with pytest.raises(JobFailed):
        await station.jobs.repoll(station.ticket())
    station.platform.down = None
    for minutes, asked in ((10, 1), (16, 2), (30, 2)):
        station.clock.set(START + timedelta(hours=4, minutes=minutes))
        await station.jobs.repoll(station.ticket())
        assert len(station.gap_source.asked) == asked


async def test_platform_health_asks_only_where_the_last_answer_is_old(database: Database) -> None:
    station = Station(database)
    assert (await station.platform_check.check(station.ticket())).summary == "the platform answers"
    assert len(station.source.asked) == 1
    await station.platform_check.check(station.ticket())
    assert len(station.source.asked) == 1
    station.clock.set(START + timedelta(minutes=3))
    station.platform.down = SourceUnavailable("503")
    report = await station.platform_check.check(station.ticket())
    assert (report.outcome, len(station.source.asked)) == (JobOutcome.FAILED, 2)


async def test_housekeeping_deletes_old_runs_only(database: Database) -> None:
    station = Station(database)
    for days in (1, 100):
        await rows(
            database,
            "insert into job_runs (job, scheduled_for, trigger, kind, outcome) values ('a', $1, 'cron', 'x', 'succeeded')",
            START - timedelta(days=days),
        )
    told = "1 runs older than 90 days deleted, 2 backfills that ended long ago"
    assert (await station.housekeeping.run(station.ticket())).summary == told
    assert await rows(database, "select count(*) from job_runs") == [(1,)]


async def quiet(database: Database, now: datetime) -> None:
    """Wait until everything that is due at this moment has run."""
    pending = """
        select
            (select count(*) from scheduler_jobs where next_run_time <= $1) +
            (select count(*) from job_runs where outcome = 'running' or next_attempt_at <= $2)
    """
    async with asyncio.timeout(60):
        while (await rows(database, pending, now.timestamp(), now)) != [(0,)]:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.01)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_simulated_day_over_a_night_of_daylight_saving_leaves_no_gap_of_ours(database: Database) -> None:
    station = Station(database)
    scheduler = service(database, station.handlers(), clock=station.clock, tick=0.1)
    async with serving(scheduler):
        async with asyncio.timeout(60):
            while not await rows(database, "select 1 from scheduler_jobs"):  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.05)
        for step in range(1, 49):
            await quiet(database, station.clock.now())
            station.platform.down = SourceUnavailable("503") if 20 <= step < 30 else None
            station.clock.set(START + timedelta(minutes=30 * step))
        await quiet(database, station.clock.now())
    twice = await rows(database, "select job, scheduled_for from job_runs group by 1, 2 having count(*) > 1")
    assert twice == []
    now = station.clock.now()
    request = CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(START - timedelta(days=2), now))
    assert [gap for gap in await station.gaps.analyse([request], now) if gap.reason is Reason.OURS] == []
    outcomes = dict(await rows(database, "select job, count(*) from job_runs where outcome <> 'failed' group by 1"))
    assert outcomes["backfill_analysis"] == 1
    assert outcomes["corrections"] >= 8
    assert outcomes["collect:load_actual"] >= 38


async def test_long_gaps_become_windows_of_one_backfill_and_are_not_queued_twice(database: Database) -> None:
    station = Station(database)
    service = BackfillService(
        BackfillRepository(database, BackfillRetryPolicy()),
        GapCompleteness(station.gaps),
        lambda item, place, interval: request_windows(ITEMS[item], place, interval),
        requests_per_second=5.0,
        share=0.2,
    )
    queue = QueuedBackfills(service, station.clock, concurrency=2, profile="normal", history_days=90)
    ticket = station.ticket()
    request = CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(START - timedelta(days=40), START))
    assert (await queue.take([request], ticket)).startswith("backfill 1: 1 window, 0:00:01 at its share")
    assert await queue.take([request], ticket) == "no window to backfill, 1 queued already"
    assert await rows(database, "select description from backfills") == [("test of 2024-03-30 12:00Z",)]


def test_a_stored_job_does_nothing_outside_the_scheduler() -> None:
    with pytest.raises(SchedulerStateError, match="gridkeeper jobs run"):
        run("collect", {"item": "load_actual"})


async def test_what_the_source_fills_in_long_after_every_plan_is_found(database: Database) -> None:
    station = Station(database)
    begin = START.replace(second=0) - timedelta(days=2)
    hole = Interval(begin, begin + timedelta(hours=2))
    station.platform.holes.append(hole)
    request = CollectionRequest(
        DataItem.LOAD_ACTUAL, FR, Interval(begin - timedelta(days=1), begin + timedelta(days=1))
    )
    for part in (Interval(request.interval.start, hole.start), hole, Interval(hole.end, request.interval.end)):
        await station.live.collect(Work(request.item, FR, part))
    await station.gaps.analyse([request], START)
    station.clock.set(START + timedelta(days=400))
    station.platform.holes.clear()
    report = await station.gap_jobs.gap_analysis(station.ticket())
    assert "the oldest open since 2024-03-28" in report.summary
    [(_, _, window)] = [one for one in station.gap_source.asked if one[2].start < START]
    assert window == hole


async def test_a_range_that_a_person_asked_for_stays_asked_for_outside_the_plan(database: Database) -> None:
    station = Station(database)
    silent = station.source._answer
    station.source._answer = lambda *_: Fetched([])
    asked = CollectionRequest(DataItem.FLOW_PHYSICAL, find_place("FR>BE"), Interval(START - timedelta(days=90), START))
    for work in station.live.plan([asked]):
        await station.live.collect(work)
    await station.gaps.keep_asked([asked], START)
    station.source._answer = silent
    station.clock.set(START + timedelta(hours=1, minutes=5))
    await station.gap_jobs.gap_analysis(station.ticket())
    assert {(item, code) for item, code, _ in station.gap_source.asked} >= {(DataItem.FLOW_PHYSICAL, "FR>BE")}
    found = await rows(
        database, "select count(*) from observations join series using (series_id) where item = 'flow_physical'"
    )
    assert found[0][0] > 80 * 24
