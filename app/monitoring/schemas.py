"""The state of the service and of the database as programs read it."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.db.reading.schemas import ReadReplicaResource
from app.logging import redact
from app.monitoring.health import Health
from app.monitoring.models import Lateness, Objective, RunTotals, Sample
from app.monitoring.overview import DisabledChannel
from app.monitoring.status import Status
from app.schemas import CalendarDay, Instant, Resource
from app.settings import Settings, variables
from app.settings.shown import shown_setting


class ReplicaResource(Resource):
    """The resources of one replica at one moment; null where the machine does not tell."""

    at: Instant
    instance: str
    leader: bool
    cpu_cores: float | None
    resident_bytes: int | None
    memory_available_bytes: int | None
    memory_total_bytes: int | None
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    loop_lag_seconds: float | None
    tasks: int | None
    open_descriptors: int | None
    max_descriptors: int | None
    pool_used: int | None
    pool_size: int | None
    probe_seconds: float | None
    metrics_waiting: int | None
    metrics_dropped: int | None
    read_replica: str | None
    read_replica_lag_seconds: float | None
    read_replica_away_seconds: float | None
    read_replica_problem: str | None

    @classmethod
    def of(cls, sample: Sample) -> Self:
        return cls.model_validate(sample)


class ServiceResource(Resource):
    """Who leads, and which replicas live."""

    running: bool
    leader: str | None
    leads: bool
    epoch: int
    heartbeat_at: Instant | None
    last_job_run_at: Instant | None
    replicas: list[ReplicaResource]

    @classmethod
    def of(cls, health: Health) -> Self:
        leader = health.overview.leader
        return cls(
            running=health.serving,
            leader=leader.name or None,
            leads=leader.alive,
            epoch=leader.epoch,
            heartbeat_at=leader.heartbeat_at,
            last_job_run_at=leader.last_run_at,
            replicas=[ReplicaResource.of(sample) for sample in health.replicas],
        )


class JobsStateResource(Resource):
    """The number of jobs, and the names of those with which something is wrong."""

    total: int
    paused: list[str]
    failing: list[str]
    late: list[str]
    unreadable: list[str]


class ResponseSecondsResource(Resource):
    """Response times of a request."""

    p50: float | None
    p95: float | None
    p99: float | None


class StoreSecondsResource(Resource):
    """How long it took to store a window."""

    mean: float | None
    max: float


class RunTotalsResource(Resource):
    """Runs of a period, added up."""

    runs: int
    failed: int
    received: int
    new: int
    revised: int
    rejected: int
    requests: int
    retries: int
    bytes: int
    success_rate: float | None
    response_seconds: ResponseSecondsResource
    store_seconds: StoreSecondsResource

    @classmethod
    def of(cls, totals: RunTotals) -> Self:
        return cls(
            runs=totals.runs,
            failed=totals.failed,
            received=totals.received,
            new=totals.new,
            revised=totals.revised,
            rejected=totals.rejected,
            requests=totals.requests,
            retries=totals.retries,
            bytes=totals.bytes,
            success_rate=totals.success_rate,
            response_seconds=ResponseSecondsResource.model_validate(totals),
            store_seconds=StoreSecondsResource(
                mean=totals.store_seconds / totals.runs if totals.runs else None, max=totals.store_max
            ),
        )


class ObjectiveResource(Resource):
    """How a share of good ones stands against its target."""

    target: float
    share: float | None
    met: bool
    budget_left: float | None
    good: int
    total: int

    @classmethod
    def of(cls, objective: Objective) -> Self:
        return cls.model_validate(objective)


class MonthObjectivesResource(Resource):
    """The objectives over 30 days."""

    availability_30d: ObjectiveResource
    reliability_30d: ObjectiveResource


class LatenessResource(Resource):
    """The newest value of an item and area whose next one is late."""

    item: str
    area: str
    newest_start: Instant
    resolution: str
    due_at: Instant | None
    late_seconds: int

    @classmethod
    def of(cls, lateness: Lateness) -> Self:
        return cls(
            item=lateness.item,
            area=lateness.area,
            newest_start=lateness.newest_start,
            resolution=lateness.resolution,
            due_at=lateness.due_at,
            late_seconds=int(lateness.late.total_seconds()),
        )


class GapCountResource(Resource):
    """The gaps of one reason; of `lasting` it is known for more than an hour."""

    gaps: int
    missing: int
    oldest_since: Instant
    lasting: int


class OpenBackfillResource(Resource):
    """A backfill that has not ended."""

    backfill_id: int
    description: str
    paused: bool
    windows: int
    done: int


class BudgetResource(Resource):
    """The requests of the token."""

    requests_last_minute: int
    requests_per_minute: int
    blocked_until: Instant | None


class FiringAlertResource(Resource):
    """An alert that fires; `suppressed` says why nobody is notified."""

    alert_id: int
    rule: str
    labels: dict[str, str]
    severity: str
    since: Instant
    acknowledged: bool
    suppressed: str


class DisabledChannelResource(Resource):
    """A channel that takes no message until a person mends it, and what waits for it since `oldest`."""

    channel: str
    since: Instant
    reason: str
    waiting: int
    failed: int
    oldest: Instant | None

    @classmethod
    def of(cls, channel: DisabledChannel) -> Self:
        return cls(
            channel=channel.channel,
            since=channel.since,
            reason=redact(channel.reason),
            waiting=channel.waiting,
            failed=channel.failed,
            oldest=channel.oldest,
        )


class HealthResource(Resource):
    """The state of everything, and what is wrong; `collection` by period, `gaps` by reason."""

    at: Instant
    healthy: bool
    problems: list[str]
    service: ServiceResource
    jobs: JobsStateResource
    collection: dict[str, RunTotalsResource]
    objectives: MonthObjectivesResource
    late: list[LatenessResource]
    gaps: dict[str, GapCountResource]
    backfills: list[OpenBackfillResource]
    budget: BudgetResource
    alerts: list[FiringAlertResource]
    disabled_channels: list[DisabledChannelResource]

    @classmethod
    def of(cls, health: Health) -> Self:
        overview = health.overview
        return cls(
            at=health.at,
            healthy=not health.problems,
            problems=list(health.problems),
            service=ServiceResource.of(health),
            jobs=JobsStateResource.model_validate(overview.jobs),
            collection={period: RunTotalsResource.of(totals) for period, totals in health.collection.items()},
            objectives=MonthObjectivesResource(
                availability_30d=ObjectiveResource.of(health.availability),
                reliability_30d=ObjectiveResource.of(health.reliability),
            ),
            late=[LatenessResource.of(late) for late in health.late],
            gaps={
                gap.reason: GapCountResource(
                    gaps=gap.gaps, missing=gap.missing, oldest_since=gap.oldest_since, lasting=gap.lasting
                )
                for gap in overview.gaps
            },
            backfills=[OpenBackfillResource.model_validate(backfill) for backfill in overview.backfills],
            budget=BudgetResource(
                requests_last_minute=overview.requests_last_minute,
                requests_per_minute=health.requests_per_minute,
                blocked_until=overview.blocked_until,
            ),
            alerts=[FiringAlertResource.model_validate(alert) for alert in overview.alerts],
            disabled_channels=[DisabledChannelResource.of(channel) for channel in overview.disabled_channels],
        )


class PlatformStateResource(Resource):
    """How the platform was when it was last asked; `failures` counts those in a row since the last answer."""

    condition: str
    checked_at: Instant | None
    answered_at: Instant | None
    failures: int
    error_class: str
    error: str


class AreaStatusResource(Resource):
    """The newest value of an item in an area, and since how many seconds the next one has been due."""

    area: str
    newest: Instant
    resolution: str
    late_seconds: int


class RunStatusResource(Resource):
    """The last run of an item."""

    area: str
    finished_at: Instant
    outcome: str
    error_class: str
    error_message: str


class ItemStatusResource(Resource):
    """What is stored of an item."""

    item: str
    areas: int
    series: int
    values: int
    first_day: CalendarDay | None
    newest: list[AreaStatusResource]
    last_run: RunStatusResource | None


class StatusResource(Resource):
    """What the database is and holds, what is late, and the health of the service."""

    database: str
    postgresql: str
    level: str
    timescaledb: str
    schema_version: str = Field(serialization_alias="schema")
    origin: str | None
    platform: PlatformStateResource
    unreadable_jobs: list[str]
    items: list[ItemStatusResource]
    rules_login: str
    health: HealthResource | None
    read_replica: ReadReplicaResource | None
    problems: list[str]

    @classmethod
    def of(cls, status: Status) -> Self:
        return cls(
            database=status.database,
            postgresql=status.postgresql,
            level=status.level,
            timescaledb=status.timescaledb,
            schema_version=status.schema,
            origin=status.origin,
            platform=PlatformStateResource.model_validate(status.platform),
            unreadable_jobs=list(status.unreadable_jobs),
            items=[ItemStatusResource.model_validate(item) for item in status.items],
            rules_login=status.rules_login,
            health=HealthResource.of(status.health) if status.health else None,
            read_replica=ReadReplicaResource.of(status.read_replica) if status.read_replica else None,
            problems=list(status.problems),
        )


class SettingResource(Resource):
    """A setting: its variable, its value without secrets, and what it is for."""

    name: str
    value: str
    description: str

    @classmethod
    def all_of(cls, settings: Settings) -> list[Self]:
        return [
            cls(name=name, value=redact(shown_setting(settings, name)), description=field.description or "")
            for name, field in variables().items()
        ]
