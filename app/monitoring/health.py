"""Everything about the service on one screen, and what of it is wrong. Pure, but for the reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.logging import redact
from app.market.text import counted
from app.market.time import Interval
from app.monitoring.models import Lateness, Objective, RunTotals, Sample
from app.monitoring.overview import Overview, read_overview
from app.monitoring.service import MonitoringService

if TYPE_CHECKING:
    from app.db.engine import Database

PERIODS: Mapping[str, timedelta] = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "30d": timedelta(days=30)}
FEW_RUNS = 20
"""Of fewer runs a share says little."""
SHORT = 0.05
"""Disk and memory count as short when less than this share, and less than SHORT_BYTES, is left."""
SHORT_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """The state of everything; `serving` is whether a leader leads or should."""

    at: datetime
    overview: Overview
    replicas: tuple[Sample, ...]
    collection: Mapping[str, RunTotals]
    availability: Objective
    reliability: Objective
    lateness: tuple[Lateness, ...]
    requests_per_minute: int

    @property
    def serving(self) -> bool:
        return self.overview.leader.heartbeat_at is not None

    @property
    def late(self) -> tuple[Lateness, ...]:
        """The pairs that are late, the latest first."""
        return tuple(sorted((one for one in self.lateness if one.late), key=lambda one: -one.late))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and needs somebody; a service that was stopped in order is judged by its alerts and channels alone."""
        judged = (*_service(self), *_collection(self)) if self.serving else ()
        return (*judged, *_alerts(self.overview), *_channels(self.overview))


def _service(health: Health) -> Iterator[str]:
    overview = health.overview
    beat = overview.leader.heartbeat_at
    if beat is not None and not overview.leader.alive:
        yield f"no replica leads: the last sign of {overview.leader.name} was at {beat:%Y-%m-%d %H:%M:%S} UTC; start serve"
    jobs = overview.jobs
    for names, what in ((jobs.failing, "failed"), (jobs.late, "are late"), (jobs.unreadable, "cannot be read")):
        if names:
            yield f"jobs that {what}: {', '.join(names)}; `gridkeeper jobs history` tells why"
    for sample in health.replicas:
        yield from _resources(sample)
    if overview.blocked_until is not None:
        yield f"the platform has told this token to wait until {overview.blocked_until:%H:%M:%S} UTC"
    if not health.availability.met:
        yield f"availability over 30 days is {health.availability.share:.2%}, below {health.availability.target:.0%}"


def _resources(sample: Sample) -> Iterator[str]:
    for name, left, total in (
        ("disk", sample.disk_free_bytes, sample.disk_total_bytes),
        ("memory", sample.memory_available_bytes, sample.memory_total_bytes),
    ):
        if left is not None and total and left < min(SHORT * total, SHORT_BYTES):
            yield f"{name} of {sample.instance} is short: {left / 1e9:.1f} GB of {total / 1e9:.1f} GB left"


def _collection(health: Health) -> Iterator[str]:
    target = health.reliability.target
    day = health.collection["24h"]
    if day.runs >= FEW_RUNS and day.success_rate is not None and day.success_rate < target:
        yield f"{day.failed} of {day.runs} windows failed in 24 h: {day.success_rate:.1%} succeeded, below {target:.0%}"
    if health.reliability.total >= FEW_RUNS and not health.reliability.met:
        yield f"over 30 days {health.reliability.share:.2%} of windows were answered, below {target:.0%}"
    for gap in health.overview.gaps:
        if gap.reason == "ours" and gap.lasting:
            said = "1 gap is ours" if gap.lasting == 1 else f"{gap.lasting} gaps are ours"
            yield f"{said} for more than an hour; `gridkeeper gaps` lists them"


def _alerts(overview: Overview) -> Iterator[str]:
    firing = [alert for alert in overview.alerts if not alert.suppressed]
    if firing:
        said = "1 alert fires" if len(firing) == 1 else f"{len(firing)} alerts fire"
        yield f"{said}: {', '.join(dict.fromkeys(alert.rule for alert in firing))}"


def _channels(overview: Overview) -> Iterator[str]:
    for one in overview.disabled_channels:
        since = f"{one.since:%Y-%m-%d %H:%M} UTC"
        waits = f"{counted(one.waiting, 'message')} {'waits' if one.waiting == 1 else 'wait'} for it"
        oldest = f" since {one.oldest:%Y-%m-%d %H:%M} UTC" if one.oldest else ""
        failed = f", {one.failed} failed" if one.failed else ""
        yield (
            f"channel {one.channel} is disabled since {since} ({' '.join(redact(one.reason).split())}): "
            f"{waits}{oldest}{failed}; mend it, then `gridkeeper alerts enable {one.channel}`"
        )


async def read_health(
    database: Database,
    service: MonitoringService,
    now: datetime,
    *,
    token_id: str,
    requests_per_minute: int,
    takeover_after: float,
) -> Health:
    """The state of everything at this moment."""
    return Health(
        at=now,
        overview=await read_overview(database, now, token_id, takeover_after),
        replicas=tuple(await service.replicas(now)),
        collection={name: await service.overall(Interval(now - age, now)) for name, age in PERIODS.items()},
        availability=await service.availability(now),
        reliability=await service.reliability(now),
        lateness=tuple(await service.lateness()),
        requests_per_minute=requests_per_minute,
    )
