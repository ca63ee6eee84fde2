from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.db.engine import Database
from app.errors import AnswerOutdated
from app.market.series import SeriesBlock
from app.market.time import Interval, Resolution
from app.timeseries.repository import StoreResult, TimeSeriesRepository
from tests.support.store_factory import DE_LU, FR, LEARNED, block, hour, hours, key, opened, rows_of, values_of

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as database:
        yield database


@pytest.fixture
def repository(database: Database) -> TimeSeriesRepository:
    return TimeSeriesRepository(database)


async def fingerprint(database: Database) -> str:
    """Every row of the store with the transactions that wrote or locked it."""
    parts = []
    async with database.connection() as connection:
        for table in ("series", "observations", "observation_revisions", "daily_counts"):
            query = f"select string_agg(concat(t, ctid, xmin, xmax), ' ' order by ctid) from {table} as t"
            parts.append(str(await connection.fetchval(query)))
    return "\n".join(parts)


async def counts(database: Database) -> dict[tuple[str, int], int]:
    async with database.connection() as connection:
        rows = await connection.fetch("select day, resolution, sum(stored) as n from daily_counts group by 1, 2")
    return {(row["day"].isoformat(), row["resolution"]): row["n"] for row in rows}


async def test_new_values_are_read_back_exactly(repository: TimeSeriesRepository) -> None:
    odd = [0.1, -0.01, 1e-300, 45_000.17, math.nextafter(1.0, 2.0), 1e17]
    result = await repository.store([block(odd, filled=[1])], learned_at=LEARNED)
    assert result == StoreResult(new=6, received=6)
    assert await rows_of(repository) == [(hour(n), "PT60M", value, n == 1, LEARNED) for n, value in enumerate(odd)]


async def test_nothing_to_store_is_no_transaction(repository: TimeSeriesRepository) -> None:
    assert await repository.store([], learned_at=LEARNED) == StoreResult()
    assert await repository.store([block([])], learned_at=LEARNED, answered=hours(0, 9)) == StoreResult()


async def test_the_same_document_twice_writes_and_locks_not_a_row(
    repository: TimeSeriesRepository, database: Database
) -> None:
    blocks = [block([1, 2, 3], filled=[2]), block([4, 5], key(psr_type="B01"))]
    await repository.store(blocks, learned_at=LEARNED, answered=hours(0, 3))
    before = await fingerprint(database)
    result = await repository.store(blocks, learned_at=LEARNED + SECOND, answered=hours(0, 3))
    assert result == StoreResult(unchanged=5, received=5)
    assert await fingerprint(database) == before


async def test_a_large_unchanged_batch_writes_hardly_any_log(
    repository: TimeSeriesRepository, database: Database
) -> None:
    start = int(hour(0).timestamp())
    starts = start + 3600 * np.arange(8760)
    blocks = [
        SeriesBlock(
            key(psr_type=f"B{n:02}"), Resolution.PT60M, starts, np.add(starts, n, dtype=np.float64), starts % 7 == 0
        )
        for n in range(16)
    ]
    await repository.store(blocks, learned_at=LEARNED)
    async with database.connection() as connection:
        await connection.execute("alter table observations set (autovacuum_enabled = false)")
        before = await connection.fetchval("select pg_current_wal_insert_lsn()")
    result = await repository.store(blocks, learned_at=LEARNED + SECOND, answered=hours(0, 8760))
    async with database.connection() as connection:
        written = await connection.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before)
    assert result.unchanged == 140_160
    assert written < 64_000


async def test_a_changed_value_keeps_the_one_before_as_a_revision(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2, 3])], learned_at=LEARNED)
    result = await repository.store([block([1, 20, 3, 4])], learned_at=LEARNED + SECOND)
    assert result == StoreResult(new=1, revised=1, unchanged=2, received=4)
    assert await values_of(repository) == {0: 1, 1: 20, 2: 3, 3: 4}
    assert await values_of(repository, as_of=LEARNED) == {0: 1, 1: 2, 2: 3}
    assert await values_of(repository, as_of=LEARNED - MICROSECOND) == {}


