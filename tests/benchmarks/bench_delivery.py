"""From the commit of alerts to the receiver: python -m tests.benchmarks.bench_delivery.

1,000 alerts of as many groups at once, ten of them critical, through outbox and worker as they run in `serve` with the
shipped defaults (20 messages a minute, group_wait 10 s) to a receiver on loopback; then the worker alone, idle. The
reference posts the same number of messages bare, one after the other. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import httpx
import structlog

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.outbox import NotificationOutbox
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import DeliveryWorker
from app.alerting.models import Severity
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.net.egress_guard import GuardedClients
from app.settings import DatabaseSettings, NotificationSettings
from tests.conftest import wait_until_stopped
from tests.support.delivery_factory import Receiver, Reply, Request, event, named, receiving, webhooks

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


async def bench(url: str, folder: Path) -> None:
    await migrate(url)
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


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    try:
        asyncio.run(bench(server.url, folder))
    finally:
        server.release()
        wait_until_stopped(server)


if __name__ == "__main__":
    main()
