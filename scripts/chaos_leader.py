"""Three replicas of the service on one database, whose leader is killed or frozen again and again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chaos_checks import left_behind, rows, settled, told
from chaos_stage import Stage, quiet, stopped, tell, until
from soak import _free_port

from app.db.engine import Database
from app.lifecycle import database
from app.settings import load_settings

REPLICAS = 3
PLANS_WITHIN = 10.0
"""Seconds from the end of a leader until the next one has looked at the jobs."""
GIVEN_UP = 60.0
STEADY = (4.0, 14.0)
"""Seconds for which a leader may lead."""
FROZEN = (0.0, 8.0)
"""Seconds for which a leader stays frozen after it was replaced."""
MINUTE = timedelta(minutes=1)
EACH_MINUTE = "platform_health"
_LEADER = "select epoch, holder from scheduler_leader"
_SLOTS = "select scheduled_for from job_runs where job = $1 order by 1"


@dataclass(frozen=True, slots=True)
class Replica:
    """One service of the three."""

    process: asyncio.subprocess.Process
    port: int


@dataclass(slots=True)
class Replicas:
    """The services on one database."""

    stage: Stage
    opened: Database
    running: list[Replica] = field(default_factory=list)

    async def start(self) -> None:
        """One more replica, ready."""
        port = _free_port()
        process = await self.stage.start(f"serve-{port}", "serve", web_port=port)
        self.running.append(Replica(process, port))
        await until(lambda: _ready(port) is not None, process)

    async def leader(self) -> tuple[int, Replica]:
        """The epoch and the replica that leads."""
        [(epoch, holder)] = await rows(self.opened, _LEADER)
        pid = int(holder.rpartition(":")[2])
        return epoch, next(one for one in self.running if one.process.pid == pid)

    async def planner_after(self, epoch: int, gone: Replica) -> float:
        """Seconds until another replica leads in a later epoch and has looked at the jobs."""
        begun = time.monotonic()
        others = [one for one in self.running if one is not gone]
        while (waited := time.monotonic() - begun) < GIVEN_UP:
            states = await asyncio.gather(*(asyncio.to_thread(_ready, one.port) for one in others))
            if any(_plans(state, epoch) for state in states):
                return waited
            await asyncio.sleep(0.1)
        return GIVEN_UP

    async def stop(self) -> list[str]:
        """Stop all of them in order; violations where one does not."""
        codes = [await stopped(one.process) for one in self.running]
        return [f"a replica did not stop in order: {code}" for code in codes if code != 0]


def _ready(port: int) -> dict[str, Any] | None:
    """What the replica says of itself; None where it gives no answer or is not ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
            return dict(json.load(answer))
    except OSError:
        return None


def _plans(state: dict[str, Any] | None, epoch: int) -> bool:
    return bool(
        state and state["role"] == "leader" and state["epoch"] > epoch and state["tick_age_seconds"] is not None
    )


async def overthrow(stage: Stage, kills: int, chance: random.Random) -> list[str]:
    """The violations after so many leaders."""
    async with stage.sandbox({}), database(load_settings(), quiet) as opened:
        replicas = Replicas(stage, opened)
        for _ in range(REPLICAS):
            await replicas.start()
        waits = [await _overthrown(replicas, number, chance) for number in range(1, kills + 1)]
        await settled(opened, time.monotonic() + 120)
        violations = [f"nobody planned for {wait:.1f} s" for wait in waits if wait > PLANS_WITHIN]
        violations += await replicas.stop()
        slots = [slot for (slot,) in await rows(opened, _SLOTS, EACH_MINUTE)]
        violations += told("a slot was lost", lost(slots))
        violations += told("an attempt was made twice", made_twice(_logged(stage.folder)))
        violations += await left_behind(opened)
    tell({"figure": "chaos next leader plans", "kills": kills, "longest": max(waits), "slots": len(slots)})
    return violations


async def _overthrown(replicas: Replicas, number: int, chance: random.Random) -> float:
    """Kill or freeze the leader; the seconds until the next one plans."""
    await asyncio.sleep(chance.uniform(*STEADY))
    epoch, leader = await replicas.leader()
    order = chance.choice((signal.SIGKILL, signal.SIGSTOP))
    leader.process.send_signal(order)
    waited = await replicas.planner_after(epoch, leader)
    tell({"overthrow": number, "by": order.name, "epoch": epoch, "next_plans_after": round(waited, 2)})
    if order is signal.SIGSTOP:
        await asyncio.sleep(chance.uniform(*FROZEN))
        leader.process.send_signal(signal.SIGCONT)
    else:
        await leader.process.wait()
        replicas.running.remove(leader)
        await replicas.start()
    return waited


def lost(slots: Iterable[datetime]) -> list[datetime]:
    """The minutes between the first and the last slot that have none."""
    known = set(slots)
    if not known:
        return []
    minutes = (max(known) - min(known)) // MINUTE
    return [slot for number in range(minutes) if (slot := min(known) + number * MINUTE) not in known]


Attempt = tuple[str, str, int]


def made_twice(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Attempts that ended in more than one process."""
    return [attempt for attempt, count in Counter(attempts).items() if count > 1]


def _logged(folder: Path) -> list[Attempt]:
    """Every attempt whose end a replica has told."""
    lines = [line for log in folder.glob("serve-*.log") for line in log.read_text().splitlines()]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return [
        (event["job"], event["scheduled_for"], event["attempt"]) for event in events if event.get("event") == "job_run"
    ]
