from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from app.alerting.config_problems import ProblemBoard
from app.clock import FixedClock
from app.db.engine import Database
from app.kit.yaml.tree import Problem
from tests.support.store_factory import opened

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def rows(database: Database) -> list[tuple[str, ...]]:
    query = "select instance, source, message from rule_problems order by instance, source, message"
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_the_table_says_what_is_wrong_at_present(database_url: str) -> None:
    found: list[Problem] = [
        Problem("x.yaml", 3, "a", "bad"),
        Problem("x.yaml", 3, "a", "bad"),
        Problem("x.yaml", 0, "", "worse"),
    ]
    clock = FixedClock(NOW)
    async with opened(database_url) as database:
        board = ProblemBoard(database, clock, {"rules": lambda: found, "plan": list}, instance="me")
        other = ProblemBoard(database, clock, {"plan": lambda: [Problem("p", 0, "", "wrong")]}, instance="other")
        await board.look()
        await other.look()
        assert await rows(database) == [("me", "rules", "bad"), ("me", "rules", "worse"), ("other", "plan", "wrong")]
        del found[:2]
        clock.set(NOW - timedelta(hours=1))
        await board.look()
        assert await rows(database) == [("me", "rules", "worse"), ("other", "plan", "wrong")]
        clock.set(NOW + timedelta(hours=1))
        found.clear()
        await board.look()
        assert await rows(database) == []


async def test_nothing_is_left_of_a_process_that_has_stopped(database_url: str) -> None:
    stop = asyncio.Event()
    async with opened(database_url) as database:
        board = ProblemBoard(database, FixedClock(NOW), {"rules": lambda: [Problem("x", 1, "", "bad")]}, instance="me")
        running = asyncio.create_task(board.run(stop))
        async with asyncio.timeout(60):
            while not await rows(database):  # noqa: ASYNC110  a table has no event
                await asyncio.sleep(0.01)
        stop.set()
        await running
        assert await rows(database) == []
