"""What scripts/chaos.py looks for is found where it is."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.collection.models import Work
from tests.support.backfill_factory import FR, LOAD, T0, Scene, days
from tests.support.scheduler_factory import rows
from tests.support.store_factory import opened

SCRIPTS = Path(__file__).parents[3] / "scripts"
RUNNING = """
    insert into job_runs (job, scheduled_for, trigger, kind, outcome) values ('a', now(), 'cron', 'collect', 'running')
"""


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("chaos_checks")
    sys.modules.pop("chaos_checks", None)


async def test_an_orderly_end_leaves_nothing_behind_and_a_damaged_one_is_told(checks: Any, database_url: str) -> None:
    async with opened(database_url) as database, opened(database_url) as other:
        scene = Scene(database)
        await scene.collection.collect(Work(LOAD, FR, days(0, 1)))
        assert await checks.left_behind(database) == []
        assert await scene.repository.claim(await scene.start(), "host:1")
        await rows(database, RUNNING)
        await rows(database, "update scheduler_leader set heartbeat_at = now(), holder = 'host:1'")
        await rows(database, "delete from observations where delivery_start = $1", T0)
        async with other.connection() as holder:
            await holder.execute("select pg_advisory_lock(7)")
            found = await checks.left_behind(database)
            await holder.execute("select pg_advisory_unlock(7)")
    told = {line.partition(":")[0] for line in found}
    assert told == {
        "a window is stuck", "a lease without a claim", "a backfill is open", "a run is under way or waits",
        "an advisory lock is held", "somebody still leads", "a day's count differs from its values",
    }  # fmt: skip
