"""Databases of every kind that is here: what they answer, what they refuse, and how what hangs is ended."""

from __future__ import annotations

import importlib.util
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.alerting.sqlsentinel.databases import asking, process
from app.alerting.sqlsentinel.databases.dialects import DIALECTS, Cancelling, ReadOnly, dialect_of, statements_before
from app.alerting.sqlsentinel.databases.jobs import Answered
from app.alerting.sqlsentinel.databases.pool import Databases
from app.errors import ConfigurationError

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS status FROM r"
ENDLESS_DUCK = "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"
DUCKDB = importlib.util.find_spec("duckdb_engine") is not None
Ask = Callable[..., Answered]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks a database; with `writable` as the original does."""
    made: dict[bool, Databases] = {}

    def answer(url: str, query: str, seconds: float = 30.0, *, writable: bool = False) -> Answered:
        databases = made.setdefault(writable, Databases(workers=2, writable=writable))
        return databases.pool(url).submit(query, seconds).result(60)

    yield answer
    for databases in made.values():
        databases.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "data.db")) as connection:
        connection.execute("CREATE TABLE t (a int)")
    return f"sqlite:///{tmp_path}/data.db"


def count(url: str) -> int:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_sqlite_answers_refuses_and_is_interrupted(ask: Ask, sqlite_url: str, tmp_path: Path) -> None:
    assert ask(sqlite_url, "SELECT 'OK' AS status, '12:30' AS at;").rows == [{"status": "OK", "at": "12:30"}]
    assert len(ask(sqlite_url, "SELECT 1 AS a UNION SELECT 2 UNION SELECT 3").rows) == 2
    assert "compat: strict" in ask(sqlite_url, "INSERT INTO t VALUES (1) RETURNING 'ALERT' AS status").error
    assert "not authorized" in ask(sqlite_url, f"ATTACH '{tmp_path}/new.db' AS other").error
    assert not (tmp_path / "new.db").exists()
    assert "more than one statement" in ask(sqlite_url, "SELECT 1; DELETE FROM t").error
    assert r"write it as \:" in ask(sqlite_url, "SELECT :x AS status").error
    assert "no such table" in ask(sqlite_url, "SELECT * FROM nowhere").error
    assert "too big" in ask(sqlite_url, "SELECT hex(zeroblob(11000000)) AS status").error
    assert (
        "20,000,000 characters"
        in ask(sqlite_url, "SELECT hex(zeroblob(9000000)) AS a, hex(zeroblob(9000000)) AS b").error
    )
    assert "longer than 0.2 s" in ask(sqlite_url, ENDLESS, 0.2).error
    assert "unable to open" in ask(f"sqlite:///{tmp_path}/none.db", "SELECT 1").error
    assert not (tmp_path / "none.db").exists()
    assert ask("sqlite:///:memory:", "SELECT 'ALERT' AS status").rows == [{"status": "ALERT"}]


def test_by_the_strict_laws_statements_write_and_nothing_of_it_is_kept(ask: Ask, sqlite_url: str) -> None:
    answered = ask(sqlite_url, "INSERT INTO t VALUES (1) RETURNING 'ALERT' AS status", writable=True)
    assert answered.rows == [{"status": "ALERT"}]
    assert not ask(sqlite_url, "DELETE FROM t", writable=True).rows
    assert count(sqlite_url) == 0


def test_postgresql_only_reads_and_is_cancelled(ask: Ask, empty_database_url: str) -> None:
    assert ask(empty_database_url, "SELECT 'OK'::text AS status, 1.5 AS actual_value").rows[0]["status"] == "OK"
    assert "compat: strict" in ask(empty_database_url, "CREATE TABLE t (a int)").error
    assert "more than one statement" in ask(empty_database_url, "COMMIT; CREATE TABLE t (a int)").error
    assert "longer than 0.2 s" in ask(empty_database_url, "SELECT pg_sleep(60)", 0.2).error
    assert "20,000,000 characters" in ask(empty_database_url, "SELECT repeat('x', 21000000) AS a").error
    assert len(ask(empty_database_url, "SELECT generate_series(1, 5000000) AS a").rows) == 2
    assert ask(empty_database_url, "EXPLAIN SELECT 1").rows
    made = ask(empty_database_url, "CREATE TABLE t (a int)", writable=True)
    assert not made.error
    assert 'relation "t" does not exist' in ask(empty_database_url, "SELECT * FROM t").error


def test_a_server_that_says_nothing_holds_up_nobody_else(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts and never answers, a long query, and a lock, beside a database that is well."""
    quick = replace(DIALECTS["postgresql"], arguments={"connect_timeout": 2})
    monkeypatch.setattr("app.alerting.sqlsentinel.databases.dialects.DIALECTS", {**DIALECTS, "postgresql": quick})
    databases = Databases(workers=1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://u:s3cret@127.0.0.1:{silent.getsockname()[1]}/d"
        hanging = databases.pool(url).submit("SELECT 1", 0.5)
        busy = databases.pool("duckdb://" if DUCKDB else "sqlite://").submit(ENDLESS_DUCK if DUCKDB else ENDLESS, 1.0)
        with closing(sqlite3.connect(tmp_path / "locked.db")) as owner:
            owner.execute("CREATE TABLE t (a int)")
            owner.execute("BEGIN EXCLUSIVE")
            locked = databases.pool(f"sqlite:///{tmp_path}/locked.db?timeout=0.5").submit("SELECT * FROM t", 5.0)
            for _ in range(20):
                assert databases.pool(sqlite_url).submit("SELECT 1 AS a", 5).result(30).rows == [{"a": 1}]
            assert not hanging.done()
            assert "locked" in locked.result(30).error
        assert "longer than 1 s" in busy.result(30).error
        error = hanging.result(30).error
    databases.close()
    assert "timeout" in error
    assert "s3cret" not in error


@pytest.mark.skipif(not DUCKDB, reason="the driver of DuckDB is not here")
def test_duckdb_only_reads_and_is_interrupted(ask: Ask, tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path}/data.duckdb"
    asker = asking.Asker(url, connections=1, writable=True)
    with asker.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS a")
    asker.close()
    assert ask(url, "SELECT 'OK' AS status, sum(a) AS actual_value FROM t").rows[0]["status"] == "OK"
    assert ask(url, "INSERT INTO t VALUES (2)").error
    assert "longer than 0.2 s" in ask(url, ENDLESS_DUCK, 0.2).error


def test_a_driver_that_cannot_be_cancelled_runs_in_a_process_that_is_ended(sqlite_url: str) -> None:
    asked = process.AskingProcess(sqlite_url, writable=False)
    try:
        assert asked.ask("SELECT 'OK' AS status", 30) == [{"status": "OK"}]
        with pytest.raises(process.TookTooLong, match=r"longer than 0\.2 s"):
            asked.ask(ENDLESS, 0.2)
        with pytest.raises(asking.AskingFailed, match="no such table"):
            asked.ask("SELECT * FROM nowhere", 30)
    finally:
        asked.end()


def test_where_all_threads_are_lost_further_queries_are_answered_at_once(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.alerting.sqlsentinel.databases.pool.cancel", lambda _raw, _rules: None)
    monkeypatch.setattr("app.alerting.sqlsentinel.databases.pool.LOST", 0.2)
    databases = Databases(workers=1)
    pool = databases.pool(sqlite_url)
    raws: list[Any] = []
    watched = pool.asker.ask

    def noted(query: str, seconds: float, running: Callable[[Any], None]) -> list[asking.AnswerRow]:
        def note(raw: Any) -> None:
            raws.append(raw)
            running(raw)

        return watched(query, seconds, note)

    monkeypatch.setattr(pool.asker, "ask", noted)
    lost, behind = pool.submit(ENDLESS, 0.1), pool.submit("SELECT 1", 5)
    assert "longer than" in lost.result(30).error
    assert "do not come back" in behind.result(30).error
    assert "do not come back" in pool.submit("SELECT 1", 5).result(30).error
    raws[0].interrupt()
    databases.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no URL of a database"),
        ("mysql+nodriver://u:s3cret@h/d", "driver for mysql is not installed; run pip install 'gridkeeper"),
        ("teradatasql://u:s3cret@h/d", "install the dialect of SQLAlchemy for teradatasql"),
        ("postgresql://u:s3cret@h:port/d", "no URL of a database"),
        ("mysql://u:s3cret@h/d", r"run pip install 'gridkeeper\[mysql\]'$"),
        ("mariadb://u:s3cret@h/d", r"run pip install 'gridkeeper\[mysql\]'$"),
        ("mysql+mysqlconnector://u:s3cret@h/d", r"'gridkeeper\[mysql\]' and begin the URL with mysql://"),
        ("mssql://u:s3cret@h/d", r"run pip install 'gridkeeper\[mssql\]'$"),
        ("mssql+pyodbc://u:s3cret@h/d", r"'gridkeeper\[mssql\]' and begin the URL with mssql://"),
        ("oracle://u:s3cret@h/d", r"run pip install 'gridkeeper\[oracle\]'$"),
        ("duckdb:///x.duckdb", r"run pip install 'gridkeeper\[duckdb\]'$"),
        ("snowflake://u:s3cret@account/d", "run pip install snowflake-sqlalchemy$"),
        ("bigquery://project/d", "run pip install sqlalchemy-bigquery$"),
        ("redshift://u:s3cret@h/d", "run pip install sqlalchemy-redshift redshift-connector$"),
        ("clickhouse://u:s3cret@h/d", "run pip install clickhouse-sqlalchemy$"),
        ("clickhousedb://u:s3cret@h/d", "run pip install clickhouse-connect$"),
    ],
)
def test_what_cannot_be_asked_says_what_helps(url: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where no driver is installed.
    for name in ("pymysql", "mysql", "pyodbc", "pymssql", "oracledb", "duckdb_engine", "duckdb", "clickhouse_connect"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=said) as caught:
        Databases().pool(url)
    assert "s3cret" not in str(caught.value)


def test_every_kind_has_its_means() -> None:
    for rules in DIALECTS.values():
        assert rules.read_only is ReadOnly.DATABASE or rules.cancelling is Cancelling.PROCESS
        for writable in (True, False):
            assert all("{" not in text for text in statements_before(rules, 1.5, writable=writable))
    assert dialect_of("postgres://h/d")[1] == "postgresql+psycopg://h/d"
    assert dialect_of("mysql+mysqldb://h/d")[1] == "mysql+pymysql://h/d"
    assert dialect_of("mssql+pyodbc://h/d")[0].cancelling is Cancelling.PROCESS
    assert dialect_of("bigquery://p/d?credentials=/k.json")[1] == "bigquery://p/d?credentials_path=/k.json"
