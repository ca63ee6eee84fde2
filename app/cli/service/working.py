"""Runs a worker and says what it does in its log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from app.cli.exit_codes import INTERRUPTED, OK
from app.cli.service.serving import stop_on_signal, tell
from app.db.embedded import has_database
from app.db.leader import process_name
from app.errors import ConfigurationError
from app.kit.suggest import did_you_mean
from app.lifecycle import NOT_SHARED, work
from app.market.text import listed
from app.settings import Settings
from app.tasks.shared.models import PARTS, WorkerRole

if TYPE_CHECKING:
    from app.wiring.container import Container

POOL_SIZE = 3
"""Unless it is set: what a worker does waits for the source, and there may be many of them."""


def run_worker(settings: Settings, *, queues: str, concurrency: int | None, name: str) -> int:
    """Until SIGINT or SIGTERM, then it drains; a second signal ends it at once."""
    if settings.tasks.backend == "local":
        raise ConfigurationError(NOT_SHARED)
    if settings.database.url is None and not has_database(settings.data_dir):
        raise ConfigurationError(
            "a worker shares the database of `gridkeeper serve`: set GRIDKEEPER_DATABASE__URL to it. On one machine "
            "without a server of its own start `serve` first and the worker in the same folder (GRIDKEEPER_DATA_DIR): "
            f"there is no database below {settings.data_dir} yet"
        )
    places = concurrency or settings.tasks.concurrency
    role = WorkerRole(name or process_name(), _known(queues), places, settings.probes.region, sole=True)
    try:
        asyncio.run(_work(_with_few_connections(settings), role))
    except asyncio.CancelledError:
        structlog.get_logger().warning("worker_interrupted", note="what was under way is taken up by another")
        return INTERRUPTED
    structlog.get_logger().info("worker_stopped", name=role.name)
    return OK


def _with_few_connections(settings: Settings) -> Settings:
    chosen = settings.database
    if "pool_size" in chosen.model_fields_set:
        return settings
    return settings.model_copy(update={"database": chosen.model_copy(update={"pool_size": POOL_SIZE})})


async def _work(settings: Settings, role: WorkerRole) -> None:
    async def begun(container: Container) -> None:
        embedded = f"embedded, below {settings.data_dir}" if settings.database.url is None else ""
        structlog.get_logger().info(
            "worker_started",
            name=role.name,
            queues=list(role.queues),
            concurrency=role.places,
            region=role.region,
            database=embedded or container.database().name,
        )
        leader = await container.storage().job_runs().leader()
        if not leader.alive(settings.scheduler.takeover_after):
            note = "no `gridkeeper serve` leads on this database, and none plans work: this worker waits for one"
            structlog.get_logger().warning("leader_missed", note=note)

    await work(settings, tell, stop_on_signal(settings), role, begun)


def _known(queues: str) -> tuple[str, ...]:
    names = listed(queues)
    for name in names:
        if name not in PARTS:
            hint = did_you_mean(name, PARTS, otherwise=f"; there are {', '.join(PARTS)}", most=1, lead="; ")
            raise ConfigurationError(f"--queues: there is no queue {name!r}{hint}")
    if not names:
        raise ConfigurationError(f"--queues: name at least one of {', '.join(PARTS)}")
    return tuple(sorted(set(names), key=PARTS.index))
