"""Which object gets which; the only place that builds services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
from dependency_injector import containers, providers

from app.clock import SystemClock
from app.collection.backfill import BackfillService, GapCompleteness
from app.collection.backfill_models import Patience
from app.collection.backfill_repository import BackfillRepository
from app.collection.backfill_worker import BackfillWorker
from app.collection.gaps import GapService
from app.collection.models import RunObserver
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.budget import PostgresBudget, token_id
from app.db.budget_lanes import Lane, LaneBudget, steady_rate
from app.db.engine import Database
from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval
from app.net.client import build_client
from app.scheduling.backfills import QueuedBackfills
from app.scheduling.config import PlanFile
from app.scheduling.due import GapDue
from app.scheduling.handlers import Jobs, largest_run
from app.scheduling.models import JobObserver
from app.scheduling.repository import JobRunRepository
from app.scheduling.service import SchedulerService
from app.settings import BackfillSettings, EntsoeSettings, SchedulerSettings, Settings
from app.sources.entsoe.answers import judge
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.items import ITEMS, request_windows
from app.sources.entsoe.source import EntsoeSource
from app.tasks.local import Limits, LocalBackend, memory_pressure
from app.timeseries.repository import TimeSeriesRepository

Echo = Callable[[str], None]


def _token_id(settings: EntsoeSettings) -> str:
    return token_id(settings.token.get_secret_value() if settings.token else "")


def _patience(settings: BackfillSettings) -> Patience:
    return Patience(
        settings.attempts, timedelta(seconds=settings.retry_seconds), timedelta(seconds=settings.lease_seconds)
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        in_flight=settings.entsoe.concurrency + settings.backfill.concurrency,
        backfill=settings.backfill.concurrency,
        share=settings.backfill.share,
    )


def _windows(item: DataItem, place: Place, interval: Interval) -> list[Interval]:
    return request_windows(ITEMS[item], place, interval)


def _names_a_plan(settings: SchedulerSettings) -> bool:
    return "plan_file" in settings.model_fields_set


class Container(containers.DeclarativeContainer):
    """The services of one process; settings and the open database come from the lifecycle."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    echo: providers.Dependency[Echo] = providers.Dependency()

    clock: providers.Singleton[SystemClock] = providers.Singleton(SystemClock)
    # Whoever wants to learn of runs appends itself, at any time.
    run_observers: providers.Singleton[list[RunObserver]] = providers.Singleton(list)
    job_observers: providers.Singleton[list[JobObserver]] = providers.Singleton(list)
    time_series: providers.Singleton[TimeSeriesRepository] = providers.Singleton(TimeSeriesRepository, database)
    runs: providers.Singleton[RunRepository] = providers.Singleton(RunRepository, database)

    budget: providers.Singleton[PostgresBudget] = providers.Singleton(
        PostgresBudget,
        database,
        providers.Callable(_token_id, settings.provided.entsoe),
        requests_per_minute=settings.provided.entsoe.requests_per_minute,
        burst=settings.provided.entsoe.burst,
    )
    http_client: providers.Singleton[httpx.AsyncClient] = providers.Singleton(
        build_client,
        settings.provided.entsoe,
        budget,
        judge,
        secret_headers=providers.Callable(secret_headers, settings.provided.entsoe),
        on_wait=echo,
        clock=clock,
    )
    entsoe_client: providers.Singleton[EntsoeClient] = providers.Singleton(
        EntsoeClient, http_client, providers.Callable(str, settings.provided.entsoe.base_url)
    )
    source: providers.Singleton[EntsoeSource] = providers.Singleton(EntsoeSource, entsoe_client)
    collection: providers.Singleton[CollectionService] = providers.Singleton(
        CollectionService,
        source,
        time_series,
        runs,
        clock,
        concurrency=settings.provided.entsoe.concurrency,
        observers=run_observers,
    )

    # Backfill has a client of its own, so that its requests wait in its own lane and take no slot of a live one.
    backfill_budget: providers.Singleton[LaneBudget] = providers.Singleton(
        LaneBudget,
        database,
        providers.Callable(_token_id, settings.provided.entsoe),
        Lane.BACKFILL,
        requests_per_minute=settings.provided.entsoe.requests_per_minute,
        burst=settings.provided.entsoe.burst,
        share=settings.provided.backfill.share,
    )
    backfill_http: providers.Singleton[httpx.AsyncClient] = providers.Singleton(
        build_client,
        settings.provided.entsoe,
        backfill_budget,
        judge,
        secret_headers=providers.Callable(secret_headers, settings.provided.entsoe),
        on_wait=echo,
        clock=clock,
    )
    backfill_client: providers.Singleton[EntsoeClient] = providers.Singleton(
        EntsoeClient, backfill_http, providers.Callable(str, settings.provided.entsoe.base_url)
    )
    backfill_source: providers.Singleton[EntsoeSource] = providers.Singleton(EntsoeSource, backfill_client)
    backfill_collection: providers.Singleton[CollectionService] = providers.Singleton(
        CollectionService,
        backfill_source,
        time_series,
        runs,
        clock,
        concurrency=settings.provided.backfill.concurrency,
        observers=run_observers,
    )
    gaps: providers.Singleton[GapService] = providers.Singleton(GapService, database, time_series)
    patience: providers.Singleton[Patience] = providers.Singleton(_patience, settings.provided.backfill)
    backfill_rows: providers.Singleton[BackfillRepository] = providers.Singleton(BackfillRepository, database, patience)
    backfills: providers.Singleton[BackfillService] = providers.Singleton(
        BackfillService,
        backfill_rows,
        providers.Singleton(GapCompleteness, gaps),
        providers.Object(_windows),
        requests_per_second=providers.Callable(
            steady_rate, settings.provided.entsoe.requests_per_minute, settings.provided.entsoe.burst
        ),
        share=settings.provided.backfill.share,
    )
    task_backend: providers.Singleton[LocalBackend] = providers.Singleton(
        LocalBackend,
        providers.Callable(_limits, settings),
        providers.Callable(memory_pressure, settings.provided.backfill.memory_mb),
    )
    backfill_worker: providers.Singleton[BackfillWorker] = providers.Singleton(
        BackfillWorker,
        backfill_rows,
        backfill_collection,
        task_backend,
        patience,
        poll_seconds=settings.provided.backfill.poll_seconds,
    )

    job_runs: providers.Singleton[JobRunRepository] = providers.Singleton(JobRunRepository, database)
    due: providers.Singleton[GapDue] = providers.Singleton(
        GapDue, gaps, recent_days=settings.provided.scheduler.recent_days
    )
    queued_backfills: providers.Singleton[QueuedBackfills] = providers.Singleton(
        QueuedBackfills,
        backfills,
        clock,
        concurrency=settings.provided.backfill.concurrency,
        profile=settings.provided.scheduler.profile,
    )
    jobs: providers.Singleton[Jobs] = providers.Singleton(
        Jobs,
        collection,
        due,
        gaps,
        job_runs,
        backfills=queued_backfills,
        settings=settings.provided.scheduler,
        clock=clock,
        largest_run=providers.Callable(largest_run, settings.provided.entsoe.requests_per_minute),
    )
    plan_file: providers.Singleton[PlanFile] = providers.Singleton(
        PlanFile,
        settings.provided.scheduler.plan_file,
        settings.provided.collection,
        required=providers.Callable(_names_a_plan, settings.provided.scheduler),
    )
    scheduler: providers.Singleton[SchedulerService] = providers.Singleton(
        SchedulerService,
        database,
        job_runs,
        jobs.provided.handlers.call(),
        plan_file,
        settings=settings.provided.scheduler,
        clock=clock,
        observers=job_observers,
    )
