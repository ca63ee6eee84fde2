"""Works on a backfill in this process and shows how far it is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.cli.backfill.view import Follower, print_progress
from app.cli.exit_codes import EMPTY, FAILED, INTERRUPTED, OK
from app.cli.output import say
from app.collection.backfill.models import BackfillProgress, BackfillState, WindowState
from app.errors import DatabaseUnavailable
from app.lifecycle import collecting
from app.market.text import counted
from app.settings import Settings

if TYPE_CHECKING:
    from app.collection.backfill.service import BackfillService
    from app.wiring.container import Container

LOOK = 0.5
"""Seconds between two looks at a backfill that is followed."""
OUTAGE = 60
"""Looks in a row that may fail: a database that restarts is back by then."""


def follow_backfill(settings: Settings, backfill_id: int) -> int:
    """Work on it here and show the progress until it has ended or is paused; the exit code."""
    follower = Follower()
    try:
        progress = asyncio.run(_work_and_show(settings, backfill_id, follower))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say(
            "interrupted: the windows under way are handed back, what was stored stays; "
            f"go on with: gridkeeper backfill resume {backfill_id} --follow"
        )
        return INTERRUPTED
    finally:
        follower.stop()
    print_progress([progress], lambda _: None)
    if progress.state is BackfillState.PAUSED:
        say(f"paused ({progress.reason}); go on with: gridkeeper backfill resume {backfill_id} --follow")
    if empty := progress.counts[WindowState.EMPTY]:
        say(
            f"completed, {counted(empty, 'window')} empty: the source had nothing for them; a running `gridkeeper serve` "
            "asks for them again by itself, `gridkeeper gaps` shows what was asked how often"
        )
    if failed := progress.counts[WindowState.FAILED]:
        say(
            f"{counted(failed, 'window')} failed; `gridkeeper backfill status {backfill_id}` lists them, "
            f"`gridkeeper backfill retry-failed {backfill_id} --follow` asks for them again"
        )
    if progress.state is not BackfillState.COMPLETED or failed:
        return FAILED
    return EMPTY if empty and empty == progress.planned else OK


async def _work_and_show(settings: Settings, backfill_id: int, follower: Follower) -> BackfillProgress:
    """Works until the backfill has ended or is paused; SIGTERM ends it like Ctrl-C."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with _working(settings, follower.say) as container, container.tasks().local():
        service, worker = container.collection().backfills(), container.tasks().backfill_worker()
        working = asyncio.create_task(worker.work(backfill_id))
        try:
            while True:
                progress = await _looked(service, backfill_id)
                follower.show(progress, service.time_left(progress), worker.name)
                if progress.state.terminal or progress.state is BackfillState.PAUSED:
                    return progress
                if working.done():
                    working.result()
                await asyncio.sleep(LOOK)
        finally:
            working.cancel()
            await asyncio.wait([working])


async def _looked(service: BackfillService, backfill_id: int) -> BackfillProgress:
    for _ in range(OUTAGE):
        try:
            return await service.progress(backfill_id)
        except DatabaseUnavailable:
            await asyncio.sleep(1)
    return await service.progress(backfill_id)


@asynccontextmanager
async def _working(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Container]:
    async with collecting(settings, say) as container:
        try:
            yield container
        finally:
            await container.sources().backfill().aclose()
