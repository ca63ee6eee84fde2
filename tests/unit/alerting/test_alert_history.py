"""Alerts as people look them up: filters, groups, and the range that a drawing shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.alerting.administration import AlertView
from app.alerting.history.models import (
    MOST_POINTS,
    AlertFilter,
    AlertOrder,
    exact_matchers,
    grouped,
    range_around,
    range_of,
)
from app.alerting.models import Alert, Phase, Severity, labels_of
from app.alerting.state.silences import MatchedAlerts, Silence, described, parse_matchers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALERT = Alert(
    "data_late", labels_of({"area": "FR", "item": "load_actual"}), Severity.WARNING, Phase.FIRING,
    NOW - timedelta(hours=2), NOW, NOW - timedelta(hours=1),
)  # fmt: skip
WAITS = replace(ALERT, rule="gap_old", severity=Severity.CRITICAL, phase=Phase.PENDING, fired_at=None)
OTHER = replace(ALERT, severity=Severity.INFO, labels=labels_of({"area": "BE"}))
VIEWS = [AlertView(one, "") for one in (ALERT, WAITS, OTHER)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AlertFilter(), [ALERT, WAITS, OTHER]),
        (AlertFilter(rule="gap_old"), [WAITS]),
        (AlertFilter(severity=Severity.INFO), [OTHER]),
        (AlertFilter(label="FR"), [ALERT, WAITS]),
        (AlertFilter(label="area=BE"), [OTHER]),
        (AlertFilter(label="item=FR"), []),
        (AlertFilter(before=NOW - timedelta(minutes=90)), [WAITS]),
    ],
)
def test_a_filter_lets_through_what_it_names(wanted: AlertFilter, found: list[Alert]) -> None:
    assert [view.alert for view in VIEWS if wanted.lets_through(view.alert)] == found


def test_groups_keep_the_order_of_their_alerts_and_say_what_is_worst_in_them() -> None:
    by_rule = grouped(VIEWS, AlertOrder.RULE)
    assert [(one.name, len(one.views), one.firing, one.severity) for one in by_rule] == [
        ("data_late", 2, 2, Severity.WARNING),
        ("gap_old", 1, 0, Severity.CRITICAL),
    ]
    assert [one.name for one in grouped(VIEWS, AlertOrder.SEVERITY)] == ["warning", "critical", "info"]
    assert [one.name for one in grouped(VIEWS, AlertOrder.AREA)] == ["FR", "BE"]
    assert [one.name for one in grouped(VIEWS, AlertOrder.ITEM)] == ["load_actual", ""]
    assert grouped([], AlertOrder.RULE) == []
    # What fires counts before what waits.
    assert [one.severity for one in grouped(VIEWS[:2], AlertOrder.AREA)] == [Severity.WARNING]


def test_a_drawing_shows_what_was_before_and_after_and_has_few_points() -> None:
    going_on = range_around(ALERT, NOW)
    assert (going_on.start, going_on.end) == (NOW - timedelta(hours=3), NOW)
    ended = range_around(replace(ALERT, since=NOW - timedelta(days=9), resolved_at=NOW - timedelta(days=1)), NOW)
    assert (ended.start, ended.end) == (NOW - timedelta(days=11), NOW)
    assert (ended.end - ended.start) / ended.step <= MOST_POINTS
    assert range_of(NOW, NOW).step == timedelta(minutes=1)


@pytest.mark.parametrize(
    "value", ["FR", "a,b", ' "', "line\nbreak", "", "=x", "<img src=x onerror=alert(1)>'\"&{{7*7}}"]
)
def test_the_matchers_of_an_alert_silence_it_and_no_other(value: str) -> None:
    alert = replace(ALERT, labels=labels_of({"area": value, "a b": value}))
    lines = exact_matchers(alert)
    assert not any("\n" in line for line in lines)
    silence = Silence(parse_matchers(lines), NOW, NOW + timedelta(hours=1))
    other = replace(alert, labels=labels_of({"area": f"{value}x", "a b": value}))
    alerts = [described(one.labels, one.severity, one.rule) for one in (alert, other, replace(alert, rule="gap_old"))]
    assert [MatchedAlerts([one]).count(silence) for one in alerts] == [1, 0, 0]
    assert MatchedAlerts(alerts).count(silence) == 1
    assert described(alert.labels, alert.severity, alert.rule)["rule"] == "data_late"