async def test_a_change_of_filled_alone_updates_the_row_and_is_no_revision(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1, 1])], learned_at=LEARNED)
    result = await repository.store([block([1, 1], filled=[1])], learned_at=LEARNED + SECOND)
    assert result == StoreResult(unchanged=2, received=2)
    assert [row[3:] for row in await rows_of(repository)] == [(False, LEARNED), (True, LEARNED)]
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from observation_revisions") == 0


async def test_a_clock_that_goes_back_never_lowers_recorded_at(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2])], learned_at=LEARNED)
    await repository.store([block([10, 2, 3])], learned_at=LEARNED - timedelta(days=1))
    assert [(row[2], row[4]) for row in await rows_of(repository)] == [
        (10, LEARNED + MICROSECOND),
        (2, LEARNED),
        (3, LEARNED + MICROSECOND),
    ]
    assert await values_of(repository, as_of=LEARNED) == {0: 1, 1: 2}


async def test_of_duplicates_the_last_in_document_order_is_stored(repository: TimeSeriesRepository) -> None:
    twice = block({0: 1, 1: 2})
    blocks = [twice, block({5: 9}, key(psr_type="B01")), block({1: 7, 0: 1})]
    result = await repository.store(blocks, learned_at=LEARNED)
    assert result == StoreResult(new=3, received=5, duplicates=2)
    again = await repository.store([*blocks, twice], learned_at=LEARNED + SECOND)
    assert again == StoreResult(revised=1, unchanged=2, received=7, duplicates=4)
    assert await values_of(repository) == {0: 1, 1: 2, 5: 9}


async def test_a_value_missing_in_the_answer_becomes_null_with_a_revision(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1, 2, 3, 4])], learned_at=LEARNED)
    answer = [block({0: 1, 3: 4})]
    result = await repository.store(answer, learned_at=LEARNED + SECOND, answered=hours(0, 4))
    assert result == StoreResult(unchanged=2, vanished=2, received=2)
    assert await values_of(repository) == {0: 1, 3: 4}
    assert await values_of(repository, as_of=LEARNED) == {0: 1, 1: 2, 2: 3, 3: 4}
    assert await counts(database) == {("2024-01-01", 7): 2}
    before = await fingerprint(database)
    assert (await repository.store(answer, learned_at=LEARNED + 2 * SECOND, answered=hours(0, 4))).vanished == 0
    assert await fingerprint(database) == before


async def test_a_value_that_returns_is_a_revision_of_its_absence(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1, 2])], learned_at=LEARNED)
    await repository.store([block([1])], learned_at=LEARNED + SECOND, answered=hours(0, 2))
    result = await repository.store([block([1, 2])], learned_at=LEARNED + 2 * SECOND, answered=hours(0, 2))
    assert result == StoreResult(revised=1, unchanged=1, received=2)
    assert await values_of(repository, as_of=LEARNED + SECOND) == {0: 1}
    assert await values_of(repository) == {0: 1, 1: 2}
    assert await counts(database) == {("2024-01-01", 7): 2}


async def test_only_units_wholly_inside_the_answered_interval_vanish(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2, 3, 4, 5])], learned_at=LEARNED)
    answered = Interval(hour(0.5), hour(3.5))
    await repository.store([block({1: 2})], learned_at=LEARNED + SECOND, answered=answered)
    assert await values_of(repository) == {0: 1, 1: 2, 3: 4, 4: 5}


async def test_a_series_absent_from_the_answer_is_left_alone(repository: TimeSeriesRepository) -> None:
    other = key(psr_type="B01")
    await repository.store([block([1, 2]), block([3, 4], other)], learned_at=LEARNED)
    result = await repository.store([block([1, 2])], learned_at=LEARNED + SECOND, answered=hours(0, 2))
    assert result.vanished == 0
    assert len(await rows_of(repository)) == 4


async def test_a_switch_to_quarter_hours_retires_the_hours(repository: TimeSeriesRepository) -> None:
    await repository.store([block([1, 2])], learned_at=LEARNED)
    quarters = block({n / 4: n for n in range(4)}, resolution=Resolution.PT15M)
    result = await repository.store([quarters], learned_at=LEARNED + SECOND, answered=hours(0, 1))
    assert result == StoreResult(new=4, vanished=1, received=4)
    assert [(row[0], row[1]) for row in await rows_of(repository)] == [
        *((hour(n / 4), "PT15M") for n in range(4)),
        (hour(1), "PT60M"),
    ]


