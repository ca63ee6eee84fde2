"""The tiles of the overview: what each part of the service says of itself in one figure. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.kit.language import gettext, gettext_noop, ngettext, shown_decimal
from app.monitoring.health import SHORT, SHORT_BYTES, Health
from app.monitoring.models import Sample
from app.monitoring.summary import REASONS, Standing, lateness_condition
from app.monitoring.trends.queries import DAYS, HOURS, Trends
from app.monitoring.zones.queries import LOW_SCORE, ZoneScore
from app.probes.monitors.models import MonitorCounts, MonitorState
from app.web.pages.overview.sparkline import Sparkline, trend_line
from app.web.pages.rendering import NOTHING, age, item_name, reason_name, shown_day, shown_share

NOTHING_MONITORED = MonitorCounts()


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the service; `path` leads into it, `notes` say more."""

    key: str
    """Its name in English."""
    condition: Standing
    figure: str
    notes: tuple[str, ...]
    path: str
    trend: Sparkline | None = None

    @property
    def name(self) -> str:
        return gettext(self.key)


def tiles_of(
    health: Health, scores: Sequence[ZoneScore], trends: Trends, monitors: MonitorCounts = NOTHING_MONITORED
) -> list[Tile]:
    """All of them; what is bad comes first, else they keep their places."""
    found = [
        _collection(health),
        _freshness(health),
        _gaps(health),
        _quality(scores),
        _alerts(health),
        _monitors(monitors),
        _backfills(health),
        _budget(health),
        _replicas(health),
    ]
    lines = _trends(trends)
    found = [replace(tile, trend=lines.get(tile.key)) for tile in found]
    order = list(Standing)
    return sorted(found, key=lambda tile: min(order.index(tile.condition), order.index(Standing.IDLE)))


def _trends(trends: Trends) -> dict[str, Sparkline | None]:
    """By the key of the tile; of the others nothing is kept that could be drawn."""
    hours = gettext("the last %(hours)s hours", hours=HOURS)
    days = gettext("the last %(days)s days", days=DAYS)
    return {
        "Collection": trend_line(
            trends.success, gettext("Answered windows by hour, %(span)s", span=hours), lowest=0.0, shown="{:.0%}"
        ),
        "Request budget": trend_line(trends.requests, gettext("Requests by hour, %(span)s", span=hours), lowest=0.0),
        "Quality": trend_line(trends.quality, gettext("Mean score by day, %(span)s", span=days), shown="{:.1f}"),
        "Alerts": trend_line(trends.alerts, gettext("Alerts that fired by day, %(span)s", span=days), lowest=0.0),
        "Gaps": trend_line(trends.gaps, gettext("Gaps by day, %(span)s", span=days), lowest=0.0),
    }


def _collection(health: Health) -> Tile:
    day, hour, month = (health.collection[period] for period in ("24h", "1h", "30d"))
    rate, target = day.success_rate, health.reliability.target
    condition = Standing.IDLE if rate is None else Standing.GOOD if rate >= target else Standing.BAD
    return Tile(
        gettext_noop("Collection"),
        condition,
        shown_share(rate),
        (
            ngettext(
                "%(num)s window in 24 h, %(failed)s failed",
                "%(num)s windows in 24 h, %(failed)s failed",
                day.runs,
                failed=day.failed,
            ),
            gettext(
                "1 h %(hour)s · 30 d %(month)s",
                hour=shown_share(hour.success_rate),
                month=shown_share(month.success_rate),
            ),
        ),
        "work",
    )


def _freshness(health: Health) -> Tile:
    late, pairs = health.late, len(health.lateness)
    condition = lateness_condition(late[0].late) if late else Standing.GOOD if pairs else Standing.IDLE
    note = gettext("nothing is past its deadline")
    if late:
        first = late[0]
        note = gettext(
            "longest %(length)s: %(item)s %(area)s", length=age(first.late), item=item_name(first.item), area=first.area
        )
    figure = gettext("%(part)s of %(whole)s", part=pairs - len(late), whole=pairs)
    return Tile(gettext_noop("Freshness"), condition, figure, (gettext("have what is due"), note), "#fresh")


def _gaps(health: Health) -> Tile:
    name = gettext_noop("Gaps")
    by_reason = {gap.reason: gap for gap in health.overview.gaps}
    total = sum(gap.gaps for gap in by_reason.values())
    ours = by_reason.get("ours")
    condition = Standing.BAD if ours and ours.lasting else Standing.WARN if ours else Standing.GOOD
    parts = [f"{by_reason[name].gaps} {reason_name(name)}" for name in REASONS if name in by_reason]
    missing = sum(gap.missing for gap in by_reason.values())
    if health.overview.analysed.analysed_at is None:
        return Tile(name, Standing.IDLE, NOTHING, (gettext("not looked for yet"),), "coverage")
    notes = (
        " · ".join(parts) or gettext("nothing that is due is missing"),
        ngettext("%(num)s value missing", "%(num)s values missing", missing),
    )
    return Tile(name, condition, str(total), notes if total else notes[:1], "coverage")


