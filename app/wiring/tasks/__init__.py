"""Where work runs: in this process, or in all that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from app.clock import Clock
from app.collection.backfill.sharing import BackfillFeeder, SharedWindows
from app.collection.backfill.watch import BackfillWatch
from app.collection.backfill.window_runner import WindowRunner
from app.collection.backfill.worker import BackfillWorker
from app.collection.backfill_pace import BackfillPace
from app.collection.models import RunObserver
from app.collection.sharing.collection import SharedCollection, WindowCollector, chosen_collection
from app.collection.sharing.repository import SharedWindowRepository
from app.collection.sharing.tasks import SharedWindowTasks
from app.db.engine import Database
from app.db.leader import process_name
from app.settings import Settings
from app.tasks.backend import Priority, TaskBackend
from app.tasks.chosen import chosen_backend
from app.tasks.local import LocalBackend, TaskLimits, memory_pressure
from app.tasks.shared.repository import WorkerRegistry

if TYPE_CHECKING:
    from app.wiring.sources import SourcesWiring


class TasksWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()
    collection = providers.DependenciesContainer()
    sources: providers.Dependency[SourcesWiring] = providers.Dependency()

    _pressure = providers.Callable(memory_pressure, settings.provided.backfill.memory_mb)
    _lanes = sources.provided
    name: providers.Callable[str] = providers.Callable(process_name)
    """Under which rows name this process; a worker may have been given one."""
    registry: providers.Singleton[WorkerRegistry] = providers.Singleton(
        WorkerRegistry,
        database,
        history_days=settings.provided.scheduler.history_days,
        silent_after=settings.provided.tasks.silent_after,
    )
    local: providers.Singleton[LocalBackend] = providers.Singleton(
        LocalBackend, providers.Callable(TaskLimits.of, settings), _pressure
    )
    backend: providers.Singleton[TaskBackend] = providers.Singleton(
        chosen_backend, settings, database, storage.notices, local.provider, _pressure
    )
    _rows, _service = collection.backfill_rows, _lanes.backfill.call().service
    backfill_worker: providers.Singleton[BackfillWorker] = providers.Singleton(
        BackfillWorker,
        _rows,
        _service,
        collection.gaps,
        local,
        collection.retry_policy,
        notices=storage.notices,
        poll_seconds=settings.provided.backfill.poll_seconds,
        requests_per_second=collection.rate,
    )
    backfill_feeder: providers.Singleton[BackfillFeeder] = providers.Singleton(
        BackfillFeeder,
        providers.Singleton(BackfillWatch, _rows),
        backend,
        storage.notices,
        poll_seconds=settings.provided.backfill.poll_seconds,
    )
    _pace = providers.Singleton(BackfillPace, collection.rate)
    backfill_windows: providers.Singleton[SharedWindows] = providers.Singleton(
        SharedWindows,
        providers.Singleton(WindowRunner, _rows, _service, collection.gaps, collection.retry_policy, _pace, name),
        backend,
    )
    # What jobs and metrics follow of windows that other processes collect.
    observers: providers.Singleton[list[RunObserver]] = providers.Singleton(list)
    rows: providers.Singleton[SharedWindowRepository] = providers.Singleton(
        SharedWindowRepository,
        database,
        lease_seconds=settings.provided.backfill.lease_seconds,
        attempts=settings.provided.tasks.attempts,
    )
    _live, _gap = _lanes.live.call().service, _lanes.gap.call().service
    windows: providers.Singleton[SharedWindowTasks] = providers.Singleton(
        SharedWindowTasks, rows, providers.Dict(live=_live, gap=_gap), name
    )
    _shared = (rows, backend, clock, observers, name)
    _share_live = providers.Factory(SharedCollection, _live, *_shared, priority=Priority.LIVE)
    _share_gap = providers.Factory(SharedCollection, _gap, *_shared, priority=Priority.GAP)
    live: providers.Singleton[WindowCollector] = providers.Singleton(
        chosen_collection, settings.provided.tasks, _live, _share_live.provider
    )
    gap: providers.Singleton[WindowCollector] = providers.Singleton(
        chosen_collection, settings.provided.tasks, _gap, _share_gap.provider
    )
