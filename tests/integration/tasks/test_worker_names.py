"""A name is for one process: one that lives keeps it, a dead one's is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.cli import run
from app.cli.exit_codes import USAGE
from app.collection.life_signs import lives_here, sign_of_life
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.errors import Conflict
from app.settings import TaskSettings
from app.tasks.shared import naming
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import WorkerCounts, WorkerRole
from app.tasks.shared.naming import claim_name
from app.tasks.shared.repository import WorkerRegistry
from tests.support.store_factory import opened
from tests.support.task_backends import QUICK

IDLE = WorkerCounts(0, 0, 0, 0.0)
ROLE = WorkerRole("a", sole=True)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


async def test_a_name_of_the_living_is_refused_and_one_of_the_dead_is_taken_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "LOOK_SECONDS", 0.05)
    registry, stop = WorkerRegistry(database), asyncio.Event()

    async def claim(here: bool | None, heartbeat: float = 0.2) -> None:
        settings = TaskSettings(backend="procrastinate", heartbeat=heartbeat, silent_after=30)
        await claim_name(registry, "a", settings, lambda _name: here, stop)

    await claim(None)
    await claim(here=True)
    first = await registry.beat(ROLE, IDLE)
    assert first is not None
    await claim(here=False)
    with capture_logs() as logs:
        await claim(None)
    assert [one["event"] for one in logs] == ["worker_name_awaited"], "it gives no further sign, and is dead"
    waiting = asyncio.create_task(claim(None, heartbeat=15))
    await asyncio.sleep(0.1)
    assert await registry.beat(ROLE, IDLE, first.since) == first
    with pytest.raises(Conflict, match="'a' is at work on this database; give each worker a --name of its own"):
        await waiting
    waiting = asyncio.create_task(claim(None, heartbeat=15))
    await asyncio.sleep(0.1)
    await registry.leave("a", first.since)
    await waiting


async def test_a_worker_whose_name_was_taken_ends_and_leaves_the_row_to_the_other(database: Database) -> None:
    registry, notices = WorkerRegistry(database), Notices(database)
    backend = SharedBackend(database, notices, QUICK)
    backend.take(ROLE)
    async with backend:
        await registry.drain("a")
        other = await registry.beat(ROLE, IDLE)
        assert other is not None
        assert not other.draining, "the wish was for the one before"
        with pytest.raises(Conflict, match="another process works under the name 'a' now"):
            await backend.until_ended()
    [row] = await registry.workers()
    assert row.started_at == other.since
    await notices.close()


def test_a_worker_of_this_machine_is_known_to_live_or_not() -> None:
    assert lives_here("a", "nobody") is None
    with sign_of_life("a", "somebody"), sign_of_life("a", "somebody"):
        assert lives_here("a", "somebody")
        assert lives_here("b", "somebody") is None, "of another database, whose workers have names of their own"
    assert lives_here("a", "somebody") is None, "who ends takes the sign along"


def test_a_worker_without_a_database_and_one_with_a_wrong_region_are_refused(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDKEEPER_TASKS__BACKEND", "procrastinate")
    monkeypatch.setenv("GRIDKEEPER_DATA_DIR", f"{tmp_path}/none")
    assert run(["worker"]) == USAGE
    said = capsys.readouterr().err
    assert "set GRIDKEEPER_DATABASE__URL to it" in said
    assert f"no database below {tmp_path}/none yet" in said
    assert run(["worker", "--region", "a/b"]) == USAGE
    assert "--region: 'a/b' is no name of a region; write letters" in capsys.readouterr().err
    monkeypatch.setenv("GRIDKEEPER_PROBES__REGION", "a/b")
    assert run(["worker"]) == USAGE
    assert "GRIDKEEPER_PROBES__REGION: " in capsys.readouterr().err
