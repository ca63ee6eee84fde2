"""What more than one domain or command reads and writes."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.collection.gaps.repository import GapRepository
from app.collection.repository import RunRepository
from app.db.engine import Database
from app.scheduling.repository import JobRunRepository
from app.timeseries.queries import SeriesReads
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StoredUnitsRepository


class StorageWiring(containers.DeclarativeContainer):
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)

    time_series: providers.Singleton[TimeSeriesRepository] = providers.Singleton(TimeSeriesRepository, database)
    series: providers.Singleton[SeriesReads] = providers.Singleton(SeriesReads, database)
    stored_units: providers.Singleton[StoredUnitsRepository] = providers.Singleton(StoredUnitsRepository, database)
    gaps: providers.Singleton[GapRepository] = providers.Singleton(GapRepository, database)
    runs: providers.Singleton[RunRepository] = providers.Singleton(RunRepository, database)
    job_runs: providers.Singleton[JobRunRepository] = providers.Singleton(JobRunRepository, database)
