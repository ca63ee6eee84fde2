"""Which object gets which; the only place that builds services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
from dependency_injector import containers, providers
from pydantic import SecretStr

from app.alerting.config_problems import ProblemBoard
from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.heartbeat import Heartbeat, Unwell
from app.alerting.delivery.outbox import NotificationOutbox
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import WELL_WITHIN, DeliveryWorker, sender_of
from app.alerting.evaluation.concurrency import Lanes
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner, RuleLogin
from app.alerting.evaluation.repository import AlertRepository
from app.alerting.evaluation.service import AlertService, damping_of
from app.alerting.rules.parse import OUR_DATABASE
from app.alerting.rules.reload import RuleBook
from app.clock import SystemClock
from app.collection.backfill.models import BackfillRetryPolicy
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.service import BackfillService, GapCompleteness
from app.collection.backfill.worker import BackfillWorker
from app.collection.corrections import CorrectionService
from app.collection.empty_incidents import EmptyIncidents
from app.collection.gaps.question_schedule import AskPolicy as GapPatience
from app.collection.gaps.repository import GapRetention
from app.collection.gaps.service import GapService
from app.collection.models import RunObserver
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.collection.source_health import SourceHealth
from app.db.dashboard_role import RULE_READER
from app.db.engine import Database
from app.db.leader import process_name
from app.db.rate_limit import PostgresBudget, token_id
from app.db.rate_limit_lanes import Lane, LaneBudget, steady_rate
from app.entsoe.items import ITEMS, request_windows
from app.kit.yaml.tree import Problem
from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval
from app.monitoring.anomalies.service import AnomalyWatch
from app.monitoring.data_disk import DataDisk
from app.monitoring.lateness import LatenessKeeper
from app.monitoring.queries import FigureReads
from app.monitoring.recorder import MetricsRecorder
from app.monitoring.repository import MonitoringRepository
from app.monitoring.rollup_maintenance import MonitoringUpkeep
from app.monitoring.sampler import Replica, ResourceSampler
from app.monitoring.service import MonitoringService
from app.net.client import build_client
from app.net.egress_guard import GuardedClients
from app.quality.check import QueuedChecks, RunCheck
from app.quality.repair.service import RepairService
from app.quality.repository import QualityRepository
from app.reporting.operations.service import OperationsReporting
from app.reporting.quality.service import QualityReporting
from app.scheduling.due import GapDue
from app.scheduling.first_cycle import Cycle
from app.scheduling.jobs.backfills import QueuedBackfills
from app.scheduling.jobs.collection import BoundedCollection, CollectionJobs, largest_run
from app.scheduling.jobs.declaration import Jobs
from app.scheduling.jobs.gaps import GapJobs
from app.scheduling.jobs.maintenance import AnomalyJob, Housekeeping, PlatformCheck
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.jobs.reports import ReportMail
from app.scheduling.models import Chore, JobObserver
from app.scheduling.plan_file import PlanFile
from app.scheduling.repository import JobRunRepository
from app.scheduling.service import LEADER, SchedulerService
from app.settings import (
    AlertingSettings,
    BackfillSettings,
    DatabaseSettings,
    EntsoeSettings,
    GapSettings,
    NotificationSettings,
    SchedulerSettings,
    Settings,
)
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.tasks.local import LocalBackend, TaskLimits, memory_pressure
from app.timeseries.repository import TimeSeriesRepository

Echo = Callable[[str], None]


def _token_id(settings: EntsoeSettings) -> str:
    return token_id(settings.token.get_secret_value() if settings.token else "")


def _patience(settings: BackfillSettings) -> BackfillRetryPolicy:
    return BackfillRetryPolicy(
        settings.attempts, timedelta(seconds=settings.retry_seconds), timedelta(seconds=settings.lease_seconds)
    )


def _gap_patience(settings: GapSettings) -> GapPatience:
    return GapPatience(settings.asks, timedelta(days=settings.horizon_days))


def _limits(settings: Settings) -> TaskLimits:
    return TaskLimits(
        in_flight=settings.entsoe.concurrency + settings.backfill.concurrency,
        backfill=settings.backfill.concurrency,
        share=settings.backfill.share,
    )


def _windows(item: DataItem, place: Place, interval: Interval) -> list[Interval]:
    return request_windows(ITEMS[item], place, interval)


def _names_a_plan(settings: SchedulerSettings) -> bool:
    return "plan_file" in settings.model_fields_set


def _kept_complete(settings: SchedulerSettings) -> timedelta:
    return timedelta(days=max(settings.recent_days, settings.analysis_days, settings.backfill_days))


def _listed(*chores: Chore) -> list[Chore]:
    return list(chores)


def _replica(scheduler: SchedulerService, database: Database, settings: Settings) -> Replica:
    return Replica(
        name=scheduler.status().name,
        leads=lambda: scheduler.status().role == LEADER,
        pool=database.pool_use,
        disk=DataDisk(database, settings.database.data_folder).left,
    )


def _names_rules(settings: AlertingSettings) -> bool:
    return "rules_dir" in settings.model_fields_set


def _token_headers(settings: EntsoeSettings) -> dict[str, SecretStr]:
    """A service of rules alone has no token; what asks without one is refused with the remedy by the platform."""
    return secret_headers(settings) if settings.token else {}


def _rule_logins(database: DatabaseSettings) -> dict[str, RuleLogin]:
    return {OUR_DATABASE: RuleLogin(RULE_READER, database.rules_password_file)}


def _rule_databases(database: Database, book: RuleBook) -> Callable[[], dict[str, str]]:
    """Where rules may read: our own database, and those that the book names now."""

    def urls() -> dict[str, str]:
        others = {name: url.get_secret_value() for name, url in book.current().databases.items()}
        return {**others, OUR_DATABASE: database.address.dsn}

    return urls


def _rule_connections(settings: AlertingSettings) -> int:
    return Lanes(settings.concurrency).most


def _problems_of(files: RuleBook | ChannelFile) -> Callable[[], Sequence[Problem]]:
    return lambda: files.problems


def _plan_problems(scheduler: SchedulerService, settings: SchedulerSettings) -> Callable[[], Sequence[Problem]]:
    """What the leader says of the plan's file, which names file, line and field itself."""

    def problems() -> list[Problem]:
        error = scheduler.status().plan_error
        return [Problem(str(settings.plan_file), 0, "", error)] if error else []

    return problems


