"""Places for evaluations: what one database holds up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from app.alerting.evaluation.concurrency import OTHERS, Lanes
from app.alerting.models import Rule
from app.alerting.rules.schedules import EveryInterval


def rule(name: str, database: str) -> Rule:
    return Rule(name, EveryInterval(timedelta(minutes=1)), database=database)


async def test_a_database_that_hangs_holds_up_its_own_rules_only() -> None:
    lanes, begun = Lanes(2), []
    hanging = asyncio.Event()

    async def evaluate(one: Rule, seconds: float | None) -> None:
        async with lanes.place(one, seconds):
            begun.append(one.database)
            if one.database == "hangs":
                await hanging.wait()

    tasks = [asyncio.create_task(evaluate(rule(f"h{number}", "hangs"), None)) for number in range(50)]
    await asyncio.sleep(0)
    for database in ("a", "b", "gridkeeper"):
        for seconds in (None, 0.1, 5.0):
            await evaluate(rule("x", database), seconds)
    assert begun.count("hangs") == OTHERS
    assert len(begun) == OTHERS + 9
    hanging.set()
    await asyncio.gather(*tasks)
