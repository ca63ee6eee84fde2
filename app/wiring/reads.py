"""What API, pages, reports and commands show of stored values: a replica may answer it (`app.db.reading`)."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.collection.gaps.coverage import CoverageService
from app.collection.gaps.heat_map import HeatMapService
from app.collection.gaps.queries import KeptGaps
from app.collection.gaps.repository import GapRepository
from app.db.engine import Database
from app.monitoring.queries import FigureReads
from app.monitoring.service import MonitoringService
from app.quality.overview.queries import QualityOverview
from app.quality.repository import QualityRepository
from app.reporting.operations.service import OperationsReporting
from app.reporting.publication_delays import LatenessReader
from app.reporting.quality.service import QualityReporting
from app.settings import Settings
from app.timeseries.queries import SeriesReads
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StoredUnitsRepository
from app.wiring.catalog import CATALOG


class ReadsWiring(containers.DeclarativeContainer):
    """Nothing here writes: it would be refused by a replica."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    reading: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    """Where reads go."""

    series: providers.Singleton[SeriesReads] = providers.Singleton(SeriesReads, reading)
    time_series: providers.Singleton[TimeSeriesRepository] = providers.Singleton(
        TimeSeriesRepository, reading, writers=database
    )
    heat_map: providers.Singleton[HeatMapService] = providers.Singleton(
        HeatMapService,
        providers.Singleton(
            CoverageService,
            time_series,
            providers.Singleton(StoredUnitsRepository, reading),
            publication=CATALOG.publication,
        ),
        providers.Singleton(KeptGaps, reading),
    )
    quality_rows: providers.Singleton[QualityRepository] = providers.Singleton(QualityRepository, reading)
    quality_overview: providers.Singleton[QualityOverview] = providers.Singleton(
        QualityOverview, reading, settings.provided.quality.weights
    )
    quality_reports: providers.Singleton[QualityReporting] = providers.Singleton(
        QualityReporting,
        reading,
        quality_rows,
        time_series,
        providers.Singleton(
            LatenessReader, providers.Singleton(GapRepository, reading), quality_rows, CATALOG.publication
        ),
        settings.provided.quality.weights,
    )
    operations_reports: providers.Singleton[OperationsReporting] = providers.Singleton(
        OperationsReporting,
        reading,
        providers.Singleton(
            MonitoringService, providers.Singleton(FigureReads, reading), settings=settings.provided.monitoring
        ),
        quality_rows,
        weights=settings.provided.quality.weights,
        target=settings.provided.monitoring.target,
    )
