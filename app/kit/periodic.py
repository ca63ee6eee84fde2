"""Work that is done again and again until an event says that it is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait until `stop` is set, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def run_every(seconds: Callable[[], float], work: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Do the work at once and after each pause, until `stop` is set; the pause is asked for each time.

    An error of the work ends the loop: what may fail without harm is guarded by its caller.
    """
    while not stop.is_set():
        await work()
        await pause(stop, seconds())
