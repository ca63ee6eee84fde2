"""From the commit of alerts to the receiver: python -m tests.benchmarks.bench_delivery [NAME …].

1,000 alerts of as many groups at once, ten of them critical, through outbox and worker as they run in `serve` with the
shipped defaults (20 messages a minute, group_wait 10 s) to a receiver on loopback; then the worker alone, idle. The
reference posts the same number of messages bare, one after the other. Then, each over receivers on loopback:

* `beside_flood`: on every channel a critical alert each five seconds, while a digest of 10,000 warnings is being sent;
* `critical_flood`: 1,000 critical alerts of as many groups at once to Slack;
* `second_warning`: a warning, and the second of its rule just after the first has arrived.

Prints one line of JSON for each.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import structlog

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import DeliveryWorker
from app.alerting.models import AlertEvent, Severity
from app.alerting.outbox.repository import NotificationOutbox
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.net.egress_guard import GuardedClients
from app.settings import DatabaseSettings, NotificationSettings
from tests.conftest import wait_until_stopped
from tests.support.delivery_factory import (
    Mailbox,
    Receiver,
    Reply,
    Request,
    event,
    mail_server,
    named,
    receiving,
    webhooks,
)

ALERTS = 1000
CRITICAL = 10
IDLE = 20.0
TARGETS = {"critical_seconds": 5.0, "all_seconds": 30.0, "messages_per_minute": 20, "idle_cpu_percent": 0.3}


class Watch:
    """Notes when each alert was first named."""

    def __init__(self, receiver: Receiver) -> None:
        self.at: dict[str, float] = {}
        receiver.judge = self.note

    def note(self, request: Request) -> Reply | None:
        for area in named([request]) if request.body else ():
            self.at.setdefault(area, time.perf_counter())
        return None


async def bare(receiver: Receiver, messages: int) -> float:
    """Seconds that so many bare requests take."""
    begun = time.perf_counter()
    async with httpx.AsyncClient() as client:
        for _ in range(messages):
            await client.post(receiver.url, json={"alerts": []})
    return time.perf_counter() - begun


async def idle_share() -> float:
    begun, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(IDLE)
    return 100 * (time.process_time() - used) / (time.perf_counter() - begun)


PLACE = re.compile(r"\bA\d+\b")
ANSWERS = {"wecom": b'{"errcode": 0, "errmsg": "ok"}'}
FLOOD = 10_000
BESIDE = 3
APART = 5.0
HTTP_CHANNELS = ("webhook", "slack", "discord", "teams", "wecom")
EACH_GROUP = "routes: [{{channels: [{}], group_by: [rule, area]}}]"


@dataclass(slots=True)
class Scene:
    """A worker that runs, and when each place was first named on each channel."""

    database: Database
    outbox: NotificationOutbox
    clock: SystemClock
    mailbox: Mailbox
    at: dict[tuple[str, str], float] = field(default_factory=dict)

    def note(self, request: Request) -> Reply:
        channel, now = request.path.split("/")[1], time.perf_counter()
        for place in PLACE.findall(request.body.decode()):
            self.at.setdefault((channel, place), now)
        return Reply(200, ANSWERS.get(channel, b"ok"))

    def _read_mails(self) -> None:
        while self.mailbox.mails:
            _, content = self.mailbox.mails.pop(0)
            plain = message_from_bytes(content, policy=policy.default).get_body(("plain",))
            for place in PLACE.findall(plain.get_content() if plain else ""):
                self.at.setdefault(("mail", place), time.perf_counter())

    async def commit(self, *events: AlertEvent) -> float:
        async with self.database.transaction() as connection:
            await self.outbox.enqueue(connection, events, self.clock.now())
        return time.perf_counter()

    async def arrived(self, channels: Sequence[str], places: Collection[str], *, within: float = 150.0) -> float:
        """When the last of these places was named on the last of these channels; infinite where one never was."""
        until = time.perf_counter() + within
        while time.perf_counter() < until:
            self._read_mails()
            if all((channel, place) in self.at for channel in channels for place in places):
                return max(self.at[channel, place] for channel in channels for place in places)
            await asyncio.sleep(0.02)
        return math.inf


@asynccontextmanager
async def scene(url: str, folder: Path, channels: Sequence[str], route: str) -> AsyncIterator[Scene]:
    """These channels over receivers on loopback, and a worker with the shipped defaults; an empty outbox."""
    mailbox = Mailbox()
    async with receiving() as receiver, mail_server(mailbox) as port:
        os.environ["BENCH_URL"] = receiver.url
        lines = [
            f"  {name}: {{type: email, host: 127.0.0.1, port: {port}, security: none, from: g@x.org, to: [a@x.org]}}"
            if name == "mail"
            else f"  {name}: {{type: {name}, url: '${{BENCH_URL}}/{name}'}}"
            for name in channels
        ]
        file = folder / "channels.yaml"
        file.write_text("\n".join(["channels:", *lines, route.format(", ".join(channels))]))
        database, clock, book = Database(DatabaseSettings(), url), SystemClock(), ChannelFile(file)
        async with database.connection() as connection:
            await connection.execute("truncate notifications, channel_states cascade")
        repository = DeliveryRepository(database, "bench", lease=timedelta(seconds=60))
        outlet = HttpSender(GuardedClients(), clock)
        worker = DeliveryWorker(repository, book, outlet, clock, settings=NotificationSettings())
        made, stop = Scene(database, NotificationOutbox(book), clock, mailbox), asyncio.Event()
        receiver.judge = made.note
        running = asyncio.create_task(worker.run(stop))
        try:
            yield made
        finally:
            stop.set()
            await running
            await database.close()


def say(name: str, **figures: object) -> None:
    sys.stdout.write(json.dumps({"bench": name, **figures}) + "\n")
    sys.stdout.flush()


async def beside_flood(url: str, folder: Path) -> None:
    channels = (*HTTP_CHANNELS, "mail")
    async with scene(url, folder, channels, EACH_GROUP) as it:
        now = it.clock.now()
        await it.commit(*(event(number, at=now) for number in range(FLOOD)))
        await it.arrived(["slack"], ["A0"], within=60)
        longest = dict.fromkeys(channels, 0.0)
        for number in range(FLOOD, FLOOD + BESIDE):
            committed = await it.commit(event(number, severity=Severity.CRITICAL, at=it.clock.now()))
            await it.arrived(channels, [f"A{number}"], within=60)
            for channel in channels:
                seconds = it.at.get((channel, f"A{number}"), math.inf) - committed
                longest[channel] = max(longest[channel], round(seconds, 2))
            await asyncio.sleep(APART)
    say("beside_flood", warnings=FLOOD, critical_seconds=longest, target=TARGETS["critical_seconds"])


async def critical_flood(url: str, folder: Path) -> None:
    async with scene(url, folder, ["slack"], EACH_GROUP) as it:
        now = it.clock.now()
        committed = await it.commit(*(event(number, severity=Severity.CRITICAL, at=now) for number in range(ALERTS)))
        places = [f"A{number}" for number in range(ALERTS)]
        last = await it.arrived(["slack"], places) - committed
        first = min(it.at.values(), default=math.inf) - committed
        named = len(it.at)
    say(
        "critical_flood", alerts=ALERTS, named=named, first_seconds=round(first, 2), all_seconds=round(last, 2),
        target=TARGETS["critical_seconds"],
    )  # fmt: skip


async def second_warning(url: str, folder: Path) -> None:
    channels = (*HTTP_CHANNELS, "mail")
    async with scene(url, folder, channels, "routes: [{{channels: [{}]}}]") as it:
        committed = await it.commit(event(1, at=it.clock.now()))
        first = await it.arrived(channels, ["A1"], within=60) - committed
        committed = await it.commit(event(2, at=it.clock.now()))
        second = await it.arrived(channels, ["A2"], within=60) - committed
    say("second_warning", first_seconds=round(first, 2), second_seconds=round(second, 2), target=30.0)


async def bench(url: str, folder: Path) -> None:
    database, clock, settings = Database(DatabaseSettings(), url), SystemClock(), NotificationSettings()
    async with receiving() as receiver:
        file = folder / "channels.yaml"
        file.write_text(webhooks(receiver, more="routes: [{channels: [hook0], group_by: [rule, area]}]"))
        channels = ChannelFile(file)
        repository = DeliveryRepository(database, "bench", lease=timedelta(seconds=60))
        outlet = HttpSender(GuardedClients(), clock)
        worker = DeliveryWorker(repository, channels, outlet, clock, settings=settings)
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        idle = await idle_share()
        watch = Watch(receiver)
        now = clock.now()
        events = [event(number, at=now) for number in range(CRITICAL, ALERTS)]
        events += [event(number, severity=Severity.CRITICAL, at=now) for number in range(CRITICAL)]
        async with database.transaction() as connection:
            begun = time.perf_counter()
            await NotificationOutbox(channels).enqueue(connection, events, now)
        committed = time.perf_counter()
        async with asyncio.timeout(120):
            while len(watch.at) < ALERTS:  # noqa: ASYNC110  the receiver tells nobody
                await asyncio.sleep(0.01)
        messages = len(receiver.requests)
        stop.set()
        await running
        reference = await bare(receiver, messages)
    critical = max(watch.at[f"A{number}"] for number in range(CRITICAL)) - committed
    line = {
        "bench": "delivery", "alerts": ALERTS, "messages": messages, "named": len(watch.at),
        "enqueue_seconds": round(committed - begun, 3), "critical_seconds": round(critical, 3),
        "all_seconds": round(max(watch.at.values()) - committed, 2), "bare_posts_seconds": round(reference, 3),
        "idle_cpu_percent": round(idle, 3), "targets": TARGETS,
    }  # fmt: skip
    sys.stdout.write(json.dumps(line) + "\n")
    await database.close()


BENCHES = {
    "delivery": bench,
    "beside_flood": beside_flood,
    "critical_flood": critical_flood,
    "second_warning": second_warning,
}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    chosen = sys.argv[1:] or list(BENCHES)
    try:
        asyncio.run(migrate(server.url))
        for name in chosen:
            asyncio.run(BENCHES[name](server.url, folder))
    finally:
        server.release()
        wait_until_stopped(server)


if __name__ == "__main__":
    main()
