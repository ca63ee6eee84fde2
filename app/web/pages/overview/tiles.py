"""The tiles of the overview: what each part of the service says of itself in one figure. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.market.text import counted
from app.monitoring.health import SHORT, SHORT_BYTES, Health
from app.monitoring.models import Sample
from app.monitoring.summary import REASONS, Standing, lateness_condition
from app.monitoring.trends.queries import DAYS, HOURS, Trends
from app.monitoring.zones.queries import LOW_SCORE, ZoneScore
from app.web.pages.overview.sparkline import Sparkline, trend_line
from app.web.pages.rendering import NOTHING, age, shown_share


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the service; `path` leads into it, `notes` say more."""

    name: str
    condition: Standing
    figure: str
    notes: tuple[str, ...]
    path: str
    trend: Sparkline | None = None


def tiles_of(health: Health, scores: Sequence[ZoneScore], trends: Trends) -> list[Tile]:
    """All of them; what is bad comes first, else they keep their places."""
    found = [
        _collection(health),
        _freshness(health),
        _gaps(health),
        _quality(scores),
        _alerts(health),
        _backfills(health),
        _budget(health),
        _replicas(health),
    ]
    lines = _trends(trends)
    found = [replace(tile, trend=lines.get(tile.name)) for tile in found]
    order = list(Standing)
    return sorted(found, key=lambda tile: min(order.index(tile.condition), order.index(Standing.IDLE)))


def _trends(trends: Trends) -> dict[str, Sparkline | None]:
    """By the name of the tile; of the others nothing is kept that could be drawn."""
    hours, days = f"the last {HOURS} hours", f"the last {DAYS} days"
    return {
        "Collection": trend_line(trends.success, f"Answered windows by hour, {hours}", lowest=0.0, shown="{:.0%}"),
        "Request budget": trend_line(trends.requests, f"Requests by hour, {hours}", lowest=0.0),
        "Quality": trend_line(trends.quality, f"Mean score by day, {days}", shown="{:.1f}"),
        "Alerts": trend_line(trends.alerts, f"Alerts that fired by day, {days}", lowest=0.0),
        "Gaps": trend_line(trends.gaps, f"Gaps by day, {days}", lowest=0.0),
    }


def _collection(health: Health) -> Tile:
    day, hour, month = (health.collection[period] for period in ("24h", "1h", "30d"))
    rate, target = day.success_rate, health.reliability.target
    condition = Standing.IDLE if rate is None else Standing.GOOD if rate >= target else Standing.BAD
    return Tile(
        "Collection",
        condition,
        shown_share(rate),
        (
            f"{counted(day.runs, 'window')} in 24 h, {day.failed} failed",
            f"1 h {shown_share(hour.success_rate)} · 30 d {shown_share(month.success_rate)}",
        ),
        "work",
    )


def _freshness(health: Health) -> Tile:
    late, pairs = health.late, len(health.lateness)
    condition = lateness_condition(late[0].late) if late else Standing.GOOD if pairs else Standing.IDLE
    note = f"longest {age(late[0].late)}: {late[0].item} {late[0].area}" if late else "nothing is past its deadline"
    return Tile("Freshness", condition, f"{pairs - len(late)} of {pairs}", ("have what is due", note), "#fresh")


def _gaps(health: Health) -> Tile:
    by_reason = {gap.reason: gap for gap in health.overview.gaps}
    total = sum(gap.gaps for gap in by_reason.values())
    ours = by_reason.get("ours")
    condition = Standing.BAD if ours and ours.lasting else Standing.WARN if ours else Standing.GOOD
    parts = [f"{by_reason[name].gaps} {name.replace('_', ' ')}" for name in REASONS if name in by_reason]
    missing = sum(gap.missing for gap in by_reason.values())
    if health.overview.analysed.analysed_at is None:
        return Tile("Gaps", Standing.IDLE, NOTHING, ("not looked for yet",), "coverage")
    notes = (" · ".join(parts) or "nothing that is due is missing", f"{counted(missing, 'value')} missing")
    return Tile("Gaps", condition, str(total), notes if total else notes[:1], "coverage")


def _quality(scores: Sequence[ZoneScore]) -> Tile:
    if not scores:
        return Tile("Quality", Standing.IDLE, NOTHING, ("no day has been scored yet",), "quality")
    series, low = sum(one.series for one in scores), sum(one.low for one in scores)
    mean = sum(one.mean * one.series for one in scores) / series
    condition = Standing.WARN if low else Standing.GOOD
    notes = (f"mean score of {scores[0].day}", f"{low} of {series} series below {LOW_SCORE:.0f}")
    return Tile("Quality", condition, f"{mean:.1f}", notes, "quality")


def _alerts(health: Health) -> Tile:
    alerts = health.overview.alerts
    firing = [alert for alert in alerts if not alert.suppressed]
    grave = [alert for alert in firing if alert.severity == "critical"]
    condition = Standing.BAD if grave else Standing.WARN if firing else Standing.GOOD
    rules = ", ".join(dict.fromkeys(alert.rule for alert in firing)) or "none fires"
    muted = len(alerts) - len(firing)
    return Tile("Alerts", condition, str(len(firing)), (rules, f"{muted} held back") if muted else (rules,), "alerts")


def _backfills(health: Health) -> Tile:
    found = health.overview.backfills
    if not found:
        return Tile("Backfills", Standing.IDLE, "0", ("none is under way",), "work#backfills")
    done, windows = sum(one.done for one in found), sum(one.windows for one in found)
    paused = sum(one.paused for one in found)
    notes = [f"{done} of {counted(windows, 'window')}", *([f"{paused} paused"] if paused else [])]
    return Tile(
        "Backfills", Standing.WARN if paused else Standing.GOOD, str(len(found)), tuple(notes), "work#backfills"
    )


def _budget(health: Health) -> Tile:
    used, most, blocked = (
        health.overview.requests_last_minute,
        health.requests_per_minute,
        health.overview.blocked_until,
    )
    condition = Standing.BAD if blocked else Standing.GOOD
    note = f"blocked for {age(blocked - health.at)}" if blocked else f"of {most} requests a minute"
    return Tile("Request budget", condition, str(used), (note,), "work")


def _replicas(health: Health) -> Tile:
    leader = health.overview.leader
    dead = leader.heartbeat_at is not None and not leader.alive
    short = [sample.instance for sample in health.replicas if _is_short(sample)]
    condition = Standing.BAD if dead or short else Standing.GOOD if leader.alive else Standing.IDLE
    notes = [f"led by {leader.name}" if leader.alive else "nobody leads"]
    notes += [f"{name} is short of disk or memory" for name in short]
    return Tile("Replicas", condition, str(len(health.replicas)), tuple(notes), "health/ready")


def _is_short(sample: Sample) -> bool:
    pairs = (
        (sample.disk_free_bytes, sample.disk_total_bytes),
        (sample.memory_available_bytes, sample.memory_total_bytes),
    )
    return any(left is not None and total and left < min(SHORT * total, SHORT_BYTES) for left, total in pairs)
