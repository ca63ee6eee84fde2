"""The collection on a real database, with a source that says what the test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.clock import FixedClock
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Summary, Work
from app.collection.repository import RunRepository
from app.collection.service import MOST_HALVINGS, CollectionService
from app.db.engine import Database
from app.errors import AnswerTooSlow, DatabaseUnavailable, MalformedDocument, RequestTooLarge, SourceUnavailable
from app.market.areas import Place, find_place
from app.market.series import DataItem, SeriesBlock
from app.market.time import Interval
from app.settings import DatabaseSettings
from app.sources.source import Fetched, RejectedPoint
from app.timeseries.repository import StoreResult, TimeSeriesRepository
from tests.support.fakes import FakeSource, RecordingSleep, block, hourly

FR = find_place("FR")
NOW = datetime(2024, 3, 1, tzinfo=UTC)
DAY = Interval(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
WEEK = Interval(DAY.start, DAY.start + timedelta(days=7))
LOAD = DataItem.LOAD_ACTUAL


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(DatabaseSettings(), database_url)
    yield opened
    await opened.close()


def service(database: Database, source: FakeSource, **changes: object) -> CollectionService:
    parts: dict[str, object] = {"timeseries": TimeSeriesRepository(database), "runs": RunRepository(database)}
    parts |= {"concurrency": 2, "sleep": RecordingSleep()} | changes
    return CollectionService(source, clock=FixedClock(NOW), **parts)  # type: ignore[arg-type]  # parts vary by test


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_a_window_is_stored_and_recorded(database: Database) -> None:
    run = await service(database, FakeSource(hourly)).collect(Work(LOAD, FR, DAY))
    assert (run.outcome, run.received, run.new, run.unchanged) == (Outcome.STORED, 24, 24, 0)
    assert await rows(database, "select outcome, received, new, requests, area, finished_at from collection_runs") == [
        ("stored", 24, 24, 1, FR.eic, NOW)
    ]
    assert await rows(database, "select count(*) from observations") == [(24,)]


async def test_the_same_window_again_changes_nothing(database: Database) -> None:
    collection = service(database, FakeSource(hourly))
    await collection.collect(Work(LOAD, FR, DAY))
    run = await collection.collect(Work(LOAD, FR, DAY))
    assert (run.new, run.revised, run.unchanged) == (0, 0, 24)


async def test_no_matching_data_is_an_answer(database: Database) -> None:
    run = await service(database, FakeSource(lambda *_: Fetched([]))).collect(Work(LOAD, FR, DAY))
    assert (run.outcome, run.error_message) == (Outcome.EMPTY, "")


async def test_a_source_that_fails_is_a_failed_run_and_loses_nothing_else(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched | SourceUnavailable:
        if window.start == DAY.start:
            return SourceUnavailable("503 six times")
        return hourly(item, place, window)

    collection = service(database, FakeSource(answer, days=1))
    summary = Summary()
    await collection.collect_all(collection.plan([CollectionRequest(LOAD, FR, WEEK)]), summary.add)
    (totals,) = summary.sums
    assert (totals.windows, totals.failed, totals.received) == (7, 1, 6 * 24)
    assert [run.error_message for run in summary.failures] == ["503 six times"]
    assert await rows(database, "select error_class, count(*) from collection_runs group by 1 order by 1") == [
        ("", 6), ("SourceUnavailable", 1),
    ]  # fmt: skip


async def test_a_window_that_is_too_large_is_stored_half_by_half(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched | RequestTooLarge:
        if window.duration > timedelta(days=2):
            return RequestTooLarge("the number of instances exceeds the allowed maximum")
        return hourly(item, place, window)

    source = FakeSource(answer)
    run = await service(database, source).collect(Work(LOAD, FR, WEEK))
    assert (run.outcome, run.received, run.new, run.window) == (Outcome.STORED, 7 * 24, 7 * 24, WEEK)
    assert run.statistics.requests == len(source.asked)
    assert await rows(database, "select count(*), min(received) from collection_runs") == [(1, 7 * 24)]


async def test_of_a_halved_window_what_succeeded_stays(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched | SourceUnavailable | RequestTooLarge:
        if window == WEEK:
            return RequestTooLarge("too much")
        return hourly(item, place, window) if window.start == WEEK.start else SourceUnavailable("gone")

    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, WEEK))
    assert (run.outcome, run.error_message) == (Outcome.FAILED, "gone")
    assert run.new > 0
    assert await rows(database, "select count(*) from observations") == [(run.new,)]


async def test_a_window_that_is_not_answered_in_time_is_stored_half_by_half(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched | AnswerTooSlow:
        return AnswerTooSlow("no end") if window.duration > timedelta(days=2) else hourly(item, place, window)

    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, WEEK))
    assert (run.outcome, run.received, run.window) == (Outcome.STORED, 7 * 24, WEEK)


async def test_a_source_that_answers_nothing_in_time_is_unavailable_after_few_questions(database: Database) -> None:
    source = FakeSource(lambda *_: AnswerTooSlow("no end"))
    run = await service(database, source).collect(Work(LOAD, FR, WEEK))
    assert (run.outcome, run.error_class, run.window) == (Outcome.FAILED, "SourceUnavailable", WEEK)
    assert len(source.asked) == 1 + MOST_HALVINGS


async def test_an_hour_that_is_still_too_large_fails(database: Database) -> None:
    hour = Interval(DAY.start, DAY.start + timedelta(hours=1))
    run = await service(database, FakeSource(lambda *_: RequestTooLarge("too much"))).collect(Work(LOAD, FR, hour))
    assert (run.outcome, run.error_class) == (Outcome.FAILED, "RequestTooLarge")


async def test_a_damaged_answer_is_stored_and_failed(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched:
        return Fetched(hourly(item, place, window).blocks, damaged="b.xml cannot be read: HTML")

    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, DAY))
    assert (run.outcome, run.new, run.error_class) == (Outcome.FAILED, 24, "MalformedDocument")
    assert run.error_message == "b.xml cannot be read: HTML"


async def test_a_window_that_is_always_too_large_ends_soon(database: Database) -> None:
    source = FakeSource(lambda *_: RequestTooLarge("too much"))
    year = Interval(DAY.start, DAY.start + timedelta(days=366))
    run = await service(database, source).collect(Work(LOAD, FR, year))
    assert (run.outcome, run.error_class, run.window) == (Outcome.FAILED, "RequestTooLarge", year)
    assert len(source.asked) < 20


async def test_an_answer_with_refused_points_does_not_tell_what_is_gone(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched:
        first = int(window.start.timestamp())
        return Fetched([block(item, place, [first], [1.0])], (RejectedPoint("1", "position 2", "no number"),))

    await service(database, FakeSource(hourly)).collect(Work(LOAD, FR, DAY))
    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, DAY))
    assert run.vanished == 0
    run = await service(database, FakeSource(lambda *asked: Fetched(answer(*asked).blocks))).collect(
        Work(LOAD, FR, DAY)
    )
    assert run.vanished == 23


async def test_bytes_that_are_no_document_are_kept(database: Database) -> None:
    source = FakeSource(lambda *_: MalformedDocument("HTML instead of XML", b"<html>"))
    run = await service(database, source).collect(Work(LOAD, FR, DAY))
    assert run.outcome is Outcome.FAILED
    assert await rows(database, "select reason, body, received_at from malformed_documents") == [
        ("HTML instead of XML", b"<html>", NOW)
    ]


async def test_refused_points_are_kept_with_their_reason(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched:
        return Fetched(hourly(item, place, window).blocks, (RejectedPoint("1", "position 25", "outside the Period"),))

    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, DAY))
    assert len(run.rejected) == 1
    assert await rows(database, "select series, place, reason from rejected_points") == [
        ("1", "position 25", "outside the Period")
    ]


class LosingStore:
    """A store whose database is gone for the first calls."""

    def __init__(self, times: int) -> None:
        self._times = times

    async def store(
        self, blocks: list[SeriesBlock], *, learned_at: datetime, answered: Interval, question: int | None
    ) -> StoreResult:
        if self._times:
            self._times -= 1
            raise DatabaseUnavailable("the server is starting up")
        return StoreResult(new=sum(map(len, blocks)))


async def test_what_was_fetched_waits_for_a_restarting_database(database: Database) -> None:
    sleep = RecordingSleep()
    collection = service(database, FakeSource(hourly), timeseries=LosingStore(3), sleep=sleep)
    run = await collection.collect(Work(LOAD, FR, DAY))
    assert (run.outcome, run.new) == (Outcome.STORED, 24)
    assert sleep.slept == [1.0, 2.0, 4.0]


async def test_a_lost_database_ends_the_asking_and_names_every_window(database: Database) -> None:
    source = FakeSource(hourly, days=1)
    collection = service(database, source, timeseries=LosingStore(1_000))
    runs: list[CollectionRun] = []
    await collection.collect_all(collection.plan([CollectionRequest(LOAD, FR, WEEK)]), runs.append)
    assert len(runs) == 7
    assert {run.error_class for run in runs} == {"DatabaseUnavailable"}
    assert len(source.asked) <= 2


class Observer:
    def __init__(self) -> None:
        self.seen: list[CollectionRun] = []

    async def observe(self, run: CollectionRun) -> None:
        self.seen.append(run)


async def test_observers_learn_of_every_run(database: Database) -> None:
    observer = Observer()
    run = await service(database, FakeSource(hourly), observers=[observer]).collect(Work(LOAD, FR, DAY))
    assert observer.seen == [run]


async def test_equal_starts_in_one_answer_count_once_and_the_later_wins(database: Database) -> None:
    def answer(item: DataItem, place: Place, window: Interval) -> Fetched:
        start = int(window.start.timestamp())
        return Fetched([block(item, place, [start, start], np.array([1.0, 2.0]))])

    run = await service(database, FakeSource(answer)).collect(Work(LOAD, FR, DAY))
    assert (run.received, run.new) == (2, 1)
    assert await rows(database, "select value from observations") == [(2.0,)]
