"""Runs a worker and says what it does in its log."""

from __future__ import annotations

import asyncio

import structlog

from app.cli.exit_codes import INTERRUPTED, OK
from app.cli.service.serving import stop_on_signal, tell
from app.db.leader import process_name
from app.errors import ConfigurationError
from app.kit.suggest import did_you_mean
from app.lifecycle import NOT_SHARED, work
from app.market.text import listed
from app.settings import Settings
from app.tasks.shared.models import PARTS, WorkerRole


def run_worker(settings: Settings, *, queues: str, concurrency: int | None, name: str) -> int:
    """Until SIGINT or SIGTERM, then it drains; a second signal ends it at once."""
    if settings.tasks.backend == "local":
        raise ConfigurationError(NOT_SHARED)
    region = settings.probes.region
    role = WorkerRole(name or process_name(), _known(queues), concurrency or settings.tasks.concurrency, region)
    structlog.get_logger().info(
        "worker_started", name=role.name, queues=list(role.queues), concurrency=role.concurrency, region=region
    )
    try:
        asyncio.run(_work(settings, role))
    except asyncio.CancelledError:
        structlog.get_logger().warning("worker_interrupted", note="what was under way is taken up by another")
        return INTERRUPTED
    structlog.get_logger().info("worker_stopped", name=role.name)
    return OK


async def _work(settings: Settings, role: WorkerRole) -> None:
    await work(settings, tell, stop_on_signal(settings), role)


def _known(queues: str) -> tuple[str, ...]:
    names = listed(queues)
    for name in names:
        if name not in PARTS:
            hint = did_you_mean(name, PARTS, otherwise=f"; there are {', '.join(PARTS)}", most=1, lead="; ")
            raise ConfigurationError(f"--queues: there is no queue {name!r}{hint}")
    if not names:
        raise ConfigurationError(f"--queues: name at least one of {', '.join(PARTS)}")
    return tuple(sorted(set(names), key=PARTS.index))
