"""The health of everything as lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.cli.tables import single_line
from app.market.text import counted
from app.monitoring.health import Health
from app.monitoring.models import Objective, RunTotals, Sample
from app.monitoring.replica.data_disk import UNKNOWN

SHOWN = 5


def health_lines(health: Health) -> Iterator[str]:
    """One line for each part, and one for each problem."""
    yield from _line("service", _service(health))
    for sample in health.replicas:
        yield from _line("", _replica(sample))
    yield from _line("jobs", _jobs(health))
    yield from _line("windows", " · ".join(f"{name} {_success(totals)}" for name, totals in health.collection.items()))
    yield from _line("response", _response(health.collection["24h"]))
    yield from _line("30 days", f"served {_objective(health.availability)} · windows {_objective(health.reliability)}")
    yield from _line("late", _late(health))
    yield from _line("gaps", _gaps(health))
    yield from _line("backfill", _backfills(health))
    yield from _line("budget", _budget(health))
    yield from _line("alerts", _alerts(health))
    for problem in health.problems:
        yield from _line("wrong", single_line(problem))


def _line(name: str, text: str) -> Iterator[str]:
    yield f"{name:<10}{text}"


def _service(health: Health) -> str:
    leader = health.overview.leader
    if leader.heartbeat_at is None:
        return "stopped" if leader.epoch else "never started; `gridkeeper serve` keeps the data complete"
    beat = age_of(health.at, leader.heartbeat_at)
    last = f", last job {age_of(health.at, leader.last_run_at)} ago" if leader.last_run_at else ""
    text = f"term {leader.epoch}, sign of life {beat} ago{last}"
    replicas = counted(len(health.replicas), "replica")
    if leader.alive:
        return f"{leader.name} leads ({text}), {replicas}"
    return f"nobody leads since {leader.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC, the last was {leader.name} ({text}), {replicas}"


def _replica(sample: Sample) -> str:
    parts = (
        f"cpu {sample.cpu_cores:.0%}" if sample.cpu_cores is not None else "",
        f"memory {size(sample.resident_bytes)} of {size(sample.memory_total_bytes)}",
        f"disk of the data {_disk(sample)}",
        f"connections {sample.pool_used}/{sample.pool_size}",
        f"loop lag {sample.loop_lag_seconds * 1000:.0f} ms" if sample.loop_lag_seconds is not None else "",
        f"query {sample.probe_seconds * 1000:.1f} ms" if sample.probe_seconds is not None else "",
        _reads(sample),
    )
    return f"{sample.instance}: {', '.join(filter(None, parts))}"


def _reads(sample: Sample) -> str:
    if sample.read_replica_away_seconds:
        return f"without the read replica for {sample.read_replica_away_seconds:.0f} s"
    lag = sample.read_replica_lag_seconds
    return "" if lag is None else f"read replica {lag:.1f} s behind"


def _disk(sample: Sample) -> str:
    return UNKNOWN if sample.disk_free_bytes is None else f"{size(sample.disk_free_bytes)} free"


def _jobs(health: Health) -> str:
    jobs = health.overview.jobs
    parts = {"failing": jobs.failing, "late": jobs.late, "paused": jobs.paused, "unreadable": jobs.unreadable}
    found = [f"{len(names)} {what} ({_some(names)})" for what, names in parts.items() if names]
    return ", ".join([str(jobs.total), *found])


def _success(totals: RunTotals) -> str:
    if totals.success_rate is None:
        return "no runs"
    return f"{totals.success_rate:.1%} of {totals.runs}"


def _response(totals: RunTotals) -> str:
    if totals.p95 is None:
        return "nothing asked in 24 h"
    mean = totals.store_seconds / totals.runs * 1000
    return (
        f"24 h: p50 {totals.p50:.2f} s, p95 {totals.p95:.2f} s, p99 {totals.p99:.2f} s; store {mean:.0f} ms a window; "
        f"{totals.new} new, {totals.revised} revised values, {size(totals.bytes)}"
    )


def _objective(one: Objective) -> str:
    if one.share is None or one.budget_left is None:
        return "unknown"
    return f"{one.share:.2%} (target {one.target:.0%}, {max(one.budget_left, 0):.0%} of the error budget left)"


def _late(health: Health) -> str:
    if not health.late:
        return f"none of {len(health.lateness)}"
    named = [f"{one.item} {one.area} {_span(one.late)}" for one in health.late[:SHOWN]]
    more = f" and {len(health.late) - SHOWN} more" if len(health.late) > SHOWN else ""
    return f"{len(health.late)} of {len(health.lateness)}: {', '.join(named)}{more}"


def _gaps(health: Health) -> str:
    """The gaps by reason, and what was looked over to know them."""
    found = " · ".join(f"{gap.gaps} {gap.reason}" for gap in health.overview.gaps if gap.reason != "not_due") or "none"
    analysed = health.overview.analysed
    if analysed.analysed_at is not None:
        return f"{found}; all looked over {age_of(health.at, analysed.analysed_at)} ago"
    following = f"; the first look at all of it is due at {analysed.next_at:%H:%M} UTC" if analysed.next_at else ""
    if not analysed.collected:
        return f"not known yet: nothing has been collected{following}"
    pairs = "item and area" if analysed.collected == 1 else "items and areas"
    return f"{found} so far, in what was asked for of {analysed.collected} {pairs}{following}"


def _backfills(health: Health) -> str:
    parts = [
        f"{one.backfill_id}: {one.done}/{one.windows}{' paused' if one.paused else ''}"
        for one in health.overview.backfills
    ]
    return ", ".join(parts) or "none"


def _budget(health: Health) -> str:
    used = health.overview.requests_last_minute
    blocked = health.overview.blocked_until
    text = f"{used} of {health.requests_per_minute} requests in the last minute"
    return f"{text}, blocked until {blocked:%H:%M:%S} UTC" if blocked else text


def _alerts(health: Health) -> str:
    alerts = [alert for alert in health.overview.alerts if not alert.suppressed]
    held = len(health.overview.alerts) - len(alerts)
    back = f", {held} held back" if held else ""
    named = [f"{one.severity} {one.rule} {_labels(one.labels)}".rstrip() for one in alerts[:SHOWN]]
    more = f" and {len(alerts) - SHOWN} more" if len(alerts) > SHOWN else ""
    return f"{len(alerts)} firing{back}: {'; '.join(named)}{more}" if alerts else f"none firing{back}"


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items())


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def age_of(now: datetime, instant: datetime) -> str:
    """How long ago an instant was."""
    return _span(max(now - instant, timedelta(0)))


def _span(span: timedelta) -> str:
    """A length of time in the unit that a person would name."""
    seconds = int(span.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def size(count: int | None) -> str:
    """Bytes in the unit that a person would name."""
    if count is None:
        return "unknown"
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"
