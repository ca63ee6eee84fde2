"""Which object gets which; the only place that builds services."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.clock import SystemClock
from app.db.engine import Database
from app.settings import Settings
from app.wiring.alerting import AlertingWiring
from app.wiring.collection import CollectionWiring
from app.wiring.monitoring import MonitoringWiring
from app.wiring.quality import QualityWiring
from app.wiring.replica import ReplicaWiring
from app.wiring.reporting import ReportingWiring
from app.wiring.scheduling import SchedulingWiring
from app.wiring.sources import Echo, SourcesWiring
from app.wiring.storage import StorageWiring


class Container(containers.DeclarativeContainer):
    """The services of one process by domain; settings and the open database come from the lifecycle."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    echo: providers.Dependency[Echo] = providers.Dependency()
    clock: providers.Singleton[SystemClock] = providers.Singleton(SystemClock)

    storage: providers.Container[StorageWiring] = providers.Container(StorageWiring, database=database)
    sources: providers.Container[SourcesWiring] = providers.Container(
        SourcesWiring, settings=settings, database=database, clock=clock, echo=echo, storage=storage
    )
    collection: providers.Container[CollectionWiring] = providers.Container(
        CollectionWiring, settings=settings, database=database, storage=storage, sources=sources
    )
    quality: providers.Container[QualityWiring] = providers.Container(
        QualityWiring, settings=settings, database=database, clock=clock, storage=storage, collection=collection
    )
    monitoring: providers.Container[MonitoringWiring] = providers.Container(
        MonitoringWiring, settings=settings, database=database, clock=clock
    )
    reporting: providers.Container[ReportingWiring] = providers.Container(
        ReportingWiring, settings=settings, database=database, monitoring=monitoring, quality=quality
    )
    alerting: providers.Container[AlertingWiring] = providers.Container(
        AlertingWiring, settings=settings, database=database, clock=clock
    )
    scheduling: providers.Container[SchedulingWiring] = providers.Container(
        SchedulingWiring,
        settings=settings,
        database=database,
        clock=clock,
        sources=sources,
        collection=collection,
        quality=quality,
        monitoring=monitoring,
        reporting=reporting,
        alerting=alerting,
    )
    replica: providers.Container[ReplicaWiring] = providers.Container(
        ReplicaWiring,
        settings=settings,
        database=database,
        clock=clock,
        alerting=alerting,
        monitoring=monitoring,
        scheduling=scheduling,
    )
