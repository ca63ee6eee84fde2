"""What is missing, what is asked for again, and backfills."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.collection.backfill.models import BackfillRetryPolicy
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.service import BackfillService, GapCompleteness
from app.collection.corrections import CorrectionService
from app.collection.empty_incidents import EmptyIncidents
from app.collection.gaps.coverage import CoverageService
from app.collection.gaps.heat_map import HeatMapService
from app.collection.gaps.queries import KeptGaps
from app.collection.gaps.question_schedule import AskPolicy
from app.collection.gaps.repository import GapRetention
from app.collection.gaps.service import GapService
from app.collection.repository import AnswerRepository, IncidentRepository
from app.collection.source_health import SourceHealth
from app.db.engine import Database
from app.db.rate_limit_lanes import steady_rate
from app.settings import Settings
from app.wiring.catalog import CATALOG


class CollectionWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    storage = providers.DependenciesContainer()

    source_health: providers.Singleton[SourceHealth] = providers.Singleton(SourceHealth)
    gaps: providers.Singleton[GapService] = providers.Singleton(
        GapService,
        storage.time_series,
        storage.stored_units,
        storage.gaps,
        CATALOG,
        patience=providers.Callable(AskPolicy.of, settings.provided.gaps),
    )
    gap_retention: providers.Singleton[GapRetention] = providers.Singleton(
        GapRetention.of, database, settings.provided.scheduler
    )
    coverage: providers.Singleton[CoverageService] = providers.Singleton(
        CoverageService, storage.time_series, storage.stored_units, publication=CATALOG.publication
    )
    heat_map: providers.Singleton[HeatMapService] = providers.Singleton(
        HeatMapService, coverage, providers.Singleton(KeptGaps, database)
    )
    corrections: providers.Singleton[CorrectionService] = providers.Singleton(
        CorrectionService,
        storage.time_series,
        storage.stored_units,
        providers.Singleton(AnswerRepository, database),
        CATALOG,
    )
    empty_incidents: providers.Singleton[EmptyIncidents] = providers.Singleton(
        EmptyIncidents, providers.Singleton(IncidentRepository, database)
    )

    rate: providers.Callable[float] = providers.Callable(
        steady_rate, settings.provided.entsoe.requests_per_minute, settings.provided.entsoe.burst
    )
    retry_policy: providers.Singleton[BackfillRetryPolicy] = providers.Singleton(
        BackfillRetryPolicy.of, settings.provided.backfill
    )
    backfill_rows: providers.Singleton[BackfillRepository] = providers.Singleton(
        BackfillRepository, database, retry_policy
    )
    backfills: providers.Singleton[BackfillService] = providers.Singleton(
        BackfillService,
        backfill_rows,
        providers.Singleton(GapCompleteness, gaps),
        CATALOG.windows,
        requests_per_second=rate,
        share=settings.provided.backfill.share,
    )
