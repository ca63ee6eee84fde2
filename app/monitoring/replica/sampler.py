"""Samples the own resources of a replica; each sample is its sign of life."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.clock import Clock, until_beat
from app.db.reading.state import ReplicaState
from app.errors import DatabaseUnavailable
from app.monitoring.models import Sample
from app.monitoring.recorder import MetricsRecorder
from app.monitoring.replica import resources
from app.monitoring.repository import MonitoringRepository

LAG_STEP = 1.0
"""Seconds between two looks at how late the event loop comes back."""


@dataclass(frozen=True, slots=True)
class Replica:
    """What the sampler asks of the process it lives in."""

    name: str
    leads: Callable[[], bool]
    pool: Callable[[], tuple[int, int]]
    """Connections at work, and how many there may be."""
    disk: Callable[[], Awaitable[tuple[int | None, int | None]]]
    """Bytes that are free on the disk of the database's data, and all there are."""
    reads: Callable[[], ReplicaState | None] = lambda: None
    """The replica of the database that answers reads; None where there is none."""


class ResourceSampler:
    """One replica's samples. While the database is away there are none: the service does not serve then."""

    def __init__(
        self,
        repository: MonitoringRepository,
        recorder: MetricsRecorder,
        replica: Replica,
        clock: Clock,
        *,
        seconds: float,
    ) -> None:
        self._repository = repository
        self._recorder = recorder
        self._replica = replica
        self._clock = clock
        self._seconds = seconds
        self._cpu = (time.monotonic(), time.process_time())
        self._lag = 0.0
        self._away = False
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Sample at once and then regularly, until the event is set."""
        while not stop.is_set():
            await self.try_sample()
            await self._watch_lag(stop)

    async def _watch_lag(self, stop: asyncio.Event) -> None:
        until = time.monotonic() + self._seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            step, begun = min(until_beat(LAG_STEP), left), time.monotonic()
            await asyncio.sleep(step)
            self._lag = max(self._lag, time.monotonic() - begun - step)

    async def try_sample(self) -> None:
        """Take and store a sample; a database that is away is reported once."""
        try:
            await self._repository.add_sample(await self.sample())
        except DatabaseUnavailable as error:
            if not self._away:
                self._log.warning("resource_samples_failed", error=str(error))
            self._away = True
        else:
            if self._away:
                self._log.info("resource_samples_recovered")
            self._away = False

    async def sample(self) -> Sample:
        """The resources at this moment."""
        begun = time.monotonic()
        await self._repository.probe()
        probe_seconds = time.monotonic() - begun
        available, total = resources.memory()
        free, disk = await self._replica.disk()
        open_now, most_open = resources.descriptors()
        used, size = self._replica.pool()
        lag, self._lag = self._lag, 0.0
        reads = self._replica.reads()
        return Sample(
            at=self._clock.now(),
            instance=self._replica.name,
            leader=self._replica.leads(),
            cpu_cores=self._cpu_since_last(),
            resident_bytes=resources.resident_bytes(),
            memory_available_bytes=available,
            memory_total_bytes=total,
            disk_free_bytes=free,
            disk_total_bytes=disk,
            loop_lag_seconds=lag,
            tasks=len(asyncio.all_tasks()),
            open_descriptors=open_now,
            max_descriptors=min(most_open, 2**31 - 1),
            pool_used=used,
            pool_size=size,
            probe_seconds=probe_seconds,
            metrics_waiting=self._recorder.waiting,
            metrics_dropped=self._recorder.dropped,
            read_replica=reads.name if reads else None,
            read_replica_lag_seconds=reads.lag if reads else None,
            read_replica_away_seconds=reads.away(time.monotonic()) if reads else None,
            read_replica_problem=(reads.problem or None) if reads else None,
        )

    def _cpu_since_last(self) -> float:
        then, used = self._cpu
        self._cpu = (time.monotonic(), time.process_time())
        return (self._cpu[1] - used) / max(self._cpu[0] - then, 0.001)
