"""The command `sandbox`: serves the stand-in for the platform until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from app.clock import Clock, FixedClock, SystemClock
from app.sandbox.settings import SANDBOX_TOKEN, SandboxSettings


def sandbox_command(
    *,
    host: str,
    port: int,
    token: str | None,
    seed: int,
    now: str | None,
    latency: float,
    limit: int,
    rates: Mapping[str, float],
    replay: Path | None,
) -> int:
    """Serves with these options; the exit code."""
    import typer

    settings = SandboxSettings(
        host=host,
        port=port,
        token=token or SANDBOX_TOKEN,
        seed=seed,
        clock=_clock(now),
        latency=latency,
        limit_per_minute=limit or None,
        rate_503=rates.get("503", 0.0),
        rate_429=rates.get("429", 0.0),
        rate_drop=rates.get("drop", 0.0),
        rate_truncate=rates.get("truncate", 0.0),
        rate_html=rates.get("html", 0.0),
        replay=replay,
    )
    serve(settings, typer.echo)
    return 0


def _clock(now: str | None) -> Clock:
    from app.market.moments import parse_moment
    from app.market.time import MARKET_ZONE

    clock = SystemClock()
    return FixedClock(parse_moment(now, MARKET_ZONE, clock.now(), name="--now")) if now else clock


def serve(settings: SandboxSettings, echo: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM."""
    asyncio.run(_serve(settings, echo))


async def _serve(settings: SandboxSettings, echo: Callable[[str], None]) -> None:
    from app.sandbox.server import SandboxServer

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with SandboxServer(settings) as server:
        for line in _introduction(server.url, server.token):
            echo(line)
        await stopped.wait()
        echo(f"Stopped after {server.requests} requests.")


def _introduction(url: str, token: str) -> tuple[str, ...]:
    return (
        "SANDBOX: a stand-in for the Transparency Platform; every value it gives is synthetic.",
        f"Address {url}",
        f"Token   {token if token == SANDBOX_TOKEN else 'the one that --token names'}",
        "Use it from another terminal with",
        "  export GRIDKEEPER_SANDBOX=1",
        f"  export GRIDKEEPER_ENTSOE__BASE_URL={url}",
        "Stop it with Ctrl-C.",
    )
