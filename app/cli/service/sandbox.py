"""The command `sandbox`: serves the stand-in for the platform until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK

if TYPE_CHECKING:
    from app.clock import Clock
    from app.sandbox.settings import SandboxSettings


def sandbox_command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8888,
    token: Annotated[str | None, typer.Option(help="Token to accept; default: a fixed one, printed.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic series and of the faults.")] = 0,
    now: Annotated[str | None, typer.Option(help="Instant at which the stand-in's clock stands still.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds before each answer.", min=0, max=86_400)] = 0.0,
    limit: Annotated[
        int, typer.Option(help="Requests a minute before the 429; 0 for no limit.", min=0, max=1_000_000)
    ] = 400,
    rate_503: Annotated[float, typer.Option(help="Share of answers that are 503.", min=0, max=1)] = 0.0,
    rate_429: Annotated[float, typer.Option(help="Share of answers that are 429.", min=0, max=1)] = 0.0,
    rate_drop: Annotated[float, typer.Option(help="Share of connections dropped.", min=0, max=1)] = 0.0,
    rate_truncate: Annotated[float, typer.Option(help="Share of answers cut short.", min=0, max=1)] = 0.0,
    rate_html: Annotated[float, typer.Option(help="Share of answers that are HTML.", min=0, max=1)] = 0.0,
    replay: Annotated[Path | None, typer.Option(help="Folder of recorded answers to give verbatim.")] = None,
) -> int:
    """Serve the stand-in for the Transparency Platform alone: the real protocol, synthetic data."""
    from app.sandbox.settings import SANDBOX_TOKEN, SandboxSettings

    settings = SandboxSettings(
        host=host,
        port=port,
        token=token or SANDBOX_TOKEN,
        seed=seed,
        clock=_clock(now),
        latency=latency,
        limit_per_minute=limit or None,
        rate_503=rate_503,
        rate_429=rate_429,
        rate_drop=rate_drop,
        rate_truncate=rate_truncate,
        rate_html=rate_html,
        replay=replay,
    )
    serve(settings, typer.echo)
    return OK


def _clock(now: str | None) -> Clock:
    from app.clock import FixedClock, SystemClock
    from app.market.moments import parse_moment
    from app.market.time import MARKET_ZONE

    clock = SystemClock()
    return FixedClock(parse_moment(now, MARKET_ZONE, clock.now(), name="--now")) if now else clock


def serve(settings: SandboxSettings, echo: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM."""
    import asyncio

    asyncio.run(_serve(settings, echo))


async def _serve(settings: SandboxSettings, echo: Callable[[str], None]) -> None:
    import asyncio
    import signal

    from app.sandbox.server import SandboxServer

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with SandboxServer(settings) as server:
        for line in _introduction(server.url, server.token):
            echo(line)
        await stopped.wait()
        echo(
            f"Stopped after {server.requests} requests, {server.busiest_minute.most} of them within the busiest minute."
        )


def _introduction(url: str, token: str) -> tuple[str, ...]:
    from app.sandbox.settings import SANDBOX_TOKEN

    return (
        "SANDBOX: a stand-in for the Transparency Platform; every value it gives is synthetic.",
        f"Address {url}",
        f"Token   {token if token == SANDBOX_TOKEN else 'the one that --token names'}",
        "Use it from another terminal with",
        "  export GRIDKEEPER_SANDBOX=1",
        f"  export GRIDKEEPER_ENTSOE__BASE_URL={url}",
        "Stop it with Ctrl-C.",
    )
