from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from app.db.engine import Database
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.timeseries.repository import TimeSeriesRepository
from tests.support.store_factory import ALWAYS, DE_LU, FR, LEARNED, block, hour, hours, key, opened, values_of

DAY = timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as database:
        yield database


@pytest.fixture
def repository(database: Database) -> TimeSeriesRepository:
    return TimeSeriesRepository(database)


def at_delivery(series: SeriesKey, resolution: Resolution, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """A calendar by which every value is published when its delivery starts."""
    return starts


async def test_series_come_in_the_order_of_their_keys_and_rows_by_start(repository: TimeSeriesRepository) -> None:
    quarters = block({1: 8, 0: 7}, key(psr_type="b"), Resolution.PT15M)
    blocks = [block([1, 2], key(psr_type="b")), quarters, block([3], key(psr_type="B")), block([4], key(area=FR))]
    await repository.store(blocks, learned_at=LEARNED)
    read = repository.read(items=["load_actual"], areas={FR: ALWAYS, DE_LU: ALWAYS})
    found = [(batch.key.area, batch.key.psr_type, batch.values.tolist()) async for batch in read]
    assert found == [(DE_LU, "B", [3]), (DE_LU, "b", [7, 1, 8, 2]), (FR, "", [4])]


async def test_each_area_has_its_own_interval(repository: TimeSeriesRepository) -> None:
    await repository.store([block(range(5)), block(range(5), key(area=FR))], learned_at=LEARNED)
    read = repository.read(items=["load_actual"], areas={DE_LU: hours(1, 3), FR: hours(4, 4)})
    assert [batch.values.tolist() async for batch in read] == [[1, 2]]


async def test_a_long_interval_comes_in_portions(repository: TimeSeriesRepository) -> None:
    starts = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) + 86_400 * np.arange(2000)
    days = SeriesBlock(key(), Resolution.P1D, starts, np.multiply(starts, 1.5, dtype=np.float64), starts < 0)
    await repository.store([days], learned_at=LEARNED)
    whole = Interval(datetime(2015, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    batches = [batch async for batch in repository.read(items=["load_actual"], areas={DE_LU: whole})]
    assert len(batches) > 1
    assert np.concatenate([batch.starts for batch in batches]).tolist() == starts.tolist()
    assert np.concatenate([batch.values for batch in batches]).tolist() == (starts * 1.5).tolist()


async def test_a_read_sees_one_snapshot_however_long_it_lasts(repository: TimeSeriesRepository) -> None:
    blocks = [block([1], key(psr_type="B01")), block([1], key(psr_type="B02"))]
    await repository.store(blocks, learned_at=LEARNED)
    found = []
    async for batch in repository.read(items=["load_actual"], areas={DE_LU: ALWAYS}):
        found += batch.values.tolist()
        later = [block([2], key(psr_type="B01")), block([2], key(psr_type="B02"))]
        await repository.store(later, learned_at=LEARNED + DAY)
    assert found == [1, 1]


async def test_a_read_may_be_left_early(repository: TimeSeriesRepository, database: Database) -> None:
    await repository.store([block([1], key(psr_type=f"B{n:02}")) for n in range(9)], learned_at=LEARNED)
    for _ in range(9):
        async with aclosing(repository.read(items=["load_actual"], areas={DE_LU: ALWAYS})) as batches:
            async for batch in batches:
                assert len(batch) == 1
                break
    async with database.connection() as connection:
        assert not connection.is_in_transaction()


async def test_as_of_sees_only_what_was_learned_by_then(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2])], learned_at=LEARNED)
    await repository.store([block([1, 3])], learned_at=LEARNED + DAY)
    await repository.store([block([1])], learned_at=LEARNED + 2 * DAY, answered=hours(0, 2))
    await repository.store([block([1, 4])], learned_at=LEARNED + 3 * DAY)
    seen = [await values_of(repository, as_of=LEARNED + n * DAY) for n in range(-1, 4)]
    assert seen == [{}, {0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1}, {0: 1, 1: 4}]
    instants = [await values_of(repository, as_of=LEARNED + DAY - timedelta(microseconds=n)) for n in (0, 1)]
    assert instants == [{0: 1, 1: 3}, {0: 1, 1: 2}]


async def test_assumed_publication_shows_backfilled_values_at_their_deadline(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2, 3])], learned_at=LEARNED)
    assert await values_of(repository, as_of=hour(1)) == {}
    assert await values_of(repository, as_of=hour(1), published=at_delivery) == {0: 1, 1: 2}


async def test_assumed_publication_shows_the_first_version_until_the_next_was_learned(
    repository: TimeSeriesRepository,
) -> None:
    await repository.store([block([1, 2])], learned_at=LEARNED)
    await repository.store([block([10, 2])], learned_at=LEARNED + DAY)
    await repository.store([block([10])], learned_at=LEARNED + 2 * DAY, answered=hours(0, 2))
    instants = (hour(0), LEARNED + DAY, LEARNED + 2 * DAY)
    seen = [await values_of(repository, as_of=instant, published=at_delivery) for instant in instants]
    assert seen == [{0: 1}, {0: 10, 1: 2}, {0: 10}]


async def test_a_value_learned_before_its_deadline_counts_as_known_when_learned(
    repository: TimeSeriesRepository,
) -> None:
    early = hour(0) - DAY
    await repository.store([block([1])], learned_at=early)
    assert await values_of(repository, as_of=early, published=at_delivery) == {0: 1}
    assert await values_of(repository, as_of=early - DAY, published=at_delivery) == {}


async def server_clock(database: Database) -> datetime:
    async with database.connection() as connection:
        now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def test_an_instant_at_which_somebody_still_writes_is_read_when_that_has_ended(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1])])
    async with database.connection() as blocker:
        await blocker.execute("begin; lock table observations in share mode")
        writing = asyncio.create_task(repository.store([block([2, 3])]))
        while not await blocker.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110  nobody is notified
            await asyncio.sleep(0.01)
        asked_for = await server_clock(database)
        settled = await repository.settled(asked_for, patience=timedelta())
        before = await values_of(repository, as_of=settled)
        reading = asyncio.create_task(values_of(repository, as_of=asked_for))
        await asyncio.sleep(0)
        await blocker.execute("commit")
    await writing
    assert settled < asked_for
    assert before == await values_of(repository, as_of=settled) == {0: 1}
    assert await reading == await values_of(repository, as_of=asked_for) == {0: 2, 1: 3}


async def test_an_instant_to_come_is_settled_at_the_present(
    repository: TimeSeriesRepository, database: Database
) -> None:
    before = await server_clock(database)
    settled = await repository.settled(before + DAY)
    assert before <= settled < await server_clock(database)
    assert await repository.settled(LEARNED) == LEARNED


async def test_the_same_instant_gives_the_same_values_beside_writers(
    repository: TimeSeriesRepository, database: Database, database_url: str
) -> None:
    async def write(area: str) -> None:
        async with opened(database_url) as own:
            writer = TimeSeriesRepository(own)
            for turn in range(12):
                await writer.store([block([turn] * 50, key(area=area))])

    async def snapshots() -> list[tuple[datetime, dict[float, float]]]:
        found = []
        for _ in range(15):
            instant = await server_clock(database)
            found.append((instant, await values_of(repository, as_of=instant)))
        return found

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(write(DE_LU))
        reading = group.create_task(snapshots())
    for instant, values in reading.result():
        assert await values_of(repository, as_of=instant) == values
