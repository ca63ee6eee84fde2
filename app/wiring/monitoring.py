"""What runs, replicas and checks measure, and the figures made of it."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.db.rate_limit import token_id_of
from app.db.status import DatabaseHealthCheck
from app.monitoring.anomalies.repository import AnomalyRepository
from app.monitoring.anomalies.service import AnomalyWatch
from app.monitoring.lateness import LatenessKeeper
from app.monitoring.queries import FigureReads
from app.monitoring.recorder import MetricsRecorder
from app.monitoring.repository import MonitoringRepository
from app.monitoring.rollup_maintenance import MonitoringUpkeep
from app.monitoring.service import MonitoringService
from app.monitoring.status import StatusReader
from app.monitoring.trends.queries import TrendReads
from app.monitoring.zones.queries import ZoneReads
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.monitors.repository import MonitorRepository
from app.probes.monitors.service import MonitorService
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.service import WebsiteService
from app.settings import Settings
from app.wiring.catalog import CATALOG


class MonitoringWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()

    rows: providers.Singleton[MonitoringRepository] = providers.Singleton(MonitoringRepository, database)
    recorder: providers.Singleton[MetricsRecorder] = providers.Singleton(
        MetricsRecorder, rows, capacity=settings.provided.monitoring.queue
    )
    upkeep: providers.Singleton[MonitoringUpkeep] = providers.Singleton(
        MonitoringUpkeep,
        rows,
        providers.Singleton(LatenessKeeper, database, CATALOG.publication),
        clock,
        settings=settings.provided.monitoring,
    )
    service: providers.Singleton[MonitoringService] = providers.Singleton(
        MonitoringService, providers.Singleton(FigureReads, database), settings=settings.provided.monitoring
    )
    status: providers.Singleton[StatusReader] = providers.Singleton(
        StatusReader,
        database,
        service,
        CATALOG.publication,
        token_id=providers.Callable(token_id_of, settings.provided.entsoe),
        requests_per_minute=settings.provided.entsoe.requests_per_minute,
        takeover_after=settings.provided.scheduler.takeover_after,
    )
    trends: providers.Singleton[TrendReads] = providers.Singleton(TrendReads, database)
    zones: providers.Singleton[ZoneReads] = providers.Singleton(ZoneReads, database)
    anomalies: providers.Singleton[AnomalyWatch] = providers.Singleton(
        AnomalyWatch, providers.Singleton(AnomalyRepository, database)
    )
    database_health: providers.Singleton[DatabaseHealthCheck] = providers.Singleton(
        DatabaseHealthCheck.of,
        database.provided.address,
        settings.provided.entsoe,
        timeout=settings.provided.web.check_timeout,
    )
    monitors: providers.Singleton[MonitorService] = providers.Singleton(
        MonitorService,
        providers.Singleton(MonitorRepository, database),
        # Secrets stay sealed: this one only reads what the checks have shown.
        providers.Singleton(
            WebsiteService,
            providers.Singleton(WebsiteRepository, database),
            providers.Singleton(MaintenanceService, providers.Singleton(MaintenanceRepository, database), clock),
            clock,
            settings=settings.provided.probes,
        ),
        clock,
    )
