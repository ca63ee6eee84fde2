"""Scores, findings, repairs and trends of the stored series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.quality.check import QueuedChecks, RunCheck
from app.quality.overview.queries import QualityOverview
from app.quality.repair.service import RepairService
from app.quality.repository import QualityRepository
from app.quality.scan import QualityScanner
from app.quality.service import QualityService
from app.quality.trend_service import TrendService
from app.settings import Settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.wiring.collection import CollectionWiring


class QualityWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()
    collection: providers.Dependency[CollectionWiring] = providers.Dependency()

    rows: providers.Singleton[QualityRepository] = providers.Singleton(QualityRepository, database)
    overview: providers.Singleton[QualityOverview] = providers.Singleton(
        QualityOverview, database, settings.provided.quality.weights
    )
    scanner: providers.Singleton[QualityScanner] = providers.Singleton(
        QualityScanner,
        storage.time_series,
        storage.stored_units,
        collection.provided.gaps.call(),
        storage.gaps,
        rows,
        publication=CATALOG.publication,
        weights=settings.provided.quality.weights,
    )
    service: providers.Singleton[QualityService] = providers.Singleton(
        QualityService, storage.time_series, rows, scanner
    )
    trends: providers.Singleton[TrendService] = providers.Singleton(TrendService, rows)
    checks: providers.Singleton[QueuedChecks] = providers.Singleton(
        QueuedChecks,
        providers.Singleton(RunCheck, storage.time_series, rows, clock),
        room=settings.provided.quality.check_queue,
    )
    repairs: providers.Singleton[RepairService] = providers.Singleton(
        RepairService, database, collection.provided.backfills.call()
    )
