"""A receiver of messages that refuses some of them, and remembers what it was told under which key."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

REFUSED = 0.2
ROUTES = """
routes:
  - {name: all, channels: [heard], group_by: [rule], group_wait: 1 s, group_interval: 2 s}
"""
WHOLE = 36
"""The length of a key; that of a part of a message is longer."""
Said = tuple[int, str, str]
"""An alert, what became of it, and when."""


async def answered(writer: asyncio.StreamWriter, answer: Callable[[], Awaitable[None]]) -> None:
    """Answer one message after the other until the sender goes."""
    try:
        while True:
            await answer()
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def posted(reader: asyncio.StreamReader) -> Any:
    """The JSON of the next message."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in head if line.startswith("content-length:"))
    return json.loads(await reader.readexactly(length))


class Receiver:
    """Answers on loopback; one message may come several times under the same key, and no news under two."""

    def __init__(self, file: Path, chance: random.Random) -> None:
        self._file = file
        self._chance = chance
        self._keys: dict[Said, set[str]] = defaultdict(set)
        self._heard: set[str] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Until the end of the block; the file of channels names it."""
        server = await asyncio.start_server(self._receive, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        channel = f"channels:\n  heard: {{type: webhook, url: 'http://127.0.0.1:{port}/', per_minute: 600}}\n"
        self._file.write_text(channel + ROUTES)
        try:
            yield
        finally:
            server.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answered(writer, lambda: self._answer(reader, writer))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = await posted(reader)
        if self._chance.random() < REFUSED:
            writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
            return
        self.hear(content)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def hear(self, content: dict[str, object]) -> None:
        """Remember a message that was taken."""
        key = str(content["key"])
        self._heard.add(key)
        alerts = content["alerts"]
        for alert in alerts if isinstance(alerts, list) else ():
            self._keys[alert["alert_id"], alert["kind"], alert["at"]].add(key[:WHOLE])

    def doubled(self) -> list[str]:
        """News that came under more than one key."""
        return [f"{said}: {sorted(keys)}" for said, keys in self._keys.items() if len(keys) > 1]

    def unheard(self, sent: Iterable[str]) -> list[str]:
        """Messages that count as sent and never came."""
        whole = {key[:WHOLE] for key in self._heard}
        return [key for key in sent if key not in whole]
