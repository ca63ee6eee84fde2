"""An HTTP service on loopback whose answers a test chooses, with the runner that probes it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.clock import SystemClock
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.probes.checking.checker import HttpChecker
from app.probes.interfaces.config_file import InterfacesFile
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.models import ServiceOverview
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.runner import InterfaceRunner
from app.probes.sharing.leases import ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.vault import Vault
from app.probes.websites.network_watch import NetworkWatch
from app.wiring.probes.shared import shared_logins
from tests.support.raw_server import Client, raw_server

CLOCK = SystemClock()
VAULT = Vault(b"a key of the settings")


@dataclass
class ReceivedRequest:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class ChosenAnswer:
    status: int = 200
    content: Any = field(default_factory=dict[str, Any])
    headers: Sequence[tuple[str, str]] = ()


AnswerChoice = Callable[[ReceivedRequest], ChosenAnswer]


@dataclass
class HttpService:
    """Counts what it was asked for; `answer` may be replaced while it runs."""

    answer: AnswerChoice = lambda _: ChosenAnswer()
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[ReceivedRequest] = field(default_factory=list)

    async def handle(self, client: Client) -> None:
        head = (await client.request()).decode("latin-1")
        if not head:
            return
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await client.reader.readexactly(int(headers.get("content-length", "0")))
        request = ReceivedRequest(method, target, headers, body)
        self.asked[request.path] += 1
        self.requests.append(request)
        chosen = self.answer(request)
        content = chosen.content if isinstance(chosen.content, bytes) else json.dumps(chosen.content).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in chosen.headers)
        await client.send(
            f"HTTP/1.1 {chosen.status} X\r\nContent-Length: {len(content)}\r\n{more}Connection: close\r\n\r\n".encode()
            + content
        )


@asynccontextmanager
async def http_service(answer: AnswerChoice | None = None) -> AsyncIterator[HttpService]:
    service = HttpService(answer) if answer is not None else HttpService()
    async with raw_server(service.handle) as server:
        service.url = f"http://127.0.0.1:{server.port}"
        yield service


def api_document(paths: Sequence[str], url: str = "") -> str:
    """OpenAPI as JSON with a GET for each path."""
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            path: {"get": {"operationId": path.strip("/"), "responses": {"200": {"description": ""}}}} for path in paths
        },
    }
    return json.dumps(document | ({"servers": [{"url": url}]} if url else {}))


@asynccontextmanager
async def probing(
    database: Database, folder: Path, *, name: str = "one", lasts: float = 9
) -> AsyncIterator[InterfaceRunner]:
    """The runner of `folder/interfaces.yaml`, as `serve` runs it."""
    notices, stop, checker = Notices(database), asyncio.Event(), HttpChecker()
    leases = ShardLeases(ShardRepository(database, work="interfaces"), holder=name, lasts=timedelta(seconds=lasts))
    runner = InterfaceRunner(
        InterfacesFile(folder / "interfaces.yaml"),
        InterfaceRepository(database),
        leases,
        checker,
        notices,
        clock=CLOCK,
        fetcher=DocumentFetcher(checker, folder / "data"),
        network=NetworkWatch(checker, CLOCK, ()),
        logins=shared_logins(database, checker, CLOCK, VAULT, leases),
    )
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await task
        await notices.close()


async def until_service(
    database: Database, true: Callable[[ServiceOverview], object], name: str = "shop", seconds: float = 25
) -> ServiceOverview:
    """The service once something is true of it; fails where it does not become so."""
    rows = InterfaceRepository(database)
    found = None
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (found := await rows.named(name)) is None or not true(found):  # noqa: ASYNC110  it stands in the database
                await asyncio.sleep(0.05)
    assert found is not None
    assert true(found), found
    return found
