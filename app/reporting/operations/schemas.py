"""A daily or weekly report for programs: keys stay, each figure names its unit, instants are UTC. Pure."""

from __future__ import annotations

from typing import Any

from app.market.time import iso
from app.monitoring.models import Objective, RunTotals
from app.reporting.operations.models import (
    HEADLINES,
    Day,
    Figures,
    GapFlow,
    Headline,
    OperationsReport,
    Reaction,
    change,
    percent,
    place_name,
    slowest_items,
)
from app.reporting.periods import Period


def operations_as_json(report: OperationsReport) -> dict[str, Any]:
    """Everything; docs/reports.md describes each key."""
    now = report.now
    return {
        "report": report.period.kind.value,
        "time_zone": "Europe/Brussels",
        "period": _period(report.period),
        "period_before": _period(report.period.before),
        "complete": report.complete,
        "empty": now.empty,
        "made_at": iso(report.made_at),
        "synthetic": report.synthetic,
        "headline": {one.key: _headline(one, report) for one in HEADLINES},
        "recommendations": [{"rule": one.rule, "text": one.text} for one in report.advice],
        "objectives": {
            "availability": _objective(now.served),
            "availability_30d": _objective(now.availability_30d),
            "reliability_30d": _objective(now.reliability_30d),
        },
        "pairs": [
            {"item": pair.item, "area": place_name(pair.area), "area_eic": pair.area, **_tally(pair.tally)}
            for pair in now.pairs
        ],
        "items": [{"item": item, **_tally(tally)} for item, tally in slowest_items(now)],
        "late": _late(now),
        "gaps": [_gap(flow) for flow in now.gaps],
        "gaps_recorded_since": iso(report.gaps_recorded_since) if report.gaps_recorded_since else None,
        "rules": [{"rule": one.rule, "fired_count": one.fired, "notifications_count": one.told} for one in now.rules],
        "reaction": _reaction(now.reaction),
        "quality": _quality(now),
        "days": [_day(day) for day in report.days],
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "name": period.name,
        "first_day": period.first.isoformat(),
        "last_day": period.last.isoformat(),
        "from": iso(period.interval.start),
        "to": iso(period.interval.end),
    }


def _headline(one: Headline, report: OperationsReport) -> dict[str, Any]:
    now, before = one.of(report.now), None if report.before.empty else one.of(report.before)
    return {"value": now, "before": before, "change": change(now, before)}


def _objective(one: Objective) -> dict[str, Any]:
    return {
        "target_percent": percent(one.target) if one.total else None,
        "share_percent": percent(one.share),
        "good_count": one.good,
        "total_count": one.total,
        "met": one.met,
    }


def _tally(tally: RunTotals) -> dict[str, Any]:
    return {
        "runs_count": tally.runs,
        "failed_runs_count": tally.failed,
        "success_percent": percent(tally.success_rate),
        "received_values_count": tally.received,
        "new_values_count": tally.new,
        "revised_values_count": tally.revised,
        "rejected_values_count": tally.rejected,
        "requests_count": tally.requests,
        "retries_count": tally.retries,
        "downloaded_bytes": tally.bytes,
        "p50_response_seconds": tally.p50,
        "p95_response_seconds": tally.p95,
        "p99_response_seconds": tally.p99,
    }


def _late(figures: Figures) -> dict[str, Any]:
    late = figures.late
    return {
        "values_count": late.values,
        "median_seconds": late.median_seconds,
        "longest_seconds": late.longest_seconds,
        "pairs": [
            {
                "item": pair.item,
                "area": place_name(pair.area),
                "area_eic": pair.area,
                "values_count": pair.values,
                "longest_seconds": pair.longest_seconds,
            }
            for pair in late.pairs
        ],
    }


def _gap(flow: GapFlow) -> dict[str, Any]:
    return {
        "reason": flow.reason,
        "opened_gaps_count": flow.opened_gaps,
        "opened_values_count": flow.opened_values,
        "closed_gaps_count": flow.closed_gaps,
        "closed_values_count": flow.closed_values,
        "gained_values_count": flow.gained_values,
        "lost_values_count": flow.lost_values,
        "open_values_count": flow.open_values,
        "oldest_seconds": flow.oldest_seconds,
    }


def _reaction(reaction: Reaction) -> dict[str, Any]:
    return {
        "acknowledged_count": reaction.acknowledged,
        "median_acknowledge_seconds": reaction.median_acknowledge,
        "longest_acknowledge_seconds": reaction.longest_acknowledge,
        "resolved_count": reaction.resolved,
        "median_resolve_seconds": reaction.median_resolve,
        "longest_resolve_seconds": reaction.longest_resolve,
        "firing_count": reaction.firing,
        "unacknowledged_count": reaction.unacknowledged,
        "undelivered_messages_count": reaction.undelivered,
    }


def _quality(figures: Figures) -> dict[str, Any]:
    quality = figures.quality
    return {
        "score_points": quality.score,
        "series_count": quality.series,
        "watched_values_count": quality.timed,
        "on_time_values_count": quality.on_time,
        "worst": [
            {"series_id": one.series_id, "series": one.title, "score_points": one.score.overall}
            for one in quality.worst
        ],
    }


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        **_tally(day.tally),
        "open_gap_values_count": day.overdue,
        "alerts_fired_count": day.fired,
    }
