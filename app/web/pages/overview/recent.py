"""One answer for all who ask at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class RecentRead(Generic[T]):
    """The result of a read, which is made anew when it is older than so many seconds and somebody asks.

    However many pages are open, the database is asked once for all of them. What fails is kept for nobody.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._kept: tuple[float, T] | None = None
        self._forgotten = 0

    def forget(self) -> None:
        """Something has changed: whoever asks from now on gets what is read from now on."""
        self._kept = None
        self._forgotten += 1

    async def get(self) -> T:
        async with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > self._seconds:
                forgotten, read_at = self._forgotten, time.monotonic()
                found = await self._read()
                if forgotten != self._forgotten:
                    return found  # something changed meanwhile: the next who asks reads again
                self._kept = (read_at, found)
            return self._kept[1]
