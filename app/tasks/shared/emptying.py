"""Back on one process: what a start with shared work left in the database."""

from __future__ import annotations

import asyncio

import structlog

from app.errors import DatabaseUnavailable
from app.kit.periodic import pause
from app.logging import OutageLog
from app.tasks.shared.repository import WorkerRegistry

STRAY_SECONDS = 300.0
"""Between two looks for workers that were begun beside a process that shares nothing, and have ended."""


async def empty_queue(registry: WorkerRegistry, stop: asyncio.Event, *, every: float) -> None:
    """Empty queue and list of workers whenever no worker lives: tasks wait for nobody then, and rows are found without.

    A worker that was killed a moment ago still counts as living, so that this looks every so many seconds until none does.
    """
    away = OutageLog("shared_queue_failed", "shared_queue_recovered")
    while not stop.is_set():
        try:
            gone = await registry.forget_all()
            away.over()
        except DatabaseUnavailable as error:
            away.met(error)
            gone = None
        if gone is not None and any(gone):
            structlog.get_logger().info("shared_queue_emptied", workers=gone[0], tasks=gone[1])
        await pause(stop, every if gone is None else STRAY_SECONDS)
