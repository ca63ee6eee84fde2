"""Texts of ours that pages show out of data: what describes settings, shipped rules with their runbook, metrics and jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry

from app.alerting.rules import runbook
from app.alerting.rules.book import read_book
from app.market.areas import areas
from app.market.production import PRODUCTION_TYPES
from app.quality.overview.evidence import NAMES
from app.scheduling.jobs.declaration import DECLARED
from app.settings.loading import variables
from app.web.metrics.delivery import DeliveryMetrics
from app.web.metrics.service import Metrics

if TYPE_CHECKING:
    from app.collection.source_health import SourceHealth
    from app.monitoring.recorder import MetricsRecorder


def shipped_texts() -> Iterator[str]:
    """Each as the pages look it up."""
    yield from (field.description or "" for field in variables().values())
    yield from (rule.description for rule in read_book([]).checked().rules.values())
    yield from (line.text for line in runbook.lines(runbook.whole()))
    yield from _of_metrics()
    yield from (declared.title for declared in DECLARED.values())
    yield from (area.name for area in areas().values())
    yield from PRODUCTION_TYPES.values()
    yield from NAMES.values()


def _of_metrics() -> Iterator[str]:
    """Of a process in which nothing has happened."""
    metrics, registry = Metrics(cast("SourceHealth", None)), CollectorRegistry()
    recorder = SimpleNamespace(waiting=0, written=0, dropped=0)
    metrics.follow(cast("MetricsRecorder", recorder))
    DeliveryMetrics(registry, lambda: 0.0, lambda: 0.0)
    for family in (*metrics.families(), *registry.collect()):
        yield re.sub(r"\s+", " ", family.documentation)
