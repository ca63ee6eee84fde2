"""A replica that looks at alert rules once and is killed at a step: python -m tests.support.alert_replica URL STEP INSTANT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.alerting.models import AlertEvent, Evaluation, Rule
from app.clock import FixedClock
from tests.support.alert_factory import Told, World, rule, scene
from tests.support.alert_factory import signal as shown
from tests.support.store_factory import opened

if TYPE_CHECKING:
    from app.db.engine import Connection

STEPS = ("claimed", "evaluated", "handed over", "committed")
RULES = tuple(rule(f"rule_{number}") for number in range(3))


def die_at(step: str) -> None:
    if sys.argv[2] == step:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class DyingWorld(World):
    """Shows a fault of every rule."""

    async def evaluate(self, rule: Rule, now: datetime) -> Evaluation:
        die_at("claimed")
        self.faults[rule.name] = [shown(area="FR")]
        return await World.evaluate(self, rule, now)


@dataclass(slots=True)
class DyingOutbox(Told):
    """Dies within the transaction that writes what is to be notified."""

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        await Told.enqueue(self, connection, events, now)
        die_at("handed over")


async def main() -> None:
    clock = FixedClock(datetime.fromisoformat(sys.argv[3]))
    async with opened(sys.argv[1]) as database:
        it = scene(database, *RULES, clock=clock, world=DyingWorld(), told=DyingOutbox())
        await it.service.tick()
        await asyncio.gather(*it.service._in_flight.values())
        die_at("evaluated")
        await it.service.settled()
        die_at("committed")


if __name__ == "__main__":
    asyncio.run(main())
