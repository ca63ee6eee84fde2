"""Reports for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.reporting.operations.service import OperationsReporting
from app.reporting.publication_delays import LatenessReader
from app.reporting.quality.service import QualityReporting
from app.reporting.queries import MailedReports
from app.reporting.written import ReportWriter
from app.settings import Settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.wiring.sharing import SharingWiring


class ReportingWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()
    monitoring = providers.DependenciesContainer()
    quality = providers.DependenciesContainer()
    sharing: providers.Dependency[SharingWiring] = providers.Dependency()

    quality_reports: providers.Singleton[QualityReporting] = providers.Singleton(
        QualityReporting,
        database,
        quality.rows,
        storage.time_series,
        providers.Singleton(LatenessReader, storage.gaps, quality.rows, CATALOG.publication),
        settings.provided.quality.weights,
    )
    mailed: providers.Singleton[MailedReports] = providers.Singleton(MailedReports, database)
    operations_reports: providers.Singleton[OperationsReporting] = providers.Singleton(
        OperationsReporting,
        database,
        monitoring.service,
        quality.rows,
        weights=settings.provided.quality.weights,
        target=settings.provided.monitoring.target,
    )
    writer: providers.Singleton[ReportWriter] = providers.Singleton(
        ReportWriter, quality_reports, operations_reports, clock, sharing.provided.work.call()
    )
