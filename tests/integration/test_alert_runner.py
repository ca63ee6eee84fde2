from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from app.alerting.runner import MOST_CHARACTERS, MOST_ROWS, PostgresRunner, QueryFailed, Row
from app.db.embedded import EmbeddedServer
from tests.conftest import fresh_database
from tests.store_factory import opened

SECOND = timedelta(seconds=1)
LONG = timedelta(seconds=30)


@pytest.fixture(scope="module")
def shared_url(postgres_server: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    yield from fresh_database(postgres_server, migrated_template)


@pytest.fixture
async def runner(shared_url: str) -> AsyncIterator[PostgresRunner]:
    made = PostgresRunner(lambda: {"gridkeeper": shared_url}, connections=2)
    yield made
    await made.close()


async def ask(runner: PostgresRunner, sql: str, time_out: timedelta = LONG) -> list[Row]:
    return await runner.rows("gridkeeper", sql, time_out)


async def refused(runner: PostgresRunner, sql: str, time_out: timedelta = LONG) -> str:
    with pytest.raises(QueryFailed) as refusal:
        await ask(runner, sql, time_out)
    return str(refusal.value)


async def test_casts_colons_and_comments_mean_what_they_say(runner: PostgresRunner) -> None:
    sql = "select '12:30'::time::text as at, ':x' as name, 7 as value -- the end"
    assert await ask(runner, sql) == [{"at": "12:30:00", "name": ":x", "value": 7}]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "with gone as (delete from gaps returning *) select * from gone",
            "data-modifying statement must be at the top",
        ),
        ("select nextval(pg_get_serial_sequence('gaps', 'gap_id'))", "permission denied"),
        ("select set_config('transaction_read_only', 'off', false)", "must be set before any query"),
        ("select 1) as x; drop table gaps; select (1", "multiple commands"),
        ("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()", "permission denied"),
        ("select pg_read_file('/etc/passwd')", "permission denied"),
        ("select * from nowhere", 'relation "nowhere" does not exist'),
        ("select $1::int as value", "expects 1 argument"),
        ("select 1 as a, 2 as a", "two columns are called a; rename one with `as`"),
        ("select 1 / 0 as value", "division by zero"),
    ],
)
async def test_what_does_not_only_read_is_refused_with_the_reason(
    runner: PostgresRunner, sql: str, reason: str
) -> None:
    assert reason in await refused(runner, sql)
    assert await ask(runner, "select 1 as value") == [{"value": 1}]


async def test_a_statement_that_sleeps_is_ended_and_the_next_one_runs(runner: PostgresRunner) -> None:
    told = await refused(runner, "select pg_sleep(60)", timedelta(milliseconds=50))
    assert told == "the statement took longer than 0.05 s; make it quicker, or raise `timeout`"
    assert await ask(runner, "select current_setting('statement_timeout') as t") == [{"t": "30s"}]


async def test_a_million_rows_are_not_fetched(runner: PostgresRunner) -> None:
    told = await refused(runner, "select n from generate_series(1, 1000000) as n")
    assert told == f"the statement returns more than {MOST_ROWS:,} rows: aggregate it, or add a limit"
    assert len(await ask(runner, f"select n from generate_series(1, {MOST_ROWS}) as n")) == MOST_ROWS


async def test_few_rows_of_long_texts_do_not_fill_the_memory(runner: PostgresRunner) -> None:
    long = "select n, repeat('x', 1000000) as x from generate_series(1, {}) as n"
    told = await refused(runner, long.format(9000))
    assert told == f"the statement returns more than {MOST_CHARACTERS:,} characters: shorten its texts with left()"
    assert len(await ask(runner, long.format(15))) == 15


async def test_nothing_that_a_statement_sets_outlives_it(runner: PostgresRunner) -> None:
    await ask(
        runner, "select set_config('default_transaction_read_only', 'off', false), pg_advisory_lock(42) is null as x"
    )
    [row] = await ask(
        runner,
        "select current_setting('default_transaction_read_only') as d, current_setting('transaction_read_only') as t, "
        "(select count(*) from pg_locks where locktype = 'advisory') as locks, current_user::text as who",
    )
    assert row == {"d": "off", "t": "on", "locks": 0, "who": "pg_read_all_data"}


async def test_sleeping_statements_do_not_hold_up_more_than_their_connections(runner: PostgresRunner) -> None:
    sleeper = asyncio.create_task(refused(runner, "select pg_sleep(60)", SECOND))
    await asyncio.sleep(0)
    for _ in range(20):
        await ask(runner, "select 1 as value")
    assert not sleeper.done()
    await sleeper


async def test_a_lost_connection_is_replaced(runner: PostgresRunner, shared_url: str) -> None:
    await ask(runner, "select 1 as value")
    async with opened(shared_url) as database, database.connection() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gridkeeper rules'"
        )
    for _ in range(2):
        try:
            await ask(runner, "select 1 as value")
        except QueryFailed:
            continue
    assert await ask(runner, "select 1 as value") == [{"value": 1}]


async def test_a_table_that_changed_is_an_error_once_at_most(runner: PostgresRunner, shared_url: str) -> None:
    async with opened(shared_url) as database, database.connection() as connection:
        await connection.execute("create table shifting (value integer)")
        assert await ask(runner, "select * from shifting") == []
        await connection.execute("alter table shifting add column area text")
        try:
            await ask(runner, "select * from shifting")
        except QueryFailed as error:
            assert "cached" in str(error)  # noqa: PT017  it may or may not fail
        await connection.execute("insert into shifting values (1, 'FR')")
        assert await ask(runner, "select * from shifting") == [{"value": 1, "area": "FR"}]
        await connection.execute("drop table shifting")


async def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    runner = PostgresRunner(
        lambda: {
            "far": "postgresql://user:geheim@127.0.0.1:1/x",
            "wrong": "mysql://user:geheim@h",
            "odd": "postgresql://u:geheim@h/x?sslmode=perhaps",
        }
    )
    for name, reason in (
        ("far", "cannot connect to database 'far'"),
        ("wrong", "the address of database 'wrong' is no postgresql:// URL"),
        ("odd", "the address of database 'odd' has a part that is wrong"),
        ("none", "there is no database 'none'; name it under `databases`"),
    ):
        with pytest.raises(QueryFailed) as refusal:
            await runner.rows(name, "select 1", SECOND)
        assert reason in str(refusal.value)
        assert "geheim" not in str(refusal.value)


async def test_a_new_address_takes_effect_at_once(shared_url: str) -> None:
    urls = {"other": "postgresql://user@127.0.0.1:1/x"}
    runner = PostgresRunner(lambda: urls)
    with pytest.raises(QueryFailed):
        await runner.rows("other", "select 1 as value", SECOND)
    urls["other"] = shared_url
    assert await runner.rows("other", "select 1 as value", SECOND) == [{"value": 1}]
    urls["other"] = shared_url + "&application_name=again"
    assert await runner.rows("other", "select 1 as value", SECOND) == [{"value": 1}]
    await runner.close()
