"""Chaos of delivery: two replicas are killed again and again while receivers answer badly; then who heard what.

    python scripts/chaos_delivery.py --kills 20 --seed 1

Seven channels: a good one, one for critical alerts alone, one that mostly fails, one that may send little, one that asks
for patience, one that collects, one that hangs. Until the last kill 40 % of all answers are bad; then all are good, so that
the run ends within five minutes. A kill waits until the replica that was started before it delivers. Every alert must reach every channel of its
routes, at the latest as WAS FIRING, and its end the same ones and nobody else. Prints one JSON line; 1 where it is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import structlog
from chaos_heard import answered, posted

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import DeliveryWorker
from app.alerting.models import Alert, AlertEvent, EventKind, Phase, Rule, Severity, labels_of
from app.alerting.outbox.repository import NotificationOutbox
from app.alerting.rules.schedules import EveryInterval
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.net.egress_guard import GuardedClients
from app.settings import DatabaseSettings, NotificationSettings

BAD = 0.4
REPLICAS = 2
BETWEEN_KILLS = (3.0, 8.0)
"""Seconds of life of a replica that delivers."""
PROCESSES = multiprocessing.get_context("forkserver")
"""Its server has imported what a replica needs: a replica delivers at once, however busy the machine is."""
PATIENCE = 2.0
ENDS_WITHIN = 100.0
STARTS_WITHIN = 60.0
CHANNELS = {
    "good": "per_minute: 600", "pager": "per_minute: 600", "failing": "per_minute: 600", "little": "per_minute: 6",
    "patient": "per_minute: 600", "collecting": "per_minute: 600", "hanging": "per_minute: 600",
}  # fmt: skip
ROUTES = """
routes:
  - {name: page, match: [severity=critical], channels: [pager], continue: true}
  - {name: slow, channels: [collecting], group_wait: 15 s, group_interval: 30 s, continue: true}
  - {name: all, channels: [good, failing, little, patient, hanging], group_by: [rule], group_wait: 2 s}
"""
_WAITING = "select count(*) from notifications where status = 'waiting'"
_FORWARD = "update notifications set not_before = now() where status = 'waiting' and not_before > now()"
_UNBLOCK = "update channel_states set blocked_until = null where channel <> 'little'"
_SAID = """
    select n.channel, e.alert_id, e.kind from notification_events as e join notifications as n using (notification_id)
    where n.status = 'sent'
