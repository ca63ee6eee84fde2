"""Replicas that are killed between any two steps of an evaluation lose nothing and tell nothing twice."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.alert_factory import rows, scene
from tests.support.alert_factory import signal as shown
from tests.support.alert_replica import RULES, STEPS
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
PASSED = timedelta(seconds=20)
"""Longer than an interval and a lease."""


async def killed_at(step: str, url: str, now: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.alert_replica", url, step, now, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, said.decode()


@pytest.mark.long
async def test_replicas_that_are_killed_between_any_two_steps_lose_nothing_and_tell_nothing_twice(
    database_url: str,
) -> None:
    async with opened(database_url) as database:
        it = scene(database, *RULES)
        await it.round()
        for step in STEPS:
            it.clock.set(it.clock.now() + PASSED)
            await killed_at(step, database_url, it.clock.now().isoformat())
            [(fired,)] = await rows(database, "select count(*) from alert_events where kind = 'fired' and notified")
            assert fired == (len(RULES) if step == "committed" else 0), step
        it.world.faults |= {rule.name: [shown(area="FR")] for rule in RULES}
        assert await it.round(20) == []
        it.world.faults.clear()
        assert await it.round(20) == [("resolved", rule.name) for rule in RULES]
        slots = await rows(database, "select count(*), count(distinct (rule, due_at)) from rule_executions")
        assert slots == [(9, 9)]
