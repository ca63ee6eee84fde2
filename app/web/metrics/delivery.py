"""What Prometheus reads of messages to people. Labels are bounded by the file of the channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class DeliveryMetrics:
    """Counts the attempts at messages."""

    def __init__(
        self, registry: CollectorRegistry, worker_age: Callable[[], float], heartbeat_failures: Callable[[], float]
    ) -> None:
        self._attempts = Counter(
            "gridkeeper_message_attempts",
            "Attempts of this process at messages to people, by channel and what came of them.",
            ("channel", "verdict"),
            registry=registry,
        )
        self._seconds = Histogram(
            "gridkeeper_message_attempt_seconds",
            "How long receivers took to answer, by type of channel.",
            ("type",),
            registry=registry,
            buckets=_SECONDS,
        )
        Gauge(
            "gridkeeper_delivery_idle_seconds", "Since this process last looked for due messages.", registry=registry
        ).set_function(worker_age)
        Gauge(
            "gridkeeper_heartbeat_failures_in_a_row",
            "Pings of the heartbeat URL that did not arrive or were held back.",
            registry=registry,
        ).set_function(heartbeat_failures)

    def note(self, channel: str, kind: str, verdict: str, seconds: float) -> None:
        """An attempt has ended."""
        self._attempts.labels(channel, verdict).inc()
        self._seconds.labels(kind).observe(seconds)


class DeliveryTotals(Collector):
    """Attempts of all processes, workers among them, as of the last look at the database."""

    def __init__(self) -> None:
        self.attempted: Mapping[tuple[str, str], int] = {}

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "gridkeeper_deliveries_attempted",
            "Attempts of all processes at messages to people, by channel and what came of them; take the greatest of "
            "several `serve`.",
            labels=("channel", "verdict"),
        )
        for labels, attempts in self.attempted.items():
            family.add_metric(labels, attempts)
        yield family
