"""Metrics: what is counted, under which names and labels."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from math import isnan

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.collection.models import Outcome
from app.collection.source_health import PlatformCondition, SourceHealth
from app.db.reading.state import ReplicaState
from app.db.status import DatabaseState, HealthCheck
from app.scheduling.models import RunTrigger
from app.scheduling.service import STANDBY
from app.sources.source import RejectedPoint
from app.tasks.backend import Priority
from app.web.app import create_app
from app.web.metrics.service import LAG_SECONDS, Metrics, PoolState, Snapshot
from tests.support.web_factory import GOOD, IDLE, NOW, KnownDatabase, Service, asking, collection_run, run_end, status

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(metrics: Metrics) -> Samples:
    families = text_string_to_metric_families(metrics.exposition("")[0].decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((f"gridkeeper_{name}", frozenset(labels.items())))


FRENCH_LOAD = {"item": "load_actual", "area": "FR"}


async def test_a_stored_window_is_counted_with_its_values() -> None:
    metrics = Metrics(SourceHealth())
    rejected = (RejectedPoint("a", "b", "c"),)
    await metrics.observer.observe(collection_run(received=30, new=24, revised=2, unchanged=3, rejected=rejected))
    assert value(metrics, "collection_runs_total", **FRENCH_LOAD, outcome="stored") == 1
    changes = {
        change: value(metrics, "collection_values_total", **FRENCH_LOAD, change=change)
        for change in ("new", "revised", "unchanged", "rejected", "vanished")
    }
    assert changes == {"new": 24, "revised": 2, "unchanged": 3, "rejected": 1, "vanished": None}
    success = value(metrics, "collection_last_success_timestamp_seconds", **FRENCH_LOAD)
    assert success == (NOW + timedelta(seconds=2.5)).timestamp()
    assert value(metrics, "collection_duration_seconds_sum") == 2.5


async def test_what_a_window_cost_is_counted() -> None:
    metrics = Metrics(SourceHealth())
    await metrics.observer.observe(collection_run())
    assert value(metrics, "source_requests_total", item="load_actual") == 2
    assert value(metrics, "source_retries_total") == 1
    assert value(metrics, "source_received_bytes_total") == 1000
    stages = [value(metrics, "collection_work_seconds_total", stage=stage) for stage in ("request", "parse", "store")]
    assert stages == [1.0, 0.25, 0.5]


async def test_an_empty_window_is_a_success() -> None:
    metrics = Metrics(SourceHealth())
    await metrics.observer.observe(collection_run(Outcome.EMPTY))
    assert value(metrics, "collection_runs_total", **FRENCH_LOAD, outcome="empty") == 1
    assert value(metrics, "collection_last_success_timestamp_seconds", **FRENCH_LOAD) is not None


async def test_a_failed_window_is_counted_by_class_and_never_by_text() -> None:
    metrics = Metrics(SourceHealth())
    run = collection_run(Outcome.FAILED, error_class="AccessDenied", error_message="token se3cret refused")
    await metrics.observer.observe(run)
    assert value(metrics, "collection_failures_total", error="AccessDenied") == 1
    assert value(metrics, "collection_last_success_timestamp_seconds", **FRENCH_LOAD) is None
    assert b"se3cret" not in metrics.exposition("")[0]


async def test_a_clock_that_was_set_back_counts_no_negative_time() -> None:
    metrics = Metrics(SourceHealth())
    await metrics.observer.observe(collection_run(finished_at=NOW - timedelta(hours=1)))
    metrics.observer.job_ended(run_end(late=-5))
    assert value(metrics, "collection_duration_seconds_sum") == 0
    assert value(metrics, "scheduler_lateness_seconds_sum", trigger="cron") == 0


def test_an_attempt_is_counted_with_its_duration() -> None:
    metrics = Metrics(SourceHealth())
    metrics.observer.job_ended(run_end())
    assert value(metrics, "job_runs_total", kind="collect", outcome="succeeded") == 1
    assert value(metrics, "job_duration_seconds_sum", kind="collect") == 3


@pytest.mark.parametrize("trigger", [RunTrigger.CRON, RunTrigger.CATCH_UP])
def test_the_lateness_of_a_scheduled_run_is_observed(trigger: RunTrigger) -> None:
    metrics = Metrics(SourceHealth())
    metrics.observer.job_ended(run_end(trigger=trigger, late=0.2))
    assert value(metrics, "scheduler_lateness_seconds_bucket", trigger=trigger, le="0.1") == 0
    assert value(metrics, "scheduler_lateness_seconds_bucket", trigger=trigger, le="0.25") == 1


@pytest.mark.parametrize(("trigger", "attempt"), [(RunTrigger.MANUAL, 1), (RunTrigger.API, 1), (RunTrigger.CRON, 2)])
def test_manual_runs_and_further_attempts_have_no_lateness(trigger: RunTrigger, attempt: int) -> None:
    metrics = Metrics(SourceHealth())
    metrics.observer.job_ended(run_end(trigger=trigger, attempt=attempt))
    assert value(metrics, "scheduler_lateness_seconds_count", trigger=trigger) is None


def test_a_kind_that_this_version_does_not_know_makes_no_label() -> None:
    metrics = Metrics(SourceHealth())
    metrics.observer.job_ended(run_end(kind="whatever a row says"))
    assert value(metrics, "job_runs_total", kind="unknown", outcome="succeeded") == 1


def shown(**changes: object) -> Metrics:
    metrics = Metrics(SourceHealth())
    tasks = replace(
        IDLE, waiting={**IDLE.waiting, Priority.BACKFILL: 7}, held="too much memory", ended={Priority.GAP: (5, 1)}
    )
    values: dict[str, object] = {"scheduler": status(), "tasks": tasks, "pool": PoolState(5, 2), "database": GOOD}
    values |= {"loop_tasks": 9}
    metrics.show(Snapshot(**values | changes))  # type: ignore[arg-type]  # the changes are fields of it
    return metrics


def test_the_state_of_a_leader_is_shown() -> None:
    metrics = shown()
    names = ("leader", "alive", "epoch", "tick_age_seconds", "jobs", "running_runs", "plan_valid")
    assert [value(metrics, f"scheduler_{name}") for name in names] == [1, 1, 3, 1, 15, 2, 1]


def test_a_standby_has_no_age_of_a_tick() -> None:
    metrics = shown(scheduler=status(role=STANDBY, epoch=None, tick_age=None, plan_error="line 3"))
    assert [value(metrics, f"scheduler_{name}") for name in ("leader", "epoch", "plan_valid")] == [0, 0, 0]
    assert isnan(value(metrics, "scheduler_tick_age_seconds") or 0)


def test_database_pool_and_budget_are_shown() -> None:
    metrics = shown()
    names = ("database_up", "database_pool_max_connections", "database_pool_used_connections", "budget_wait_seconds")
    assert [value(metrics, name) for name in names] == [1, 5, 2, 1.5]


def test_of_a_database_that_is_away_only_that_is_shown() -> None:
    metrics = shown(database=DatabaseState(database=HealthCheck(error="gone")))
    assert value(metrics, "database_up") == 0
    assert isnan(value(metrics, "budget_wait_seconds") or 0)


def test_a_replica_that_is_not_used_differs_from_none() -> None:
    metrics = Metrics(SourceHealth())
    names = [f"read_replica_{name}" for name in ("used", "lag_seconds", "away_seconds")]
    metrics.show_read_replica(None)
    assert isnan(value(metrics, "read_replica_away_seconds") or 0)
    metrics.show_read_replica(ReplicaState("b/x", 30, lag=0.2, problem=""))
    assert [value(metrics, name) for name in names] == [1, 0.2, 0]
    metrics.show_read_replica(ReplicaState("b/x", 30, lag=40, problem="it is late", since=float("-inf")))
    assert [value(metrics, name) for name in names] == [0, 40, float("inf")]


def test_queues_and_pressure_are_shown() -> None:
    metrics = shown()
    assert value(metrics, "tasks_waiting", priority="backfill") == 7
    assert value(metrics, "tasks_ended_total", priority="gap", outcome="failed") == 1
    assert value(metrics, "backfill_held") == 1
    assert b"too much memory" not in metrics.exposition("")[0]


async def test_the_process_and_the_event_loop_are_measured() -> None:
    metrics = Metrics(SourceHealth())
    watching = asyncio.create_task(metrics.watch_loop())
    async with asyncio.timeout(60):
        while value(metrics, "event_loop_lag_seconds_count") == 0:  # noqa: ASYNC110  a metric tells nobody of a change
            await asyncio.sleep(LAG_SECONDS / 5)
    watching.cancel()
    found = {name for name, _ in samples(metrics)}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= found


async def everything() -> Metrics:
    metrics = shown()
    for run in (collection_run(new=3), collection_run(Outcome.FAILED, error_class="AccessDenied")):
        await metrics.observer.observe(run)
    metrics.observer.job_ended(run_end())
    return metrics


async def test_names_and_texts_follow_the_conventions() -> None:
    families = list(text_string_to_metric_families((await everything()).exposition("")[0].decode()))
    ours = [family for family in families if family.name.startswith("gridkeeper_")]
    assert len(ours) == len({family.name for family in ours}) > 25
    for family in ours:
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_percent", "_created", "_count"))
        counted = family.type == "counter"
        assert all(sample.name.endswith("_total") for sample in family.samples) is counted


async def test_labels_are_the_bounded_ones_only() -> None:
    labels = {label for _, found in samples(await everything()) for label, _ in found}
    known = {
        "item",
        "area",
        "outcome",
        "change",
        "error",
        "stage",
        "kind",
        "trigger",
        "priority",
        "version",
        "le",
        "state",
    }
    assert labels == known


async def test_metrics_answer_in_the_format_that_is_asked_for() -> None:
    async with asking(create_app(Service().probes())) as client:
        plain = await client.get("/metrics")
        open_metrics = await client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


async def test_metrics_are_there_while_the_database_is_away() -> None:
    service = Service(database=KnownDatabase(DatabaseState(database=HealthCheck(error="gone"))))
    async with asking(create_app(service.probes())) as client:
        found = await client.get("/metrics")
    assert found.status_code == 200
    assert "gridkeeper_database_up 0.0" in found.text


async def test_the_state_of_the_platform_is_one_of_four() -> None:
    platform = SourceHealth()
    metrics = Metrics(platform)
    await platform.observe(collection_run(Outcome.FAILED, error_class="AccessDenied", error_message="no"))
    metrics.show(Snapshot(status(unreadable=("old",)), IDLE, PoolState(5, 2), GOOD, 9))
    states = {state: value(metrics, "platform_state", state=state) for state in PlatformCondition}
    assert states == {"refused_token": 1, "answering": 0, "down": 0, "unknown": 0}
    assert value(metrics, "platform_failures_in_a_row") == 1
    assert value(metrics, "platform_checked_timestamp_seconds") == (NOW + timedelta(seconds=2.5)).timestamp()
    assert (value(metrics, "event_loop_tasks"), value(metrics, "scheduler_unreadable_jobs")) == (9, 1)
