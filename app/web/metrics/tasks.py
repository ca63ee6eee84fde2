"""Shared tasks that have ended, for dashboards: the same numbers from every `serve`, because all processes add to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from app.tasks.backend import Priority


class TaskEnds(Collector):
    """As of the last look; none where every process works alone."""

    def __init__(self) -> None:
        self.ended: Mapping[Priority, tuple[int, int]] = {}

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "gridkeeper_tasks_ended",
            "Shared tasks that have ended in all processes, by priority; take the greatest of several `serve`.",
            labels=("priority", "outcome"),
        )
        for priority, counts in self.ended.items():
            for outcome, count in zip(("done", "failed"), counts, strict=True):
                family.add_metric((priority.name.lower(), outcome), count)
        yield family
