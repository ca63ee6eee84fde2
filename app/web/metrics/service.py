"""What Prometheus reads. Labels are bounded by the configuration and the code; the text of an error never is one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.alerting.delivery.heartbeat import Heartbeat
from app.alerting.delivery.worker import DeliveryWorker
from app.clock import until_beat
from app.collection.models import CollectionRun, Outcome
from app.collection.source_health import PlatformCondition, SourceHealth
from app.db.reading.state import ReplicaState
from app.db.status import Backlog, DatabaseState
from app.monitoring.recorder import MetricsRecorder
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.models import RunEnd, RunTrigger
from app.scheduling.service import LEADER, SchedulerStatus
from app.tasks.backend import TaskStats
from app.web.metrics.delivery import DeliveryMetrics, DeliveryTotals
from app.web.metrics.tasks import TaskEnds

LAG_SECONDS = 1.0
_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_RESPONSE = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LATENESS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800, 3600, 21600, 86400)
_CHANGES = ("new", "revised", "unchanged", "vanished")


@dataclass(frozen=True, slots=True)
class PoolState:
    """Connections of the pool: how many it may have, and how many are at work."""

    size: int
    used: int


class MetricsObserver:
    """Counts the runs of collections and jobs; a RunObserver, and a listener to the ends of runs of jobs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        place = ("item", "area")
        self._runs = Counter(
            "gridkeeper_collection_runs", "Windows asked for, by outcome.", (*place, "outcome"), registry=registry
        )
        self._failures = Counter(
            "gridkeeper_collection_failures", "Windows that failed, by class of error.", ("error",), registry=registry
        )
        self._values = Counter(
            "gridkeeper_collection_values",
            "Values received, by what they changed in the store; new and revised ones were written.",
            (*place, "change"),
            registry=registry,
        )
        self._success = Gauge(
            "gridkeeper_collection_last_success_timestamp_seconds",
            "When a window of the item and area was last answered, with data or without.",
            place,
            registry=registry,
        )
        self._duration = Histogram(
            "gridkeeper_collection_duration_seconds",
            "From asking for a window to its stored values.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._count_requests(registry)
        self._count_jobs(registry)

    def _count_requests(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "gridkeeper_source_requests", "Requests sent to the platform.", ("item",), registry=registry
        )
        self._retries = Counter(
            "gridkeeper_source_retries", "Requests sent again after a failed attempt.", registry=registry
        )
        self._bytes = Counter("gridkeeper_source_received_bytes", "Bytes of answers, unpacked.", registry=registry)
        self._work = Counter(
            "gridkeeper_collection_work_seconds", "Time by stage of the collection.", ("stage",), registry=registry
        )

        self._response = Histogram(
            "gridkeeper_source_response_seconds",
            "On the wire, per request: the mean of each window's requests.",
            ("item",),
            registry=registry,
            buckets=_RESPONSE,
        )

    def _count_jobs(self, registry: CollectorRegistry) -> None:
        self._jobs = Counter(
            "gridkeeper_job_runs", "Attempts at runs of jobs, by outcome.", ("kind", "outcome"), registry=registry
        )
        self._job_duration = Histogram(
            "gridkeeper_job_duration_seconds",
            "From the start of an attempt to its end.",
            ("kind",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._lateness = Histogram(
            "gridkeeper_scheduler_lateness_seconds",
            "From the slot of a scheduled run to its first start; a catch-up makes good for time that was missed.",
            ("trigger",),
            registry=registry,
            buckets=_LATENESS,
        )

    async def observe(self, run: CollectionRun) -> None:
        """A window has ended."""
        self._runs.labels(run.item, run.place.code, run.outcome).inc()
        self._duration.observe(max(0.0, (run.finished_at - run.started_at).total_seconds()))
        self._observe_cost(run)
        if run.outcome is Outcome.FAILED:
            self._failures.labels(run.error_class).inc()
            return
        self._success.labels(run.item, run.place.code).set(run.finished_at.timestamp())
        counts = {change: getattr(run, change) for change in _CHANGES} | {"rejected": len(run.rejected)}
        for change, count in counts.items():
            if count:
                self._values.labels(run.item, run.place.code, change).inc(count)

    def _observe_cost(self, run: CollectionRun) -> None:
        cost = run.statistics
        self._requests.labels(run.item).inc(cost.requests)
        self._retries.inc(cost.retries)
        if cost.requests:
            self._response.labels(run.item).observe(cost.api_seconds / cost.requests)
        self._bytes.inc(cost.bytes)
        stages = {"request": cost.api_seconds, "parse": cost.parse_seconds, "store": run.store_seconds}
        for stage, seconds in stages.items():
            self._work.labels(stage).inc(max(0.0, seconds))

    def job_ended(self, end: RunEnd) -> None:
        """An attempt at a run of a job has ended."""
        ticket = end.ticket
        # A stored job may have any kind; only ours become labels.
        kind = ticket.kind if ticket.kind in DECLARED else "unknown"
        self._jobs.labels(kind, end.report.outcome).inc()
        self._job_duration.labels(kind).observe(max(0.0, (end.finished_at - end.started_at).total_seconds()))
        if ticket.attempt == 1 and ticket.trigger in {RunTrigger.CRON, RunTrigger.CATCH_UP}:
            late = max(0.0, (end.started_at - ticket.scheduled_for).total_seconds())
            self._lateness.labels(ticket.trigger).observe(late)


class _RecorderState(Collector):
    """What the recorder of measurements counts itself."""

    def __init__(self, recorder: MetricsRecorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        waiting, recorder = "Measurements of windows that are not in the database yet.", self._recorder
        yield GaugeMetricFamily("gridkeeper_run_metrics_waiting", waiting, value=recorder.waiting)
        for name, documentation, value in (
            ("written", "Measurements of windows that were stored.", recorder.written),
            ("dropped", "Measurements of windows that found no room or were refused.", recorder.dropped),
        ):
            yield CounterMetricFamily(f"gridkeeper_run_metrics_{name}", documentation, value=value)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the service at one moment, as the gauges show it."""

    scheduler: SchedulerStatus
    tasks: TaskStats
    pool: PoolState
    database: DatabaseState
    loop_tasks: int


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, platform: SourceHealth) -> None:
        self._platform = platform
        # A process-wide switch of the library: without it every counter doubles as a gauge of its creation.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library types only a part of itself
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.observer = MetricsObserver(self._registry)
        self._lag = Histogram(
            "gridkeeper_event_loop_lag_seconds",
            f"How much later than asked for the event loop came back, every {LAG_SECONDS:g} s.",
            registry=self._registry,
            buckets=_LAG,
        )
        self._gauge("gridkeeper_build_info", "The version that runs.", "version").labels(version("gridkeeper")).set(1)
        self._scheduler_gauges()
        self._database_gauges()
        self._replica_gauges()
        self._alert_gauges()
        self._task_gauges()

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self._registry)

    def _scheduler_gauges(self) -> None:
        self._leader = self._gauge("gridkeeper_scheduler_leader", "1 in the process that leads, 0 in a standby.")
        self._alive = self._gauge("gridkeeper_scheduler_alive", "1 while the scheduler looks at its work in time.")
        self._epoch = self._gauge("gridkeeper_scheduler_epoch", "The number of the term; 0 in a standby.")
        self._tick_age = self._gauge(
            "gridkeeper_scheduler_tick_age_seconds", "Since the leader last looked at its jobs; NaN in a standby."
        )
        self._job_count = self._gauge("gridkeeper_scheduler_jobs", "Jobs of the plan.")
        self._running_runs = self._gauge("gridkeeper_scheduler_running_runs", "Runs of jobs under way.")
        self._unreadable = self._gauge(
            "gridkeeper_scheduler_unreadable_jobs", "Stored jobs whose definition cannot be read."
        )
        self._plan_valid = self._gauge(
            "gridkeeper_scheduler_plan_valid", "0 while the file of the plan is wrong and the last good plan is used."
        )

    def _database_gauges(self) -> None:
        self._up = self._gauge(
            "gridkeeper_database_up", "1 if the database answers and has the schema of this version."
        )
        self._check_seconds = self._gauge("gridkeeper_database_check_seconds", "How long the database took to answer.")
        self._pool_size = self._gauge("gridkeeper_database_pool_max_connections", "Connections the pool may have.")
        self._pool_used = self._gauge("gridkeeper_database_pool_used_connections", "Connections at work.")
        self._budget_wait = self._gauge(
            "gridkeeper_budget_wait_seconds", "How long a request that comes now waits for the budget of the token."
        )
        self._budget_blocked = self._gauge(
            "gridkeeper_budget_blocked_seconds",
            "How long the platform has told everybody with the token to wait still.",
        )

    def _replica_gauges(self) -> None:
        self._replica_lag = self._gauge(
            "gridkeeper_read_replica_lag_seconds",
            "By how much the replica that answers reads is behind at most; NaN where nobody can say, or there is none.",
        )
        self._replica_used = self._gauge(
            "gridkeeper_read_replica_used", "1 while a replica answers reads, 0 while the primary does."
        )

        self._replica_away = self._gauge(
            "gridkeeper_read_replica_away_seconds",
            "For how long the primary has answered reads in place of the replica; 0 while that is used, NaN where there is none.",
        )

    def show_read_replica(self, state: ReplicaState | None) -> None:
        """Set the gauges of the replica."""
        self._replica_away.set(float("nan") if state is None else state.away(time.monotonic()))
        self._replica_lag.set(float("nan") if state is None or state.lag is None else state.lag)
        self._replica_used.set(state is not None and state.used)

    def _alert_gauges(self) -> None:
        self._alerts_firing = self._gauge(
            "gridkeeper_alerts_firing", "Alerts that fire, without those held back; NaN where nobody can say."
        )
        self._alerts_held_back = self._gauge(
            "gridkeeper_alerts_held_back",
            "Alerts that fire and of which nobody is told at present: silenced, or due to another.",
        )
        self._messages_waiting = self._gauge("gridkeeper_messages_waiting", "Messages to people that wait.")
        self._messages_failed = self._gauge(
            "gridkeeper_messages_failed", "Messages to people that were given up within a day."
        )
        self._delivery_totals = DeliveryTotals()
        self._registry.register(self._delivery_totals)
        self._channels_disabled = self._gauge(
            "gridkeeper_channels_disabled", "Channels that take no message until a person mends them."
        )
        self._evaluation_age = self._gauge(
            "gridkeeper_alert_evaluation_age_seconds", "Since this process last looked for rules that are due."
        )

    def _task_gauges(self) -> None:
        self._waiting = self._gauge("gridkeeper_tasks_waiting", "Tasks that wait for their start.", "priority")
        self._running = self._gauge("gridkeeper_tasks_running", "Tasks under way.", "priority")
        self._queue_oldest = self._gauge(
            "gridkeeper_queue_oldest_seconds", "How long the first shared task of a priority has waited.", "priority"
        )
        self._task_ends = TaskEnds()
        self._registry.register(self._task_ends)
        self._held = self._gauge("gridkeeper_backfill_held", "1 while backfill is held back because of pressure.")
        self._loop_tasks = self._gauge("gridkeeper_event_loop_tasks", "Tasks that the event loop has not finished.")
        self._platform_failures = self._gauge(
            "gridkeeper_platform_failures_in_a_row", "Windows in a row without an answer or with a refused token."
        )
        self._platform_state = self._gauge(
            "gridkeeper_platform_state", "1 for the state in which the platform was last found, else 0.", "state"
        )
        self._platform_checked = self._gauge(
            "gridkeeper_platform_checked_timestamp_seconds",
            "When a window last showed how the platform is; NaN before.",
        )

    def follow(self, recorder: MetricsRecorder) -> None:
        """Show from now on how the recorder of measurements does."""
        self._registry.register(_RecorderState(recorder))

    def follow_delivery(self, worker: DeliveryWorker, heartbeat: Heartbeat) -> None:
        """Count from now on the attempts at messages to people."""
        counts = DeliveryMetrics(self._registry, lambda: worker.age, lambda: float(heartbeat.failures))
        worker.listeners.append(counts.note)

    def follow_rules(self, age: Callable[[], float]) -> None:
        """Show from now on when rules were last looked at."""
        self._evaluation_age.set_function(age)

    async def watch_loop(self) -> None:
        """Measure the lag of the event loop until cancelled."""
        while True:
            begun, planned = time.perf_counter(), until_beat(LAG_SECONDS)
            await asyncio.sleep(planned)
            self._lag.observe(max(0.0, time.perf_counter() - begun - planned))

    def families(self) -> list[Metric]:
        """Every metric with its documentation and what it counts now."""
        return list(self._registry.collect())

    def show(self, now: Snapshot) -> None:
        """Set the gauges to the state of the service."""
        self._show_scheduler(now.scheduler)
        self._show_database(now.database, now.pool)
        for priority, count in now.tasks.waiting.items():
            self._waiting.labels(priority.name.lower()).set(count)
            self._queue_oldest.labels(priority.name.lower()).set(now.tasks.oldest_seconds.get(priority, 0.0))
        for priority, count in now.tasks.running.items():
            self._running.labels(priority.name.lower()).set(count)
        self._task_ends.ended = now.tasks.ended
        self._held.set(now.tasks.held is not None)
        self._loop_tasks.set(now.loop_tasks)
        self._show_platform()

    def _show_platform(self) -> None:
        state = self._platform.state
        self._platform_failures.set(state.failures)
        self._platform_checked.set(state.checked_at.timestamp() if state.checked_at else float("nan"))
        for condition in PlatformCondition:
            self._platform_state.labels(condition).set(condition is state.condition)

    def _show_scheduler(self, status: SchedulerStatus) -> None:
        self._leader.set(status.role == LEADER)
        self._alive.set(status.alive)
        self._epoch.set(status.epoch or 0)
        self._tick_age.set(float("nan") if status.tick_age is None else status.tick_age)
        self._job_count.set(status.jobs)
        self._running_runs.set(status.running)
        self._plan_valid.set(not status.plan_error)
        self._unreadable.set(len(status.unreadable))

    def _show_database(self, state: DatabaseState, pool: PoolState) -> None:
        self._up.set(state.usable)
        self._check_seconds.set(state.database.seconds)
        self._pool_size.set(pool.size)
        self._pool_used.set(pool.used)
        # Of a budget that nobody could read, nothing is said.
        backlog = state.backlog or Backlog(float("nan"), float("nan"))
        self._budget_wait.set(backlog.wait)
        self._budget_blocked.set(backlog.blocked)
        alerts = state.alerts
        self._alerts_firing.set(alerts.firing if alerts else float("nan"))
        self._alerts_held_back.set(alerts.held_back if alerts else float("nan"))
        self._messages_waiting.set(alerts.waiting if alerts else float("nan"))
        self._messages_failed.set(alerts.failed if alerts else float("nan"))
        self._channels_disabled.set(len(alerts.disabled) if alerts else float("nan"))
        if alerts:
            self._delivery_totals.attempted = alerts.attempted

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that the reader accepts, and its content type; off the event loop, for it may be long."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):
            # The library compares versions that are no numbers with numbers.
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type
