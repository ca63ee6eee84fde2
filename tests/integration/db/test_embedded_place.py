"""Root starts the embedded server where the server's account may not go, and the handle of a user."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.embedded import EmbeddedServer, binaries, embedded_notice, keeper, programs, server, start_embedded
from app.db.embedded import location as place
from app.db.embedded.location import Account, barrier, spare_home, way_to
from app.errors import ConfigurationError, DatabaseUnavailable

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its privileges up")
TUNING = {"fsync": "off"}


@pytest.fixture
def folder(make_folder: Callable[[], Path]) -> Path:
    return make_folder()


@pytest.fixture
def shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /var/lib/gridkeeper."""
    monkeypatch.setattr(place, "SHARED", folder / "shared")
    return folder / "shared"


@pytest.fixture
def tmp_programs() -> Iterator[Path]:
    """A folder on a disk from which programs may run; one in memory may forbid that."""
    with TemporaryDirectory(prefix="gridkeeper-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def at_rest(home: Path) -> bool:
    return not keeper.held(home, "server.lock") and not keeper.held(home, "keeper.lock")


def stop(server: EmbeddedServer) -> None:
    server.release()
    while not at_rest(server.data_dir):
        time.sleep(0.01)


async def ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_asyncpg_and_sqlalchemy_take_the_url_whatever_the_environment_says(
    postgres_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    engine = create_async_engine(postgres_server.url.replace("postgresql://", "postgresql+asyncpg://"))

    async with engine.connect() as connection:
        told = (await connection.execute(text("select current_user || '@' || current_database()"))).scalar_one()
    await engine.dispose()

    assert told == "gridkeeper@gridkeeper"
    assert await ask(postgres_server.url, "show listen_addresses") == ""
    assert await ask(postgres_server.url, "show timezone") == "UTC"


def test_a_handle_is_released_once_and_others_go_on(folder: Path) -> None:
    first = start_embedded(folder / "data", tuning=TUNING)
    second = start_embedded(folder / "data", tuning=TUNING)
    assert first == second
    assert "lock" not in repr(first)
    first.release()
    third = start_embedded(folder / "data")  # may get the descriptor that the first one had

    first.release()
    second.release()

    assert keeper.held(third.data_dir, "server.lock")
    stop(third)


def test_a_release_without_a_keeper_brings_one(folder: Path) -> None:
    server = start_embedded(folder / "data", tuning=TUNING)
    os.kill(int((server.data_dir / "keeper.lock").read_text()), 9)
    while keeper.held(server.data_dir, "keeper.lock"):
        time.sleep(0.01)

    stop(server)

    assert at_rest(server.data_dir)


def test_a_server_that_is_not_ready_in_time_is_named_with_its_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(start_embedded(folder / "data", tuning=TUNING))
    home = folder / "data" / "postgresql"
    lock = keeper.open_lock(home, "server.lock")
    assert keeper.seize(lock)
    monkeypatch.setattr(server, "PATIENCE", 0.1)

    with pytest.raises(DatabaseUnavailable, match=f"was not ready within .* its log is {home / 'server.log'}"):
        start_embedded(folder / "data")

    os.close(lock)


@NEEDS_ROOT
def test_a_data_directory_the_server_cannot_reach_lives_elsewhere_said_once(folder: Path, shared: Path) -> None:
    closed = folder / "home"
    closed.mkdir(mode=0o700)
    server = start_embedded(closed / "data", tuning=TUNING)
    home = spare_home(closed / "data", shared)

    told = embedded_notice(closed / "data")

    assert server.data_dir == home
    assert told is not None
    assert f"{closed} is closed to it: the database lives in {home}" in told
    assert embedded_notice(closed / "data") is None
    assert closed.stat().st_mode & 0o777 == 0o700
    stop(server)
    closed.chmod(0o755)
    again = start_embedded(closed / "data", tuning=TUNING)
    assert again.data_dir == home  # where its data are
    stop(again)


@NEEDS_ROOT
def test_a_database_that_became_unreachable_is_not_replaced_by_an_empty_one(folder: Path, shared: Path) -> None:
    parent = folder / "home"
    stop(start_embedded(parent / "data", tuning=TUNING))
    parent.chmod(0o700)

    with pytest.raises(ConfigurationError, match=f"{parent} is closed to .*: chmod o\\+x {parent}"):
        start_embedded(parent / "data")


@NEEDS_ROOT
def test_nothing_is_said_where_the_server_reaches_everything(folder: Path, shared: Path) -> None:
    if barrier(way_to(binaries()), Account("nobody", 65534, 65534)):
        pytest.skip("this environment itself lies below a closed directory")
    assert embedded_notice(folder / "data") is None
    assert not shared.exists()


@NEEDS_ROOT
def test_programs_in_a_closed_directory_are_copied_once(
    folder: Path, tmp_programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, shared = tmp_programs / "root", tmp_programs / "shared"
    closed.mkdir(mode=0o700)
    private = programs.copy_for(binaries(), closed)
    monkeypatch.setattr(place, "binaries", lambda: private)
    monkeypatch.setattr(place, "SHARED", shared)

    server = start_embedded(folder / "data", tuning=TUNING)

    (copy,) = shared.glob("postgresql-18*")
    assert server.data_dir == folder / "data" / "postgresql"
    assert f"were copied to {copy}" in (embedded_notice(folder / "data") or "")
    made = copy.stat().st_ctime_ns
    stop(server)
    stop(start_embedded(folder / "data", tuning=TUNING))
    assert copy.stat().st_ctime_ns == made


@NEEDS_ROOT
def test_a_copy_that_was_interrupted_is_made_anew_and_open_to_all(tmp_programs: Path) -> None:
    (tmp_programs / ".copying" / "half").mkdir(parents=True)
    before = os.umask(0o077)
    try:
        copy = programs.copy_for(binaries(), tmp_programs)
    finally:
        os.umask(before)

    initdb = [str(copy / "initdb"), "--version"]  # needs the shared libraries of the wheel
    done = subprocess.run(initdb, check=True, capture_output=True, text=True, user="nobody", cwd="/", env={})
    assert done.stdout.startswith("initdb (PostgreSQL)")
    assert sorted(path.name for path in tmp_programs.iterdir()) == sorted(["copy.lock", copy.parents[2].name])


@NEEDS_ROOT
def test_the_owner_of_the_database_stays_its_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the system gets a user postgres later."""
    monkeypatch.setattr(place, "SERVANTS", ("nobody",))
    stop(start_embedded(folder / "data", tuning=TUNING))
    monkeypatch.setattr(place, "SERVANTS", ("bin", "nobody"))

    stop(start_embedded(folder / "data", tuning=TUNING))

    assert (folder / "data" / "postgresql" / "data").owner() == "nobody"


@NEEDS_ROOT
def test_a_full_disk_is_named(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m,mode=755", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this environment does not let root mount a small disk")
    try:
        with pytest.raises(ConfigurationError, match=f"GRIDKEEPER_DATA_DIR: no space left .* in {disk}"):
            start_embedded(disk / "data", tuning=TUNING)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_refusal_leaves_neither_locks_nor_processes(folder: Path) -> None:
    """The next start, after the cause was mended, is a start like any other."""
    stop(start_embedded(folder / "data", tuning=TUNING))
    home = folder / "data" / "postgresql"
    (home / "data" / "postgresql.auto.conf").write_text("port = nonsense\n")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="nonsense"):
            start_embedded(folder / "data", tuning={"shared_buffers": "nonsense"})
    assert at_rest(home)
    users = keeper.open_lock(home, "users.lock")
    assert keeper.seize(users)
    os.close(users)
    (home / "data" / "postgresql.auto.conf").write_text("")

    stop(start_embedded(folder / "data", tuning=TUNING))
