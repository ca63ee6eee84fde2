"""Looks after the embedded server while a process uses it: a server that was killed is started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from app.clock import until_beat
from app.errors import AppError
from app.logging import OutageLog

LOOK_SECONDS = 1.0
LONGEST_PAUSE = 30.0


class RestartableServer(Protocol):
    """A server that can be looked at and started again; `EmbeddedServer` is one."""

    @property
    def runs(self) -> bool: ...

    def revive(self) -> None: ...


@asynccontextmanager
async def guarded(server: RestartableServer) -> AsyncIterator[None]:
    """Within the block a server that has died is started again within seconds."""
    guarding = asyncio.create_task(guard(server), name="embedded database")
    try:
        yield
    finally:
        guarding.cancel()
        await asyncio.wait([guarding])


async def guard(server: RestartableServer, *, look: float = LOOK_SECONDS) -> None:
    """Until cancelled. What keeps it from starting is reported once, and tried again with growing pauses."""
    log, pause = structlog.get_logger(), look
    failing = OutageLog("embedded_database_start_failed", "embedded_database_start_recovered", level="error")
    while True:
        await asyncio.sleep(until_beat(look) if pause == look else pause)
        if server.runs:
            continue
        if pause == look:
            log.warning("embedded_database_died", remedy="it is started again")
        try:
            await asyncio.to_thread(server.revive)
        except AppError as error:
            failing.met(error)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            failing.over()
            log.info("embedded_database_started_again")
            pause = look
