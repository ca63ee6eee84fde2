"""What a process does of the shared queue, by its role."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from app.tasks.backend import Priority, TaskHandler

if TYPE_CHECKING:
    from app.alerting.delivery.config import ChannelFile
    from app.alerting.delivery.worker import DeliveryWorker
    from app.tasks.shared.models import WorkerRole
    from app.wiring.container import Container


@dataclass(frozen=True, slots=True)
class TakenTasks:
    """The handlers by kind of task, and what keeps their leases."""

    handlers: Mapping[str, TaskHandler]
    keepers: tuple[Callable[[], Coroutine[Any, Any, None]], ...]


def tasks_of(container: Container, role: WorkerRole) -> TakenTasks:
    """Only what the role takes is loaded."""
    from app.collection.backfill.worker import KIND as BACKFILL
    from app.collection.sharing.tasks import KIND as WINDOW
    from app.tasks.work_items.runner import KIND as WORK

    handlers: dict[str, TaskHandler] = {}
    keepers: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if role.takes(Priority.LIVE, Priority.GAP, Priority.BACKFILL):
        backfills, windows = container.tasks().backfill_windows(), container.tasks().windows()
        handlers |= {BACKFILL: backfills.run_one, WINDOW: windows.run_one}
        keepers += [backfills.keep_leases, windows.keep_leases]
    if role.takes(Priority.REPORTS, Priority.QUALITY):
        from app.reporting.written import REPORT

        runner = container.sharing().runner()
        for kind, handler in container.sharing().scan().handlers.items():
            runner.bind(kind, handler)
        runner.bind(REPORT, container.reporting().writer().do)
        handlers[WORK] = runner.run_one
        keepers.append(runner.keep_leases)
    if role.takes(Priority.DELIVERIES):
        from app.alerting.delivery.sharing import KIND as DELIVERY

        handlers[DELIVERY] = container.alerting().delivery_worker().send_lane
    return TakenTasks(handlers, tuple(keepers))


class WorkerPart(Protocol):
    """Something that runs beside the tasks until the event is set."""

    async def run(self, stop: asyncio.Event) -> None: ...


def parts_of(container: Container, role: WorkerRole) -> list[WorkerPart]:
    """What a worker does beside its tasks: checks of the windows it stored, its share of websites and interfaces."""
    settings, parts = container.settings(), list[WorkerPart]()
    if settings.quality.check_runs and role.takes(Priority.LIVE, Priority.GAP, Priority.BACKFILL):
        checks = container.quality().checks()
        container.sources().observers().append(checks)
        parts.append(checks)
    if role.takes(Priority.DELIVERIES):
        parts.append(_Messages(container.alerting().delivery_worker(), container.alerting().channel_file()))
    if role.probes:
        probes = container.probes()
        # What follows files stays with `serve`, which has them.
        probes.spares_first.override(True)
        parts += [probes.runner(), probes.rollups()]
        if settings.probes.interfaces_file.is_file():
            parts.append(probes.interface_runner())
        else:
            note = "interfaces are left to processes that have the file"
            structlog.get_logger().warning("interfaces_left", file=str(settings.probes.interfaces_file), note=note)
    return parts


class _Messages:
    """Closes what sends messages; it sends only what it is asked for."""

    def __init__(self, worker: DeliveryWorker, file: ChannelFile) -> None:
        self._worker = worker
        self._file = file

    async def run(self, stop: asyncio.Event) -> None:
        if not self._file.current().reaches_people:
            hint = "what is due is left to those that have the channels: describe them in this file"
            structlog.get_logger().warning("channels_missed", hint=hint, file=str(self._file.path))
        await stop.wait()
        await self._worker.close()
