"""Work beside windows that any process may do, and whoever does its part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from app.alerting.delivery.sharing import LaneSharing
from app.collection.life_signs import dead_workers
from app.db.engine import Database
from app.scheduling.jobs.quality_portions import SharedScan
from app.settings import Settings
from app.tasks.work_items.repository import WorkItemRepository
from app.tasks.work_items.runner import WorkItemRunner
from app.tasks.work_items.sharing import WorkSharing

if TYPE_CHECKING:
    from app.wiring.quality import QualityWiring
    from app.wiring.tasks import TasksWiring


class SharingWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    tasks: providers.Dependency[TasksWiring] = providers.Dependency()
    quality: providers.Dependency[QualityWiring] = providers.Dependency()

    rows: providers.Singleton[WorkItemRepository] = providers.Singleton(
        WorkItemRepository,
        database,
        lease_seconds=settings.provided.backfill.lease_seconds,
        attempts=settings.provided.tasks.attempts,
    )
    runner: providers.Singleton[WorkItemRunner] = providers.Singleton(WorkItemRunner, rows, tasks.provided.name.call())
    work: providers.Singleton[WorkSharing] = providers.Singleton(
        WorkSharing, rows, tasks.provided.backend.call(), providers.Object(dead_workers)
    )
    lanes: providers.Singleton[LaneSharing] = providers.Singleton(LaneSharing, tasks.provided.backend.call())
    scan: providers.Singleton[SharedScan] = providers.Singleton(
        SharedScan,
        quality.provided.service.call(),
        quality.provided.trends.call(),
        work,
        days=settings.provided.quality.scan_days,
    )
