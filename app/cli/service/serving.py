"""Runs the service and says what it does in its log."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from app.cli.exit_codes import INTERRUPTED, OK, UNAVAILABLE
from app.settings import Settings

if TYPE_CHECKING:
    from app.lifecycle import Side
    from app.scheduling.cycles.single import CycleResult
    from app.wiring.container import Container

CLOSING_SECONDS = 8.0
"""After running work has drained: so long may it take to close what is open. A database that hangs would never end it."""


def _begin(settings: Settings, *, once: bool) -> None:
    """Say at once what happens: the rest of the program takes a moment to load."""
    structlog.get_logger().info(
        "service_started",
        mode="one cycle" if once else f"{settings.scheduler.profile} profile",
        data="synthetic (sandbox)" if settings.sandbox else "ENTSO-E Transparency Platform",
        database=f"embedded, below {settings.data_dir}"
        if settings.database.url is None
        else "of GRIDKEEPER_DATABASE__URL",
        stop="Ctrl-C",
    )
    if not settings.sandbox and settings.entsoe.token is None:
        from app.lifecycle import asks_platform, require_token

        if asks_platform(settings):
            require_token(settings)
        structlog.get_logger().info("platform_skipped", note="the plan has no job that asks it, so no token is needed")


def _sides() -> Sequence[Side]:
    """What runs beside the scheduler."""
    from app.web.app import http_side

    return (http_side, _name_commands)


async def _name_commands(container: Container, stop: asyncio.Event) -> None:
    """Say once what to try next, as it can be pasted into another terminal."""
    me, plan = _own_name(), container.scheduling().scheduler().plan
    structlog.get_logger().info(
        "commands_suggested",
        health=f"{me} status",
        holes=f"{me} gaps",
        values=f"{me} export --area {plan.areas[0]} --item {plan.items[0]} -o {plan.items[0]}.csv",
    )
    await stop.wait()


def _own_name() -> str:
    """How this program was called, where that is a command and not `python -m app`."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "gridkeeper" and called.is_file() else "gridkeeper"


def run_service(settings: Settings, *, once: bool) -> int:
    """Until SIGINT or SIGTERM, then it drains; a second signal ends it at once. `once`: for one cycle."""
    _begin(settings, once=once)
    try:
        return asyncio.run(_once(settings) if once else _serve(settings))
    except asyncio.CancelledError:
        structlog.get_logger().warning("service_interrupted", note="what was under way is taken up at the next start")
        return INTERRUPTED


async def _serve(settings: Settings) -> int:
    from app.lifecycle import serve
    from app.web.app import check_address, require_key

    # The scheduler would have begun to collect before the HTTP side finds its port taken.
    await check_address(settings.web)
    await serve(settings, tell, stop_on_signal(settings), _sides(), before=require_key)
    structlog.get_logger().info("service_stopped")
    return OK


async def _once(settings: Settings) -> int:
    from app.lifecycle import serve

    results: list[CycleResult] = []

    async def cycle(container: Container, stop: asyncio.Event) -> None:
        from app.scheduling.cycles.single import one_cycle

        planned = container.scheduling().scheduler().plan.jobs()
        running = asyncio.create_task(one_cycle(container.storage().job_runs(), planned, container.clock()))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if running.cancel():
            return
        results.append(running.result())

    await serve(settings, tell, stop_on_signal(settings), (cycle,), backfills=False)
    if not results:
        return INTERRUPTED
    sys.stdout.write(f"{results[0]}\n")
    return OK if results[0].done else UNAVAILABLE


def stop_on_signal(settings: Settings) -> asyncio.Event:
    """The event that SIGINT and SIGTERM set; a second one cancels the task that asks here. Both end it in a bounded time.

    SIGHUP is the wish to read files again, which happens anyway; only of a terminal that was closed it means the end.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and serving is not None:
            loop.call_later(CLOSING_SECONDS, _leave, INTERRUPTED)
            serving.cancel()
            return
        loop.call_later(settings.scheduler.drain_seconds + CLOSING_SECONDS, _leave, OK)
        structlog.get_logger().info(
            "service_stop_requested",
            drain_seconds=settings.scheduler.drain_seconds,
            note="running work may finish; once more ends it now",
        )
        stop.set()

    on_terminal = os.isatty(0)

    def on_hangup() -> None:
        if on_terminal and not os.isatty(0):
            on_signal()
            return
        note = "plan, rules and channels are read again within two seconds; settings need a restart"
        structlog.get_logger().info("reload_requested", note=note)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    return stop


def _leave(code: int) -> None:
    """End the process although something does not close: as after a kill, leases and locks run out, and rows are found."""
    structlog.get_logger().warning(
        "service_aborted", note="the database does not answer; what was under way is taken up by the next start"
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def tell(text: str) -> None:
    """What other commands print beside their output is an event of the service's log."""
    structlog.get_logger().warning("notice_printed", text=text)
