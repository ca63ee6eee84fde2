"""A name is for one process: whoever starts under one that another has is refused, a dead one's is taken over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from app.errors import Conflict, NotFound
from app.kit.periodic import pause
from app.settings import TaskSettings
from app.tasks.shared.models import WorkerState
from app.tasks.shared.repository import WorkerRegistry

LOOK_SECONDS = 0.5
_REMEDY = "give each worker a --name of its own, or none: then it is host and process id"

Lives = Callable[[str], bool | None]
"""Whether a worker of this machine lives; None where nothing is known of it."""


async def claim_name(
    registry: WorkerRegistry, name: str, settings: TaskSettings, lives: Lives, stop: asyncio.Event
) -> None:
    """Return when nobody else works under the name, or `stop` is set; Conflict where somebody does.

    Of a worker that was killed a moment ago nothing but its row is known, unless it ran on this machine: it is waited for
    as long as its next sign of life would take. That one of the name lives here says little: it may be about to end.
    """
    found = await _of(registry, name)
    if found is None or found.silent(settings.silent_after) or lives(name) is False:
        return
    seconds = min(2 * settings.heartbeat + 1, settings.silent_after)
    note = "it is waited for another one: where none comes, this worker takes the name over"
    structlog.get_logger().warning(
        "worker_name_awaited", name=name, last_sign_of_life=f"{found.age:.0f} s ago", seconds=seconds, note=note
    )
    await _see_no_sign(registry, found, seconds, stop)


async def _see_no_sign(registry: WorkerRegistry, before: WorkerState, seconds: float, stop: asyncio.Event) -> None:
    given_up_at = time.monotonic() + seconds
    while not stop.is_set() and time.monotonic() < given_up_at:
        await pause(stop, LOOK_SECONDS)
        found = await _of(registry, before.name)
        if found is None:
            return
        if found.heartbeat_at > before.heartbeat_at:
            raise Conflict(f"a worker named {before.name!r} is at work on this database; {_REMEDY}")


async def _of(registry: WorkerRegistry, name: str) -> WorkerState | None:
    try:
        return await registry.worker(name)
    except NotFound:
        return None


def name_lost(name: str) -> str:
    """Why a worker ends whose name another process has taken."""
    return f"another process works under the name {name!r} now, so this one ends; {_REMEDY}"
