"""The test tier on TimescaleDB's community edition: fixtures, and a line that says whether it ran."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.support.timescale_server import TierUnavailable, TimescaleServer

REQUIRED = "REQUIRE_TIMESCALE_TIER"
"""An environment variable: set to 1, a tier that cannot run is a failure instead of a skip."""

# What tests leave behind, in the order in which it can go. Objects of the extension stay: an engine that has dropped
# the extension cannot create it again.
LEFTOVERS = """
    with extensions as (
        select objid from pg_depend where deptype = 'e'
    )
    select 1 as turn, format('drop materialized view if exists %I.%I cascade', view_schema, view_name) as statement
    from timescaledb_information.continuous_aggregates
    union all
    select 2, format('drop schema %I cascade', nspname)
    from pg_namespace
    where nspname !~ '^(pg_|_?timescaledb_)' and nspname not in ('public', 'information_schema')
    union all
    select 3, format(
        'drop %s if exists public.%I cascade',
        case relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'f' then 'foreign table'
            else 'table'
        end,
        relname
    )
    from pg_class
    where
        relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p', 'v', 'm', 'f')
        and oid not in (select objid from extensions)
    union all
    select 4, format('drop sequence if exists public.%I cascade', relname)
    from pg_class
    where
        relnamespace = 'public'::regnamespace
        and relkind = 'S'
        and oid not in (select objid from extensions)
    union all
    select 5, format('drop routine if exists %s cascade', oid::regprocedure)
    from pg_proc
    where pronamespace = 'public'::regnamespace and oid not in (select objid from extensions)
    union all
    select 6, format('drop type if exists %s cascade', oid::regtype)
    from pg_type
    where
        typnamespace = 'public'::regnamespace
        and typtype in ('d', 'e', 'r')
        and oid not in (select objid from extensions)
    union all
    select 7, format('select delete_job(%s)', job_id)
    from timescaledb_information.jobs
    where job_id >= 1000 and hypertable_name is null
    union all
    select 8, format('drop owned by %1$I cascade; drop role %1$I', rolname)
    from pg_roles
    where rolname !~ '^pg_' and rolname <> 'postgres'
    order by turn
"""


class Tier:
    """The server of the session, or why there is none."""

    def __init__(self) -> None:
        self.server: TimescaleServer | None = None
        self.name = ""
        self.tests = 0
        self.unavailable = ""

    def running(self) -> TimescaleServer:
        """The server; a new one where a test broke the engine."""
        if self.unavailable:
            raise TierUnavailable(self.unavailable)
        if self.server is not None and not self.server.alive:
            self.stop()
        if self.server is None:
            try:
                self.server = TimescaleServer.start()
            except TierUnavailable as error:
                self.unavailable = str(error)
                raise
            self.name = self.server.name
        return self.server

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def report(self) -> str:
        if self.unavailable:
            return f"TimescaleDB tier: SKIPPED: {self.unavailable}"
        if self.name:
            return f"TimescaleDB tier: ran {self.tests} tests on {self.name}"
        return "TimescaleDB tier: not asked for by the selected tests"


TIER: pytest.StashKey[Tier] = pytest.StashKey()


REPORTS = pytest.StashKey[list[str]]()
"""What the processes among which the tests are divided say of the tier; empty in a run of one process."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TIER] = Tier()
    config.stash[REPORTS] = []
    if config.pluginmanager.has_plugin("dsession"):
        config.pluginmanager.register(WorkerReports(), "timescale-reports")


class WorkerReports:
    """Collects what each worker process says of the tier when it ends."""

    def pytest_testnodedown(self, node: Any) -> None:
        node.config.stash[REPORTS].append(getattr(node, "workeroutput", {}).get("timescale", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the tier in one process, and for the gate: it has one engine, which is slow to start and to use."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "timescale" in item.nodeid or any(name.startswith("timescale") for name in fixtures):
            item.add_marker(pytest.mark.xdist_group("timescale"))
            if item.nodeid.startswith("tests/integration/"):
                item.add_marker(pytest.mark.long)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    tier = session.config.stash[TIER]
    if output is not None and (tier.name or tier.unavailable):
        output["timescale"] = tier.report()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    said = [report for report in config.stash[REPORTS] if report]
    for report in said or [config.stash[TIER].report()]:
        terminalreporter.write_line(report)


@pytest.fixture(scope="session")
def timescale_tier(pytestconfig: pytest.Config) -> Iterator[Tier]:
    tier = pytestconfig.stash[TIER]
    yield tier
    tier.stop()


@pytest.fixture
def timescale_server(timescale_tier: Tier) -> TimescaleServer:
    """The session's server; its state is whatever the tests before left."""
    server = running_or_skip(timescale_tier, required=os.environ.get(REQUIRED) == "1")
    timescale_tier.tests += 1
    return server


def running_or_skip(tier: Tier, *, required: bool) -> TimescaleServer:
    """The server, or a skip with the reason; a failure where the tier is required."""
    try:
        return tier.running()
    except TierUnavailable as error:
        if required:
            pytest.fail(f"{REQUIRED}=1, and the TimescaleDB tier cannot run: {error}", pytrace=False)
        pytest.skip(f"TimescaleDB tier: {error}")


@pytest.fixture
async def timescale_url(timescale_server: TimescaleServer) -> AsyncIterator[str]:
    """A database with the extension and nothing else, for one test; close all connections at its end."""
    await clean(timescale_server.url)
    yield timescale_server.url
    if not timescale_server.alive:
        pytest.fail(f"the test broke the engine: {timescale_server.said()}", pytrace=False)


@pytest.fixture
async def timescale_connection(timescale_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to that database."""
    connection = await asyncpg.connect(timescale_url, server_settings={"timezone": "UTC"})
    yield connection
    await connection.close()


async def clean(url: str) -> None:
    """Drops all that is not the extension's."""
    connection = await asyncpg.connect(url)
    try:
        for row in await connection.fetch(LEFTOVERS):
            await connection.execute(row["statement"])
    finally:
        await connection.close()
