from __future__ import annotations

import asyncio
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.alerting.evaluation import query_together
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_moments import Unreadable
from app.alerting.evaluation.query_rows import MOST_BYTES, MOST_ROWS, Beside
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.evaluation.query_session import QuerySession, RuleLogin
from app.alerting.queries import QueryFailed, QueryRow
from app.alerting.rules.book import built_in_files, read_book
from app.alerting.rules.conditions import database_unreachable
from app.db.dashboard_role import RULE_READER, admit_readers
from app.db.embedded import EmbeddedServer, start_embedded
from app.db.embedded.programs import version
from tests.conftest import THROW_AWAY, Databases, wait_until_stopped
from tests.support.alert_factory import rule as a_rule
from tests.support.store_factory import opened

SECOND = timedelta(seconds=1)
LONG = timedelta(seconds=30)


@pytest.fixture(scope="module")
def shared_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    yield from databases.fresh(migrated_template)


@pytest.fixture
async def runner(shared_url: str) -> AsyncIterator[PostgresRunner]:
    made = PostgresRunner(lambda: {"gridkeeper": shared_url}, connections=2)
    yield made
    await made.close()


async def ask(runner: PostgresRunner, sql: str, time_out: timedelta = LONG) -> list[QueryRow]:
    return await runner.rows("gridkeeper", sql, time_out)


async def refused(runner: PostgresRunner, sql: str, time_out: timedelta = LONG) -> str:
    with pytest.raises(QueryFailed) as refusal:
        await ask(runner, sql, time_out)
    return str(refusal.value)


async def shipped(runner: PostgresRunner, sql: str, time_out: timedelta = LONG) -> list[QueryRow]:
    return await runner.rows("gridkeeper", sql, time_out, shipped=True)


WHERE = "select pg_backend_pid()::text as session, statement_timestamp()::text as began"