def _quality(scores: Sequence[ZoneScore]) -> Tile:
    name = gettext_noop("Quality")
    if not scores:
        return Tile(name, Standing.IDLE, NOTHING, (gettext("no day has been scored yet"),), "quality")
    series, low = sum(one.series for one in scores), sum(one.low for one in scores)
    mean = sum(one.mean * one.series for one in scores) / series
    condition = Standing.WARN if low else Standing.GOOD
    notes = (
        gettext("mean score of %(day)s", day=shown_day(scores[0].day)),
        ngettext(
            "%(low)s of %(num)s series below %(bound)s",
            "%(low)s of %(num)s series below %(bound)s",
            series,
            low=low,
            bound=f"{LOW_SCORE:.0f}",
        ),
    )
    return Tile(name, condition, shown_decimal(mean, 1), notes, "quality")


def _alerts(health: Health) -> Tile:
    alerts = health.overview.alerts
    firing = [alert for alert in alerts if not alert.suppressed]
    grave = [alert for alert in firing if alert.severity == "critical"]
    condition = Standing.BAD if grave else Standing.WARN if firing else Standing.GOOD
    rules = ", ".join(dict.fromkeys(alert.rule for alert in firing)) or gettext("none fires")
    muted = len(alerts) - len(firing)
    notes = (rules, ngettext("%(num)s held back", "%(num)s held back", muted)) if muted else (rules,)
    return Tile(gettext_noop("Alerts"), condition, str(len(firing)), notes, "alerts")


def _monitors(found: MonitorCounts) -> Tile:
    name, counts = gettext_noop("Monitors"), found.websites
    total, down = sum(counts.values()), counts.get(MonitorState.DOWN, 0)
    unseen = counts.get(MonitorState.UNKNOWN, 0) + counts.get(MonitorState.OURS, 0)
    if not total and not found.services:
        return Tile(name, Standing.IDLE, "0", (gettext("nothing is checked yet"),), "monitors")
    condition = Standing.BAD if down or found.failing else Standing.WARN if unseen else Standing.GOOD
    note = ngettext("%(num)s website down", "%(num)s websites down", down)
    if unseen:
        note += f", {ngettext('%(num)s unknown', '%(num)s unknown', unseen)}"
    services = ngettext(
        "%(failing)s of %(num)s service failing",
        "%(failing)s of %(num)s services failing",
        found.services,
        failing=found.failing,
    )
    figure = gettext("%(part)s of %(whole)s", part=counts.get(MonitorState.UP, 0), whole=total)
    notes = [note] if total else []
    path = "monitors" if total else "monitors/services"
    return Tile(name, condition, figure, (*notes, services) if found.services else tuple(notes), path)


def _backfills(health: Health) -> Tile:
    name, found = gettext_noop("Backfills"), health.overview.backfills
    if not found:
        return Tile(name, Standing.IDLE, "0", (gettext("none is under way"),), "work#backfills")
    done, windows = sum(one.done for one in found), sum(one.windows for one in found)
    paused = sum(one.paused for one in found)
    notes = [ngettext("%(done)s of %(num)s window", "%(done)s of %(num)s windows", windows, done=done)]
    notes += [ngettext("%(num)s paused", "%(num)s paused", paused)] if paused else []
    return Tile(name, Standing.WARN if paused else Standing.GOOD, str(len(found)), tuple(notes), "work#backfills")


def _budget(health: Health) -> Tile:
    used, most, blocked = (
        health.overview.requests_last_minute,
        health.requests_per_minute,
        health.overview.blocked_until,
    )
    condition = Standing.BAD if blocked else Standing.GOOD
    note = ngettext("of %(num)s request a minute", "of %(num)s requests a minute", most)
    if blocked:
        note = gettext("blocked for %(length)s", length=age(blocked - health.at))
    return Tile(gettext_noop("Request budget"), condition, str(used), (note,), "work")


def _replicas(health: Health) -> Tile:
    leader = health.overview.leader
    dead = leader.heartbeat_at is not None and not leader.alive
    short = [sample.instance for sample in health.replicas if _is_short(sample)]
    away = [sample.instance for sample in health.replicas if sample.read_replica_away_seconds]
    well = Standing.WARN if away else Standing.GOOD
    condition = Standing.BAD if dead or short else well if leader.alive else Standing.IDLE
    notes = [gettext("led by %(name)s", name=leader.name) if leader.alive else gettext("nobody leads")]
    notes += [gettext("%(name)s is short of disk or memory", name=name) for name in short]
    notes += [gettext("%(name)s reads from the primary, not from the replica", name=name) for name in away]
    return Tile(gettext_noop("Replicas"), condition, str(len(health.replicas)), tuple(notes), "health/ready")


def _is_short(sample: Sample) -> bool:
    pairs = (
        (sample.disk_free_bytes, sample.disk_total_bytes),
        (sample.memory_available_bytes, sample.memory_total_bytes),
    )
    return any(left is not None and total and left < min(SHORT * total, SHORT_BYTES) for left, total in pairs)
