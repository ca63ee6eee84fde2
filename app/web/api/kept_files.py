"""Answers that are kept as files for a moment, because a reader of ranges asks for one several times."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.web.problem_types import ApiError, ProblemType

KEPT_SECONDS = 60.0
AT_ONCE = 2
"""So many times the largest file may be kept at once."""


class KeptFiles:
    """Files by their ETags, each of at most so many bytes, the ones that were wanted last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._making = asyncio.Semaphore(AT_ONCE)
        self._files: OrderedDict[str, asyncio.Task[bytes]] = OrderedDict()

    async def file(self, tag: str, chunks: Callable[[], AsyncGenerator[bytes]]) -> bytes:
        """The file of this ETag, which is made where it is not kept; several that want it at once make it once."""
        task = self._files.get(tag)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(self._made(chunks()), name="make a file")
            # One that failed after its readers left is told to nobody.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._files[tag] = task
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, tag, task)
        self._files.move_to_end(tag)
        made = await asyncio.shield(task)
        self._shrink()
        return made

    async def _made(self, chunks: AsyncGenerator[bytes]) -> bytes:
        parts: list[bytes] = []
        size = 0
        async with self._making, aclosing(chunks):
            async for chunk in chunks:
                size += len(chunk)
                if size > self._most:
                    raise ApiError(
                        ProblemType.LIMIT_EXCEEDED,
                        f"the file is larger than {self._most} bytes (GRIDKEEPER_API__FILE_BYTES), up to which parts of "
                        "it can be had; ask for less at a time, or read it whole with GET and without Range",
                    )
                parts.append(chunk)
        return b"".join(parts)

    def _shrink(self) -> None:
        while self._size() > AT_ONCE * self._most and len(self._files) > 1:
            self._files.popitem(last=False)

    def _size(self) -> int:
        done = [task for task in self._files.values() if task.done() and not task.cancelled() and not task.exception()]
        return sum(len(task.result()) for task in done)

    def _forget(self, tag: str, task: asyncio.Task[bytes]) -> None:
        if self._files.get(tag) is task:
            del self._files[tag]
