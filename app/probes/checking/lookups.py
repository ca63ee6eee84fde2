"""The system's resolver in threads that nothing waits for: a name server that does not answer holds one for many seconds."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOOKUPS_AT_ONCE = 32

AddressInfo = list[tuple[Any, ...]]
"""What `socket.getaddrinfo` returns."""
Lookup = Callable[[str, int, int], AddressInfo]
"""Host, port, family → addresses; OSError where there is none."""


def system_lookup(host: str, port: int, family: int) -> AddressInfo:
    # AI_ADDRCONFIG as browsers ask: no IPv6 addresses where the machine has none.
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))


@dataclass(frozen=True, slots=True)
class _Question:
    act: Callable[[], AddressInfo]
    loop: asyncio.AbstractEventLoop
    answered: asyncio.Future[tuple[AddressInfo, float]]


class LookupThreads:
    """At most so many threads, started when they are needed. They are daemons: a process ends without them."""

    def __init__(self, most: int = LOOKUPS_AT_ONCE) -> None:
        self._most = most
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._threads = 0
        self._open = 0

    async def ask(self, act: Callable[[], AddressInfo]) -> tuple[AddressInfo, float]:
        """What the lookup finds, and the seconds that it took without the wait for a thread."""
        loop = asyncio.get_running_loop()
        question = _Question(act, loop, loop.create_future())
        self._open += 1
        if self._open > self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name=f"check-dns-{self._threads}", daemon=True).start()
        self._questions.put(question)
        return await question.answered

    def close(self) -> None:
        for _ in range(self._threads):
            self._questions.put(None)

    def _work(self) -> None:
        while (question := self._questions.get()) is not None:
            found: tuple[AddressInfo, float] | Exception
            begun = time.perf_counter()
            try:
                found = question.act(), time.perf_counter() - begun
            except (OSError, UnicodeError) as error:
                found = error
            try:
                question.loop.call_soon_threadsafe(self._settle, question, found)
            except RuntimeError:
                # The loop was closed meanwhile: nobody waits any more.
                continue

    def _settle(self, question: _Question, found: tuple[AddressInfo, float] | Exception) -> None:
        self._open -= 1
        if question.answered.done():
            return
        if isinstance(found, Exception):
            question.answered.set_exception(found)
        else:
            question.answered.set_result(found)
