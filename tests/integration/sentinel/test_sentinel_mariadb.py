"""A real MariaDB, where `mariadbd` and PyMySQL are on this machine: it answers, refuses to write, and is ended in time."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from app.alerting.sqlsentinel.databases.pool import Databases

SERVER = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
HERE = Path(SERVER).exists() and importlib.util.find_spec("pymysql") is not None
pytestmark = pytest.mark.skipif(not HERE, reason="mariadbd or PyMySQL is not here")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """User, host and database of a server of its own, in which a table has one row."""
    folder = tmp_path_factory.mktemp("mariadb")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    common = [SERVER, "--no-defaults", "--user=root", f"--datadir={folder}", "--innodb-buffer-pool-size=16M"]
    # Without tables of users: nobody needs any.
    subprocess.run([*common, "--bootstrap", "--skip-grant-tables"], input=b"", check=True, capture_output=True)
    listening = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s", "--skip-networking=0"]
    server = subprocess.Popen([*common, "--skip-grant-tables", *listening], stderr=subprocess.DEVNULL)
    try:
        engine = create_engine(f"mysql+pymysql://u@127.0.0.1:{port}/", isolation_level="AUTOCOMMIT")
        for statement in ("CREATE DATABASE shop", "CREATE TABLE shop.t (a int)", "INSERT INTO shop.t VALUES (1)"):
            _patiently(engine, statement)
        engine.dispose()
        yield f"u@127.0.0.1:{port}/shop"
    finally:
        server.terminate()
        server.wait(30)


def _patiently(engine: Engine, statement: str) -> None:
    for _ in range(300):
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        except OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not answer")


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+mysqldb"])
def test_mariadb_only_reads_and_is_ended_in_time(address: str, scheme: str) -> None:
    databases = Databases(workers=2)
    pool = databases.pool(f"{scheme}://{address}")

    def ask(query: str, seconds: float = 30.0) -> str:
        answered = pool.submit(query, seconds).result(60)
        return answered.error or str([dict(row) for row in answered.rows])

    try:
        assert ask("SELECT 'OK' AS status, count(*) AS actual_value FROM t") == "[{'status': 'OK', 'actual_value': 1}]"
        assert "READ ONLY" in ask("SELECT a AS status FROM t FOR UPDATE")
        for statement in ("INSERT INTO t VALUES (2)", "CREATE TABLE x (a int)", "COMMIT", "SET autocommit = 1"):
            assert "begin its statement with select" in ask(statement)
        assert "INTO OUTFILE" in ask("SELECT 'OK' AS status INTO OUTFILE 'x'")
        assert "longer than 0.2 s" in ask("SELECT sleep(60) AS status", 0.2)
        assert ask("SELECT count(*) AS n FROM t") == "[{'n': 1}]"
    finally:
        databases.close()
    writable = Databases(writable=True)
    try:
        assert not writable.pool(f"{scheme}://{address}").submit("INSERT INTO t VALUES (3)", 30).result(60).error
        assert writable.pool(f"{scheme}://{address}").submit("SELECT count(*) AS n FROM t", 30).result(60).rows == [
            {"n": 1}
        ]
    finally:
        writable.close()
