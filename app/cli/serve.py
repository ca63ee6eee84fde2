"""`gridkeeper serve`: the service, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Any

import typer

from app.cli.codes import INTERRUPTED, OK
from app.lifecycle import Side, require_token, serve
from app.logging import configure_logging
from app.settings import Settings, load_settings


def serve_command(*, profile: str | None, sandbox: bool) -> int:
    """Runs until SIGINT or SIGTERM, then drains; a second signal ends it at once."""
    settings = _settings(profile, sandbox=sandbox)
    configure_logging(settings.log)
    require_token(settings)
    try:
        asyncio.run(_serve(settings, _sides()))
    except asyncio.CancelledError:
        _say("stopped at once; what was under way is taken up at the next start")
        return INTERRUPTED
    return OK


def _settings(profile: str | None, *, sandbox: bool) -> Settings:
    chosen: dict[str, Any] = {"sandbox": True} if sandbox else {}
    return load_settings(**chosen, **({"scheduler": {"profile": profile}} if profile else {}))


def _sides() -> Sequence[Side]:
    """What runs beside the scheduler."""
    from app.web.app import http_side

    return (http_side,)


async def _serve(settings: Settings, sides: Sequence[Side]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and serving is not None:
            serving.cancel()
            return
        _say(f"stopping: running work may finish within {settings.scheduler.drain_seconds:g} s; once more ends it now")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await serve(settings, _say, stop, sides)


def _say(text: str) -> None:
    typer.echo(text, err=True)
