"""What more than one domain or command reads and writes."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.collection.repository import RunRepository
from app.db.engine import Database
from app.scheduling.repository import JobRunRepository
from app.timeseries.repository import TimeSeriesRepository


class StorageWiring(containers.DeclarativeContainer):
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)

    time_series: providers.Singleton[TimeSeriesRepository] = providers.Singleton(TimeSeriesRepository, database)
    runs: providers.Singleton[RunRepository] = providers.Singleton(RunRepository, database)
    job_runs: providers.Singleton[JobRunRepository] = providers.Singleton(JobRunRepository, database)
