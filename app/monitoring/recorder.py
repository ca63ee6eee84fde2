"""Takes the measurements of runs off the collection's path: a bounded queue, emptied into the database each second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Protocol

import structlog

from app.clock import until_beat
from app.collection.models import CollectionRun
from app.db.failures import DRIVER_FAILURES
from app.errors import DatabaseUnavailable
from app.monitoring.models import RunMetrics

FLUSH_SECONDS = 1.0
FINISH_SECONDS = 10.0
"""How long an orderly stop waits for the last measurements to be written."""
BATCH = 2_000


class MetricsStore(Protocol):
    """Keeps measurements; the same ones twice leave one."""

    async def add_runs(self, runs: Sequence[RunMetrics]) -> None: ...


class MetricsRecorder:
    """A RunObserver. While the database is away measurements wait; where the queue is full they are counted and named.

    What a full queue or a killed process loses here, the next rollup makes good from the record of runs.
    """

    def __init__(self, store: MetricsStore, *, capacity: int, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._store = store
        self._capacity = capacity
        self._flush_seconds = flush_seconds
        self._waiting: deque[CollectionRun] = deque()
        self._writing = asyncio.Lock()
        self._away = False
        self._told_dropped = 0
        self.dropped = 0
        self.written = 0
        self._log = structlog.get_logger()

    @property
    def waiting(self) -> int:
        """How many measurements are not in the database yet."""
        return len(self._waiting)

    async def observe(self, run: CollectionRun) -> None:
        """Take a run into the queue; never waits."""
        if len(self._waiting) >= self._capacity:
            self.dropped += 1
            return
        self._waiting.append(run)

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Writes regularly within the block, and what is left at its end."""
        writing = asyncio.create_task(self._write_regularly(), name="run metrics")
        try:
            yield
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            await self._finish()

    async def _write_regularly(self) -> None:
        while True:
            await asyncio.sleep(until_beat(self._flush_seconds))
            await self.try_flush()

    async def try_flush(self) -> bool:
        """Write what waits; False where the database is away, which is reported once."""
        try:
            await self.flush()
        except DatabaseUnavailable as error:
            if not self._away:
                self._log.warning("run_metrics_postponed", waiting=self.waiting, error=str(error))
            self._away = True
            return False
        if self._away:
            self._log.info("run_metrics_recovered")
        self._away = False
        self._tell_dropped()
        return True

    async def flush(self) -> None:
        """Write everything that waits; raises DatabaseUnavailable, and then keeps it."""
        async with self._writing:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                await self._write([measured for run in batch if (measured := RunMetrics.of(run))])
                # Runs that came in meanwhile stand behind the batch.
                for _ in batch:
                    self._waiting.popleft()

    async def _write(self, found: Sequence[RunMetrics]) -> None:
        """Writes a batch; one that the database refuses for what is in it must not stand in the way for ever."""
        try:
            await self._store.add_runs(found)
        except DRIVER_FAILURES as error:
            self.dropped += len(found)
            self._log.error("run_metrics_refused", count=len(found), error=str(error))
        else:
            self.written += len(found)

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self.try_flush()
        except TimeoutError:
            self._log.warning("run_metrics_left", seconds=FINISH_SECONDS)
        if self._waiting:
            self._log.warning("run_metrics_lost", count=self.waiting)

    def _tell_dropped(self) -> None:
        if self.dropped > self._told_dropped:
            self._log.warning(
                "run_metrics_dropped",
                count=self.dropped - self._told_dropped,
                remedy="raise GRIDKEEPER_MONITORING__QUEUE; the next rollup makes them good",
            )
            self._told_dropped = self.dropped
