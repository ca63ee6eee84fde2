"""What a process does of the shared queue, by its role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.tasks.backend import Priority, TaskHandler

if TYPE_CHECKING:
    from app.tasks.shared.models import WorkerRole
    from app.wiring.container import Container


@dataclass(frozen=True, slots=True)
class TakenTasks:
    """The handlers by kind of task, and what keeps their leases."""

    handlers: Mapping[str, TaskHandler]
    keepers: tuple[Callable[[], Awaitable[None]], ...]


def tasks_of(container: Container, role: WorkerRole) -> TakenTasks:
    """Only what the role takes is loaded."""
    from app.collection.backfill.worker import KIND as BACKFILL
    from app.collection.sharing.tasks import KIND as WINDOW
    from app.tasks.work_items.runner import KIND as WORK

    handlers: dict[str, TaskHandler] = {}
    keepers: list[Callable[[], Awaitable[None]]] = []
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
    return TakenTasks(handlers, tuple(keepers))