def _unwell(scheduler: SchedulerService, alerts: AlertService, delivery: DeliveryWorker) -> Unwell:
    """What keeps the heartbeat from being sent: a part of this process that has stood still."""

    def why() -> str:
        if not scheduler.status().ready:
            return "the scheduler is not ready"
        if alerts.status().tick_age > WELL_WITHIN:
            return "no rule is evaluated"
        return "no message is delivered" if delivery.age > WELL_WITHIN else delivery.mute

    return why


def _names_channels(settings: NotificationSettings) -> bool:
    return "channels_file" in settings.model_fields_set


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


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
        classify_response,
        secret_headers=providers.Callable(_token_headers, settings.provided.entsoe),
        on_wait=echo,
        clock=clock,
    )
    entsoe_client: providers.Singleton[EntsoeClient] = providers.Singleton(
        EntsoeClient, http_client, providers.Callable(str, settings.provided.entsoe.base_url)
    )
    source: providers.Singleton[EntsoeSource] = providers.Singleton(EntsoeSource, entsoe_client, clock=clock)
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
        classify_response,
        secret_headers=providers.Callable(_token_headers, settings.provided.entsoe),
        concurrency=settings.provided.backfill.concurrency,
        on_wait=echo,
        clock=clock,
    )
    backfill_client: providers.Singleton[EntsoeClient] = providers.Singleton(
        EntsoeClient, backfill_http, providers.Callable(str, settings.provided.entsoe.base_url)
    )
    backfill_source: providers.Singleton[EntsoeSource] = providers.Singleton(EntsoeSource, backfill_client, clock=clock)
    backfill_collection: providers.Singleton[CollectionService] = providers.Singleton(
        CollectionService,
        backfill_source,
        time_series,
        runs,
        clock,
        concurrency=settings.provided.backfill.concurrency,
        observers=run_observers,
    )
    # So have gaps and re-polls: they yield to live requests and go before backfill.
    gap_budget: providers.Singleton[LaneBudget] = providers.Singleton(
        LaneBudget,
        database,
        providers.Callable(_token_id, settings.provided.entsoe),
        Lane.GAP,
        requests_per_minute=settings.provided.entsoe.requests_per_minute,
        burst=settings.provided.entsoe.burst,
        share=settings.provided.gaps.share,
    )
    gap_http: providers.Singleton[httpx.AsyncClient] = providers.Singleton(
        build_client,
        settings.provided.entsoe,
        gap_budget,
        classify_response,
        secret_headers=providers.Callable(_token_headers, settings.provided.entsoe),
        on_wait=echo,
        clock=clock,
    )
    gap_client: providers.Singleton[EntsoeClient] = providers.Singleton(
        EntsoeClient, gap_http, providers.Callable(str, settings.provided.entsoe.base_url)
    )
    gap_source: providers.Singleton[EntsoeSource] = providers.Singleton(EntsoeSource, gap_client, clock=clock)
    gap_collection: providers.Singleton[CollectionService] = providers.Singleton(
        CollectionService,
        gap_source,
        time_series,
        runs,
        clock,
        concurrency=settings.provided.entsoe.concurrency,
        observers=run_observers,
    )
    gaps: providers.Singleton[GapService] = providers.Singleton(
        GapService, database, time_series, patience=providers.Callable(_gap_patience, settings.provided.gaps)
    )
    patience: providers.Singleton[BackfillRetryPolicy] = providers.Singleton(_patience, settings.provided.backfill)
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
        gaps,
        task_backend,
        patience,
        poll_seconds=settings.provided.backfill.poll_seconds,
        requests_per_second=providers.Callable(
            steady_rate, settings.provided.entsoe.requests_per_minute, settings.provided.entsoe.burst
        ),
    )

    platform: providers.Singleton[SourceHealth] = providers.Singleton(SourceHealth)
    cycle: providers.Singleton[Cycle] = providers.Singleton(Cycle)
    job_runs: providers.Singleton[JobRunRepository] = providers.Singleton(JobRunRepository, database)
    corrections: providers.Singleton[CorrectionService] = providers.Singleton(CorrectionService, database, time_series)
    due: providers.Singleton[GapDue] = providers.Singleton(
        GapDue, gaps, corrections, recent_days=settings.provided.scheduler.recent_days
    )
    queued_backfills: providers.Singleton[QueuedBackfills] = providers.Singleton(
        QueuedBackfills,
        backfills,
        clock,
        concurrency=settings.provided.backfill.concurrency,
        profile=settings.provided.scheduler.profile,
        history_days=settings.provided.backfill.history_days,
    )
    monitoring_rows: providers.Singleton[MonitoringRepository] = providers.Singleton(MonitoringRepository, database)
    metrics_recorder: providers.Singleton[MetricsRecorder] = providers.Singleton(
        MetricsRecorder, monitoring_rows, capacity=settings.provided.monitoring.queue
    )
    monitoring_upkeep: providers.Singleton[MonitoringUpkeep] = providers.Singleton(
        MonitoringUpkeep,
        monitoring_rows,
        providers.Singleton(LatenessKeeper, database),
        clock,
        settings=settings.provided.monitoring,
    )
    monitoring: providers.Singleton[MonitoringService] = providers.Singleton(
        MonitoringService, providers.Singleton(FigureReads, database), settings=settings.provided.monitoring
    )
    quality_rows: providers.Singleton[QualityRepository] = providers.Singleton(QualityRepository, database)
    quality_checks: providers.Singleton[QueuedChecks] = providers.Singleton(
        QueuedChecks,
        providers.Singleton(RunCheck, time_series, quality_rows, clock),
        room=settings.provided.quality.check_queue,
    )
    repairs: providers.Singleton[RepairService] = providers.Singleton(RepairService, database, backfills)
    nightly_quality: providers.Singleton[NightlyQuality] = providers.Singleton(
        NightlyQuality, repairs, clock, timeout=settings.provided.quality.scan_timeout
    )

    channel_file: providers.Singleton[ChannelFile] = providers.Singleton(
        ChannelFile,
        settings.provided.notifications.channels_file,
        required=providers.Callable(_names_channels, settings.provided.notifications),
    )
    outbox: providers.Singleton[NotificationOutbox] = providers.Singleton(NotificationOutbox, channel_file)
    report_mail: providers.Singleton[ReportMail] = providers.Singleton(
        ReportMail,
        database,
        providers.Singleton(QualityReporting, database, quality_rows, settings.provided.quality.weights),
        providers.Singleton(
            OperationsReporting,
            database,
            monitoring,
            quality_rows,
            weights=settings.provided.quality.weights,
            target=settings.provided.monitoring.target,
        ),
        outbox,
        clock,
    )

    # Whatever housekeeping erases, once a day.
    gap_upkeep: providers.Singleton[GapRetention] = providers.Singleton(
        GapRetention, database, kept=providers.Callable(_kept_complete, settings.provided.scheduler)
    )
    chores: providers.Singleton[list[Chore]] = providers.Singleton(_listed, monitoring_upkeep, gap_upkeep)

    live_runs: providers.Singleton[BoundedCollection] = providers.Singleton(
        BoundedCollection,
        collection,
        gaps,
        clock,
        largest_run=providers.Callable(largest_run, settings.provided.entsoe.requests_per_minute),
        at_once=2,
    )
    gap_runs: providers.Singleton[BoundedCollection] = providers.Singleton(
        BoundedCollection,
        gap_collection,
        gaps,
        clock,
        largest_run=providers.Callable(largest_run, settings.provided.entsoe.requests_per_minute),
        at_once=1,
    )
    jobs: providers.Singleton[Jobs] = providers.Singleton(
        Jobs,
        providers.Singleton(CollectionJobs, live_runs, gap_runs, due, corrections, clock),
        providers.Singleton(GapJobs, gaps, gap_runs, queued_backfills, clock, settings=settings.provided.scheduler),
        providers.Singleton(
            PlatformCheck, collection, job_runs, platform, clock, providers.Singleton(EmptyIncidents, database)
        ),
        providers.Singleton(
            Housekeeping, job_runs, queued_backfills, clock, settings=settings.provided.scheduler, chores=chores
        ),
        providers.Singleton(AnomalyJob, providers.Singleton(AnomalyWatch, database), clock),
        nightly_quality,
        report_mail,
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
        cycle=cycle,
    )
    resource_sampler: providers.Singleton[ResourceSampler] = providers.Singleton(
        ResourceSampler,
        monitoring_rows,
        metrics_recorder,
        providers.Callable(_replica, scheduler, database, settings),
        clock,
        seconds=settings.provided.monitoring.sample_seconds,
    )

    rule_book: providers.Singleton[RuleBook] = providers.Singleton(
        RuleBook,
        settings.provided.alerting.rules_dir,
        required=providers.Callable(_names_rules, settings.provided.alerting),
    )
    query_runner: providers.Singleton[PostgresRunner] = providers.Singleton(
        PostgresRunner,
        providers.Callable(_rule_databases, database, rule_book),
        connections=providers.Callable(_rule_connections, settings.provided.alerting),
        logins=providers.Callable(_rule_logins, settings.provided.database),
    )
    rule_evaluator: providers.Singleton[RuleEvaluator] = providers.Singleton(RuleEvaluator, query_runner)
    alert_rows: providers.Singleton[AlertRepository] = providers.Singleton(
        AlertRepository,
        database,
        outbox,
        lease=providers.Callable(_seconds, settings.provided.alerting.lease_seconds),
        damping=providers.Callable(damping_of, settings.provided.alerting),
        inhibit_wait=providers.Callable(_seconds, settings.provided.alerting.inhibit_wait),
    )
    # The worker and the heartbeat each close their own.
    outlet: providers.Factory[HttpSender] = providers.Factory(
        HttpSender,
        providers.Factory(GuardedClients),
        clock,
        timeout=settings.provided.notifications.timeout_seconds,
    )
    deliveries: providers.Singleton[DeliveryRepository] = providers.Singleton(
        DeliveryRepository,
        database,
        providers.Callable(process_name),
        lease=providers.Callable(_seconds, settings.provided.notifications.lease_seconds),
        sender=providers.Callable(sender_of, settings),
    )
    delivery_worker: providers.Singleton[DeliveryWorker] = providers.Singleton(
        DeliveryWorker,
        deliveries,
        channel_file,
        outlet,
        clock,
        settings=settings.provided.notifications,
    )
    alert_service: providers.Singleton[AlertService] = providers.Singleton(
        AlertService, alert_rows, rule_book, rule_evaluator, clock=clock, settings=settings.provided.alerting
    )
    problem_board: providers.Singleton[ProblemBoard] = providers.Singleton(
        ProblemBoard,
        database,
        clock,
        providers.Dict(
            rules=providers.Callable(_problems_of, rule_book),
            channels=providers.Callable(_problems_of, channel_file),
            plan=providers.Callable(_plan_problems, scheduler, settings.provided.scheduler),
        ),
        instance=providers.Callable(process_name),
    )
    heartbeat: providers.Singleton[Heartbeat] = providers.Singleton(
        Heartbeat,
        channel_file,
        outlet,
        providers.Callable(_unwell, scheduler, alert_service, delivery_worker),
        seconds=settings.provided.notifications.heartbeat_seconds,
    )