@pytest.mark.parametrize(
    ("answered_until", "vanished"),
    [(datetime(2024, 3, 31, 21, tzinfo=UTC), 0), (datetime(2024, 3, 31, 22, tzinfo=UTC), 1)],
)
async def test_a_month_ends_at_local_midnight_of_its_area(
    repository: TimeSeriesRepository, answered_until: datetime, vanished: int
) -> None:
    march = datetime(2024, 2, 29, 23, tzinfo=UTC)  # midnight in Paris; March has the 23-hour day
    stamp = np.array([int(march.timestamp())])
    month = SeriesBlock(key(area=FR), Resolution.P1M, stamp, np.array([5.0]), np.array([False]))
    await repository.store([month], learned_at=LEARNED)
    answered = Interval(march, answered_until)
    result = await repository.store([block([1], key(area=FR))], learned_at=LEARNED + SECOND, answered=answered)
    assert result.vanished == vanished


async def test_daily_counts_follow_every_change(repository: TimeSeriesRepository, database: Database) -> None:
    await repository.store([block({n: n for n in range(20, 80)})], learned_at=LEARNED)
    assert await counts(database) == {
        ("2024-01-01", 7): 4,
        ("2024-01-02", 7): 24,
        ("2024-01-03", 7): 24,
        ("2024-01-04", 7): 8,
    }
    await repository.store([block({n: n for n in range(80, 97)})], learned_at=LEARNED)
    await repository.store([block({0: 5})], learned_at=LEARNED)
    assert await counts(database) == {
        ("2024-01-01", 7): 5,
        ("2024-01-02", 7): 24,
        ("2024-01-03", 7): 24,
        ("2024-01-04", 7): 24,
        ("2024-01-05", 7): 1,
    }


async def test_fifteen_hundred_series_are_stored_in_one_call(repository: TimeSeriesRepository) -> None:
    units = [block([n, n + 1], key("generation_per_unit", unit_eic=f"U{n:04}")) for n in range(1500)]
    assert (await repository.store(units, learned_at=LEARNED)).new == 3000
    assert (await repository.store(units[::-1], learned_at=LEARNED)).unchanged == 3000
    assert len(await repository.series(items=["generation_per_unit"])) == 1500


async def test_two_processes_storing_the_same_new_series_end_as_one(database_url: str) -> None:
    blocks = [block([n, n + 1, n + 2], key(psr_type=f"B{n:02}")) for n in range(20)]
    async with opened(database_url) as one, opened(database_url) as other:
        results = await asyncio.gather(
            *(
                TimeSeriesRepository(database).store(part, learned_at=LEARNED, answered=hours(0, 3))
                for database, part in ((one, blocks), (other, blocks[::-1]), (one, blocks[5:]), (other, blocks[:9]))
            )
        )
        repository = TimeSeriesRepository(one)
        assert sum(result.new for result in results) == 60
        assert sum(result.revised + result.vanished for result in results) == 0
        assert len(await repository.series()) == 20
        assert len(await rows_of(repository)) == 60


async def test_remembered_series_of_a_database_made_anew_are_found_out(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1])], learned_at=LEARNED)
    async with database.connection() as connection:
        await connection.execute("truncate series, observations, daily_counts, released_views")
    assert (await repository.store([block([1])], learned_at=LEARNED)).new == 1
    assert await values_of(repository) == {0: 1}


async def test_a_store_repeats_itself_once_when_another_session_changes_the_tables(
    repository: TimeSeriesRepository, database_url: str
) -> None:
    await repository.store([block([1])], learned_at=LEARNED)
    await repository.store([block([2])], learned_at=LEARNED + SECOND)
    async with opened(database_url) as other, other.connection() as connection:
        await connection.execute("alter table observations add column note text")
    result = await repository.store([block([3])], learned_at=LEARNED + 2 * SECOND)
    assert result == StoreResult(revised=1, received=1)