"""


@dataclass(slots=True)
class Heard:
    """What the receivers have taken, by channel, alert and what was said of it, in the order of time."""

    chance: random.Random
    bad: float = BAD
    told: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    answers: int = 0
    main_answers: int = 0
    """Answers until the last kill: of these BAD are bad."""
    bad_answers: int = 0

    def _is_bad(self, channel: str) -> bool:
        """The share that is still missing decides, for one channel fails more often than the others."""
        if not self.bad:
            return False
        self.main_answers += 1
        missing = self.bad * self.main_answers - self.bad_answers
        return self.chance.random() < (0.9 if channel == "failing" else min(max(self.bad + missing / 10, 0.1), 0.9))

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answered(writer, lambda: self._answer(reader, writer))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = await posted(reader)
        channel, self.answers = content["channel"], self.answers + 1
        bad = self._is_bad(channel)
        self.bad_answers += bad
        taken = not bad or self.chance.random() < BAD / 4
        for alert in content["alerts"] if taken else ():
            self.told[channel, alert["alert_id"]].append("late" if alert["late"] else alert["kind"])
        if not bad:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        if taken or channel == "hanging":
            # What was taken and never said so comes again; who hangs says nothing in time.
            await asyncio.sleep(2 * PATIENCE if channel == "hanging" else 0)
            raise ConnectionError
        status = "429 Slow\r\nRetry-After: 8" if channel == "patient" else self.chance.choice(("500 No", "503 No"))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


def replica(url: str, file: str, name: str, ready: Event) -> None:
    """The delivery of one replica, until it is killed."""
    asyncio.run(_deliver(url, file, name, ready))


async def _deliver(url: str, file: str, name: str, ready: Event) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    clock = SystemClock()
    database = Database(DatabaseSettings(), url)
    repository = DeliveryRepository(database, name, lease=timedelta(seconds=8))
    outlet = HttpSender(GuardedClients(), clock, timeout=PATIENCE)
    worker = DeliveryWorker(repository, ChannelFile(Path(file)), outlet, clock, settings=NotificationSettings())
    await repository.due_channels(clock.now())
    ready.set()
    await worker.run(asyncio.Event())


@dataclass(slots=True)
class Story:
    """The alerts of a run, and the channels that each of them must reach."""

    outbox: NotificationOutbox
    database: Database
    chance: random.Random
    due: dict[int, set[str]] = field(default_factory=dict)
    live: dict[int, tuple[float, Severity, Severity]] = field(default_factory=dict)

    async def go_on(self, *, begin: bool) -> None:
        """Alerts begin, become more or less severe, and end."""
        events: list[AlertEvent] = []
        for _ in range(self.chance.randrange(4) if begin else 0):
            severity = self.chance.choice((Severity.WARNING, Severity.WARNING, Severity.CRITICAL))
            number = len(self.due) + 1
            self.live[number] = (time.monotonic() + self.chance.choice((0.5, 3, 20, 60)), severity, severity)
            self.due[number] = set(CHANNELS) - (set() if severity is Severity.CRITICAL else {"pager"})
            events.append(self._event(number, EventKind.FIRED))
        for number, (until, severity, told) in list(self.live.items()):
            if not begin or time.monotonic() >= until:
                events.append(self._event(number, EventKind.RESOLVED))
                del self.live[number]
            elif self.chance.random() < 0.02:
                worse = severity is Severity.WARNING and told is Severity.WARNING
                after = Severity.CRITICAL if worse else Severity.WARNING
                self.live[number] = (until, after, Severity.CRITICAL if worse else told)
                if worse:
                    self.due[number].add("pager")
                    events.append(self._event(number, EventKind.SEVERITY))
        if events:
            async with self.database.transaction() as connection:
                await self.outbox.enqueue(connection, events, datetime.now(UTC))

    def _event(self, number: int, kind: EventKind) -> AlertEvent:
        now, (_, severity, told) = datetime.now(UTC), self.live[number]
        phase = Phase.RESOLVED if kind is EventKind.RESOLVED else Phase.FIRING
        rule = Rule(f"rule_{number % 7}", EveryInterval(timedelta(minutes=1)))
        labels = labels_of({"area": f"A{number}"})
        alert = Alert(rule.name, labels, severity, phase, now, now, now, alert_id=number, notified_severity=told)
        return AlertEvent(kind, alert, rule, now)


@asynccontextmanager
async def _receivers(heard: Heard, folder: Path) -> AsyncIterator[Path]:
    """The file of channels whose receivers answer on loopback."""
    server = await asyncio.start_server(heard.receive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lines = [f"  {name}: {{type: webhook, url: 'http://127.0.0.1:{port}/', {more}}}" for name, more in CHANNELS.items()]
    file = folder / "channels.yaml"
    file.write_text("\n".join(["channels:", *lines]) + ROUTES)
    try:
        yield file
    finally:
        server.close()


async def _start(url: str, file: Path, number: int) -> ForkServerProcess:
    ready = PROCESSES.Event()
    process = PROCESSES.Process(target=replica, args=(url, str(file), f"replica-{number}", ready))
    process.start()
    if not await asyncio.to_thread(ready.wait, STARTS_WITHIN):
        raise RuntimeError(f"replica {number} did not start")
    return process


async def chaos(url: str, folder: Path, *, kills: int, seed: int) -> int:
    begun = time.monotonic()
    await migrate(url)
    chance = random.Random(seed)  # noqa: S311  chance of a test
    heard, database = Heard(random.Random(seed + 1)), Database(DatabaseSettings(), url)  # noqa: S311
    async with _receivers(heard, folder) as file:
        story = Story(NotificationOutbox(ChannelFile(file)), database, chance)
        running = [await _start(url, file, number) for number in range(REPLICAS)]
        for killed in range(kills):
            until = time.monotonic() + chance.uniform(*BETWEEN_KILLS)
            while time.monotonic() < until:
                await story.go_on(begin=True)
                await asyncio.sleep(0.5)
            victim = running.pop(chance.randrange(len(running)))
            victim.kill()
            await asyncio.to_thread(victim.join)
            running.append(await _start(url, file, REPLICAS + killed))
        await story.go_on(begin=False)
        heard.bad = 0.0
        waiting = await _end(database)
        for process in running:
            process.kill()
            await asyncio.to_thread(process.join)
        async with database.connection() as connection:
            said = {(row["channel"], row["alert_id"]) for row in await connection.fetch(_SAID)}
    await database.close()
    line = judged(story.due, heard.told, said) | {"chaos": "delivery", "kills": kills, "seed": seed, "waiting": waiting}
    share = round(heard.bad_answers / max(heard.main_answers, 1), 3)
    line |= {"alerts": len(story.due), "answers": heard.answers, "main_answers": heard.main_answers}
    line |= {"bad_answers": heard.bad_answers, "bad_share": share, "seconds": round(time.monotonic() - begun)}
    sys.stdout.write(json.dumps(line) + "\n")
    return int(bool(waiting or line["missing"] or line["without_end"] or line["lone_ends"] or line["claimed_only"]))


async def _end(database: Database) -> int:
    """Wait until nothing waits any more; attempts are brought forward, for pauses last up to half an hour."""
    until = time.monotonic() + ENDS_WITHIN
    while True:
        async with database.connection() as connection:
            waiting = int(await connection.fetchval(_WAITING))
            await connection.execute(_FORWARD)
            await connection.execute(_UNBLOCK)
        if not waiting or time.monotonic() > until:
            return waiting
        await asyncio.sleep(2)


def judged(
    due: dict[int, set[str]], told: dict[tuple[str, int], list[str]], said: set[tuple[str, int]]
) -> dict[str, int]:
    """How many alerts a channel never heard of, never heard end, or heard end that it never heard fire."""
    pairs = [(channel, number) for number, channels in due.items() for channel in channels]
    begun = {"fired", "severity", "reminded", "late"}
    missing = [pair for pair in pairs if not begun & set(told.get(pair, ()))]
    without_end = [pair for pair in pairs if not {"resolved", "late"} & set(told.get(pair, ()))]
    lone = [pair for pair, kinds in told.items() if kinds[0] == "resolved" or (pair[0] not in due[pair[1]])]
    return {
        "missing": len(missing),
        "without_end": len(without_end),
        "lone_ends": len(lone),
        "claimed_only": len(said - told.keys()),
        "late": sum("late" in kinds for kinds in told.values()),
    }


def main() -> int:
    PROCESSES.set_forkserver_preload(["app.alerting.delivery.worker", "app.db.embedded", "app.db.migrate"])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-chaos-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    try:
        return asyncio.run(chaos(server.url, folder, kills=chosen.kills, seed=chosen.seed))
    finally:
        server.release()


if __name__ == "__main__":
    raise SystemExit(main())
