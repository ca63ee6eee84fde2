"""The recorder: nothing on the collection's path, nothing lost in order, everything else counted."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.collection.models import Outcome
from app.monitoring import recorder as module
from app.monitoring.models import LONGEST_MESSAGE, RunMetrics
from app.monitoring.recorder import MetricsRecorder
from tests.support.monitoring_factory import AWAY, Store, collection_run


def recorder(store: Store, *, capacity: int = 100, seconds: float = 60.0) -> MetricsRecorder:
    return MetricsRecorder(store, capacity=capacity, flush_seconds=seconds)


async def test_runs_are_written_in_batches_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    store = Store()
    recording = recorder(store)
    for number in range(5):
        await recording.observe(collection_run(number))
    await recording.flush()
    assert [len(batch) for batch in store.batches] == [2, 2, 1]
    assert store.runs == [0, 1, 2, 3, 4]
    assert (recording.waiting, recording.written) == (0, 5)


async def test_an_orderly_end_writes_what_waits() -> None:
    store = Store()
    recording = recorder(store)
    async with recording.recording():
        await recording.observe(collection_run(7))
        assert store.runs == []
    assert store.runs == [7]


async def test_runs_are_written_while_the_block_lasts() -> None:
    store = Store()
    recording = recorder(store, seconds=0.01)
    async with recording.recording(), asyncio.timeout(60):
        await recording.observe(collection_run(7))
        while not store.batches:  # noqa: ASYNC110  the store tells nobody
            await asyncio.sleep(0.01)


async def test_what_comes_while_the_database_is_away_waits_and_is_told_once() -> None:
    store = Store()
    store.failure = AWAY
    recording = recorder(store)
    with capture_logs() as logs:
        for number in range(3):
            await recording.observe(collection_run(number))
            assert not await recording.try_flush()
        store.failure = None
        assert await recording.try_flush()
    assert [entry["event"] for entry in logs] == ["run_metrics_postponed", "run_metrics_recovered"]
    assert store.runs == [0, 1, 2]


async def test_an_overflow_is_counted_and_told_with_its_remedy() -> None:
    store = Store()
    recording = recorder(store, capacity=2)
    for number in range(5):
        await recording.observe(collection_run(number))
    with capture_logs() as logs:
        await recording.try_flush()
        await recording.try_flush()
    assert (store.runs, recording.dropped) == ([0, 1], 3)
    [entry] = logs
    assert (entry["event"], entry["count"]) == ("run_metrics_dropped", 3)
    assert "GRIDKEEPER_MONITORING__QUEUE" in entry["remedy"]


async def test_an_end_without_a_database_says_how_many_are_lost() -> None:
    store = Store()
    store.failure = AWAY
    recording = recorder(store)
    with capture_logs() as logs:
        async with recording.recording():
            await recording.observe(collection_run())
    assert logs[-1]["event"] == "run_metrics_lost"
    assert logs[-1]["count"] == 1


async def test_an_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH_SECONDS", 0.01)

    class Hanging(Store):
        async def add_runs(self, runs: object) -> None:
            await asyncio.Event().wait()

    recording = recorder(Hanging())
    with capture_logs() as logs:
        async with recording.recording():
            await recording.observe(collection_run())
    assert [entry["event"] for entry in logs] == ["run_metrics_left", "run_metrics_lost"]


async def test_a_batch_that_the_database_refuses_stands_in_nobodys_way() -> None:
    store = Store()
    store.failure = asyncpg.DataError("too large")
    recording = recorder(store)
    await recording.observe(collection_run(1))
    with capture_logs() as logs:
        await recording.flush()
    store.failure = None
    await recording.observe(collection_run(2))
    await recording.flush()
    assert (store.runs, recording.dropped) == ([2], 1)
    assert logs[0]["event"] == "run_metrics_refused"


async def test_a_run_that_was_never_recorded_has_no_measurements() -> None:
    store = Store()
    recording = recorder(store)
    await recording.observe(collection_run(None))
    await recording.flush()
    assert (store.runs, recording.waiting) == ([], 0)


def test_an_error_is_kept_without_secrets_short_and_storable() -> None:
    message = "\0" + "x" * 600 + " securityToken=s3cret"
    run = collection_run(outcome=Outcome.FAILED, error_class="SourceUnavailable", error_message=message)
    found = RunMetrics.of(run)
    assert found is not None
    assert len(found.error_message) == LONGEST_MESSAGE
    secret = RunMetrics.of(collection_run(error_message="asked with securityToken=s3cret&x=1"))
    assert secret is not None
    assert "s3cret" not in secret.error_message
    assert "\0" not in found.error_message
