"""Whether the service lives, and whether it is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.alerting.delivery.worker import WELL_WITHIN
from app.collection.source_health import PlatformState, SourceHealth
from app.db.reading.state import ReplicaState
from app.db.status import DatabaseState
from app.logging import redact
from app.monitoring.health import SHORT, SHORT_BYTES
from app.scheduling.models import UNREADABLE
from app.scheduling.schemas import LivenessResource, ReadinessResource
from app.scheduling.service import SchedulerStatus
from app.schemas import Resource, jsonable
from app.settings import Origin
from app.tasks.backend import TaskStats
from app.web.metrics.service import Metrics, PoolState

READ = ["GET", "HEAD"]
FULL_BYTES = 64_000_000
"""PostgreSQL stops where it cannot begin another file of its log, of 16 MB, and what it sorts needs room too."""


class DatabaseLook(Protocol):
    """Tells how the database is, within a bounded time."""

    async def look(self) -> DatabaseState: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What health and metrics ask of the running service. All but `database` read memory only."""

    scheduler: Callable[[], SchedulerStatus]
    tasks: Callable[[], TaskStats]
    pool: Callable[[], PoolState]
    database: DatabaseLook
    origin: Origin
    metrics: Metrics
    platform: SourceHealth
    instance: str = ""
    rules_age: Callable[[], float] = float
    """Seconds since this process last looked for rules that are due with success."""
    delivery_age: Callable[[], float] = float
    """Seconds since this process last looked for due messages with success."""
    channels: Callable[[], list[str]] = list
    """What is wrong with the channels by which people are reached."""
    read_replica: Callable[[], ReplicaState | None] = lambda: None
    """The replica that answers reads; None where there is none."""
    files: Callable[[], list[str]] = list
    """What is wrong with files that people edit, but for plan and channels."""
    refusal: Callable[[], str] = str
    """Why PostgreSQL lately took no further connection of this process; empty where it did."""
    disk: Callable[[], tuple[int, int] | None] = lambda: None
    """Bytes that are free on the disk of the data directory, and all there are; None where that holds no data."""


def why_dead(status: SchedulerStatus) -> str:
    """Why the scheduler counts as dead; empty while it lives."""
    if status.alive:
        return ""
    if status.failing_age and status.failing_age >= max(status.round_age, status.tick_age or 0.0):
        return f"for {status.failing_age:.0f} s no term of this leader has done any work: {status.database_error}"
    if status.tick_age is not None and status.tick_age >= status.round_age:
        return f"the scheduler last looked at its jobs {status.tick_age:.0f} s ago"
    return f"the scheduler last stood for election or gave a sign of life {status.round_age:.0f} s ago"


def why_unready(status: SchedulerStatus, state: DatabaseState, origin: Origin) -> list[str]:
    """Everything that keeps this process from doing its part; empty when it is ready."""
    checks = {"database": state.database, "schema": state.schema, "level": state.level, "origin": state.origin}
    reasons = [f"{name}: {check.error}" for name, check in checks.items() if not check.ok]
    if state.origin.ok and state.origin.found != origin:
        reasons.append(
            f"origin: the database holds data of {state.origin.found or 'nobody yet'}, this process has {origin}"
        )
    if not status.alive:
        reasons.append(why_dead(status))
    elif not status.ready:
        reasons.append(status.database_error or "the scheduler has not looked at its jobs yet")
    return reasons


def full_disk(disk: tuple[int, int] | None) -> str:
    """Why nothing can be stored on the disk of the data directory; empty while something can."""
    if disk is None or disk[0] >= FULL_BYTES:
        return ""
    return f"disk: no space is left in the data directory ({disk[0] / 1e6:.0f} MB); free some, nothing can be stored"


def disk_warnings(disk: tuple[int, int] | None) -> list[str]:
    """That the disk of the data directory fills up."""
    if disk is None or full_disk(disk) or disk[0] >= min(SHORT * disk[1], SHORT_BYTES):
        return []
    return [f"disk: {disk[0] / 1e9:.1f} GB of {disk[1] / 1e9:.1f} GB are left in the data directory; free some"]


def warnings(status: SchedulerStatus, platform: PlatformState) -> list[str]:
    """What a person should mend although this process does its part: what is stored is served meanwhile."""
    found = [f"plan: {status.plan_error}"] if status.plan_error else []
    if status.unreadable:
        found.append(f"jobs: the definition of {', '.join(status.unreadable)} cannot be read; {UNREADABLE}")
    if platform.warning:
        found.append(f"platform: {redact(platform.warning)}")
    return found


def alert_warnings(state: DatabaseState, rules_age: float, delivery_age: float) -> list[str]:
    """What keeps alerts from being seen, or from reaching people."""
    found = []
    if rules_age > WELL_WITHIN:
        found.append(f"alerts: no rule has been evaluated in this process for {rules_age:.0f} s")
    if delivery_age > WELL_WITHIN:
        found.append(f"messages: none has been looked for in this process for {delivery_age:.0f} s")
    if state.schema.ok and not state.alerting.ok:
        found.append(f"alerts: their tables cannot be read: {state.alerting.error}")
    if state.alerts is None:
        return found
    if state.alerts.disabled:
        names = ", ".join(state.alerts.disabled)
        found.append(f"messages: disabled channels take none: {names}; `gridkeeper alerts channels` says why")
    if state.alerts.failed:
        found.append(
            f"messages: {state.alerts.failed} failed within a day; see `gridkeeper alerts notifications --failed`"
        )
    return found


def router(probes: ServiceState) -> APIRouter:
    """The routes below /health."""
    routes = APIRouter(prefix="/health")

    @routes.api_route("/live", methods=READ)
    async def live() -> JSONResponse:
        status = probes.scheduler()
        reason = why_dead(status)
        return _answer(LivenessResource.of(status, reason), ok=not reason)

    @routes.api_route("/ready", methods=READ)
    async def ready() -> JSONResponse:
        state = await probes.database.look()
        status = probes.scheduler()
        disk = probes.disk()
        reasons = why_unready(status, state, probes.origin) + list(filter(None, [full_disk(disk)]))
        platform = probes.platform.state
        found = warnings(status, platform) + alert_warnings(state, probes.rules_age(), probes.delivery_age())
        found += [f"connections: {redact(refusal)}"] if (refusal := probes.refusal()) else []
        found += map(redact, probes.channels())
        found += [f"file: {redact(problem)}" for problem in probes.files()]
        found += disk_warnings(disk)
        replica = probes.read_replica()
        found += [f"read replica: {replica.text}"] if replica and not replica.used else []
        content = ReadinessResource.of(
            status, state, probes.tasks(), platform, replica, reasons=reasons, warnings=found
        )
        return _answer(content, ok=not reasons)

    return routes


def _answer(content: Resource, *, ok: bool) -> JSONResponse:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(jsonable(content), status, {"Cache-Control": "no-store"})
