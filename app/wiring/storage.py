"""What more than one domain or command reads and writes."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.collection.gaps.repository import GapRepository
from app.collection.repository import RunRepository
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.events.repository import EventLog
from app.events.service import EventFeed, LogRetention
from app.scheduling.repository import JobRunRepository
from app.settings import Settings
from app.timeseries.changes.repository import ChangeLog
from app.timeseries.changes.service import ChangeFeed
from app.timeseries.queries import SeriesReads
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StoredUnitsRepository


class StorageWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)

    time_series: providers.Singleton[TimeSeriesRepository] = providers.Singleton(TimeSeriesRepository, database)
    notices: providers.Singleton[Notices] = providers.Singleton(Notices, database)
    change_log: providers.Singleton[ChangeLog] = providers.Singleton(ChangeLog, database)
    changes: providers.Singleton[ChangeFeed] = providers.Singleton(ChangeFeed, change_log, notices)
    _event_log: providers.Singleton[EventLog] = providers.Singleton(EventLog, database)
    events: providers.Singleton[EventFeed] = providers.Singleton(EventFeed, _event_log, notices, settings.provided.api)
    log_retention: providers.Singleton[LogRetention] = providers.Singleton(
        LogRetention, _event_log, change_log, settings.provided.api
    )
    series: providers.Singleton[SeriesReads] = providers.Singleton(SeriesReads, database)
    stored_units: providers.Singleton[StoredUnitsRepository] = providers.Singleton(StoredUnitsRepository, database)
    gaps: providers.Singleton[GapRepository] = providers.Singleton(GapRepository, database)
    runs: providers.Singleton[RunRepository] = providers.Singleton(RunRepository, database)
    job_runs: providers.Singleton[JobRunRepository] = providers.Singleton(JobRunRepository, database)
