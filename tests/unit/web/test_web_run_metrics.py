"""Metrics of response times and of the recorder of measurements."""

from __future__ import annotations

from app.collection.source_health import SourceHealth
from app.monitoring.recorder import MetricsRecorder
from app.sources.source import FetchStatistics
from app.web.metrics.service import Metrics
from tests.support.monitoring_factory import Store
from tests.support.web_factory import collection_run


def line(metrics: Metrics, name: str) -> str:
    """The value of the metric as Prometheus reads it, which stands behind its name and labels."""
    lines = metrics.exposition("")[0].decode().splitlines()
    return next(found.rpartition(" ")[2] for found in lines if found.startswith(f"gridkeeper_{name}"))


async def test_the_response_time_is_that_of_one_request_and_only_where_one_was_sent() -> None:
    metrics = Metrics(SourceHealth())
    await metrics.observer.observe(collection_run())
    await metrics.observer.observe(collection_run(statistics=FetchStatistics()))
    assert line(metrics, 'source_response_seconds_sum{item="load_actual"}') == "0.5"
    assert line(metrics, 'source_response_seconds_count{item="load_actual"}') == "1.0"


async def test_what_the_recorder_of_measurements_did_is_shown() -> None:
    metrics, recorder = Metrics(SourceHealth()), MetricsRecorder(Store(), capacity=2)
    metrics.follow(recorder)
    for number in range(3):
        await recorder.observe(collection_run(run_id=number))
    assert line(metrics, "run_metrics_waiting ") == "2.0"
    await recorder.flush()
    shown = [line(metrics, f"run_metrics_{name} ") for name in ("waiting", "written_total", "dropped_total")]
    assert shown == ["0.0", "2.0", "1.0"]
