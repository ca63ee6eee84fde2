"""A trouble that lasts is reported once when it begins and once when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.collection.backfill.models import BackfillRetryPolicy
from app.collection.backfill.worker import BackfillWorker
from app.db.embedded import guard
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.tasks.local import LocalBackend, TaskLimits


async def until(found: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not found():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.005)


def test_it_is_told_when_it_begins_and_when_it_is_over() -> None:
    outage = OutageLog("store_failed", "store_recovered", level="error")
    with capture_logs() as logs:
        outage.over()
        for _ in range(3):
            outage.met(DatabaseUnavailable("postgresql://me:se3cret@db/x is away"))
        outage.over()
        outage.over()
        outage.met("again")
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("store_failed", "error"),
        ("store_recovered", "info"),
        ("store_failed", "error"),
    ]
    assert logs[1]["met"] == 3
    assert logs[0]["error"] == "DatabaseUnavailable: postgresql://me:***@db/x is away"


class AwayRepository:
    """Windows of backfills in a database that is away until the test says otherwise."""

    database_name = "away"

    def __init__(self) -> None:
        self.away = True
        self.asked = 0

    async def openings(self, _only: int | None) -> list[object]:
        self.asked += 1
        return self._answer()

    async def any_open(self) -> bool:
        return bool(self._answer())

    async def free_dead(self, _dead: object) -> int:
        return len(self._answer())

    async def extend(self, _held: object) -> object:
        raise AssertionError("nothing is held")

    async def give_up_lost(self) -> int:
        return len(self._answer())

    def _answer(self) -> list[object]:
        if self.away:
            raise DatabaseUnavailable("refused")
        return []


async def test_the_backfill_worker_says_once_that_it_waits_for_the_database() -> None:
    rows = AwayRepository()
    patience = BackfillRetryPolicy(1, timedelta(seconds=1), timedelta(seconds=60))
    async with LocalBackend(TaskLimits()) as backend:
        worker = BackfillWorker(rows, rows, rows, backend, patience, poll_seconds=0.005)  # type: ignore[arg-type]  # what it asks of them while nothing is to be done
        with capture_logs() as logs:
            working = asyncio.create_task(worker.work())
            await until(lambda: rows.asked > 5)
            rows.away = False
            await until(lambda: len(logs) > 1)
            worker.stop()
            await working
    assert [log["event"] for log in logs] == ["backfill_database_failed", "backfill_database_recovered"]


class DyingServer:
    """An embedded server that does not start at the first attempts."""

    def __init__(self, failures: int) -> None:
        self.runs = False
        self.attempts = 0
        self._failures = failures

    def revive(self) -> None:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise DatabaseUnavailable("no space left")
        self.runs = True


@pytest.mark.parametrize("failures", [0, 3])
async def test_a_server_that_died_is_started_again_and_told_once(failures: int) -> None:
    server = DyingServer(failures)
    with capture_logs() as logs:
        guarding = asyncio.create_task(guard.guard(server, look=0.005))
        await until(lambda: server.runs and "embedded_database_started_again" in {log["event"] for log in logs})
        guarding.cancel()
    assert server.attempts == failures + 1
    failing = ["embedded_database_start_failed", "embedded_database_start_recovered"] if failures else []
    assert [log["event"] for log in logs] == ["embedded_database_died", *failing, "embedded_database_started_again"]
