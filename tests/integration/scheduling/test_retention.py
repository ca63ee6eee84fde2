"""Every row of the retention registry can be carried out on the schema as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from app.db.engine import Database
from app.db.retention import Mechanism, Retention, erase
from app.scheduling.jobs.retention import RETENTIONS
from tests.support.store_factory import opened

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SEARCHED = "set search_path = public, procrastinate"
"""As the registry of workers has it where it erases from the queue."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=2) as found:
        yield found


@pytest.mark.parametrize("retention", RETENTIONS, ids=lambda one: f"{one.table} {one.only}".strip())
async def test_the_table_has_the_time_that_counts(database: Database, retention: Retention) -> None:
    async with database.connection() as connection:
        await connection.execute(SEARCHED)
        await connection.execute(f"select {retention.time_column} from {retention.table} limit 0")


@pytest.mark.parametrize(
    "retention",
    [one for one in RETENTIONS if not one.statement and one.mechanism is not Mechanism.TIMESCALE],
    ids=lambda one: f"{one.table} {one.only}".strip(),
)
async def test_what_is_young_stays(database: Database, retention: Retention) -> None:
    before = LONG_AGO.date() if retention.time_column == "day" else LONG_AGO
    async with database.connection() as connection:
        await connection.execute(SEARCHED)
        assert await erase(connection, retention, before) == 0
