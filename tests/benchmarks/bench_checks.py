"""What a check costs, and how true its latency is: python -m tests.benchmarks.bench_checks [--checks 1000] [--rounds 3].

A server in a process of its own answers on 250 loopback addresses and keeps how long it had each request: from the instant at
which the kernel received it to that of the answer. Checks, 50 at once with a fresh connection each, are made by
ours, by bare httpx and, where it is installed, by bare aiohttp, in turns within the same run; the best round of each counts, as
other programs share the machine. Prints JSON lines: CPU seconds and seconds for 1,000 checks, the ratio to the others, and the
error of the reported latency.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import multiprocessing
import select
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import httpx

from app.probes.checking.checker import HttpChecker
from app.probes.models import CheckRequest

_HOSTS = 250
_AT_ONCE = 50
_TARGET_CPU, _TARGET_RATE = 0.45, 1200
_TARGET_P50, _TARGET_P95 = 3.0, 15.0
_STAMPS = 35


def serve(ready: Connection) -> None:
    """One thread and epoll, so that the server is not what is measured."""
    listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    served: dict[str, float] = {}
    ready.send(listener.getsockname()[1])
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                _accept(listener, poll, clients)
            else:
                _answer(clients[number], poll, clients, served)


def _accept(listener: socket.socket, poll: select.epoll, clients: dict[int, socket.socket]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        client.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN)


def _answer(
    client: socket.socket, poll: select.epoll, clients: dict[int, socket.socket], served: dict[str, float]
) -> None:
    try:
        data, ancillary, _, _ = client.recvmsg(65536, 64)
    except OSError:
        data, ancillary = b"", []
    if not data:
        poll.unregister(client)
        clients.pop(client.fileno()).close()
        return
    path = data.split(b" ", 2)[1].decode()
    if path == "/served":
        client.send(_response(json.dumps(served).encode()))
        served.clear()
        return
    received = [struct.unpack("@ll", content) for _, kind, content in ancillary if kind == _STAMPS]
    client.send(_RESPONSE)
    served[path] = (time.time_ns() - received[0][0] * 10**9 - received[0][1]) / 1e6 if received else 0.0


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


_RESPONSE = _response(b'{"status": "up"}')


@dataclass(frozen=True, slots=True)
class Round:
    seconds: float
    cpu: float
    errors: list[float]
    """Milliseconds: the latency that the client reports, less what the server says."""


Ask = Callable[[str], Awaitable[float]]
"""One check of a URL → the milliseconds that it reports."""


async def measured(ask: Ask, urls: list[str]) -> Round:
    waiting = iter(urls)
    reported: dict[str, float] = {}

    async def worker() -> None:
        for url in waiting:
            reported[url] = await ask(url)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    async with httpx.AsyncClient(trust_env=False) as client:
        served = (await client.get(urls[0].partition("?")[0] + "served")).json()
    return Round(seconds, cpu, [took - served["/?" + url.partition("?")[2]] for url, took in reported.items()])


async def with_ours(urls: list[str]) -> Round:
    checker = HttpChecker()

    async def ask(url: str) -> float:
        result = await checker.check(CheckRequest(url))
        if not result.ok:
            raise RuntimeError(f"{url}: {result.detail}")
        return result.phases.whole or 0.0

    try:
        return await measured(ask, urls)
    finally:
        checker.close()


async def with_httpx(urls: list[str]) -> Round:
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:

        async def ask(url: str) -> float:
            begun = time.perf_counter()
            await client.get(url)
            return (time.perf_counter() - begun) * 1000

        return await measured(ask, urls)


async def with_aiohttp(urls: list[str]) -> Round:
    aiohttp: Any = importlib.import_module("aiohttp")
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(url: str) -> float:
            begun = time.perf_counter()
            async with session.get(url) as response:
                await response.read()
            return (time.perf_counter() - begun) * 1000

        return await measured(ask, urls)


def line(name: str, value: float, unit: str, target: str, **more: Any) -> None:
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "target": target, **more}), flush=True)  # noqa: T201


def share(values: list[float], part: float) -> float:
    return sorted(abs(value) for value in values)[min(len(values) - 1, int(part * len(values)))]


async def main(checks: int, rounds: int) -> int:
    ours_side, server_side = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(server_side,), daemon=True)
    server.start()
    port = ours_side.recv()
    urls = [f"http://127.0.0.{1 + number % _HOSTS}:{port}/?{number}" for number in range(checks)]
    clients = {"ours": with_ours, "httpx": with_httpx}
    if importlib.util.find_spec("aiohttp") is not None:
        clients["aiohttp"] = with_aiohttp
    found: dict[str, list[Round]] = {name: [] for name in clients}
    for client in clients.values():
        await client(urls[:_AT_ONCE])
    for _ in range(rounds):
        for name, client in clients.items():
            found[name].append(await client(urls))
    server.terminate()
    scale = 1000 / checks
    cpu = {name: min(one.cpu for one in made) * scale for name, made in found.items()}
    rate = {name: max(checks / one.seconds for one in made) for name, made in found.items()}
    ours = [error for one in found["ours"] for error in one.errors]
    peers = {f"{name}_cpu_s": round(cpu[name], 3) for name in clients if name != "ours"}
    ratios = {f"ratio_to_{name}": round(cpu["ours"] / cpu[name], 2) for name in clients if name != "ours"}
    line("check_cpu_per_1000", cpu["ours"], "s", f"<= {_TARGET_CPU}", **peers, **ratios)
    line("checks_per_second", rate["ours"], "1/s", f">= {_TARGET_RATE}", **{n: round(rate[n]) for n in clients})
    for part, target in ((0.5, _TARGET_P50), (0.95, _TARGET_P95)):
        others = {n: round(share(found[n][-1].errors, part), 2) for n in clients if n != "ours"}
        line(f"check_latency_error_p{part * 100:.0f}", share(ours, part), "ms", f"< {target:g}", **others)
    missed = cpu["ours"] > _TARGET_CPU or rate["ours"] < _TARGET_RATE
    missed = missed or share(ours, 0.5) >= _TARGET_P50 or share(ours, 0.95) >= _TARGET_P95
    return 1 if missed else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--checks", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    sys.exit(asyncio.run(main(given.checks, given.rounds)))
