"""The plan, its jobs and who runs them."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.scheduling.cycles.first import Cycle
from app.scheduling.due import GapDue
from app.scheduling.jobs.backfills import QueuedBackfills
from app.scheduling.jobs.collection import BoundedCollection, CollectionJobs, largest_run
from app.scheduling.jobs.declaration import Jobs
from app.scheduling.jobs.gaps import GapJobs
from app.scheduling.jobs.maintenance import AnomalyJob, Housekeeping, PlatformCheck
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.jobs.reports import ReportMail, Reports
from app.scheduling.models import Chore, JobObserver
from app.scheduling.plan_file import PlanFile
from app.scheduling.service import SchedulerService
from app.settings import Settings
from app.wiring.catalog import CATALOG


class SchedulingWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()
    sources = providers.DependenciesContainer()
    collection = providers.DependenciesContainer()
    tasks = providers.DependenciesContainer()
    sharing = providers.DependenciesContainer()
    quality = providers.DependenciesContainer()
    monitoring = providers.DependenciesContainer()
    reporting: providers.Dependency[Reports] = providers.Dependency()
    alerting = providers.DependenciesContainer()
    access = providers.DependenciesContainer()
    probes = providers.DependenciesContainer()

    _chosen, _scan_timeout = settings.provided.scheduler, settings.provided.quality.scan_timeout
    # Whoever wants to learn of jobs appends itself, at any time.
    observers: providers.Singleton[list[JobObserver]] = providers.Singleton(list)
    cycle: providers.Singleton[Cycle] = providers.Singleton(Cycle)
    due: providers.Singleton[GapDue] = providers.Singleton(
        GapDue, collection.gaps, collection.corrections, CATALOG, recent_days=_chosen.recent_days
    )
    queued_backfills: providers.Singleton[QueuedBackfills] = providers.Singleton(
        QueuedBackfills,
        collection.backfills,
        clock,
        concurrency=settings.provided.backfill.concurrency,
        profile=_chosen.profile,
        history_days=settings.provided.backfill.history_days,
    )
    nightly_quality: providers.Singleton[NightlyQuality] = providers.Singleton(
        NightlyQuality, quality.repairs, clock, timeout=_scan_timeout, shared=sharing.scan, scanned=quality.rows
    )
    report_mail: providers.Singleton[ReportMail] = providers.Singleton(
        ReportMail, database, reporting.provider, alerting.outbox, clock
    )
    # Whatever housekeeping erases, once a day.
    _kept = (access.service, storage.log_retention, probes.websites, probes.interfaces, sharing.rows)
    _chores = providers.List(monitoring.upkeep, collection.gap_retention, tasks.registry, tasks.rows, *_kept)
    chores: providers.Singleton[list[Chore]] = providers.Singleton(list, _chores)
    _live = sources.live.provided.service
    _largest_run = providers.Callable(largest_run, settings.provided.entsoe.requests_per_minute)
    live_runs: providers.Singleton[BoundedCollection] = providers.Singleton(
        BoundedCollection, tasks.live, collection.gaps, clock, largest_run=_largest_run, at_once=2
    )
    gap_runs: providers.Singleton[BoundedCollection] = providers.Singleton(
        BoundedCollection, tasks.gap, collection.gaps, clock, largest_run=_largest_run, at_once=1
    )
    jobs: providers.Singleton[Jobs] = providers.Singleton(
        Jobs,
        providers.Singleton(CollectionJobs, live_runs, gap_runs, due, collection.corrections, clock, catalog=CATALOG),
        providers.Singleton(
            GapJobs, collection.gaps, gap_runs, queued_backfills, clock, catalog=CATALOG, settings=_chosen
        ),
        providers.Singleton(
            PlatformCheck, _live, storage.job_runs, collection.source_health, clock, collection.empty_incidents
        ),
        providers.Singleton(Housekeeping, storage.job_runs, queued_backfills, clock, settings=_chosen, chores=chores),
        providers.Singleton(AnomalyJob, monitoring.anomalies, clock),
        nightly_quality,
        report_mail,
    )
    plan_file: providers.Singleton[PlanFile] = providers.Singleton(PlanFile.of, settings, CATALOG)
    scheduler: providers.Singleton[SchedulerService] = providers.Singleton(
        SchedulerService,
        database,
        storage.job_runs,
        jobs.provided.handlers.call(),
        plan_file,
        settings=_chosen,
        clock=clock,
        observers=observers,
        cycle=cycle,
        notices=storage.notices,
    )
