"""Whether the service answers behind idle connections: python -m tests.benchmarks.bench_connections.

The HTTP side as `serve` has it, with its usual settings, in this process; 2,000 connections that send nothing are opened and
stay open as far as the service lets them. Then its health is asked 20 times, each on a connection of its own. Prints one JSON
line: the longest of these answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import httpx

from app.logging import configure_logging
from app.settings import LogSettings, WebSettings
from app.web.app import create_app, serve_http
from tests.support.web_factory import Service

_IDLE = 2000
_ASKED = 20
_AT_ONCE = 100
_TARGET_SECONDS = 1.0

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def idle_connections(url: str) -> list[Wire]:
    parts, made = urlsplit(url), list[Wire]()
    while len(made) < _IDLE:
        made += await asyncio.gather(*(asyncio.open_connection(parts.hostname, parts.port) for _ in range(_AT_ONCE)))
    return made


async def health_seconds(url: str) -> float:
    begun = time.perf_counter()
    async with httpx.AsyncClient() as client:
        (await client.get(f"{url}/health/live")).raise_for_status()
    return time.perf_counter() - begun


async def main() -> int:
    configure_logging(LogSettings(level="error"))
    settings = WebSettings(port=0)
    async with serve_http(create_app(Service().probes()), settings) as url:
        wires = await idle_connections(url)
        seconds = [await health_seconds(url) for _ in range(_ASKED)]
        still_open = sum(not reader.at_eof() for reader, _ in wires)
        for _, writer in wires:
            writer.close()
    line = {
        "name": f"health_behind_{_IDLE}_idle_connections",
        "value": round(max(seconds), 4),
        "unit": "s",
        "target": f"< {_TARGET_SECONDS:g}",
        "median": round(sorted(seconds)[_ASKED // 2], 4),
        "still_open": still_open,
        "max_connections": settings.max_connections,
    }
    print(json.dumps(line))  # noqa: T201
    return int(max(seconds) >= _TARGET_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