async def test_series_are_listed_by_item_and_area_in_the_order_of_their_keys(repository: TimeSeriesRepository) -> None:
    keys = [key(psr_type="b"), key(psr_type="B"), key("flow_physical", f"{FR}>{DE_LU}"), key(area=FR)]
    await repository.store([block([1], series) for series in keys], learned_at=LEARNED)
    assert [found for _, found in await repository.series()] == sorted(keys)
    assert [found for _, found in await repository.series(items=["load_actual"], areas=[DE_LU])] == [keys[1], keys[0]]
    assert await repository.series(items=[]) == []


async def test_an_answer_to_an_earlier_question_takes_back_nothing_that_a_later_one_said(
    repository: TimeSeriesRepository,
) -> None:
    await repository.store([block([1, 2, 3])], learned_at=LEARNED, answered=hours(0, 6), question=1)
    await repository.store([block([1, 20, 3, 4])], learned_at=LEARNED + SECOND, answered=hours(0, 6), question=3)
    late = [block({0: 9, 1: 2, 4: 5, 6: 7}), block([8], key(psr_type="B01"))]
    result = await repository.store(late, learned_at=LEARNED + 2 * SECOND, answered=hours(0, 7), question=2)
    # Values 0, 1, 4 and the missing 2 and 3 are the later answer's; 6 and the other series are only the earlier one's.
    assert result == StoreResult(new=2, unchanged=0, received=5, superseded=3)
    assert [value for _, _, value, _, _ in await rows_of(repository)] == [1, 20, 3, 4, 7, 8]
    assert await values_of(repository, as_of=LEARNED + SECOND) == {0: 1, 1: 20, 2: 3, 3: 4}


async def test_an_answer_that_was_not_read_to_its_end_speaks_of_its_values_alone(
    repository: TimeSeriesRepository,
) -> None:
    await repository.store([block({0: 1, 1: 2, 4: 5})], learned_at=LEARNED, question=7)
    quarter = block({1: 30}, resolution=Resolution.PT15M)
    earlier = [block([9, 9, 9, 9, 9]), quarter]
    result = await repository.store(earlier, learned_at=LEARNED, answered=hours(0, 6), question=6)
    assert result == StoreResult(new=3, received=6, superseded=3)
    assert [value for _, _, value, _, _ in await rows_of(repository)] == [1, 30, 2, 9, 9, 5]


async def test_values_that_a_later_answer_lacked_are_not_stored_into_an_empty_range(
    repository: TimeSeriesRepository,
) -> None:
    await repository.store([block({30: 1})], learned_at=LEARNED, answered=hours(0, 48), question=2)
    result = await repository.store([block([5, 6])], learned_at=LEARNED, answered=hours(0, 24), question=1)
    assert result == StoreResult(received=2, superseded=2)
    assert await values_of(repository) == {30: 1}


async def test_after_a_crash_of_the_server_what_was_asked_before_is_asked_again(
    repository: TimeSeriesRepository, database: Database
) -> None:
    await repository.store([block([1])], learned_at=LEARNED, question=2)
    async with database.connection() as connection:
        await connection.execute("select setval('questions', 5)")
        # What recovery does to tables that are not logged.
        await connection.execute("truncate answer_spans, answer_floor")
    with pytest.raises(AnswerOutdated, match="ask again"):
        await repository.store([block([9])], learned_at=LEARNED, question=5)
    assert (await repository.store([block([2])], learned_at=LEARNED, question=7)).revised == 1
    assert (await repository.store([block([3])], learned_at=LEARNED)).revised == 1


async def test_what_answers_said_is_forgotten_after_a_day_and_then_older_ones_are_refused(
    database: Database, repository: TimeSeriesRepository
) -> None:
    await repository.store([block([1])], learned_at=LEARNED, question=5)
    async with database.connection() as connection:
        await connection.execute("update answer_spans set answered_at = answered_at - interval '25 hours'")
    other = TimeSeriesRepository(database)
    await other.store([block([1], key(area=FR))], learned_at=LEARNED, question=6)
    with pytest.raises(AnswerOutdated):
        await other.store([block([9])], learned_at=LEARNED, question=5)
    assert (await other.store([block([9])], learned_at=LEARNED, question=7)).revised == 1