@pytest.fixture
def all_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However loaded the machine is."""
    monkeypatch.setattr(query_together, "QUICK_SECONDS", 60.0)
    monkeypatch.setattr(query_together, "SLOW_SECONDS", 60.0)


@pytest.mark.usefixtures("all_are_quick")
async def test_shipped_statements_that_were_quick_are_asked_as_one(runner: PostgresRunner, shared_url: str) -> None:
    asked = [f"{WHERE}, {number} as value" for number in range(5)]
    alone = await asyncio.gather(*(shipped(runner, sql) for sql in asked))
    assert len({rows[0]["began"] for rows in alone}) == 5
    first = await asyncio.gather(*(shipped(runner, sql) for sql in asked))
    assert [rows[0]["value"] for rows in first] == [0, 1, 2, 3, 4]
    assert len({(rows[0]["session"], rows[0]["began"]) for rows in first}) == 1
    [later] = await shipped(runner, asked[0])
    assert later["session"] == first[0][0]["session"]
    assert later["began"] != first[0][0]["began"]
    connection = await asyncpg.connect(shared_url)
    state = await connection.fetchval("select state from pg_stat_activity where pid = $1", int(str(later["session"])))
    await connection.close()
    assert state == "idle"


@pytest.mark.usefixtures("all_are_quick")
async def test_rows_are_the_same_asked_together_or_alone(runner: PostgresRunner) -> None:
    cells = """
        select 1.5::float8 as value, null::text as area, 'x'::text as item, 7::numeric as much, 'infinity'::timestamptz as
        never, '2026-03-29 01:00+00'::timestamptz as at, interval '90 seconds' as age, array['a', 'b'] as areas,
        '{"a": 1}'::jsonb as facts, true as yes from generate_series(1, 2)
    """
    statements = [cells, "select 2 as value where false", "select 'only'::text as name"]
    alone = [await ask(runner, sql) for sql in statements]
    for sql in statements:
        await shipped(runner, sql)
    assert await asyncio.gather(*(shipped(runner, sql) for sql in statements)) == alone
    assert len(alone[0]) == 2


async def test_every_shipped_rule_can_be_asked_with_the_others(shared_url: str) -> None:
    rules = [rule for rule in read_book(built_in_files()).book.rules.values() if rule.sql]
    session = await QuerySession.open("gridkeeper", shared_url, LONG)
    queries = tuple(rule.sql for rule in rules)
    found = await session.rows_together(queries, LONG)
    assert [len(rows) for rows in found] == [len(await session.rows(sql, LONG)) for sql in queries]
    limits = "select current_setting('transaction_read_only') as reads, current_setting('statement_timeout') as within"
    assert await session.rows_together((limits,), SECOND) == [[{"reads": "on", "within": "1s"}]]
    with pytest.raises(QueryFailed, match="permission denied"):
        await session.rows_together(("select nextval('gaps_gap_id_seq')",), SECOND)
    await session.close()


@pytest.mark.usefixtures("all_are_quick")
async def test_a_shipped_statement_that_fails_spoils_no_other(runner: PostgresRunner, shared_url: str) -> None:
    bad, good = "select 10 / n as value from divisors", [f"select {number} as value" for number in (1, 2, 3)]
    connection = await asyncpg.connect(shared_url)
    await connection.execute("create table divisors as select 1 as n")
    for sql in (bad, *good):
        await shipped(runner, sql)
    await connection.execute("update divisors set n = 0")
    await connection.close()
    asked = await asyncio.gather(*(shipped(runner, sql) for sql in (bad, *good)), return_exceptions=True)
    assert str(asked[0]) == "division by zero"
    assert asked[1:] == [[{"value": number}] for number in (1, 2, 3)]


async def test_a_shipped_statement_that_is_slow_is_asked_alone(runner: PostgresRunner) -> None:
    sleeping = "select pg_sleep(3)::text as value"
    with pytest.raises(QueryFailed, match=r"longer than 0\.2 s"):
        await shipped(runner, sleeping, SECOND / 5)
    running = asyncio.create_task(shipped(runner, sleeping))
    await asyncio.sleep(0.1)
    for _ in range(2):
        assert await shipped(runner, "select 4 as value") == [{"value": 4}]
    assert not running.done()
    await running


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
    assert (
        told
        == f"the statement returns more than {MOST_BYTES:,} characters: shorten its texts with left(), and its lists"
    )
    assert len(await ask(runner, long.format(15))) == 15


@pytest.mark.parametrize(
    "sql",
    [
        "select repeat('x', 30000000) as summary, 1 as value",
        "select repeat('x', 20000) || n as x from generate_series(1, 1500) as n",
        "select to_jsonb(repeat('x', 30000000)) as details",
        "select decode(repeat('00', 30000000), 'hex') as raw",
        "select array_agg(n) as numbers from generate_series(1, 1000000) as n",
        "select row(array_agg(n)) as numbers from generate_series(1, 1000000) as n",
        "select range_agg(int4range(2 * n, 2 * n + 1)) as ranges from generate_series(1, 200000) as n",
        "select ('[' || repeat('(1,1),', 400000) || '(1,1)]')::path as way",
    ],
)
async def test_the_size_of_an_answer_is_asked_of_the_server_before_it_is_read(runner: PostgresRunner, sql: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "the statement returns more than " in await refused(runner, sql)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000, "what is within the bound comes"
    assert await ask(runner, "select 1 as value") == [{"value": 1}]


async def test_rows_keep_their_order_and_their_nulls(runner: PostgresRunner) -> None:
    sql = "select nullif(n, 3) as n, case when n % 2 = 0 then 'even' end as kind from generate_series(250, 1, -1) as n"
    found = await ask(runner, sql)
    assert [row["n"] for row in found] == [None if n == 3 else n for n in range(250, 0, -1)]
    assert {row["kind"] for row in found} == {"even", None}


async def test_cells_of_other_types_than_labels_and_numbers_are_told_apart(runner: PostgresRunner) -> None:
    sql = """
        select 'FR' as area, '{"a": 1}'::json as j, '[1]'::jsonb as b, 'a b'::tsvector as t,
               array['x', 'y'] as tags, 'n'::name as n, 'c'::char(3) as c, '1 day'::interval as i, 1.5::numeric as value
    """
    [row] = await ask(runner, sql)
    kinds = {name: cell.kind for name, cell in row.items() if isinstance(cell, Beside)}
    assert kinds == {"j": "json", "b": "jsonb", "t": "tsvector"}
    assert str(row["b"]) == "[1]"
    assert (row["area"], row["n"], row["tags"]) == ("FR", "n", ["x", "y"])


@pytest.mark.parametrize(
    "value",
    [
        "date '4713-01-01 BC'",
        "timestamptz '2000-01-01 BC'",
        "interval 'infinity'",
        "interval '100000000 years'",
        "timestamp '294276-01-01'",
        "time '24:00'",
        "timetz '24:00+01'",
        "array[date '2026-01-01', '0044-03-15 BC']",
        "daterange('0044-03-15 BC', '2026-01-01')",
        "row(1, row(timestamptz '2000-01-01 BC'))",
        "timestamp '0001-01-01 BC'",
    ],
)
async def test_a_value_that_python_cannot_hold_is_an_error_of_its_row(runner: PostgresRunner, value: str) -> None:
    sql = f"select n::text as area, case when n = 150 then {value} end as cell from generate_series(1, 300) as n"
    found = await ask(runner, sql)
    assert [row["area"] for row in found if row["cell"] is not None] == ["150"]
    assert isinstance(found[149]["cell"], Unreadable)
    evaluation = await RuleEvaluator(runner).evaluate(a_rule(sql=sql, database="gridkeeper"), datetime.now(UTC))
    assert len(evaluation.signals) == 299, "the good rows count"
    assert evaluation.kept == ((("area", "150"),),)
    assert "column `cell` holds a" in evaluation.error
    assert "write it as text with ::text" in evaluation.error


async def test_moments_and_intervals_are_read_as_the_driver_reads_them(runner: PostgresRunner, shared_url: str) -> None:
    sql = """
        select date '2026-03-29' as a, date '0001-01-01' as b, date '9999-12-31' as c, date 'infinity' as d,
               date '-infinity' as e, timestamptz '1999-12-31 23:59:59.999999+02' as f, timestamptz 'infinity' as g,
               timestamptz '-infinity' as h, timestamp '9999-12-31 23:59:59.999999' as i, timestamp 'infinity' as j,
               timestamp '-infinity' as k, time '23:59:59.000001' as l, timetz '12:30:00.5-03:30' as m,
               interval '1 year 14 months -3 days 04:05:06.7' as n, interval '-14 months 1 day -00:00:01' as o,
               array[interval '1 month', null] as p, tstzrange('2026-01-01', null) as q, interval '-7 months' as r
    """
    connection = await asyncpg.connect(shared_url, server_settings={"timezone": "UTC"})
    try:
        plain = dict(await connection.fetchrow(sql) or {})
    finally:
        await connection.close()
    [row] = await ask(runner, sql)
    assert row == plain
    assert [repr(cell) for cell in row.values()] == [repr(cell) for cell in plain.values()]


async def test_a_statement_that_takes_off_its_limit_is_ended(runner: PostgresRunner, shared_url: str) -> None:
    sql = "select set_config('statement_timeout', '0', false), pg_sleep(case when n > 100 then 60 else 0 end)::text as a from generate_series(1, 200) as n"
    told = await refused(runner, sql, timedelta(milliseconds=100))
    assert "no answer within" in told or "took longer than" in told
    async with opened(shared_url) as database, database.connection() as connection:
        left = "select count(*) from pg_stat_activity where query like '%pg_sleep(case%' and pid <> pg_backend_pid()"
        assert await connection.fetchval(left) == 0


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
    sleeper = asyncio.create_task(refused(runner, "select pg_sleep(60)", 60 * SECOND))
    await asyncio.sleep(0)
    for _ in range(20):
        await ask(runner, "select 1 as value")
    assert not sleeper.done()
    sleeper.cancel()
    with suppress(asyncio.CancelledError):
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


@pytest.fixture
async def humble(shared_url: str) -> AsyncIterator[PostgresRunner]:
    made = PostgresRunner(
        lambda: {"gridkeeper": shared_url}, connections=2, logins={"gridkeeper": RuleLogin(RULE_READER)}
    )
    yield made
    await made.close()


async def test_rules_log_in_as_a_role_that_only_reads_and_can_take_no_other(humble: PostgresRunner) -> None:
    [row] = await ask(
        humble,
        "select session_user::text as login, rolsuper, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit > 0 as limited,"
        " (select count(*) from pg_auth_members where member = oid) as roles from pg_roles where rolname = session_user",
    )
    assert row == {
        "login": RULE_READER, "rolsuper": False, "rolcreaterole": False, "rolreplication": False,
        "rolbypassrls": False, "limited": True, "roles": 0,
    }  # fmt: skip
    assert await ask(humble, "select count(*) as value from observations") == [{"value": 0}]


@pytest.mark.parametrize(
    "sql",
    [
        "select set_config('role', 'gridkeeper', true), pg_read_file('/proc/self/environ') as x",
        "select set_config('role', 'none', true), pg_read_file('/proc/self/environ') as x",
        "select set_config('session_authorization', 'gridkeeper', true) as x",
        "select slot_name::text from pg_create_physical_replication_slot('mine')",
        "select slot_name::text from pg_create_logical_replication_slot('mine', 'pgoutput')",
        "select pg_ls_dir('/proc') as x",
        "select rolpassword as x from pg_authid",
        "select query_to_xml('set role gridkeeper', true, true, '')::text as x",
        "select lo_export(1, '/tmp/x') as x",
        "select pg_reload_conf() as x",
        "select pg_terminate_backend(pid) as x from pg_stat_activity where usename = 'gridkeeper'",
    ],
)
async def test_a_rule_can_become_nobody_else_and_reads_no_file(humble: PostgresRunner, sql: str) -> None:
    told = await refused(humble, sql)
    assert any(
        words in told for words in ("permission denied", "must be", "not allowed", "read-only", "unsupported XML")
    )


async def test_a_server_without_the_role_is_asked_as_its_address_says(shared_url: str) -> None:
    runner = PostgresRunner(lambda: {"gridkeeper": shared_url}, logins={"gridkeeper": RuleLogin("nobody_here")})
    with capture_logs() as logs:
        for _ in range(2):
            assert await ask(runner, "select session_user::text as login") == [{"login": "gridkeeper"}]
        warning = await runner.login_warning("gridkeeper", LONG)
    await runner.close()
    assert warning.startswith("rules log in as gridkeeper, who is a superuser, ")
    assert 'the server does not take nobody_here (role "nobody_here" does not exist)' in warning
    assert [(log["event"], log["reason"]) for log in logs] == [("rule_login_not_limited", warning)]


async def test_rules_that_log_in_as_the_role_warn_of_nothing(humble: PostgresRunner) -> None:
    assert await humble.login_warning("gridkeeper", LONG) == ""


@pytest.fixture(scope="module")
def guarded_server(make_folder: Callable[[], Path]) -> Iterator[EmbeddedServer]:
    """A server that asks everybody for a password."""
    server = start_embedded(make_folder(), tuning=THROW_AWAY)
    asyncio.run(guard(server))
    yield server
    server.release()
    wait_until_stopped(server)


async def guard(server: EmbeddedServer) -> None:
    """Gives both logins a password, and lets the server ask for them."""
    connection = await asyncpg.connect(server.url)
    await connection.execute("create table rule_states ()")
    await admit_readers(connection)
    await connection.execute("alter role gridkeeper password 'owner'; alter role gridkeeper_rules password 'reader'")
    file = Path(await connection.fetchval("show hba_file"))
    await asyncio.to_thread(file.write_text, "local all all scram-sha-256\n")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


async def test_rules_log_in_with_a_password_of_their_own_where_the_server_wants_one(
    guarded_server: EmbeddedServer, tmp_path: Path
) -> None:
    file = tmp_path / "rules_password"
    file.write_text("reader\n")
    url = guarded_server.url.replace("gridkeeper@", "gridkeeper:owner@", 1)
    runner = PostgresRunner(lambda: {"gridkeeper": url}, logins={"gridkeeper": RuleLogin(RULE_READER, file)})
    assert await ask(runner, "select session_user::text as login") == [{"login": RULE_READER}]
    assert await runner.login_warning("gridkeeper", LONG) == ""
    await runner.close()


@pytest.mark.parametrize("content", ["another", "", None])
async def test_a_password_that_is_not_taken_is_a_reason_in_words_and_shows_no_secret(
    guarded_server: EmbeddedServer, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "rules_password"
    if content is not None:
        file.write_text(content)
    url = guarded_server.url.replace("gridkeeper@", "gridkeeper:owner@", 1)
    runner = PostgresRunner(lambda: {"gridkeeper": url}, logins={"gridkeeper": RuleLogin(RULE_READER, file)})
    warning = await runner.login_warning("gridkeeper", LONG)
    await runner.close()
    reason = {"another": "password authentication failed", "": "is empty", None: "cannot read"}[content]
    assert reason in warning
    assert "another" not in warning
    assert "owner@" not in warning


@pytest.fixture(scope="module")
def older_server(make_folder: Callable[[], Path]) -> Iterator[EmbeddedServer]:
    """A server before PostgreSQL 16, where one is installed."""
    path = shutil.which("postgres")
    folder = Path(os.path.realpath(path)).parent if path else None
    if folder is None or int(version(folder).split(".")[0]) >= 16:
        pytest.skip("no PostgreSQL before 16 is installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.db.embedded.location.binaries", lambda: folder)
        patch.setattr("app.db.embedded.server._check_version", lambda _place: None)
        patch.setattr("app.db.embedded.server.SETTINGS", {})
        server = start_embedded(make_folder(), tuning=THROW_AWAY)
    yield server
    server.release()
    wait_until_stopped(server)


async def test_servers_before_16_work_as_databases_of_rules(older_server: EmbeddedServer) -> None:
    runner = PostgresRunner(lambda: {"old": older_server.url}, logins={"gridkeeper": RuleLogin(RULE_READER)})
    rows = await runner.rows("old", "select current_user::text as who, 'x' as a, '{}'::json as j, 2 as value", LONG)
    assert rows == [{"who": "pg_read_all_data", "a": "x", "j": Beside("{}", "json"), "value": 2}]
    assert await database_unreachable(replace(a_rule(), database="old"), runner, datetime.now(UTC)) == []
    await runner.close()
